//! PURE: HTTP/1.1 framing, bytes in and bytes out.
//!
//! Strict where leniency lets two readers of one stream disagree (RFC 9112,
//! section 11.2): one length, one host, CRLF only, no transfer coding. The API
//! server needs nothing else: its bodies always have a `Content-Length`.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::Write;

use httparse::{Error, Header, Status as Progress};

use super::answer::{Answer, Status};
use super::limits::{HEADERS_MAX, Limits};

/// Tells a client that waits for it to send the body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The head of a request, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// The method, as sent; methods are case-sensitive.
    pub method: &'a str,
    /// The target without its query: ASCII that starts with `/`, not decoded.
    pub path: &'a str,
    /// What follows its first `?`, not decoded.
    pub query: &'a str,
    /// The media type of the body, with its parameters.
    pub content_type: Option<&'a str>,
    /// Bytes of this head; the body follows.
    pub head_bytes: usize,
    /// Bytes of the body; 0 for a request without one.
    pub body_bytes: usize,
    /// Whether the client waits for [`CONTINUE`] before it sends the body.
    pub expects_continue: bool,
    /// What becomes of the connection once the request is answered.
    pub after: After,
}

/// What becomes of a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It takes the next request.
    Keep,
    /// It is closed, and the answer says so.
    Close,
}

/// Reads the head at the start of `input`: `None` while it is incomplete.
///
/// # Errors
/// The status to refuse with. The connection has to be closed then: where the
/// next request starts is not known.
pub fn parse<'a>(input: &'a [u8], limits: &Limits) -> Result<Option<Head<'a>>, Status> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let head_bytes = match request.parse(input) {
        Ok(Progress::Complete(bytes)) if bytes <= limits.head_bytes => bytes,
        Ok(Progress::Partial) if input.len() < limits.head_bytes => return Ok(None),
        Ok(_) | Err(Error::TooManyHeaders) => return Err(Status::HeadTooLarge),
        Err(Error::Version) => return Err(Status::VersionNotSupported),
        Err(_) => return Err(Status::BadRequest),
    };
    if has_bare_line_feed(&input[..head_bytes]) {
        return Err(Status::BadRequest);
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(Status::BadRequest);
    };
    let fields = &*request.headers;
    if single(fields, "host")?.is_none() && minor > 0 {
        return Err(Status::BadRequest);
    }
    let body_bytes = body_bytes(method, fields, limits)?;
    let content_type = single(fields, "content-type")?.map(std::str::from_utf8).transpose();
    let closes = minor == 0 || all(fields, "connection").any(|value| has_token(value, b"close"));
    let (path, query) = path_and_query(target)?;
    Ok(Some(Head {
        method,
        path,
        query,
        content_type: content_type.map_err(|_| Status::BadRequest)?,
        head_bytes,
        body_bytes,
        expects_continue: minor > 0 && expects_continue(fields)?,
        after: if closes { After::Close } else { After::Keep },
    }))
}

/// Appends an answer to `method` to `out`, whole. No body follows the head of
/// an answer to HEAD, although its length is told.
pub fn respond(out: &mut Vec<u8>, method: &str, answer: &Answer, after: After) {
    let Answer { status, content_type, header, body, valued: _ } = answer;
    let (code, reason, bytes) = (status.code(), status.reason(), body.len());
    // Writing to a Vec cannot fail.
    write!(out, "HTTP/1.1 {code} {reason}\r\n").ok();
    write!(out, "Content-Type: {content_type}\r\nContent-Length: {bytes}\r\n").ok();
    if let Some((name, value)) = header {
        write!(out, "{name}: {value}\r\n").ok();
    }
    if after == After::Close {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    if method != "HEAD" {
        out.extend_from_slice(body);
    }
}

/// httparse takes a line feed alone for the end of a line.
fn has_bare_line_feed(head: &[u8]) -> bool {
    head.starts_with(b"\n") || head.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r')
}

/// All values of a field.
fn all<'a, 'b>(fields: &'b [Header<'a>], name: &'b str) -> impl Iterator<Item = &'a [u8]> + 'b {
    fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|f| f.value)
}

/// The value of a field that may stand once.
fn single<'a>(fields: &[Header<'a>], name: &str) -> Result<Option<&'a [u8]>, Status> {
    let mut values = all(fields, name);
    let first = values.next();
    values.next().map_or(Ok(first), |_| Err(Status::BadRequest))
}

