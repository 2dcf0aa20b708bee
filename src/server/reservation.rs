//! The place that a server keeps for its own probe.
//!
//! The probe says which of its sockets it will connect from before it does.
//! Nobody else can come from there: the address is one of this machine, and
//! bound. A secret in the request would be read only after a place was given.

use std::mem;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How far the connection that the probe announced has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is none.
    None,
    /// It was not seen yet.
    Announced(SocketAddr),
    /// It was accepted, and has no thread: the system may give none.
    Accepted,
    /// A thread serves it.
    Served,
}

impl Stage {
    pub(super) fn is_announced(self) -> bool {
        matches!(self, Self::Announced(_))
    }
}

pub(super) struct Reservation {
    stage: Mutex<Stage>,
}

impl Reservation {
    pub(super) fn new() -> Self {
        Self { stage: Mutex::new(Stage::None) }
    }

    /// Keeps the place for a connection from `local`, a bound address.
    pub(super) fn announce(&self, local: SocketAddr) {
        *self.lock() = Stage::Announced(local);
    }

    /// Keeps no place any more, and tells how far the connection has come.
    pub(super) fn withdraw(&self) -> Stage {
        mem::replace(&mut *self.lock(), Stage::None)
    }

    /// Whether a connection from `peer` is the one that was announced. It is
    /// so once.
    pub(super) fn claim(&self, peer: SocketAddr) -> bool {
        let mut stage = self.lock();
        let is_it = match *stage {
            // A socket for IPv6 shows peers of IPv4 in another form.
            Stage::Announced(local) => {
                local.port() == peer.port() && local.ip().to_canonical() == peer.ip().to_canonical()
            }
            Stage::None | Stage::Accepted | Stage::Served => false,
        };
        if is_it {
            *stage = Stage::Accepted;
        }
        is_it
    }

    /// The connection that was claimed has a thread.
    pub(super) fn serve(&self) {
        *self.lock() = Stage::Served;
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_place_is_for_one_connection_from_the_address_announced() {
        let reservation = Reservation::new();
        let own = address("127.0.0.1:40000");
        assert!(!reservation.claim(own), "nothing is announced");
        reservation.announce(own);
        assert!(!reservation.claim(address("127.0.0.1:40001")));
        assert!(!reservation.claim(address("10.0.0.1:40000")));
        assert!(reservation.claim(address("[::ffff:127.0.0.1]:40000")));
        assert!(!reservation.claim(own), "once");
        assert_eq!(reservation.withdraw(), Stage::Accepted);
        reservation.announce(own);
        assert_eq!(reservation.withdraw(), Stage::Announced(own));
        assert!(!reservation.claim(own));
    }
}
