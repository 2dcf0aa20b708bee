//! Every number of the HTTPS client, in one place.

use std::fmt;
use std::time::Duration;

/// Stack of the thread that asks the system's resolver, which parses files and
/// answers on it.
pub(super) const RESOLVER_STACK_BYTES: usize = 256 * 1024;

/// The bounds of one client. `Display` prints all of them on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the addresses of a name. The system's resolver asks again after 5 s.
    pub resolve: Duration,
    /// From the addresses to the end of the TLS handshake, a proxy included.
    pub connect: Duration,
    /// Of which the TLS handshake takes at most this.
    pub handshake: Duration,
    /// For the head of a request, and again for its body.
    pub send: Duration,
    /// From the end of a request to the end of the answer's head. The API
    /// server gives up a call to etcd or a webhook after 30 s or less.
    pub head: Duration,
    /// For the whole body of an answer, however it trickles.
    pub body: Duration,
    /// Bytes of an answer's head.
    pub head_bytes: usize,
    /// Bytes of an answer's body; a caller may ask for less.
    pub answer_bytes: usize,
    /// How long a connection that is not in use is kept. Below the 90 s after
    /// which servers in Go close theirs, so that no request meets a close.
    pub idle: Duration,
}

impl Limits {
    /// The bounds for the API server and for Harbor.
    pub const fn standard() -> Self {
        Self {
            resolve: Duration::from_secs(10),
            connect: Duration::from_secs(15),
            handshake: Duration::from_secs(10),
            send: Duration::from_secs(15),
            head: Duration::from_secs(35),
            body: Duration::from_secs(60),
            head_bytes: 32 * 1024,
            answer_bytes: 16 * 1024 * 1024,
            idle: Duration::from_secs(30),
        }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resolve, connect, handshake, send, head, body, head_bytes, answer_bytes, idle } =
            self;
        write!(
            f,
            "resolve {resolve:?}, connect {connect:?}, handshake {handshake:?}, send {send:?}, \
             head {head:?}, body {body:?}, head {head_bytes} bytes, answer {answer_bytes} bytes, \
             idle {idle:?}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_printed() {
        assert_eq!(
            Limits::standard().to_string(),
            "resolve 10s, connect 15s, handshake 10s, send 15s, head 35s, body 60s, \
             head 32768 bytes, answer 16777216 bytes, idle 30s"
        );
    }
}