fn body_bytes(method: &str, fields: &[Header<'_>], limits: &Limits) -> Result<usize, Status> {
    let length = single(fields, "content-length")?;
    if all(fields, "transfer-encoding").next().is_some() {
        return Err(length.map_or(Status::NotImplemented, |_| Status::BadRequest));
    }
    let Some(digits) = length else {
        return match method {
            "POST" | "PUT" | "PATCH" => Err(Status::LengthRequired),
            _ => Ok(0),
        };
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Status::BadRequest);
    }
    // Digits that do not fit the number are a length above every limit.
    let bytes = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    match (bytes, method) {
        (Some(0), _) => Ok(0),
        // Other readers of the stream take these to have no body.
        (_, "HEAD" | "CONNECT" | "TRACE") => Err(Status::BadRequest),
        (Some(bytes), _) if bytes <= limits.body_bytes => Ok(bytes),
        _ => Err(Status::ContentTooLarge),
    }
}

fn expects_continue(fields: &[Header<'_>]) -> Result<bool, Status> {
    match single(fields, "expect")? {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case(b"100-continue") => Ok(true),
        Some(_) => Err(Status::ExpectationFailed),
    }
}

fn has_token(list: &[u8], token: &[u8]) -> bool {
    list.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// Path and query of a target in origin form, the only one not for proxies.
fn path_and_query(target: &str) -> Result<(&str, &str), Status> {
    let is_plain = target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    match target.starts_with('/') && is_plain {
        true => Ok(target.split_once('?').unwrap_or((target, ""))),
        false => Err(Status::BadRequest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { head_bytes: 256, body_bytes: 100, ..Limits::admission() };

    /// The head of a request in HTTP/1.1 with a host and these further fields.
    fn request(line: &str, fields: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
    }

    fn refusal(input: &str) -> Option<u16> {
        parse(input.as_bytes(), &LIMITS).err().map(Status::code)
    }

    #[test]
    fn a_review_is_understood() {
        let fields = "Content-Type: application/json\r\ncontent-length: 12\r\n";
        let input = request("POST /mutate?timeout=10s", fields);
        let head = Head {
            method: "POST",
            path: "/mutate",
            query: "timeout=10s",
            content_type: Some("application/json"),
            head_bytes: input.len(),
            body_bytes: 12,
            expects_continue: false,
            after: After::Keep,
        };
        assert_eq!(parse(input.as_bytes(), &LIMITS), Ok(Some(head)));
        assert_eq!(parse(format!("{input}{{}}").as_bytes(), &LIMITS), Ok(Some(head)));
    }

    #[test]
    fn every_prefix_of_a_head_is_incomplete() {
        let input = request("POST /mutate?timeout=10s", "Content-Length: 12\r\n");
        for end in 0..input.len() {
            assert_eq!(parse(&input.as_bytes()[..end], &LIMITS), Ok(None), "{}", &input[..end]);
        }
    }

    #[test]
    fn fields_are_refused_by_the_status_that_says_why() {
        let cases = [
            ("POST /", "", Some(411)),
            ("PUT /", "", Some(411)),
            ("PATCH /", "", Some(411)),
            ("GET /", "", None),
            ("POST /", "Content-Length: 0\r\n", None),
            ("POST /", "Content-Length: 100\r\n", None),
            ("POST /", "Content-Length: 101\r\n", Some(413)),
            ("POST /", "Content-Length: 1000000000000\r\n", Some(413)),
            ("POST /", "Content-Length: 99999999999999999999999\r\n", Some(413)),
            ("POST /", "Content-Length: 5\r\nContent-Length: 5\r\n", Some(400)),
            ("POST /", "Content-Length: 5, 5\r\n", Some(400)),
            ("POST /", "Content-Length: +5\r\n", Some(400)),
            ("POST /", "Content-Length: -5\r\n", Some(400)),
            ("POST /", "Content-Length: 0x5\r\n", Some(400)),
            ("POST /", "Content-Length: 5 5\r\n", Some(400)),
            ("POST /", "Content-Length:\r\n", Some(400)),
            ("POST /", "Content-Length : 5\r\n", Some(400)),
            ("POST /", "Transfer-Encoding: chunked\r\n", Some(501)),
            ("GET /", "Transfer-Encoding: identity\r\n", Some(501)),
            ("POST /", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Some(400)),
            ("HEAD /", "Content-Length: 5\r\n", Some(400)),
            ("HEAD /", "Content-Length: 500\r\n", Some(400)),
            ("CONNECT /", "Content-Length: 5\r\n", Some(400)),
            ("TRACE /", "Content-Length: 5\r\n", Some(400)),
            ("HEAD /", "Content-Length: 0\r\n", None),
            ("GET /", "Host: b\r\n", Some(400)),
            ("GET /", "A: b\r\n c\r\n", Some(400)),
            ("GET /", "A: b\0c\r\n", Some(400)),
            ("GET /", "A: b\rc\r\n", Some(400)),
            ("GET /", ": b\r\n", Some(400)),
            ("GET /", "A b\r\n", Some(400)),
            ("GET /", "Content-Type: a\r\nContent-Type: b\r\n", Some(400)),
            ("GET /", "Expect: 200-ok\r\n", Some(417)),
            ("GET /", "Expect: 100-continue\r\nExpect: 100-continue\r\n", Some(400)),
            ("GET /", &"A: b\r\n".repeat(HEADERS_MAX), Some(431)),
            ("GET /", &format!("A: {}\r\n", "b".repeat(300)), Some(431)),
        ];
        for (line, fields, status) in cases {
            assert_eq!(refusal(&request(line, fields)), status, "{line} {fields:?}");
        }
    }

    #[test]
    fn request_lines_are_origin_form_only() {
        let refused = [
            "GET http://a/",
            "GET a:80",
            "GET *",
            "OPTIONS *",
            "GET a",
            "GET /#part",
            "GET /\u{e9}",
            "GET  /",
            "GET\t/",
            "G(T /",
        ];
        for line in refused {
            assert_eq!(refusal(&request(line, "")), Some(400), "{line}");
        }
    }

    #[test]
    fn other_forms_of_the_head_are_refused() {
        let cases = [
            ("GET / HTTP/1.1\r\n\r\n", Some(400)),
            ("GET / HTTP/1.0\r\n\r\n", None),
            ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", Some(400)),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", Some(400)),
            ("GET / HTTP/1.1\r\nHost: a\nA: b\r\n\r\n", Some(400)),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", Some(400)),
            ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(400)),
            ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", Some(505)),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(505)),
            ("GET /\r\n", Some(400)),
            ("\x16\x03\x01\x02", Some(400)),
        ];
        for (input, status) in cases {
            assert_eq!(refusal(input), status, "{input:?}");
        }
    }

    #[test]
    fn a_head_that_fills_its_limit_is_refused_unfinished() {
        let input = format!("GET /{}", "a".repeat(251));
        assert_eq!(refusal(&input), Some(431));
        assert_eq!(refusal(&input[..255]), None);
    }

    #[test]
    fn the_connection_is_closed_when_the_client_asks_or_is_old() {
        let cases = [
            (request("GET /", ""), After::Keep),
            (request("GET /", "Connection: keep-alive\r\n"), After::Keep),
            (request("GET /", "Connection: close\r\n"), After::Close),
            (request("GET /", "Connection: te\r\nConnection: x , Close\r\n"), After::Close),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".to_owned(), After::Close),
        ];
        for (input, after) in cases {
            let head = parse(input.as_bytes(), &LIMITS).unwrap().unwrap();
            assert_eq!(head.after, after, "{input}");
        }
    }

    #[test]
    fn only_http_1_1_may_expect_to_continue() {
        let fields = "Content-Length: 5\r\nExpect: 100-Continue\r\n\r\n";
        for (line, expects) in [("POST / HTTP/1.1\r\nHost: a", true), ("POST / HTTP/1.0", false)] {
            let input = format!("{line}\r\n{fields}");
            let head = parse(input.as_bytes(), &LIMITS).unwrap().unwrap();
            assert_eq!(head.expects_continue, expects, "{line}");
        }
    }

    #[test]
    fn answers_have_one_form() {
        let answer = Answer::new(Status::Ok, "application/json", b"{}".to_vec());
        let refusal = Answer::refusal(Status::ServiceUnavailable).with_header("Retry-After", "1");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n";
        let refused = "HTTP/1.1 503 Service Unavailable\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Length: 20\r\n\
             Retry-After: 1\r\nConnection: close\r\n\r\nService Unavailable\n";
        let cases = [
            ("POST", &answer, After::Keep, format!("{head}{{}}")),
            ("HEAD", &answer, After::Keep, head.to_owned()),
            ("POST", &refusal, After::Close, refused.to_owned()),
        ];
        for (method, answer, after, expected) in cases {
            let mut out = Vec::new();
            respond(&mut out, method, answer, after);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
