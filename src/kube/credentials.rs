//! What a connection to the API server is made from, wherever it is read.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::limits::FILE_BYTES_MAX;
use crate::client::{Client, Identity, Limits, Origin, Proxy, Settings, SetupError};

/// Credentials as they were at one moment.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    /// A change of this needs a new client.
    pub(super) connection: Connection,
    /// Sent with every request.
    pub(super) token: Option<String>,
}

/// What a client is made from. Certificates and keys are in PEM, and beside
/// each stands where it was read.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Connection {
    pub(super) origin: Origin,
    pub(super) roots: Material,
    pub(super) identity: Option<(Material, Material)>,
    pub(super) server_name: Option<String>,
    /// As a URL.
    pub(super) proxy: Option<String>,
}

/// Bytes, and what to call them. Not to be printed: they may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Material {
    /// Where they were read.
    pub name: String,
    /// What was read.
    pub bytes: Vec<u8>,
}

impl Material {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is larger than [`FILE_BYTES_MAX`].
    pub fn read(path: &Path) -> Result<Self, CredentialError> {
        let name = path.display().to_string();
        let bytes = read(path)?;
        Ok(Self { name, bytes })
    }

    /// The certificates in PEM; at least one.
    ///
    /// # Errors
    /// When there is none, or one that is not well-formed.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
        let none = || CredentialError::NoCertificate { name: self.name.clone() };
        let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.bytes).collect();
        // A parser's error may quote what it read.
        let certificates = parsed.map_err(|_| none())?;
        if certificates.is_empty() { Err(none()) } else { Ok(certificates) }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, CredentialError> {
        PrivateKeyDer::from_pem_slice(&self.bytes)
            .map_err(|_| CredentialError::NoKey { name: self.name.clone() })
    }

    /// The text of a token; none when there is nothing but blanks.
    pub(super) fn token(self) -> Result<Option<String>, CredentialError> {
        let refused = || CredentialError::NoToken { name: self.name.clone() };
        let text = str::from_utf8(&self.bytes).map_err(|_| refused())?.trim();
        // What may stand in a header field, RFC 6750 §2.1 and some more.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused());
        }
        Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
    }
}

impl Connection {
    pub(super) fn client(&self, limits: Limits) -> Result<Client, CredentialError> {
        let identity = match &self.identity {
            Some((chain, key)) => Some(Identity { chain: chain.certificates()?, key: key.key()? }),
            None => None,
        };
        let server_name = match self.server_name.clone().map(ServerName::try_from) {
            Some(Ok(name)) => Some(name),
            Some(Err(_)) => return Err(CredentialError::ServerName),
            None => None,
        };
        let settings = Settings {
            origin: self.origin.clone(),
            roots: self.roots.certificates()?,
            identity,
            server_name,
            proxy: self.proxy.as_deref().map(Proxy::parse).transpose()?,
            limits,
        };
        Ok(Client::new(settings)?)
    }
}

/// Reads a file of at most [`FILE_BYTES_MAX`].
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CredentialError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|source| CredentialError::Read { path: path.to_owned(), source })?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(CredentialError::FileTooLarge { path: path.to_owned() }),
        false => Ok(bytes),
    }
}

/// Why there are no credentials. No variant holds a secret.
#[derive(Debug)]
pub enum CredentialError {
    /// This is no pod: the variable is not set.
    NotInCluster {
        /// Its name.
        variable: &'static str,
    },
    /// A file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is larger than [`FILE_BYTES_MAX`].
    FileTooLarge {
        /// The file.
        path: PathBuf,
    },
    /// No certificate, or one that is not well-formed PEM.
    NoCertificate {
        /// Where one should be.
        name: String,
    },
    /// No private key that can be read.
    NoKey {
        /// Where one should be.
        name: String,
    },
    /// No token, or one that cannot be sent.
    NoToken {
        /// Where one should be.
        name: String,
    },
    /// The kubeconfig cannot be used.
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The name in `tls-server-name` is none.
    ServerName,
    /// A client cannot be made.
    Setup(SetupError),
}

impl From<SetupError> for CredentialError {
    fn from(error: SetupError) -> Self {
        Self::Setup(error)
    }
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInCluster { variable } => write!(
                f,
                "this is no pod of a cluster, {variable} is not set: name a kubeconfig file"
            ),
            Self::Read { path, .. } => write!(f, "cannot read {}", path.display()),
            Self::FileTooLarge { path } => {
                write!(f, "{} is larger than {FILE_BYTES_MAX} bytes", path.display())
            }
            Self::NoCertificate { name } => {
                write!(f, "{name} holds no certificate in well-formed PEM")
            }
            Self::NoKey { name } => {
                write!(f, "{name} holds no private key in well-formed PEM, not encrypted")
            }
            Self::NoToken { name } => write!(f, "{name} holds no token"),
            Self::Kubeconfig { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::ServerName => f.write_str("tls-server-name is neither a name nor an address"),
            Self::Setup(error) => write!(f, "{error}"),
        }
    }
}

impl Error for CredentialError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Setup(error) => error.source(),
            _ => None,
        }
    }
}
