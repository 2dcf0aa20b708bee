//! `--tls self`: a certificate authority and a serving certificate of our own.
//!
//! All replicas share one Secret and do the same: look, [`plan`], do one step,
//! look again. The version of the Secret decides races, so there is no leader.
//! The order of things keeps every certificate that anybody serves trusted:
//!
//! 1. A new authority is put into the Secret, from there into `caBundle`.
//! 2. Seen there without a break for [`Timing::lead`], it signs.
//! 3. A replica serves what it signed after it saw it there for [`SETTLE`].
//! 4. The old one leaves when the last certificate that it signed has expired.

pub mod change;
pub mod dates;
pub mod keeper;
pub mod material;
pub mod mint;
pub mod plan;
pub mod secret;
pub mod webhooks;

mod report;
mod wake;

use std::time::Duration;

/// How far before the time of issue a certificate begins: twice the skew, once
/// for our clock and once for that of the API server.
pub const BACKDATE: Duration = Duration::from_secs(10 * 60);
/// How long an authority is seen in `caBundle` before what it signed is
/// served: every API server has heard of it by then.
pub const SETTLE: Duration = Duration::from_secs(10);
/// How long a process that holds nothing waits for one that could restore the
/// Secret, when `caBundle` says that there was one.
pub const GRACE: Duration = Duration::from_secs(10);
/// How old a certificate is before one for other names replaces it: replicas
/// that disagree about the names, as during an upgrade, do not race.
pub const NAMES_DELAY: Duration = Duration::from_secs(30);
/// At most one write of `caBundle` in this time.
pub const BUNDLE_PAUSE: Duration = Duration::from_secs(30);
/// How often the Secret and the webhook configuration are read, if nothing
/// tells of a change.
pub const POLL: Duration = Duration::from_secs(5);
/// The same while something is about to happen.
pub const POLL_PENDING: Duration = Duration::from_secs(1);
/// Most authorities that no longer sign and are still trusted.
pub const FORMER_MAX: usize = 8;

/// The largest skew of clocks that is allowed for.
const SKEW_MAX: Duration = Duration::from_secs(5 * 60);
/// The shortest time between an authority's publication and its use.
const LEAD_MIN: Duration = Duration::from_secs(60);
/// How many lives of a serving certificate an authority lives.
const AUTHORITY_LIVES: u32 = 4;

/// Everything that follows from the life of a serving certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From the issue of a serving certificate to its end.
    pub leaf_life: Duration,
}

impl Timing {
    /// How much clocks may differ: 5 min, less for lives below an hour.
    pub fn skew(&self) -> Duration {
        SKEW_MAX.min(self.leaf_life / 12)
    }

    /// How long a new authority is published before it signs.
    pub fn lead(&self) -> Duration {
        LEAD_MIN.max(self.leaf_life / 20)
    }

    /// From the issue of an authority to its end.
    pub fn authority_life(&self) -> Duration {
        self.leaf_life * AUTHORITY_LIVES
    }

    /// How long before the end of an authority the next one is introduced:
    /// early enough that no certificate has to end with it.
    pub fn notice(&self) -> Duration {
        self.leaf_life * 2 + self.lead() + self.skew() * 2
    }
}

/// The clocks, both read at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Since the beginning of 1970; may be wrong, and jump.
    pub now: Duration,
    /// Since some moment before the process began; never jumps.
    pub ticks: Duration,
}
