//! Whether a server still serves: a thread asks it through its own port, as
//! everybody asks, and [`Life`] keeps what came of it.
//!
//! Overload is no death. At the connection cap the probe has a place of its
//! own; while others are accepted before it, or answered while it waits, and
//! where it is refused for want of a thread, the server is busy and alive.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustls::{AlertDescription, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

use super::life::{Life, ProbeError, Sign};
use super::reservation::Stage;
use super::socket::Socket;
use super::tls::own_client_config;
use super::{Server, ServerError, Shared, TlsSlot};
use crate::supervise::Supervisor;

/// How an answer begins; which one it is does not matter.
const ANSWER_START: &[u8] = b"HTTP/1.1 ";

/// When the probe asks, and how long it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Between two probes.
    pub interval: Duration,
    /// For a connection to be made, again for it to be accepted unless others
    /// are, and again for handshake, request and answer together.
    pub deadline: Duration,
    /// After so long without a sign of life the server counts as dead. Longer
    /// than a request and its answer may take by [`super::Limits`]: a thread
    /// that has been in one request for this time hangs.
    pub silence: Duration,
}

impl Timing {
    /// Every 5 s; dead after 30 s.
    pub const fn standard() -> Self {
        Self {
            interval: Duration::from_secs(5),
            deadline: Duration::from_secs(8),
            silence: Duration::from_secs(30),
        }
    }
}

/// Asks `server`, whose certificate is in `slot`, for `path` by GET on a vital
/// thread.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(
    server: &Server,
    slot: Arc<TlsSlot>,
    path: &str,
    timing: Timing,
    supervisor: &Supervisor,
) -> Result<Arc<Life>, ServerError> {
    let life = Arc::new(Life::new(timing.silence));
    let probe = Probe {
        shared: Arc::clone(&server.shared),
        targets: targets(server.address),
        slot,
        request: format!("GET {path} HTTP/1.1\r\nHost: detour\r\nConnection: close\r\n\r\n"),
        timing,
        life: Arc::clone(&life),
    };
    let body = move || {
        loop {
            // First of all: a process that starts has better things to do.
            thread::park_timeout(timing.interval);
            probe.life.tell(probe.turn());
        }
    };
    supervisor.spawn_vital("probe", body).map_err(ServerError::Thread)?;
    Ok(life)
}

/// Where this machine reaches a socket that listens on `address`.
fn targets(address: SocketAddr) -> Vec<SocketAddr> {
    let at = |ip| SocketAddr::new(ip, address.port());
    match address.ip().is_unspecified() {
        false => vec![address],
        true if address.is_ipv4() => vec![at(Ipv4Addr::LOCALHOST.into())],
        // Either may be missing on a machine.
        true => vec![at(Ipv6Addr::LOCALHOST.into()), at(Ipv4Addr::LOCALHOST.into())],
    }
}

struct Probe {
    shared: Arc<Shared>,
    targets: Vec<SocketAddr>,
    slot: Arc<TlsSlot>,
    request: String,
    timing: Timing,
    life: Arc<Life>,
}

impl Probe {
    fn turn(&self) -> Result<Sign, ProbeError> {
        if self.slot.leaf().is_none() {
            return Ok(Sign::Unasked);
        }
        if !self.shared.seats.wait_for_reserved(self.timing.deadline) {
            return Err(ProbeError::Stuck);
        }
        let (accepted, sent) = (self.accepted(), self.sent());
        let sign = self.ask();
        self.shared.reservation.withdraw();
        match sign {
            // It ends by itself, and may accept nobody any more.
            _ if self.shared.is_draining() => Ok(Sign::Unasked),
            _ if self.hangs() => Err(ProbeError::Hang),
            Err(ProbeError::Connect(_)) if self.accepted() > accepted => Ok(Sign::Busy),
            Err(error) if error.is_slowness() && self.sent() > sent => Ok(Sign::Busy),
            sign => sign,
        }
    }

    fn ask(&self) -> Result<Sign, ProbeError> {
        let stream = self.connect().map_err(ProbeError::Connect)?;
        let is_accepted = self.wait_for_accept()?;
        match self.converse(stream) {
            Err(_) if !is_accepted => Err(ProbeError::Unaccepted),
            Err(_) if self.shared.reservation.stage() == Stage::Accepted => Ok(Sign::Busy),
            said => said,
        }
    }

    /// Connects from an address that the accept loop was told of before.
    fn connect(&self) -> io::Result<TcpStream> {
        let mut connected = Err(io::ErrorKind::AddrNotAvailable.into());
        for target in &self.targets {
            connected = self.connect_to(*target);
            if connected.is_ok() {
                break;
            }
        }
        connected
    }

    fn connect_to(&self, target: SocketAddr) -> io::Result<TcpStream> {
        let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let mut own = target;
        own.set_port(0);
        bind(&socket, &own)?;
        let stream = TcpStream::from(socket);
        // connect(2) honours it too, socket(7).
        stream.set_write_timeout(Some(self.timing.deadline))?;
        self.shared.reservation.announce(stream.local_addr()?);
        match connect(&stream, &target) {
            Err(Errno::INPROGRESS) => Err(io::ErrorKind::TimedOut.into()),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(stream),
        }
    }

