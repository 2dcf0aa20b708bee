//! The changes of the Secret: from the former content to the next one.

use std::time::Duration;

use super::material::{Authority, Id, Leaf, Material};
use super::{BACKDATE, FORMER_MAX, Timing};
use crate::certs::CertificateError;

/// A change of the Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// All anew: there is nothing that could be used.
    New,
    /// What this process remembers.
    Restore,
    /// Another serving certificate by the same authority.
    Renew,
    /// An authority that will sign later.
    Introduce,
    /// The next authority signs from now on.
    Promote,
    /// A new authority signs at once: the former one has expired.
    Replace,
    /// The authority of what this process serves stays trusted.
    Keep,
    /// Former authorities are trusted no longer.
    Retire,
}

impl Change {
    pub(super) const ALL: [Self; 8] = [
        Self::New,
        Self::Restore,
        Self::Renew,
        Self::Introduce,
        Self::Promote,
        Self::Replace,
        Self::Keep,
        Self::Retire,
    ];

    /// What it did, for the log.
    pub fn describe(self) -> &'static str {
        match self {
            Self::New => "a new authority and certificate",
            Self::Restore => "restored from memory",
            Self::Renew => "a new certificate",
            Self::Introduce => "a new authority, which signs later",
            Self::Promote => "the next authority signs from now on",
            Self::Replace => "a new authority in place of one that expired",
            Self::Keep => "the authority of what is served stays trusted",
            Self::Retire => "former authorities are trusted no longer",
        }
    }

    /// A word for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Restore => "restore",
            Self::Renew => "renew",
            Self::Introduce => "introduce",
            Self::Promote => "promote",
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Retire => "retire",
        }
    }
}

/// Makes keys and certificates.
pub trait Mint {
    /// A new authority that is valid from [`BACKDATE`] before `now`.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    fn authority(&self, now: Duration, ends: Duration) -> Result<Authority, CertificateError>;

    /// A new serving certificate, valid from [`BACKDATE`] before `now`.
    ///
    /// # Errors
    /// When the system gives no random numbers, or the authority has no key.
    fn leaf(
        &self,
        signer: &Authority,
        now: Duration,
        ends: Duration,
    ) -> Result<Leaf, CertificateError>;
}

/// What a change begins with, and what it is made with.
pub struct Workshop<'w> {
    /// Makes what is new.
    pub mint: &'w dyn Mint,
    /// How long things live.
    pub timing: Timing,
    /// Since the beginning of 1970.
    pub now: Duration,
    /// What this process remembers of the Secret.
    pub held: Option<&'w Material>,
    /// The authority of what this process serves.
    pub served: Option<&'w Authority>,
}

impl Workshop<'_> {
    /// The content after a change. `found` is what the Secret holds; of a
    /// damaged one there are only `remains`, authorities without keys.
    ///
    /// # Errors
    /// As those of [`Mint`]; or when the change is none of this content.
    pub fn apply(
        &self,
        change: Change,
        found: Option<&Material>,
        remains: &[Authority],
    ) -> Result<Material, CertificateError> {
        let content = || found.cloned().ok_or(CertificateError::Inapplicable(change.name()));
        let material = match change {
            Change::New => self.begin_anew(remains)?,
            Change::Restore => {
                let held = self.held.cloned();
                held.ok_or(CertificateError::Inapplicable(change.name()))?
            }
            Change::Renew => {
                let material = content()?;
                Material { leaf: Some(self.leaf(&material.signer)?), ..material }
            }
            Change::Introduce => Material { next: Some(self.authority()?), ..content()? },
            Change::Promote => {
                let mut material = content()?;
                let next = material.next.take();
                self.succeed(material, next.ok_or(CertificateError::Inapplicable(change.name()))?)?
            }
            Change::Replace => self.succeed(content()?, self.authority()?)?,
            Change::Keep => {
                let served = self.served.ok_or(CertificateError::Inapplicable(change.name()))?;
                self.with_former(content()?, served.clone())
            }
            Change::Retire => Material { former: Vec::new(), until: Duration::ZERO, ..content()? },
        };
        Ok(material)
    }

    fn authority(&self) -> Result<Authority, CertificateError> {
        self.mint.authority(self.now, self.now + self.timing.authority_life())
    }

    /// A new serving certificate, which does not outlive its authority.
    ///
    /// # Errors
    /// As those of [`Mint`].
    pub fn leaf(&self, signer: &Authority) -> Result<Leaf, CertificateError> {
        let ends = (self.now + self.timing.leaf_life).min(signer.span.ends);
        self.mint.leaf(signer, self.now, ends)
    }

    fn begin_anew(&self, remains: &[Authority]) -> Result<Material, CertificateError> {
        let signer = self.authority()?;
        let leaf = Some(self.leaf(&signer)?);
        let material =
            Material { leaf, signer, next: None, former: Vec::new(), until: Duration::ZERO };
        let former = remains.iter().chain(self.served).cloned();
        Ok(former.fold(material, |material, former| self.with_former(material, former)))
    }

    /// `successor` signs from now on.
    fn succeed(
        &self,
        material: Material,
        successor: Authority,
    ) -> Result<Material, CertificateError> {
        let leaf = Some(self.leaf(&successor)?);
        let signer = material.signer.clone();
        let last = material.leaf.as_ref().map_or(Duration::ZERO, |leaf| leaf.span.ends);
        let material = self.with_former(Material { signer: successor, ..material }, signer);
        let until = material.until.max(last + self.timing.skew());
        Ok(Material { leaf, until, ..material })
    }

    /// `former` stays trusted as long as what it may have signed until now.
    fn with_former(&self, mut material: Material, former: Authority) -> Material {
        let now = self.now;
        let is_known = |id: Id| material.trusted().contains(&id);
        if former.span.is_over(now) || is_known(former.id) {
            return material;
        }
        material.former.retain(|other| !other.span.is_over(now));
        material.former.push(Authority { key: None, ..former });
        let excess = material.former.len().saturating_sub(FORMER_MAX);
        material.former.drain(..excess);
        let last = now + self.timing.leaf_life + self.timing.skew();
        material.until = material.until.max(last);
        material
    }
}

/// The span of what is issued now and ends then.
pub fn span(now: Duration, ends: Duration) -> super::material::Span {
    super::material::Span { begins: now.saturating_sub(BACKDATE), ends }
}
