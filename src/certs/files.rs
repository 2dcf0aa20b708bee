//! `--tls files`: a certificate chain and its key from two files, as
//! cert-manager and the kubelet write them.
//!
//! Polled by content: the kubelet swaps a symbolic link, others write in
//! place, and a change of bytes is what both have in common. What changed counts
//! once it rests. Should one file be new and the other old even then, they do
//! not match, and what is served is kept until a poll finds that they do.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::{Error, InconsistentKeys};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{CertificateError, tell_served};
use crate::metrics::certificates::Certificates;
use crate::reload::{REST, fingerprint, settle};
use crate::server::{self, Served, TlsSlot};

/// Most bytes of either file.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// How often the files are read.
const POLL: Duration = Duration::from_secs(10);

/// Where the certificate stands.
#[derive(Debug, Clone)]
pub struct Files {
    /// The chain in PEM, the leaf first.
    pub certificate: PathBuf,
    /// The leaf's key in PEM: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

impl Files {
    fn read(&self) -> Reading {
        let content = read(&self.certificate).and_then(|certificate| {
            let key = read(&self.key)?;
            Ok(Content { certificate, key })
        });
        Reading { seen: Seen::of(&content), content }
    }

    /// Both as they are at one moment.
    fn settled(&self, first: Reading, rest: Duration) -> Reading {
        settle(first, rest, || self.read()).unwrap_or_else(|_| {
            let path = self.certificate.clone();
            let content = Err(CertificateError::Restless { path });
            Reading { seen: Seen::of(&content), content }
        })
    }

    fn parse(&self, content: &Content) -> Result<Served, CertificateError> {
        let path = || self.certificate.clone();
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&content.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::NoCertificate { path: path() })?;
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate { path: path() });
        }
        let key = PrivateKeyDer::from_pem_slice(&content.key)
            .map_err(|_| CertificateError::NoKey { path: self.key.clone() })?;
        server::served(chain, key).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                CertificateError::Mismatch { certificate: path(), key: self.key.clone() }
            }
            source => {
                CertificateError::Unusable { certificate: path(), key: self.key.clone(), source }
            }
        })
    }
}

struct Content {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|source| CertificateError::Read { path: path.to_owned(), source })?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(CertificateError::TooLarge { path: path.to_owned() }),
        false => Ok(bytes),
    }
}

/// Keeps a slot at what the files hold.
pub struct Watcher {
    files: Files,
    slot: Arc<TlsSlot>,
    seen: Seen,
    rest: Duration,
}

/// What a read of both files gave; two are equal when they saw the same.
struct Reading {
    seen: Seen,
    content: Result<Content, CertificateError>,
}

impl PartialEq for Reading {
    fn eq(&self, other: &Self) -> bool {
        self.seen == other.seen
    }
}

/// What the last poll found; the same again is not worth a word.
#[derive(PartialEq)]
enum Seen {
    Content([u8; 32]),
    Unreadable(String),
}

impl Seen {
    fn of(content: &Result<Content, CertificateError>) -> Self {
        match content {
            Ok(Content { certificate, key }) => Self::Content(fingerprint([&certificate[..], key])),
            Err(error) => Self::Unreadable(describe(error)),
        }
    }
}

impl Watcher {
    /// Reads the files and serves them from `slot`. There is no rest: a
    /// process that starts is waited for.
    ///
    /// # Errors
    /// When they cannot be read, used, or do not match.
    pub fn start(files: Files, slot: Arc<TlsSlot>) -> Result<Self, CertificateError> {
        let Reading { seen, content } = files.settled(files.read(), Duration::ZERO);
        slot.set(files.parse(&content?)?);
        Ok(Self { files, slot, seen, rest: REST })
    }

    /// How long a change must rest, instead of [`REST`].
    #[must_use]
    pub fn with_rest(self, rest: Duration) -> Self {
        Self { rest, ..self }
    }

    /// Reads the files once more. What changed and can be used is served from
    /// now on: true. Else what was served stays. Blocks while a change does not
    /// rest, for a second at most.
    ///
    /// # Errors
    /// What is wrong with the files, once: the same again is no change.
    pub fn poll(&mut self) -> Result<bool, CertificateError> {
        let reading = self.files.read();
        if reading.seen == self.seen {
            return Ok(false);
        }
        let Reading { seen, content } = self.files.settled(reading, self.rest);
        if seen == self.seen {
            return Ok(false);
        }
        self.seen = seen;
        self.slot.set(self.files.parse(&content?)?);
        Ok(true)
    }

    /// Polls every 10 s, for ever, and logs and counts every change: the body
    /// of a vital thread.
    pub fn run(mut self, metrics: &Certificates) {
        let path = self.files.certificate.display().to_string();
        let mut is_in_order = true;
        loop {
            tell_served(&self.slot, metrics);
            if is_in_order {
                metrics.in_order();
            }
            thread::sleep(POLL);
            match self.poll() {
                Ok(true) => {
                    is_in_order = true;
                    metrics.reloaded();
                    log::info!("now serving the certificate in {path}");
                }
                Ok(false) => {}
                Err(error) => {
                    is_in_order = false;
                    metrics.not_reloaded();
                    let error = describe(&error);
                    log::error!("still serving the former certificate of {path}: {error}");
                }
            }
        }
    }
}

fn describe(error: &CertificateError) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
