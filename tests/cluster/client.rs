//! A blocking HTTP/1.1 client: one connection that stays open.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::Value;

/// Longest wait for the next bytes.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// After this time without a request a new connection is made: the API server
/// closes idle ones after 90 s.
const IDLE_MAX: Duration = Duration::from_secs(30);

trait Duplex: Read + Write + Send {}
impl<T: Read + Write + Send> Duplex for T {}
type Stream = BufReader<Box<dyn Duplex>>;

/// A whole response.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| Value::from(self.text()))
    }
}

/// A client of one server.
pub(crate) struct Client {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    open: Mutex<Option<(Stream, Instant)>>,
}

impl Client {
    /// A client over TLS, or in the clear.
    pub(crate) fn new(address: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Self {
        Self { address, tls, open: Mutex::new(None) }
    }

    /// Sends a request and reads its response.
    ///
    /// # Errors
    /// Whatever the connection meets; the next request makes a new one.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: &[u8],
    ) -> io::Result<Response> {
        let mut open = self.open.lock().unwrap();
        let mut stream = match open.take() {
            Some((stream, used)) if used.elapsed() < IDLE_MAX => stream,
            _ => self.connect()?,
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {media_type}\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        stream.get_mut().flush()?;
        let (response, stays_open) = read_response(&mut stream)?;
        *open = stays_open.then(|| (stream, Instant::now()));
        Ok(response)
    }

    fn connect(&self) -> io::Result<Stream> {
        let socket = TcpStream::connect_timeout(&self.address, SILENCE_MAX)?;
        socket.set_read_timeout(Some(SILENCE_MAX))?;
        socket.set_write_timeout(Some(SILENCE_MAX))?;
        socket.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(BufReader::new(Box::new(socket))) };
        let name = self.address.ip().into();
        let connection = ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
        Ok(BufReader::new(Box::new(StreamOwned::new(connection, socket))))
    }
}

/// The response, and whether the connection stays open.
fn read_response(stream: &mut Stream) -> io::Result<(Response, bool)> {
    let status_line = read_line(stream)?;
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status: {status_line:?}")))?;
    let (mut length, mut is_chunked, mut stays_open) = (0, false, true);
    loop {
        let line = read_line(stream)?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().map_err(io::Error::other)?,
            Some(("transfer-encoding", value)) => is_chunked = value == "chunked",
            Some(("connection", value)) => stays_open = value != "close",
            _ => {}
        }
    }
    let mut body = Vec::new();
    match is_chunked {
        true => read_chunks(stream, &mut body)?,
        false => read_exactly(stream, length, &mut body)?,
    }
    Ok((Response { status, body }, stays_open))
}

fn read_chunks(stream: &mut Stream, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let line = read_line(stream)?;
        let length = u64::from_str_radix(&line, 16).map_err(io::Error::other)?;
        read_exactly(stream, length, body)?;
        read_line(stream)?;
        if length == 0 {
            return Ok(());
        }
    }
}

fn read_exactly(stream: &mut Stream, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    let read = stream.take(length).read_to_end(body)?;
    if read as u64 == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn read_line(stream: &mut Stream) -> io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}

/// The Kubernetes API as an administrator sees it.
pub(crate) struct Api(pub(crate) Client);

impl Api {
    /// The status and the object, or the server's complaint.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: &Value,
    ) -> (u16, Value) {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let response = self.0.send(method, path, media_type, &bytes);
        let response = response.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        (response.status, response.json())
    }

    fn expect(&self, method: &str, path: &str, media_type: &str, body: &Value) -> Value {
        let (status, object) = self.request(method, path, media_type, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {object}");
        object
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.expect("GET", path, "application/json", &Value::Null)
    }

    pub(crate) fn create(&self, path: &str, object: &Value) -> Value {
        self.expect("POST", path, "application/json", object)
    }

    /// A JSON merge patch.
    pub(crate) fn patch(&self, path: &str, patch: &Value) -> Value {
        self.expect("PATCH", path, "application/merge-patch+json", patch)
    }

    pub(crate) fn delete(&self, path: &str) -> Value {
        self.expect("DELETE", path, "application/json", &Value::Null)
    }

    /// Text, such as `/metrics`.
    pub(crate) fn text(&self, path: &str) -> String {
        self.0.send("GET", path, "text/plain", &[]).unwrap().text()
    }
}
