//! The head of a request, against a reader that is plain and slow; and an
//! answer, read as a client would.

use std::str::from_utf8;

use detour::server::http::{self, After, Head};
use detour::server::limits::HEADERS_MAX;
use detour::server::{Answer, Limits, Status};

/// Small, so that the inputs that reach them are.
const LIMITS: Limits = Limits { head_bytes: 512, body_bytes: 65_536, ..Limits::admission() };
const STATUSES: [Status; 4] =
    [Status::Ok, Status::BadRequest, Status::HeadTooLarge, Status::ServiceUnavailable];

/// Both readers take the same heads and understand the same by them; what came
/// earlier never says otherwise; and the answer is one.
pub(crate) fn fuzz_http_head(bytes: &[u8]) {
    let read = http::parse(bytes, &LIMITS);
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(read.ok().flatten(), plainly_read(bytes), "{text:?}");
    for end in (0..bytes.len()).step_by(1 + bytes.len() / 64) {
        match (http::parse(&bytes[..end], &LIMITS), &read) {
            (Ok(None), Ok(Some(head))) => assert!(end < head.head_bytes, "{end} of {text:?}"),
            (Ok(None), _) => {}
            (Ok(Some(head)), whole) => assert_eq!(whole, &Ok(Some(head)), "{end} of {text:?}"),
            (Err(_), whole) => assert!(whole.is_err(), "{end} of {text:?}"),
        }
    }
    let (method, after) = match read {
        Ok(Some(head)) => (head.method, head.after),
        _ => ("POST", After::Close),
    };
    let status = STATUSES[bytes.len() % STATUSES.len()];
    let answer = Answer::new(status, "application/json", bytes.to_vec());
    check_answer(&answer, method, after);
    check_answer(&answer.with_header("Retry-After", "1"), method, after);
}

/// What a complete and acceptable head says. Without the eagerness of
/// `parse`, which refuses before the end is there.
fn plainly_read(bytes: &[u8]) -> Option<Head<'_>> {
    let mut start = 0;
    while bytes[start..].starts_with(b"\r\n") {
        start += 2;
    }
    let end = bytes[start..].windows(4).position(|four| four == b"\r\n\r\n")? + start;
    let head_bytes = end + 4;
    if head_bytes > LIMITS.head_bytes {
        return None;
    }
    let lines = split(&bytes[start..end], b"\r\n");
    let pieces = split(lines[0], b" ");
    let [method, target, version] = pieces[..] else { return None };
    let minor = match version {
        b"HTTP/1.0" => 0,
        b"HTTP/1.1" => 1,
        _ => return None,
    };
    let is_target = |byte: &u8| (0x21..0x7f).contains(byte) && *byte != b'#';
    if !is_token(method) || target.first() != Some(&b'/') || !target.iter().all(is_target) {
        return None;
    }
    let fields: Vec<(String, &[u8])> =
        lines[1..].iter().map(|line| field(line)).collect::<Option<_>>()?;
    if fields.len() > HEADERS_MAX || !values(&fields, "transfer-encoding").is_empty() {
        return None;
    }
    if (values(&fields, "host").len(), minor) != (0, 0) && values(&fields, "host").len() != 1 {
        return None;
    }
    let method = from_utf8(method).ok()?;
    let target = from_utf8(target).ok()?;
    let body_bytes = match (&values(&fields, "content-length")[..], method) {
        ([], "POST" | "PUT" | "PATCH") => return None,
        ([], _) => 0,
        ([digits], _) => length(digits)?,
        _ => return None,
    };
    if body_bytes > 0 && ["HEAD", "CONNECT", "TRACE"].contains(&method) {
        return None;
    }
    let content_type = match values(&fields, "content-type")[..] {
        [] => None,
        [value] => Some(from_utf8(value).ok()?),
        _ => return None,
    };
    let expects_continue = match values(&fields, "expect")[..] {
        _ if minor == 0 => false,
        [] => false,
        [value] if value.eq_ignore_ascii_case(b"100-continue") => true,
        _ => return None,
    };
    let connection = values(&fields, "connection").join(&b","[..]).to_ascii_lowercase();
    let closes = split(&connection, b",").iter().any(|token| token.trim_ascii() == b"close");
    let after = if minor == 0 || closes { After::Close } else { After::Keep };
    let (path, query) = match target.find('?') {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, ""),
    };
    Some(Head {
        method,
        path,
        query,
        content_type,
        head_bytes,
        body_bytes,
        expects_continue,
        after,
    })
}

fn split<'a>(bytes: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(separator.len()).position(|window| window == separator) {
        pieces.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    pieces.push(rest);
    pieces
}

fn is_token(bytes: &[u8]) -> bool {
    let is_mark = |byte: &u8| b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}

/// The name in lower case, and the value without the white space around it.
fn field(line: &[u8]) -> Option<(String, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_space = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let is_value = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    if !is_token(name) || !value.iter().all(is_value) {
        return None;
    }
    let from = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let to = value.iter().rposition(|byte| !is_space(byte)).map_or(from, |last| last + 1);
    Some((String::from_utf8_lossy(name).to_lowercase(), &value[from..to]))
}

fn values<'a>(fields: &[(String, &'a [u8])], wanted: &str) -> Vec<&'a [u8]> {
    fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| *value).collect()
}

fn length(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() {
        return None;
    }
    let mut length = 0;
    for digit in digits {
        length = length * 10 + usize::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        if length > LIMITS.body_bytes {
            return None;
        }
    }
    Some(length)
}

/// One head, of the lines that are due, and the body behind it.
fn check_answer(answer: &Answer, method: &str, after: After) {
    let mut sent = Vec::new();
    http::respond(&mut sent, method, answer, after);
    let end = sent.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of the head");
    let body = if method == "HEAD" { &[][..] } else { &answer.body };
    assert_eq!(&sent[end + 4..], body);
    let lines = split(&sent[..end], b"\r\n");
    let code = answer.status.code().to_string();
    assert!(lines[0].starts_with(format!("HTTP/1.1 {code} ").as_bytes()));
    let fields: Vec<_> = lines[1..].iter().map(|line| field(line).expect("a field")).collect();
    assert_eq!(values(&fields, "content-length"), [answer.body.len().to_string().as_bytes()]);
    assert_eq!(values(&fields, "content-type"), [answer.content_type.as_bytes()]);
    let closes = after == After::Close;
    assert_eq!(values(&fields, "connection"), vec![&b"close"[..]; usize::from(closes)]);
    let more = answer
        .header
        .map(|(name, value)| values(&fields, &name.to_lowercase()) == [value.as_bytes()]);
    assert_ne!(more, Some(false));
    assert_eq!(fields.len(), 2 + usize::from(closes) + usize::from(more.is_some()));
}
