//! The web server on real loopback sockets, with a real TLS client.

mod capacity;
mod certificates;
mod counted;
mod deadlines;
mod drain;
mod forged;
mod framing;
mod leaving;
mod life;
mod records;
mod tls;

use bumpalo::Bump;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use detour::certs::dev;
use detour::server::{Answer, Head, Limits, Server, Service, Status, TlsSlot, Transport};
use detour::supervise::{Events, Supervisor, supervisor};
use rustls::crypto::ring;
use rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

/// Ends a test that hangs; no test passes by waiting for it.
const GUARD: Duration = Duration::from_secs(20);

/// Bytes of the answer to `/large`: more than the buffers of two sockets.
const LARGE: usize = 32 * 1024 * 1024;

/// Limits under which a test does not wait for long.
pub(crate) const LIMITS: Limits =
    Limits { tick: Duration::from_millis(20), request: GUARD, ..Limits::admission() };

/// A service that does what the path says.
struct Echo {
    /// Told when a request to `/gate` has come in.
    entered: Sender<()>,
    /// Lets one request to `/gate` go on.
    gate: Mutex<Receiver<()>>,
}

impl Service for Echo {
    fn check(&self, head: &Head<'_>) -> Result<(), Answer> {
        match (head.method, head.path) {
            (_, "/missing") => Err(Answer::refusal(Status::NotFound)),
            (_, "/panic-in-check") => panic!("a test's panic"),
            ("DELETE", _) => {
                Err(Answer::refusal(Status::MethodNotAllowed).with_header("Allow", "POST"))
            }
            _ => Ok(()),
        }
    }

    fn answer(&self, head: &Head<'_>, body: &[u8], _arena: &Bump) -> Answer {
        match head.path {
            "/panic" => panic!("a test's panic"),
            "/large" => return Answer::new(Status::Ok, "text/plain", vec![b'a'; LARGE]),
            "/gate" => {
                self.entered.send(()).unwrap();
                self.gate.lock().unwrap().recv().unwrap();
            }
            _ => {}
        }
        let text = format!("{} {} {}", head.method, head.path, body.len());
        let answer = Answer::new(Status::Ok, "text/plain", text.into_bytes());
        Answer { valued: head.path == "/valued", ..answer }
    }

    fn panicked(&self, _: &Head<'_>, body: &[u8]) -> Answer {
        let text = format!("survived {}", body.len());
        Answer::new(Status::Ok, "text/plain", text.into_bytes())
    }
}

/// A running server and what a test needs to talk with it.
struct Fixture {
    server: Server,
    /// The certificate to trust; none for a plain server.
    certificate: Option<String>,
    entered: Receiver<()>,
    gate: Sender<()>,
    supervisor: Supervisor,
    _events: Events,
}

pub(crate) fn loopback() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn start_with(listener: TcpListener, transport: Transport, limits: Limits) -> Fixture {
    let (supervisor, events) = supervisor();
    let (entered_sender, entered) = mpsc::channel();
    let (gate, gate_receiver) = mpsc::channel();
    let service = Arc::new(Echo { entered: entered_sender, gate: Mutex::new(gate_receiver) });
    let server = Server::start("test", listener, transport, limits, service, &supervisor).unwrap();
    Fixture { server, certificate: None, entered, gate, supervisor, _events: events }
}

/// A server with TLS and a development certificate.
fn start(limits: Limits) -> Fixture {
    let development = dev::generate().unwrap();
    let slot = Arc::new(TlsSlot::empty());
    slot.set(development.served);
    let fixture = start_with(loopback(), Transport::Tls(slot), limits);
    Fixture { certificate: Some(development.certificate_pem), ..fixture }
}

/// A server without TLS.
fn start_plain(limits: Limits) -> Fixture {
    start_with(loopback(), Transport::Plain, limits)
}

impl Fixture {
    fn connect(&self) -> Client {
        match &self.certificate {
            Some(certificate) => connect_tls(self.server.address(), certificate),
            None => Client { stream: Box::new(connect(self.server.address())) },
        }
    }

    /// A client that has done a request, so that its connection has a place
    /// and a rank.
    fn connect_and_ask(&self, path: &str) -> Client {
        let mut client = self.connect();
        self.ask(&mut client, path);
        client
    }

    /// Sends what is not heard to its end: the connection is cut, and the next
    /// one served.
    fn cuts(&self, socket: &mut TcpStream, flood: &[u8]) {
        // The server may have closed before all of it was written.
        let _ = socket.write_all(flood);
        eventually("it is cut", || self.server.open_connections() == 0);
        self.serves();
    }

    /// Whatever came before, the next well-formed request is answered within a
    /// second.
    fn serves(&self) {
        let begin = Instant::now();
        assert_eq!(self.connect().post("/echo", b"ab").body, "POST /echo 2");
        let taken = begin.elapsed();
        assert!(taken < Duration::from_secs(1), "{taken:?}");
    }

    /// Does a request, and waits until the server takes its connection for
    /// idle, which is a moment after the answer.
    fn ask(&self, client: &mut Client, path: &str) {
        assert_eq!(client.post(path, b"").status, 200);
        eventually("it is idle", || self.server.busy_connections() == 0);
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(GUARD)).unwrap();
    stream.set_write_timeout(Some(GUARD)).unwrap();
    stream
}

/// A client that trusts one certificate and nothing else.
pub(crate) fn client_config(certificate_pem: &str) -> ClientConfig {
    client_config_for(certificate_pem, ALL_VERSIONS)
}

fn client_config_for(
    certificate_pem: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate_pem.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

pub(crate) fn client_stream(
    address: SocketAddr,
    config: ClientConfig,
) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(session, connect(address))
}

pub(crate) fn connect_tls(address: SocketAddr, certificate_pem: &str) -> Client {
    Client { stream: Box::new(client_stream(address, client_config(certificate_pem))) }
}

pub(crate) trait Duplex: Read + Write {}
impl<T: Read + Write> Duplex for T {}

pub(crate) struct Client {
    pub(crate) stream: Box<dyn Duplex>,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn closes(&self) -> bool {
        self.head.contains("\r\nConnection: close\r\n")
    }
}

fn post_head(path: &str, bytes: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n")
}

impl Client {
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self.stream.flush().unwrap();
    }

    fn post(&mut self, path: &str, body: &[u8]) -> Response {
        self.send([post_head(path, body.len()).as_bytes(), body].concat());
        self.receive()
    }

    fn receive_head(&mut self) -> String {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            assert_eq!(self.stream.read(&mut byte).unwrap(), 1, "ended in the head");
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    pub(crate) fn receive(&mut self) -> Response {
        let head = self.receive_head();
        let length = head.split_once("Content-Length: ").unwrap().1.split_once('\r').unwrap().0;
        let mut body = vec![0; length.parse().unwrap()];
        self.stream.read_exact(&mut body).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Response { status, head, body: String::from_utf8(body).unwrap() }
    }

    /// The server closed: nothing more comes. For TLS this includes that it
    /// said so by close_notify.
    pub(crate) fn ends(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0))
    }
}

/// Waits for what other threads are about to do, and fails if they do not.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < GUARD, "never happened: {what}");
        thread::yield_now();
    }
}
