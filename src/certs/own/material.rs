//! What the Secret holds: authorities, the serving certificate, their keys.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;

use super::BACKDATE;

/// Tells certificates apart: the SHA-256 of one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 32]);

impl Id {
    /// That of a certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut id = [0; 32];
        id.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(id)
    }
}

impl fmt::Display for Id {
    /// The first eight digits, enough for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// From when to when a certificate is valid, since the beginning of 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// `notBefore`, which lies [`BACKDATE`] before the issue.
    pub begins: Duration,
    /// `notAfter`.
    pub ends: Duration,
}

impl Span {
    /// When it was issued.
    pub fn issued(&self) -> Duration {
        self.begins + BACKDATE
    }

    /// When two thirds of it are over.
    pub fn due(&self) -> Duration {
        self.ends - self.ends.saturating_sub(self.issued()) / 3
    }

    /// Whether it is over at that time.
    pub fn is_over(&self, at: Duration) -> bool {
        self.ends <= at
    }
}

/// A private key, PKCS#8 in PEM. It is printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Arc<str>);

impl Key {
    /// A key from its PEM.
    pub fn new(pem: impl Into<Arc<str>>) -> Self {
        Self(pem.into())
    }

    /// The PEM: for the Secret, and for signing, and for nothing else.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a private key")
    }
}

/// A certificate authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Of its certificate.
    pub id: Id,
    /// Of its certificate.
    pub span: Span,
    /// Signed by itself.
    pub certificate: CertificateDer<'static>,
    /// None for one that signs nothing any more.
    pub key: Option<Key>,
}

/// A serving certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Of the certificate.
    pub id: Id,
    /// The authority that signed it.
    pub signer: Id,
    /// Of the certificate.
    pub span: Span,
    /// Whether it is for every name that is asked for.
    pub has_names: bool,
    /// Without its authority: whoever trusts that has it.
    pub certificate: CertificateDer<'static>,
    /// Its key.
    pub key: Key,
}

/// The content of the Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// What all replicas serve; none when it cannot be used.
    pub leaf: Option<Leaf>,
    /// Signs; always with its key.
    pub signer: Authority,
    /// Will sign; always with its key.
    pub next: Option<Authority>,
    /// Signed, and is still trusted.
    pub former: Vec<Authority>,
    /// When the former ones are not needed any more; zero when there is none.
    pub until: Duration,
}

impl Material {
    /// All authorities, the one that signs first.
    pub fn authorities(&self) -> impl Iterator<Item = &Authority> {
        [&self.signer].into_iter().chain(&self.next).chain(&self.former)
    }

    /// What `caBundle` has to hold.
    pub fn trusted(&self) -> BTreeSet<Id> {
        self.authorities().map(|authority| authority.id).collect()
    }
}
