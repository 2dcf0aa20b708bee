//! What happened since the start.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU64, Ordering};

/// What happened since the start, each only growing.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Idle connections closed for a newcomer.
    pub evicted: AtomicU64,
    /// Newcomers closed because every connection was busy.
    pub turned_away: AtomicU64,
    /// Failed `accept` calls, and threads that could not be had; the loop went
    /// on.
    pub accept_errors: AtomicU64,
    /// Connections that a panic of the engine ended; those of a service are
    /// answered.
    pub panics: AtomicU64,
    /// Requests refused because of their HTTP: 4xx and 5xx of the engine.
    pub refused: AtomicU64,
    /// Bytes of requests that were read whole and answered.
    pub received_bytes: AtomicU64,
    /// Bytes of answers.
    pub sent_bytes: AtomicU64,
    handshake_failures: [AtomicU64; HandshakeFailure::ALL.len()],
    limits: [AtomicU64; Limit::ALL.len()],
}

/// Why a handshake came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// What came is no TLS, such as plain HTTP.
    NotTls,
    /// The peer refused: it does not trust the certificate, for instance.
    Alert,
    /// No version, suite or group in common.
    Incompatible,
    /// It took too long.
    Timeout,
    /// The peer went away.
    Closed,
    /// Anything else.
    Other,
}

impl HandshakeFailure {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::NotTls, Self::Alert, Self::Incompatible, Self::Timeout, Self::Closed, Self::Other];

    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotTls => "not-tls",
            Self::Alert => "alert",
            Self::Incompatible => "incompatible",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Other => "other",
        }
    }

    pub(super) fn of(error: &io::Error) -> Self {
        let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match (of_tls, error.kind()) {
            (Some(rustls::Error::InvalidMessage(_)), _) => Self::NotTls,
            (Some(rustls::Error::AlertReceived(_)), _) => Self::Alert,
            (Some(rustls::Error::PeerIncompatible(_)), _) => Self::Incompatible,
            (Some(_), _) => Self::Other,
            (None, ErrorKind::TimedOut) => Self::Timeout,
            (
                None,
                ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::BrokenPipe
                | ErrorKind::ConnectionAborted,
            ) => Self::Closed,
            (None, _) => Self::Other,
        }
    }
}

/// A limit that ended a request or a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The head of a request, in bytes and fields: 431.
    Head,
    /// The body of a request: 413.
    Body,
    /// What all requests hold together: 503.
    InFlight,
    /// From a request's first byte to its last, or for its answer.
    RequestTime,
}

impl Limit {
    /// All limits.
    pub const ALL: [Self; 4] = [Self::Head, Self::Body, Self::InFlight, Self::RequestTime];

    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Body => "body",
            Self::InFlight => "in-flight",
            Self::RequestTime => "request-time",
        }
    }
}

impl Counters {
    /// Handshakes of this kind that failed.
    pub fn handshake_failures(&self, kind: HandshakeFailure) -> u64 {
        self.handshake_failures[kind as usize].load(Ordering::Relaxed)
    }

    /// Times that the limit was hit.
    pub fn hits(&self, limit: Limit) -> u64 {
        self.limits[limit as usize].load(Ordering::Relaxed)
    }

    pub(super) fn handshake_failed(&self, kind: HandshakeFailure) {
        count(&self.handshake_failures[kind as usize]);
    }

    pub(super) fn hit(&self, limit: Limit) {
        count(&self.limits[limit as usize]);
    }
}

pub(super) fn count(counter: &AtomicU64) {
    add(counter, 1);
}

pub(super) fn add(counter: &AtomicU64, number: usize) {
    counter.fetch_add(number as u64, Ordering::Relaxed);
}
