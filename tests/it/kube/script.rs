//! An HTTPS server that answers as a test wrote down.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

use super::GUARD;

/// A certificate and its key in PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pair {
    /// Signed by itself, for these names.
    pub(crate) fn new(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }
}

/// What is done when a request has come.
pub(crate) enum Reply {
    /// A whole answer: status, further header lines, body.
    Answer(u16, String, Vec<u8>),
    /// Status 200, then these parts; the body ends with the last one.
    Stream(Vec<Part>),
    /// First this, then what follows.
    After(Box<dyn FnOnce() + Send>, Box<Self>),
    /// The connection is closed.
    Close,
    /// These bytes, and nothing else.
    Raw(Vec<u8>),
    /// Nothing, as long as the test runs.
    Silence,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Answer(status, String::new(), body.to_string().into_bytes())
    }
}

/// A part of a body that comes bit by bit.
pub(crate) enum Part {
    /// One chunk.
    Bytes(Vec<u8>),
    /// Waits until the test says so.
    Gate(Receiver<()>),
    /// Bytes without end, one by one, as fast as the socket takes them.
    Drip(u8),
    /// Nothing more, but the connection stays.
    Silence,
    /// The connection breaks off.
    Cut,
}

impl Part {
    pub(crate) fn text(text: impl AsRef<str>) -> Self {
        Self::Bytes(text.as_ref().as_bytes().to_vec())
    }

    /// A gate, and what opens it.
    pub(crate) fn gate() -> (Sender<()>, Self) {
        let (sender, receiver) = mpsc::channel();
        (sender, Self::Gate(receiver))
    }
}

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    /// Method, path and query.
    pub(crate) line: String,
    /// The rest of the head, names in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(prefix.as_str()))
    }
}

/// A server on loopback; closed when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) pair: Pair,
    shared: Arc<Shared>,
}

/// What decides on the answer to each request.
type Answerer = dyn FnMut(&Received) -> Reply + Send;

struct Shared {
    config: Arc<ServerConfig>,
    answer: Mutex<Box<Answerer>>,
    received: Mutex<Vec<Received>>,
    sockets: Mutex<Vec<TcpStream>>,
    ended: (Sender<()>, Mutex<Receiver<()>>),
}

impl Server {
    /// Answers requests with `replies`, in this order and whatever they are;
    /// further ones not at all.
    pub(crate) fn start(replies: Vec<Reply>) -> Self {
        Self::start_with(Pair::new(&["127.0.0.1", "localhost"]), None, replies)
    }

    /// As [`Server::start`], with a certificate, and one that clients need.
    pub(crate) fn start_with(pair: Pair, client: Option<&Pair>, replies: Vec<Reply>) -> Self {
        let mut replies: VecDeque<Reply> = replies.into();
        let answer = move |_: &Received| replies.pop_front().unwrap_or(Reply::Silence);
        Self::start_answering(pair, client, Box::new(answer))
    }

    /// As [`Server::start_with`], with answers that depend on the requests.
    pub(crate) fn start_answering(
        pair: Pair,
        client: Option<&Pair>,
        answer: Box<Answerer>,
    ) -> Self {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let mut roots = RootCertStore::empty();
                roots.add(client.certificate()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        let config = Arc::new(builder.with_single_cert(vec![pair.certificate()], key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, receiver) = mpsc::channel();
        let shared = Arc::new(Shared {
            config,
            answer: Mutex::new(answer),
            received: Mutex::default(),
            sockets: Mutex::default(),
            ended: (sender, Mutex::new(receiver)),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            // Ends with the process: nobody else gets the port meanwhile.
            for socket in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                shared.sockets.lock().unwrap().push(socket.try_clone().unwrap());
                thread::spawn(move || {
                    shared.serve(socket);
                    shared.ended.0.send(()).unwrap();
                });
            }
        });
        Self { address, pair, shared }
    }

    /// The requests that came so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// Method, path and query of the requests that came so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.received().into_iter().map(|received| received.line).collect()
    }

    /// Waits until so many requests came.
    pub(super) fn wait_for_requests(&self, count: usize) {
        let begin = Instant::now();
        while self.shared.received.lock().unwrap().len() < count {
            assert!(begin.elapsed() < GUARD, "fewer than {count} requests");
            thread::yield_now();
        }
    }

    /// How many connections there were so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.sockets.lock().unwrap().len()
    }

    /// Waits until a connection was closed by this server.
    pub(crate) fn wait_for_an_end(&self) {
        self.shared.ended.1.lock().unwrap().recv_timeout(GUARD).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for socket in self.shared.sockets.lock().unwrap().drain(..) {
            // It may be closed already.
            socket.shutdown(Shutdown::Both).ok();
        }
    }
}

type Stream = BufReader<StreamOwned<ServerConnection, TcpStream>>;

impl Shared {
    fn serve(&self, socket: TcpStream) {
        socket.set_nodelay(true).unwrap();
        let closing = socket.try_clone().unwrap();
        let connection = ServerConnection::new(Arc::clone(&self.config)).unwrap();
        let mut stream = BufReader::new(StreamOwned::new(connection, socket));
        while let Some(received) = receive(&mut stream) {
            let reply = (self.answer.lock().unwrap())(&received);
            self.received.lock().unwrap().push(received);
            if !answer(&mut stream, reply) {
                break;
            }
        }
        // Another handle keeps it open. The client may have closed it.
        closing.shutdown(Shutdown::Both).ok();
    }
}

fn receive(stream: &mut Stream) -> Option<Received> {
    let mut received = Received::default();
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    received.line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let name = name.to_ascii_lowercase();
        if name == "content-length" {
            length = value.parse().unwrap();
        }
        received.head.push_str(&format!("{name}: {value}\n"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    received.body = String::from_utf8(body).unwrap();
    Some(received)
}

/// Whether the connection goes on.
fn answer(stream: &mut Stream, reply: Reply) -> bool {
    let mut send = |bytes: &[u8]| {
        let stream = stream.get_mut();
        stream.write_all(bytes).and_then(|()| stream.flush()).is_ok()
    };
    match reply {
        Reply::Answer(status, head, body) => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} -\r\nContent-Length: {length}\r\n{head}\r\n");
            send(&[head.as_bytes(), &body].concat())
        }
        Reply::Stream(parts) => {
            send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                && parts.into_iter().all(|part| play(part, &mut send))
                && send(b"0\r\n\r\n")
        }
        Reply::After(first, reply) => {
            first();
            answer(stream, *reply)
        }
        Reply::Close => false,
        Reply::Raw(bytes) => {
            send(&bytes);
            false
        }
        // Until the other side closes, or the test ends.
        Reply::Silence => stream.read(&mut [0]).is_ok_and(|_| false),
    }
}

/// Whether the body goes on.
fn play(part: Part, send: &mut impl FnMut(&[u8]) -> bool) -> bool {
    match part {
        Part::Bytes(bytes) => {
            send(format!("{:x}\r\n", bytes.len()).as_bytes()) && send(&bytes) && send(b"\r\n")
        }
        Part::Gate(gate) => gate.recv_timeout(GUARD).is_ok(),
        Part::Drip(byte) => {
            while send(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']) {}
            false
        }
        Part::Silence => {
            // Woken by nobody; ends with the process.
            thread::park_timeout(GUARD);
            false
        }
        Part::Cut => false,
    }
}
