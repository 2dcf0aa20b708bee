//! What a client is made of.

use std::fmt;

use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use ureq::http::Uri;

use super::{Limits, Proxy};

/// What a client is made of.
#[derive(Debug)]
pub struct Settings {
    /// The server.
    pub origin: Origin,
    /// Whose certificates are trusted; at least one, but for a plain origin.
    pub roots: Vec<CertificateDer<'static>>,
    /// Who we are; none for no client certificate.
    pub identity: Option<Identity>,
    /// The name that the server's certificate must be for; none for the host
    /// of the origin.
    pub server_name: Option<ServerName<'static>>,
    /// The proxy on the way.
    pub proxy: Option<Proxy>,
    /// The bounds.
    pub limits: Limits,
}

/// A client certificate. `Debug` does not print the key.
#[derive(Debug)]
pub struct Identity {
    /// The chain, the leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
}

/// The server of a client: `https://host[:port][/path]`, or `http://…` where
/// that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Without a slash at the end.
    pub(super) url: String,
    pub(super) name: ServerName<'static>,
    /// The host; an IPv6 address without brackets.
    pub host: String,
    /// The port; 443 when left out, 80 without TLS.
    pub port: u16,
    /// Whether it is spoken to without TLS: everybody on the way reads along.
    pub is_plain: bool,
}

impl Origin {
    /// Reads a URL.
    ///
    /// # Errors
    /// When it is none, not of HTTPS, or has a user, a password or a query.
    pub fn parse(url: &str) -> Result<Self, SetupError> {
        match Self::parse_insecure(url)? {
            Self { is_plain: true, .. } => {
                Err(SetupError::Origin { reason: "it must begin with https://" })
            }
            origin => Ok(origin),
        }
    }

    /// As [`Origin::parse`], but `http://` will do as well.
    ///
    /// # Errors
    /// As there.
    pub fn parse_insecure(url: &str) -> Result<Self, SetupError> {
        let refused = |reason| SetupError::Origin { reason };
        let uri: Uri = url.parse().map_err(|_| refused("it is no URL"))?;
        let (is_plain, default_port) = match uri.scheme_str() {
            Some("https") => (false, 443),
            Some("http") => (true, 80),
            _ => return Err(refused("it must begin with https://")),
        };
        let (Some(authority), Some(host)) = (uri.authority(), uri.host()) else {
            return Err(refused("it names no host"));
        };
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(refused("it must not hold a user, a password or a query"));
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host.clone())
            .map_err(|_| refused("its host is neither a name nor an address"))?;
        let port = uri.port_u16().unwrap_or(default_port);
        Ok(Self { url: url.trim_end_matches('/').to_owned(), name, host, port, is_plain })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Why there can be no client.
#[derive(Debug, Clone, PartialEq)]
pub enum SetupError {
    /// The URL of the server cannot be used.
    Origin {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The proxy cannot be used.
    Proxy(&'static str),
    /// No certificate is trusted, so no server could be.
    NoRoots,
    /// A trusted certificate cannot be read.
    Root(rustls::Error),
    /// The client's certificate and key cannot be used.
    Identity(rustls::Error),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin { reason } => write!(f, "the URL of the server cannot be used: {reason}"),
            Self::Proxy(reason) => write!(f, "the proxy cannot be used: {reason}"),
            Self::NoRoots => f.write_str("there is no certificate authority to trust"),
            Self::Root(_) => f.write_str("the certificate authority cannot be read"),
            Self::Identity(_) => f.write_str("the client certificate and its key cannot be used"),
        }
    }
}

impl std::error::Error for SetupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Root(error) | Self::Identity(error) => Some(error),
            _ => None,
        }
    }
}
