//! One blocking HTTPS client: everything about it has a bound. HTTP without TLS
//! is spoken only to an [`Origin`] that was asked to be plain.
//!
//! A client belongs to one server. It trusts the roots it is given and no
//! others, follows no redirect, keeps no cookie and asks for no compression.

mod error;
mod limits;
mod proxy;
mod resolve;
mod setup;
mod tls;

pub use error::{ClientError, Phase};
pub use limits::Limits;
pub use proxy::{Proxy, ProxyVariables};
pub use setup::{Identity, Origin, Settings, SetupError};

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ureq::http::header::{HeaderName, LOCATION, RETRY_AFTER};
use ureq::http::{HeaderMap, Response};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};
use ureq::{Agent, AsSendBody, Body};

/// How the server may know us.
const AGENT: &str = concat!("detour/", env!("CARGO_PKG_VERSION"));

pub use ureq::http::Method;

/// A request to the client's server.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// What to do.
    pub method: &'r Method,
    /// The path below the server's own, from the slash on, with the query.
    pub path: &'r str,
    /// Further header fields; names in lower case.
    pub headers: &'r [(&'static str, &'r str)],
    /// Sent with its length.
    pub body: Option<&'r [u8]>,
    /// Most bytes of the answer's body.
    pub answer_bytes: usize,
    /// The deadline for the answer's body.
    pub body_deadline: Duration,
}

/// A whole answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// What `Retry-After` says in seconds; a date is not understood.
    pub fn retry_after(&self) -> Option<Duration> {
        self.text(&RETRY_AFTER)?.trim().parse().ok().map(Duration::from_secs)
    }

    /// A field of the head, by its name in lower case.
    pub fn header(&self, name: &'static str) -> Option<&str> {
        self.text(&HeaderName::from_static(name))
    }

    /// Where a redirect leads.
    pub fn location(&self) -> Option<&str> {
        self.text(&LOCATION)
    }

    fn text(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer whose body comes bit by bit.
pub struct Opened {
    /// The status code.
    pub status: u16,
    headers: HeaderMap,
    body: ureq::BodyReader<'static>,
    limit: usize,
}

impl Opened {
    /// Reads what has come, at most as much as fits; 0 at the end.
    ///
    /// # Errors
    /// When the connection breaks off before the end, or the deadline passes.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ClientError> {
        self.body.read(buffer).map_err(|error| ClientError::new(ureq::Error::from(error)))
    }

    /// Reads the rest.
    ///
    /// # Errors
    /// As [`Opened::read`], and when it is larger than the request allows.
    pub fn finish(mut self) -> Result<Answer, ClientError> {
        let mut body = Vec::new();
        let read = self.body.by_ref().take(self.limit as u64 + 1).read_to_end(&mut body);
        read.map_err(|error| ClientError::new(ureq::Error::from(error)))?;
        match body.len() > self.limit {
            true => Err(ClientError::TooLarge(self.limit)),
            false => Ok(Answer { status: self.status, headers: self.headers, body }),
        }
    }
}

/// A client of one server. Calls from several threads use a connection each.
pub struct Client {
    agent: Agent,
    origin: Origin,
    limits: Limits,
    is_shut_down: AtomicBool,
}

impl Client {
    /// A client with these settings; nothing is connected yet.
    ///
    /// # Errors
    /// When there are no roots, a root is unreadable, or the client's key is
    /// not that of its certificate.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        let config = tls::client_config(&settings)?;
        let Settings { origin, server_name, proxy, limits, .. } = settings;
        let tls = tls::TlsConnector {
            config,
            server_name: server_name.unwrap_or_else(|| origin.name.clone()),
            handshake: limits.handshake,
        };
        let connector =
            ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default()).chain(tls);
        let config = Agent::config_builder()
            .https_only(!origin.is_plain)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(AGENT)
            .accept_encoding("")
            .proxy(proxy.map(|proxy| proxy.0))
            .max_response_header_size(limits.head_bytes)
            .max_idle_age(limits.idle)
            .timeout_resolve(Some(limits.resolve))
            .timeout_connect(Some(limits.connect))
            .timeout_send_request(Some(limits.send))
            .timeout_send_body(Some(limits.send))
            .timeout_recv_response(Some(limits.head))
            .build();
        let agent = Agent::with_parts(config, connector, resolve::ThreadResolver);
        Ok(Self { agent, origin, limits, is_shut_down: AtomicBool::new(false) })
    }

    /// The bounds that it was made with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When there is no whole answer; a status is none.
    pub fn send(&self, request: &Request<'_>) -> Result<Answer, ClientError> {
        self.open(request)?.finish().map_err(|error| self.told(error))
    }

    /// Sends a request and reads the head of the answer.
    ///
    /// # Errors
    /// When there is no head.
    pub fn open(&self, request: &Request<'_>) -> Result<Opened, ClientError> {
        let response = match request.body {
            Some(body) => self.run(request, body),
            None => self.run(request, ()),
        };
        let response = response.map_err(|error| self.told(ClientError::new(error)))?;
        let (parts, body) = response.into_parts();
        Ok(Opened {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.into_reader(),
            limit: request.answer_bytes,
        })
    }

    fn run(
        &self,
        request: &Request<'_>,
        body: impl AsSendBody,
    ) -> Result<Response<Body>, ureq::Error> {
        let url = format!("{}{}", self.origin.url, request.path);
        let mut builder = ureq::http::Request::builder().method(request.method).uri(url);
        for (name, value) in request.headers {
            builder = builder.header(*name, *value);
        }
        let request_with_body = builder.body(body)?;
        let configured = self
            .agent
            .configure_request(request_with_body)
            .timeout_recv_body(Some(request.body_deadline))
            .build();
        self.agent.run(configured)
    }

    /// Closes every connection, also those in use by other threads, whose
    /// calls fail at once. No call succeeds from now on.
    pub fn shutdown(&self) {
        self.is_shut_down.store(true, Ordering::Relaxed);
        self.agent.clone().shutdown();
    }

    fn told(&self, error: ClientError) -> ClientError {
        match self.is_shut_down.load(Ordering::Relaxed) {
            true => ClientError::ShutDown,
            false => error,
        }
    }
}
