//! Every number of the server, in one place.

use std::fmt;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};

/// Most header fields of a request; the API server sends about eight.
pub const HEADERS_MAX: usize = 64;
/// Bytes that TLS reads at once: a record of the largest size, 16 KiB of data
/// with its header and what encryption may add (RFC 8446, section 5.2).
pub const RECORD_BYTES: usize = 16 * 1024 + 5 + 256;
/// Descriptors kept for everything that is no connection: listeners, files,
/// the connections to the API server, the standard streams.
const RESERVED_DESCRIPTORS: u64 = 64;
/// How long a refused client may go on sending before it is cut.
const FAREWELL: Duration = Duration::from_secs(1);

/// The bounds of one server. `Display` prints all of them on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Bytes of a request's body. The API server takes objects of 3 MiB, and a
    /// review holds two of them.
    pub body_bytes: usize,
    /// Bytes of all bodies in memory; those that fit a connection's own
    /// buffer are not counted. Beyond, requests are answered 503.
    pub in_flight_bytes: usize,
    /// Open connections. Each costs a thread and about 28 kB while idle
    /// (`docs/benchmarks`), and what its request needs meanwhile.
    pub connections: usize,
    /// From the accepted connection to the end of the TLS handshake.
    pub handshake: Duration,
    /// From a request's first byte to its last, and again for its answer; and
    /// from the handshake to the first request.
    pub request: Duration,
    /// Between two requests. Above the 90 s after which the API server drops
    /// an idle connection (Go's `DefaultTransport`), so that it closes first
    /// and no request is lost to a close.
    pub idle: Duration,
    /// How long one system call may block before the deadline is looked at:
    /// a deadline may be missed by this much. And how long an idle connection
    /// keeps the memory that its next request needs.
    pub tick: Duration,
    /// How long a connection is still read after its last answer: closing with
    /// unread input makes the kernel reset it, and the answer is lost.
    pub farewell: Duration,
    /// How long a connection beyond the cap waits for a place, and how long a
    /// new one cannot be evicted.
    pub newcomer: Duration,
    /// Stack of a connection's thread. 128 KiB sufficed for handshake and
    /// JSON in release builds.
    pub stack_bytes: usize,
}

impl Limits {
    /// The bounds of the admission port.
    pub const fn admission() -> Self {
        Self {
            head_bytes: 16 * 1024,
            body_bytes: 8 * 1024 * 1024,
            in_flight_bytes: 64 * 1024 * 1024,
            connections: 256,
            handshake: Duration::from_secs(10),
            request: Duration::from_secs(10),
            idle: Duration::from_secs(100),
            tick: Duration::from_millis(50),
            farewell: FAREWELL,
            newcomer: Duration::from_secs(1),
            stack_bytes: 256 * 1024,
        }
    }

    /// The bounds of the operations port: probes and scrapes, which have no
    /// bodies, from a few clients.
    pub const fn operations() -> Self {
        Self { body_bytes: 0, in_flight_bytes: 0, connections: 32, ..Self::admission() }
    }

    /// Bytes of data that a connection may hold beside [`Self::in_flight_bytes`]:
    /// a head, and what came in one record with it.
    pub const fn own_bytes(&self) -> usize {
        self.head_bytes + RECORD_BYTES
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            head_bytes,
            body_bytes,
            in_flight_bytes,
            connections,
            handshake,
            request,
            idle,
            tick,
            farewell,
            newcomer,
            stack_bytes,
        } = self;
        write!(
            f,
            "head {head_bytes} bytes, {HEADERS_MAX} headers, body {body_bytes} bytes, \
             in flight {in_flight_bytes} bytes, {connections} connections, \
             handshake {handshake:?}, request {request:?}, idle {idle:?}, tick {tick:?}, \
             farewell {farewell:?}, newcomer {newcomer:?}, stack {stack_bytes} bytes"
        )
    }
}

/// Checks that the process may open `connections` connections (of all its
/// servers) beside its other descriptors.
///
/// # Errors
/// When `RLIMIT_NOFILE` is lower than that.
pub fn check_descriptors(connections: usize) -> Result<(), DescriptorShortage> {
    compare_descriptors(getrlimit(Resource::Nofile).current, connections)
}

fn compare_descriptors(limit: Option<u64>, connections: usize) -> Result<(), DescriptorShortage> {
    let needed = connections as u64 + RESERVED_DESCRIPTORS;
    match limit {
        Some(limit) if limit < needed => Err(DescriptorShortage { limit, needed }),
        _ => Ok(()),
    }
}

/// The process may open fewer descriptors than its connections need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptorShortage {
    /// The soft `RLIMIT_NOFILE`.
    pub limit: u64,
    /// Connections and the reserve for everything else.
    pub needed: u64,
}

impl fmt::Display for DescriptorShortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, needed } = self;
        write!(
            f,
            "the limit of open files is {limit}, and {needed} are needed: raise it \
             (RLIMIT_NOFILE, ulimit -n) or allow fewer connections"
        )
    }
}

impl std::error::Error for DescriptorShortage {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_the_reserve_must_fit_the_descriptors() {
        assert_eq!(compare_descriptors(None, 256), Ok(()));
        assert_eq!(compare_descriptors(Some(320), 256), Ok(()));
        let shortage = DescriptorShortage { limit: 319, needed: 320 };
        assert_eq!(compare_descriptors(Some(319), 256), Err(shortage));
    }

    #[test]
    fn idle_outlasts_the_clients_pool() {
        assert!(Limits::admission().idle > Duration::from_secs(90));
    }

    #[test]
    fn every_number_is_printed() {
        assert_eq!(
            Limits::admission().to_string(),
            "head 16384 bytes, 64 headers, body 8388608 bytes, in flight 67108864 bytes, \
             256 connections, handshake 10s, request 10s, idle 100s, tick 50ms, farewell 1s, \
             newcomer 1s, stack 262144 bytes"
        );
    }
}
