//! What is sent back.

/// The HTTP statuses that Detour answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 200: a review, a probe, metrics.
    Ok,
    /// 400: not the HTTP or not the document expected here.
    BadRequest,
    /// 404: no such path.
    NotFound,
    /// 405: another method; says `Allow`.
    MethodNotAllowed,
    /// 411: a request that has a body needs `Content-Length`.
    LengthRequired,
    /// 413: the body is too large.
    ContentTooLarge,
    /// 415: another media type.
    UnsupportedMediaType,
    /// 417: an expectation other than `100-continue`.
    ExpectationFailed,
    /// 431: the head is too large, or has too many fields.
    HeadTooLarge,
    /// 500: nothing better is known.
    InternalServerError,
    /// 501: a transfer coding; none is implemented.
    NotImplemented,
    /// 503: not now; says `Retry-After` where trying again helps.
    ServiceUnavailable,
    /// 505: neither HTTP/1.1 nor HTTP/1.0.
    VersionNotSupported,
}

impl Status {
    /// The number.
    pub const fn code(self) -> u16 {
        self.parts().0
    }

    /// The phrase of RFC 9110, section 15.
    pub const fn reason(self) -> &'static str {
        self.parts().1
    }

    const fn parts(self) -> (u16, &'static str) {
        match self {
            Self::Ok => (200, "OK"),
            Self::BadRequest => (400, "Bad Request"),
            Self::NotFound => (404, "Not Found"),
            Self::MethodNotAllowed => (405, "Method Not Allowed"),
            Self::LengthRequired => (411, "Length Required"),
            Self::ContentTooLarge => (413, "Content Too Large"),
            Self::UnsupportedMediaType => (415, "Unsupported Media Type"),
            Self::ExpectationFailed => (417, "Expectation Failed"),
            Self::HeadTooLarge => (431, "Request Header Fields Too Large"),
            Self::InternalServerError => (500, "Internal Server Error"),
            Self::NotImplemented => (501, "Not Implemented"),
            Self::ServiceUnavailable => (503, "Service Unavailable"),
            Self::VersionNotSupported => (505, "HTTP Version Not Supported"),
        }
    }
}

/// A whole answer, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: Status,
    /// The media type of the body.
    pub content_type: &'static str,
    /// One more header field, name and value, such as `Allow` or `Retry-After`.
    pub header: Option<(&'static str, &'static str)>,
    /// The body; not sent to a HEAD request.
    pub body: Vec<u8>,
    /// Whether the request was one that this server is there for. Its
    /// connection is then the last to be evicted at the connection cap.
    pub valued: bool,
}

impl Answer {
    /// An answer with a body.
    pub const fn new(status: Status, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, content_type, header: None, body, valued: false }
    }

    /// A refusal: the status's own phrase as text.
    pub fn refusal(status: Status) -> Self {
        let body = format!("{}\n", status.reason()).into_bytes();
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    /// The answer with one more header field.
    pub fn with_header(self, name: &'static str, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }
}
