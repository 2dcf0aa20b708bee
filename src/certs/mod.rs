//! Certificates and their keys: where they come from, and that they fit.
//!
//! Nothing here prints what a key file holds: PEM parsers quote the line they
//! stumble over, so their errors are replaced, not passed on.

pub mod dev;
pub mod files;
pub mod own;

use std::fmt;
use std::io;
use std::path::PathBuf;

use self::own::dates;
use crate::metrics::certificates::Certificates;
use crate::server::TlsSlot;

/// Tells when the certificate that is served ends, if that can be read.
pub fn tell_served(slot: &TlsSlot, metrics: &Certificates) {
    if let Some(span) = slot.leaf().and_then(|leaf| dates::span(&leaf)) {
        metrics.set_expiry(span.ends);
    }
}

/// Why there is no certificate to serve.
#[derive(Debug)]
pub enum CertificateError {
    /// The file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is larger than any certificate chain or key.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The files are others whenever they are read.
    Restless {
        /// The file of the certificates.
        path: PathBuf,
    },
    /// The file holds no certificate, or one that is not well-formed PEM.
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no key that can be read.
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key belongs to another certificate.
    Mismatch {
        /// The file of the certificates.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// TLS cannot use the certificate or the key.
    Unusable {
        /// The file of the certificates.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
    /// The development certificate cannot be made.
    Generate(Box<dyn std::error::Error + Send + Sync>),
    /// An authority or a certificate that it signs cannot be made.
    Issue(&'static str),
    /// A name that a certificate cannot be for.
    Name(String),
    /// A change of the Secret does not fit what it holds.
    Inapplicable(&'static str),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, .. } => write!(f, "cannot read {}", path.display()),
            Self::TooLarge { path } => {
                write!(f, "{} is larger than {} bytes", path.display(), files::FILE_BYTES_MAX)
            }
            Self::Restless { path } => {
                write!(f, "{} or its key changes whenever it is read", path.display())
            }
            Self::NoCertificate { path } => {
                write!(f, "{} holds no certificate in well-formed PEM", path.display())
            }
            Self::NoKey { path } => write!(
                f,
                "{} holds no private key in well-formed PEM (PKCS#8, PKCS#1 or SEC1, \
                 not encrypted)",
                path.display()
            ),
            Self::Mismatch { certificate, key } => write!(
                f,
                "the key in {} is not that of the first certificate in {}",
                key.display(),
                certificate.display()
            ),
            Self::Unusable { certificate, key, .. } => {
                write!(f, "cannot serve {} with {}", certificate.display(), key.display())
            }
            Self::Generate(_) => f.write_str("cannot make a development certificate"),
            Self::Issue(reason) => write!(f, "cannot issue a certificate: {reason}"),
            Self::Name(name) => write!(f, "no certificate can be for {name:?}"),
            Self::Inapplicable(change) => write!(f, "the Secret is not one to {change}"),
        }
    }
}

impl std::error::Error for CertificateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Unusable { source, .. } => Some(source),
            Self::Generate(source) => Some(source.as_ref()),
            Self::TooLarge { .. }
            | Self::Restless { .. }
            | Self::NoCertificate { .. }
            | Self::NoKey { .. }
            | Self::Mismatch { .. }
            | Self::Issue(_)
            | Self::Name(_)
            | Self::Inapplicable(_) => None,
        }
    }
}
