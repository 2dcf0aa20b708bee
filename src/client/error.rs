//! What can go wrong between a request and the last byte of its answer.

use std::fmt;
use std::io;

use super::tls::HandshakeError;

/// A part of a call that has a deadline of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking up the name.
    Resolve,
    /// Connecting, through a proxy if there is one.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// Sending the request.
    Send,
    /// Waiting for the head of the answer.
    Head,
    /// Reading the body of the answer.
    Body,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up the name",
            Self::Connect => "connecting",
            Self::Handshake => "the TLS handshake",
            Self::Send => "sending the request",
            Self::Head => "waiting for the answer",
            Self::Body => "reading the answer",
        })
    }
}

/// Why a call has no answer, or none that is whole.
#[derive(Debug)]
pub enum ClientError {
    /// A part of the call took longer than its deadline.
    Deadline(Phase),
    /// The name has no address.
    NoAddress,
    /// No connection, or one that broke off.
    Connection(io::Error),
    /// The proxy would not connect.
    Proxy(String),
    /// The server's certificate is not to be trusted.
    Untrusted(rustls::Error),
    /// TLS failed otherwise.
    Tls(rustls::Error),
    /// What the server says is not HTTP/1.1.
    Protocol(String),
    /// The answer is larger than this many bytes.
    TooLarge(usize),
    /// [`Client::shutdown`](super::Client::shutdown) was called.
    ShutDown,
    /// The path, a header or the method cannot be sent.
    Request(String),
}

impl ClientError {
    /// What ureq says; an error of a reader comes wrapped.
    pub(super) fn new(error: ureq::Error) -> Self {
        use ureq::Timeout;
        match error {
            ureq::Error::Timeout(Timeout::Resolve) => Self::Deadline(Phase::Resolve),
            ureq::Error::Timeout(Timeout::Connect) => Self::Deadline(Phase::Connect),
            ureq::Error::Timeout(Timeout::SendRequest | Timeout::SendBody) => {
                Self::Deadline(Phase::Send)
            }
            ureq::Error::Timeout(Timeout::RecvBody) => Self::Deadline(Phase::Body),
            ureq::Error::Timeout(_) => Self::Deadline(Phase::Head),
            ureq::Error::HostNotFound => Self::NoAddress,
            ureq::Error::Io(error) => Self::from_io(error),
            ureq::Error::ConnectProxyFailed(reason) => Self::Proxy(reason),
            ureq::Error::LargeResponseHeader(_, limit) => Self::TooLarge(limit),
            ureq::Error::Other(error) => match error.downcast::<HandshakeError>() {
                Ok(error) => Self::from_handshake(*error),
                Err(error) => Self::Protocol(error.to_string()),
            },
            ureq::Error::Http(error) => Self::Request(error.to_string()),
            ureq::Error::BadUri(reason) => Self::Request(reason),
            error => Self::Protocol(error.to_string()),
        }
    }

    fn from_handshake(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Deadline => Self::Deadline(Phase::Handshake),
            HandshakeError::Io(error) => Self::from_io(error),
            HandshakeError::Tls(error) => Self::from_tls(error),
        }
    }

    fn from_tls(error: rustls::Error) -> Self {
        match error {
            error @ rustls::Error::InvalidCertificate(_) => Self::Untrusted(error),
            error => Self::Tls(error),
        }
    }

    fn from_io(error: io::Error) -> Self {
        // ureq's word for an agent that was shut down.
        if error.kind() == io::ErrorKind::NotConnected {
            return Self::ShutDown;
        }
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(tls) => Self::from_tls(tls.clone()),
            None => Self::Connection(error),
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline(phase) => write!(f, "{phase} took too long"),
            Self::NoAddress => f.write_str("the name has no address"),
            Self::Connection(_) => f.write_str("the connection failed"),
            Self::Proxy(reason) => write!(f, "the proxy would not connect: {reason}"),
            Self::Untrusted(_) => f.write_str("the server's certificate is not to be trusted"),
            Self::Tls(_) => f.write_str("TLS failed"),
            Self::Protocol(reason) => write!(f, "the answer is not HTTP/1.1: {reason}"),
            Self::TooLarge(limit) => write!(f, "the answer is larger than {limit} bytes"),
            Self::ShutDown => f.write_str("the client was shut down"),
            Self::Request(reason) => write!(f, "the request cannot be sent: {reason}"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::Untrusted(error) | Self::Tls(error) => Some(error),
            _ => None,
        }
    }
}
