//! Whether a server still serves: a thread asks it through its own port, as
//! everybody asks, and [`Life`] keeps what came of it.
//!
//! Overload is no death. At the connection cap the probe has a place of its
//! own; while others are accepted before it, or answered while it waits, and
//! where it is refused for want of a thread, the server is busy and alive.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustls::{AlertDescription, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

use super::counters::Counters;
use super::life::{Life, ProbeError, Sign};
use super::listener::reached_at;
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
    /// For all of a probe.
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

    /// What of the deadline may go by until the probe before has ended, and
    /// again until a connection is made to either of two addresses. At least
    /// as much is left for handshake, request and answer.
    fn share(&self) -> Duration {
        self.deadline / 4
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
        targets: reached_at(server.address),
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
        let deadline = Instant::now() + self.timing.deadline;
        if !self.shared.seats.wait_for_reserved(self.timing.share()) {
            return Err(ProbeError::Stuck);
        }
        let before = self.happened();
        let stream = self.connect().map_err(ProbeError::Connect);
        let sign = stream.and_then(|stream| self.converse(stream, deadline));
        let stage = self.shared.reservation.withdraw();
        match sign {
            // It ends by itself, and may accept nobody any more.
            _ if self.shared.is_draining() => Ok(Sign::Unasked),
            _ if self.shared.seats.hang(self.timing.silence) => Err(ProbeError::Hang),
            Err(error) if self.is_busy(&error, stage, &before) => Ok(Sign::Busy),
            Err(error) if stage.is_announced() && error.is_slowness() => {
                Err(ProbeError::Unaccepted)
            }
            sign => sign,
        }
    }

    /// Whether a server does other things that has failed the probe.
    fn is_busy(&self, error: &ProbeError, stage: Stage, before: &Happened) -> bool {
        let now = self.happened();
        // One of them may be the probe: where something stands between, such as
        // the proxy of a service mesh, it comes from elsewhere, like anybody.
        let others = now.accepted > before.accepted + 1 || now.turned_away > before.turned_away;
        match (error, stage) {
            // There is no thread for it.
            (_, Stage::Accepted) => true,
            (ProbeError::Connect(_), _) => now.accepted > before.accepted,
            (_, Stage::Announced(_)) if others => true,
            _ => error.is_slowness() && now.sent_bytes > before.sent_bytes,
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
        stream.set_write_timeout(Some(self.timing.share()))?;
        self.shared.reservation.announce(stream.local_addr()?);
        match connect(&stream, &target) {
            Err(Errno::INPROGRESS) => Err(io::ErrorKind::TimedOut.into()),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(stream),
        }
    }

    fn converse(&self, stream: TcpStream, deadline: Instant) -> Result<Sign, ProbeError> {
        let handshake = |error| ProbeError::Handshake(error);
        let mut socket = Socket::new(Arc::new(stream), &self.shared.limits).map_err(handshake)?;
        socket.give(deadline.saturating_duration_since(Instant::now()));
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

    fn happened(&self) -> Happened {
        let Counters { accepted, turned_away, sent_bytes, .. } = &self.shared.counters;
        let [accepted, turned_away, sent_bytes] =
            [accepted, turned_away, sent_bytes].map(|counter| counter.load(Ordering::Relaxed));
        Happened { accepted, turned_away, sent_bytes }
    }
}

/// What a server did so far.
struct Happened {
    accepted: u64,
    turned_away: u64,
    sent_bytes: u64,
}

/// Our own refusal of a client that shows no certificate.
fn asks_for_certificate(error: &io::Error) -> bool {
    let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    of_tls == Some(&rustls::Error::AlertReceived(AlertDescription::CertificateRequired))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::fixtures::{Refusing, certified, client_session};
    use crate::server::{Limits, Transport};
    use crate::supervise::supervisor;
    use rustix::net::listen;
    use std::net::{Shutdown, TcpListener};

    /// Lets connections through to `server`, from another address.
    fn proxy(server: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
                let (mut there, mut back) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || io::copy(&mut there, &mut &server));
                // Both ends of it, whichever half is closed.
                thread::spawn(move || {
                    io::copy(&mut back, &mut &client).ok();
                    client.shutdown(Shutdown::Both)
                });
            }
        });
        address
    }

    /// A port that takes connections and never answers.
    fn silent() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").unwrap()
    }

    /// A port where connecting takes for ever, and what has to be kept for it.
    fn full() -> (SocketAddr, TcpListener, TcpStream) {
        let listener = silent();
        listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let waiting = TcpStream::connect(address).unwrap();
        (address, listener, waiting)
    }

    /// A server, and a probe that asks it at `targets`.
    fn probed(
        limits: Limits,
        deadline: Duration,
        targets: impl FnOnce(SocketAddr) -> Vec<SocketAddr>,
    ) -> (Server, Probe) {
        let slot = certified();
        let (supervisor, _events) = supervisor();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let transport = Transport::Tls(Arc::clone(&slot));
        let service = Arc::new(Refusing);
        let server =
            Server::start("test", listener, transport, limits, service, &supervisor).unwrap();
        let timing = Timing { deadline, ..Timing::standard() };
        let probe = Probe {
            shared: Arc::clone(&server.shared),
            targets: targets(server.address),
            slot,
            request: "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(),
            timing,
            life: Arc::new(Life::new(timing.silence)),
        };
        (server, probe)
    }

    #[test]
    fn what_comes_through_a_proxy_has_a_place_like_everybody() {
        // Less than the probe may take.
        let handshake = Duration::from_secs(1);
        let limits = Limits { handshake, ..Limits::admission() };
        let (server, probe) = probed(limits, handshake * 2, |server| vec![proxy(server)]);
        for turn in 1..=3 {
            assert_eq!(probe.turn().unwrap(), Sign::Answered);
            assert_eq!(server.counters().accepted.load(Ordering::Relaxed), turn);
        }
    }

    #[test]
    fn turned_away_behind_a_proxy_is_no_death() {
        let newcomer = Duration::from_millis(100);
        let limits = Limits { connections: 1, newcomer, ..Limits::admission() };
        let (server, probe) = probed(limits, Duration::from_secs(8), |server| vec![proxy(server)]);
        let stream = TcpStream::connect(server.address).unwrap();
        let mut busy = StreamOwned::new(client_session(&probe.slot), stream);
        busy.write_all(b"GET").unwrap();
        while server.busy_connections() == 0 {
            thread::yield_now();
        }
        assert_eq!(probe.turn().unwrap(), Sign::Busy);
    }

    #[test]
    fn a_probe_ends_at_its_deadline_whatever_is_slow() {
        let deadline = Duration::from_secs(2);
        let ((first, ..), (second, ..), silent) = (&full(), &full(), &silent());
        let silent = silent.local_addr().unwrap();
        for targets in [vec![*first, *second], vec![silent], vec![*first, silent]] {
            let (_server, probe) = probed(Limits::admission(), deadline, |_| targets);
            let begin = Instant::now();
            assert!(probe.turn().is_err(), "{:?}", probe.targets);
            let taken = begin.elapsed();
            assert!(taken < deadline * 3 / 2, "{:?}: {taken:?}", probe.targets);
        }
    }

    #[test]
    fn one_address_that_is_slow_leaves_time_for_the_other() {
        let (first, ..) = &full();
        let deadline = Duration::from_secs(4);
        let (_server, probe) = probed(Limits::admission(), deadline, |server| vec![*first, server]);
        assert_eq!(probe.turn().unwrap(), Sign::Answered);
    }

    #[test]
    fn silence_outlasts_a_slow_probe_and_a_slow_request() {
        let Timing { interval, deadline, silence } = Timing::standard();
        assert!((interval + deadline) * 2 < silence, "one may fail");
        let Limits { request, tick, newcomer, .. } = Limits::admission();
        assert!((request + tick) * 2 < silence);
        assert!(newcomer * 2 < deadline, "a queue of newcomers moves meanwhile");
    }
}
