//! The listening socket and the loop that accepts.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::listen;

use super::counters::count;
use super::{ServerError, Shared, connection};
use crate::supervise;

/// Clients that wait to be accepted. Where the queue is full, the kernel drops
/// a client's first packet and the next comes a second later, half of a
/// webhook's time. The standard library asks for 128; the kernel allows up to
/// `net.core.somaxconn`, 4,096 by default.
const BACKLOG: i32 = 4096;
/// How long the accept loop leaves the system alone after an error.
const PAUSE: Duration = Duration::from_millis(100);
/// At most one log line about a lasting fault of the accept loop in this time.
const QUIET: Duration = Duration::from_secs(10);

/// Listens on `address`. `[::]` means every address of the machine: where the
/// kernel has no IPv6, `0.0.0.0` takes its place.
///
/// # Errors
/// Those of the system, with the address.
pub fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    bind_with(address, TcpListener::bind)
}

fn bind_with<T>(
    address: SocketAddr,
    mut bind: impl FnMut(SocketAddr) -> io::Result<T>,
) -> Result<T, ServerError> {
    let source = match bind(address) {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    let same_anywhere = matches!(source.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied);
    if address.ip() == Ipv6Addr::UNSPECIFIED && !same_anywhere {
        let fallback = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
        if let Ok(listener) = bind(fallback) {
            log::warn!("cannot listen on {address} ({source}), listening on {fallback} instead");
            return Ok(listener);
        }
    }
    Err(ServerError::Bind { address, source })
}

/// Where this machine reaches a socket that listens on `address`.
pub(super) fn reached_at(address: SocketAddr) -> Vec<SocketAddr> {
    let at = |ip| SocketAddr::new(ip, address.port());
    match address.ip().is_unspecified() {
        false => vec![address],
        true if address.is_ipv4() => vec![at(Ipv4Addr::LOCALHOST.into())],
        // Either may be missing on a machine.
        true => vec![at(Ipv6Addr::LOCALHOST.into()), at(Ipv4Addr::LOCALHOST.into())],
    }
}

/// Lets [`BACKLOG`] clients wait to be accepted.
pub(super) fn prepare(listener: &TcpListener) -> io::Result<()> {
    Ok(listen(listener, BACKLOG)?)
}

/// Accepts for ever. No error ends the loop.
pub(super) fn run(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut faults = Faults { last_logged: None };
    loop {
        match listener.accept() {
            // Nobody would answer it any more.
            Ok(_) if shared.is_closing() => {}
            Ok((stream, peer)) => {
                if let Err(error) = admit(stream, peer, shared) {
                    count(&shared.counters.accept_errors);
                    faults.report(&shared.name, &error);
                }
            }
            Err(error) if is_harmless(error.kind()) => {}
            Err(error) => {
                count(&shared.counters.accept_errors);
                faults.report(&shared.name, &error);
                thread::park_timeout(PAUSE);
            }
        }
    }
}

/// A signal came, or the client went away before it was accepted.
fn is_harmless(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Interrupted
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
    )
}

fn admit(
    stream: TcpStream,
    peer: SocketAddr,
    shared: &Arc<Shared>,
) -> Result<(), supervise::SuperviseError> {
    if shared.reservation.claim(peer) {
        let seat = shared.seats.reserve(stream);
        return start(shared, move |shared| {
            shared.reservation.serve();
            connection::serve(shared, &seat);
        });
    }
    count(&shared.counters.accepted);
    match shared.seats.take(stream, || count(&shared.counters.evicted)) {
        Ok(seat) => start(shared, move |shared| connection::serve(shared, &seat)),
        // Counted before it is closed: the probe may be behind it.
        Err(_stream) => {
            count(&shared.counters.turned_away);
            Ok(())
        }
    }
}

/// Serves a connection on a thread of its own, which may end as it likes.
fn start(
    shared: &Arc<Shared>,
    body: impl FnOnce(&Shared) + Send + 'static,
) -> Result<(), supervise::SuperviseError> {
    let shared = Arc::clone(shared);
    let (name, stack_bytes) = (shared.name.clone(), shared.limits.stack_bytes);
    supervise::spawn(&name, stack_bytes, move || {
        if panic::catch_unwind(AssertUnwindSafe(|| body(&shared))).is_err() {
            count(&shared.counters.panics);
            log::error!("{}: a panic outside of a request; its connection is closed", shared.name);
        }
    })
}

/// Faults repeat ten times a second; their log lines should not.
struct Faults {
    last_logged: Option<Instant>,
}

impl Faults {
    fn report(&mut self, name: &str, error: &dyn std::error::Error) {
        if self.last_logged.is_none_or(|last| last.elapsed() >= QUIET) {
            self.last_logged = Some(Instant::now());
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            log::warn!("{name}: a connection was not accepted: {error}{cause}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `bind_with` returns when IPv6 fails in this way.
    fn without_ipv6(address: &str, kind: ErrorKind) -> Result<SocketAddr, ErrorKind> {
        let system = |address: SocketAddr| match address.is_ipv4() {
            true => Ok(address),
            false => Err(kind.into()),
        };
        bind_with(address.parse().unwrap(), system).map_err(|error| match error {
            ServerError::Bind { source, .. } => source.kind(),
            other => panic!("{other}"),
        })
    }

    #[test]
    fn only_every_address_falls_back_to_ipv4_and_only_without_ipv6() {
        let fallback = "0.0.0.0:8443".parse().unwrap();
        assert_eq!(without_ipv6("[::]:8443", ErrorKind::Unsupported), Ok(fallback));
        assert_eq!(without_ipv6("[::]:8443", ErrorKind::AddrNotAvailable), Ok(fallback));
        let taken = ErrorKind::AddrInUse;
        assert_eq!(without_ipv6("[::]:8443", taken), Err(taken));
        let refused = ErrorKind::Unsupported;
        assert_eq!(without_ipv6("[::1]:8443", refused), Err(refused));
    }

    #[test]
    fn what_listens_everywhere_is_reached_on_loopback() {
        let at = |address: &str| -> Vec<String> {
            reached_at(address.parse().unwrap()).iter().map(ToString::to_string).collect()
        };
        assert_eq!(at("[::]:8443"), ["[::1]:8443", "127.0.0.1:8443"]);
        assert_eq!(at("0.0.0.0:8443"), ["127.0.0.1:8443"]);
        assert_eq!(at("192.0.2.1:8443"), ["192.0.2.1:8443"]);
    }
}