    /// Whether the accept loop has seen it. Clients may wait before it, each
    /// for as long as a newcomer may; where something stands between, such as
    /// the proxy of a service mesh, it comes from elsewhere, is never seen and
    /// may be served like anybody's.
    fn wait_for_accept(&self) -> Result<bool, ProbeError> {
        let begin = Instant::now();
        loop {
            let accepted = self.accepted();
            if self.shared.reservation.wait(self.timing.deadline) {
                return Ok(true);
            }
            if self.hangs() {
                return Err(ProbeError::Hang);
            }
            if self.accepted() == accepted || begin.elapsed() > self.timing.silence {
                return Ok(false);
            }
            self.life.tell(Ok(Sign::Busy));
        }
    }

    fn converse(&self, stream: TcpStream) -> Result<Sign, ProbeError> {
        let handshake = |error| ProbeError::Handshake(error);
        let mut socket = Socket::new(Arc::new(stream), &self.shared.limits).map_err(handshake)?;
        socket.give(self.timing.deadline);
        let config = own_client_config(&self.slot).map_err(io::Error::other).map_err(handshake)?;
        let name = ServerName::from(self.targets[0].ip());
        let session = ClientConnection::new(Arc::new(config), name);
        let mut session = session.map_err(io::Error::other).map_err(handshake)?;
        session.complete_io(&mut socket).map_err(handshake)?;
        let mut stream = StreamOwned::new(session, socket);
        let mut start = [0; ANSWER_START.len()];
        let answered = stream
            .write_all(self.request.as_bytes())
            .and_then(|()| stream.flush())
            .and_then(|()| stream.read_exact(&mut start));
        match answered {
            Ok(()) if start == ANSWER_START => Ok(Sign::Answered),
            Ok(()) => Err(ProbeError::NotHttp),
            Err(error) if asks_for_certificate(&error) => Ok(Sign::Busy),
            Err(error) => Err(ProbeError::Unanswered(error)),
        }
    }

    fn accepted(&self) -> u64 {
        self.shared.counters.accepted.load(Ordering::Relaxed)
    }

    fn sent(&self) -> u64 {
        self.shared.counters.sent_bytes.load(Ordering::Relaxed)
    }

    fn hangs(&self) -> bool {
        self.shared.seats.hang(self.timing.silence)
    }
}

/// Our own refusal of a client that shows no certificate.
fn asks_for_certificate(error: &io::Error) -> bool {
    let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    of_tls == Some(&rustls::Error::AlertReceived(AlertDescription::CertificateRequired))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Answer, Head, Limits, Service, Status, Transport, served};
    use crate::supervise::supervisor;
    use bumpalo::Bump;
    use rustls_pki_types::PrivateKeyDer;
    use std::net::TcpListener;

    struct Constant;

    impl Service for Constant {
        fn check(&self, _: &Head<'_>) -> Result<(), Answer> {
            Ok(())
        }

        fn answer(&self, _: &Head<'_>, _: &[u8], _: &Bump) -> Answer {
            Answer::refusal(Status::ServiceUnavailable)
        }

        fn panicked(&self, _: &Head<'_>, _: &[u8]) -> Answer {
            Answer::refusal(Status::InternalServerError)
        }
    }

    /// Lets one connection through to `server`, from another address.
    fn proxy(server: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(server).unwrap();
            let (mut there, mut back) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut there, &mut &server));
            io::copy(&mut back, &mut &client)
        });
        address
    }

    #[test]
    fn what_comes_through_a_proxy_has_a_place_like_everybody() {
        let slot = Arc::new(TlsSlot::empty());
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(pair.signing_key.serialize_der()).unwrap();
        slot.set(served(vec![pair.cert.der().clone()], key).unwrap());
        let (supervisor, _events) = supervisor();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (transport, limits) = (Transport::Tls(Arc::clone(&slot)), Limits::admission());
        let service = Arc::new(Constant);
        let server =
            Server::start("test", listener, transport, limits, service, &supervisor).unwrap();
        let timing = Timing { deadline: Duration::from_secs(2), ..Timing::standard() };
        let probe = Probe {
            shared: Arc::clone(&server.shared),
            targets: vec![proxy(server.address)],
            slot,
            request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            timing: Timing { silence: Duration::ZERO, ..timing },
            life: Arc::new(Life::new(timing.silence)),
        };
        assert_eq!(probe.turn().unwrap(), Sign::Answered);
        assert_eq!(server.counters().accepted.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn silence_outlasts_a_slow_probe_and_a_slow_request() {
        let Timing { interval, deadline, silence } = Timing::standard();
        assert!(interval + deadline * 3 < silence);
        let Limits { request, tick, newcomer, .. } = Limits::admission();
        assert!((request + tick) * 2 < silence);
        assert!(newcomer * 2 < deadline, "a queue of newcomers moves meanwhile");
    }

    #[test]
    fn what_listens_everywhere_is_asked_on_loopback() {
        let asked = |address: &str| -> Vec<String> {
            targets(address.parse().unwrap()).iter().map(ToString::to_string).collect()
        };
        assert_eq!(asked("[::]:8443"), ["[::1]:8443", "127.0.0.1:8443"]);
        assert_eq!(asked("0.0.0.0:8443"), ["127.0.0.1:8443"]);
        assert_eq!(asked("192.0.2.1:8443"), ["192.0.2.1:8443"]);
    }
}
