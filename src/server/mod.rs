//! A web server for one [`Service`]: HTTP/1.1 over TLS or plain, one blocking
//! thread per connection, every bound in [`Limits`].
//!
//! It knows nothing of admission. Of four engines that were measured this is
//! among the shortest; its threads keep small requests quick beside large
//! ones, and only beyond hundreds of idle connections would an event loop save
//! memory that matters.

mod answer;
mod buffer;
mod connection;
#[cfg(test)]
mod fixtures;
pub mod http;
mod life;
pub mod limits;
mod listener;
pub mod operations;
pub mod probe;
mod reservation;
pub mod routes;
mod counters;
mod seats;
mod session;
mod socket;
mod stream;
mod tls;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub use self::answer::{Answer, Status};
pub use self::counters::{Counters, HandshakeFailure, Limit};
pub use self::http::Head;
pub use self::life::Life;
pub use self::limits::Limits;
pub use self::listener::bind;
pub use self::tls::{Served, TlsSlot, TlsState, served};

use bumpalo::Bump;

use self::buffer::Budget;
use self::reservation::Reservation;
use self::seats::Seats;
use crate::metrics::server::ServerMetrics;
use crate::supervise::{SuperviseError, Supervisor};

/// What is served. Called from many threads at once.
pub trait Service: Send + Sync + 'static {
    /// Refuses by what the head says, before the body is read. Asked once, or
    /// twice when the body comes late: it should only look.
    ///
    /// # Errors
    /// The refusal. The connection is closed when there is a body to come.
    fn check(&self, head: &Head<'_>) -> Result<(), Answer>;

    /// Answers a whole request. `arena` is for what is needed meanwhile: it
    /// is the connection's, and empty.
    fn answer(&self, head: &Head<'_>, body: &[u8], arena: &Bump) -> Answer;

    /// Answers the request at which [`Service::answer`] panicked; the
    /// connection is closed afterwards. Should only do what cannot panic.
    fn panicked(&self, head: &Head<'_>, body: &[u8]) -> Answer;
}

/// What a connection's bytes go through.
pub enum Transport {
    /// Nothing.
    Plain,
    /// TLS with what the slot holds at the handshake.
    Tls(Arc<TlsSlot>),
}

/// A running server. It runs until the process ends, also when this is dropped.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
}

/// What the threads of one server have in common.
struct Shared {
    name: String,
    limits: Limits,
    transport: Transport,
    service: Arc<dyn Service>,
    seats: Arc<Seats>,
    budget: Arc<Budget>,
    counters: Counters,
    reservation: Reservation,
    stage: AtomicUsize,
}

/// The stages of a server's life.
const SERVING: usize = 0;
const DRAINING: usize = 1;
const CLOSING: usize = 2;

impl Shared {
    fn new(name: &str, transport: Transport, limits: Limits, service: Arc<dyn Service>) -> Self {
        Self {
            name: name.to_owned(),
            limits,
            transport,
            service,
            seats: Arc::new(Seats::new(limits.connections, limits.newcomer)),
            budget: Arc::new(Budget::new(limits.in_flight_bytes)),
            counters: Counters::default(),
            reservation: Reservation::new(),
            stage: AtomicUsize::new(SERVING),
        }
    }

    fn is_draining(&self) -> bool {
        self.stage.load(Ordering::Relaxed) >= DRAINING
    }

    fn is_closing(&self) -> bool {
        self.stage.load(Ordering::Relaxed) >= CLOSING
    }
}

impl Server {
    /// Starts to serve on a vital thread of `supervisor`; `name` stands in the
    /// log and in the names of the threads.
    ///
    /// # Errors
    /// When the socket cannot be set up or the thread cannot be started.
    pub fn start(
        name: &str,
        listener: TcpListener,
        transport: Transport,
        limits: Limits,
        service: Arc<dyn Service>,
        supervisor: &Supervisor,
    ) -> Result<Self, ServerError> {
        listener::prepare(&listener).map_err(ServerError::Listener)?;
        let address = listener.local_addr().map_err(ServerError::Listener)?;
        let shared = Arc::new(Shared::new(name, transport, limits, service));
        let accepting = Arc::clone(&shared);
        supervisor
            .spawn_vital(name, move || listener::run(&listener, &accepting))
            .map_err(ServerError::Thread)?;
        Ok(Self { shared, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.shared.seats.taken()
    }

    /// Those of them that are in a request: at the cap, the load.
    pub fn busy_connections(&self) -> usize {
        self.shared.seats.busy()
    }

    /// Whether a newcomer waits for a place.
    pub fn newcomer_waits(&self) -> bool {
        self.shared.seats.newcomer_waits()
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// What a scrape tells of this server.
    pub fn metrics(&self) -> ServerMetrics {
        let Counters { accepted, evicted, turned_away, accept_errors, .. } = self.counters();
        let Counters { refused, received_bytes, sent_bytes, panics, .. } = self.counters();
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let failures = HandshakeFailure::ALL.into_iter();
        let limits = Limit::ALL.into_iter();
        ServerMetrics {
            open: self.open_connections(),
            accepted: load(accepted),
            evicted: load(evicted),
            turned_away: load(turned_away),
            accept_errors: load(accept_errors),
            received_bytes: load(received_bytes),
            sent_bytes: load(sent_bytes),
            handshake_failures: failures
                .map(|kind| (kind.as_str(), self.counters().handshake_failures(kind)))
                .collect(),
            limits: limits.map(|limit| (limit.as_str(), self.counters().hits(limit))).collect(),
            refused: load(refused),
            panics: load(panics),
        }
    }

    /// From now on every answer says `Connection: close`.
    pub fn begin_drain(&self) {
        self.shared.stage.fetch_max(DRAINING, Ordering::Relaxed);
    }

    /// Ends the server so that no answer is lost. Blocks.
    ///
    /// For as long as `serve` everything is served as before, new connections
    /// too: the cluster goes on sending until it has learnt that this pod
    /// leaves, and never tells its open connections. Every answer says
    /// `Connection: close`. Then idle connections are closed, newcomers are
    /// not answered, and those in a request get the time of one request more.
    /// Returns how many were left even then.
    pub fn drain(&self, serve: Duration) -> usize {
        self.begin_drain();
        thread::sleep(serve);
        self.shared.stage.store(CLOSING, Ordering::Relaxed);
        self.shared.seats.dismiss(Instant::now() + self.shared.limits.request)
    }
}

/// Why a server does not start.
#[derive(Debug)]
pub enum ServerError {
    /// The address cannot be listened on.
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The listening socket cannot be set up.
    Listener(io::Error),
    /// The accepting thread cannot be started.
    Thread(SuperviseError),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, .. } => write!(f, "cannot listen on {address}"),
            Self::Listener(_) => f.write_str("cannot set up the listening socket"),
            Self::Thread(_) => f.write_str("cannot start the server"),
        }
    }
}

impl std::error::Error for ServerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } | Self::Listener(source) => Some(source),
            Self::Thread(source) => Some(source),
        }
    }
}
