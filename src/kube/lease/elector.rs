//! Who leads: decides everything, does nothing.
//!
//! The rules are those of client-go's leader election. Only the moment counts
//! at which *this* clock saw the record change, so clocks that differ, or jump,
//! do not matter; what matters is how fast they go. Who leads gives up
//! [`Timing::renew`] after it *began* its last successful write, and another
//! one takes over [`Timing::lease`] after it *saw* that write: no two lead at
//! once as long as no clock goes a fifth slower, or faster, than it should.
//! Somebody who deletes the Lease may make two of them lead until the first
//! one's next write.

use std::time::{Duration, SystemTime};

use crate::kube::time;

/// How long things take; `lease` > `renew` > `retry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a record that does not change keeps others away.
    pub lease: Duration,
    /// How long after its last renewal a leader counts itself as one.
    pub renew: Duration,
    /// Between attempts; up to a fifth more, so that candidates spread.
    pub retry: Duration,
    /// The longest delay of one who does not lead and cannot reach the server.
    pub retry_max: Duration,
}

impl Timing {
    /// client-go's defaults. A leader has four attempts before it gives up,
    /// and a dead one is succeeded in 15 to 18 seconds.
    pub const STANDARD: Self = Self {
        lease: Duration::from_secs(15),
        renew: Duration::from_secs(10),
        retry: Duration::from_secs(2),
        retry_max: Duration::from_secs(15),
    };
    /// How many times [`Timing::lease`] a stranger's record may ask for.
    const STRANGE_MAX: u32 = 4;
}

/// What a Lease says. Every renewal changes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Who leads; empty for nobody.
    pub holder: String,
    /// How long without a change others wait, in seconds.
    pub seconds: u64,
    /// Since when it leads, by its own clock.
    pub acquired: String,
    /// When it renewed last, by its own clock.
    pub renewed: String,
    /// How often the holder changed.
    pub transitions: u64,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing, for that long.
    Wait(Duration),
    /// Read the Lease, then call [`Elector::read`].
    Read,
    /// Write the Lease, if it still has that version, or is not there when
    /// there is none; then call [`Elector::written`].
    Write {
        /// What it has to say.
        record: Record,
        /// The version that it replaces.
        version: Option<String>,
    },
    /// Nothing any more: it was released, or is not ours.
    Done,
}

/// What the server had last.
#[derive(Debug, Clone)]
struct Stored {
    record: Record,
    version: String,
    /// When this clock saw the record change.
    changed: Duration,
}

/// One candidate.
#[derive(Debug)]
pub struct Elector {
    identity: String,
    timing: Timing,
    stored: Option<Stored>,
    /// Whether `stored` is what is there, as far as can be known.
    is_fresh: bool,
    /// When the last successful write began.
    renewed: Option<Duration>,
    /// The write under way, and when it began.
    writing: Option<(Record, Duration)>,
    next: Duration,
    failures: u32,
    is_leaving: bool,
}

impl Elector {
    /// A candidate by a name that no other has or had.
    pub fn new(identity: String, timing: Timing) -> Self {
        Self {
            identity,
            timing,
            stored: None,
            is_fresh: false,
            renewed: None,
            writing: None,
            next: Duration::ZERO,
            failures: 0,
            is_leaving: false,
        }
    }

    /// Until when this candidate leads, unless it renews; none when it does not.
    pub fn leads_until(&self) -> Option<Duration> {
        self.renewed.map(|renewed| renewed + self.timing.renew)
    }

    /// Whether it leads.
    pub fn leads(&self, now: Duration) -> bool {
        self.leads_until().is_some_and(|until| now < until)
    }

    /// Who leads, as far as this candidate knows; empty for nobody.
    pub fn holder(&self) -> &str {
        self.stored.as_ref().map_or("", |stored| &stored.record.holder)
    }

    /// From now on it does not lead, and gives back what it holds.
    pub fn leave(&mut self) {
        self.is_leaving = true;
        self.renewed = None;
        self.next = Duration::ZERO;
    }

    /// What to do now. `wall` is the time that people read, and `random`, from
    /// 0 to 1, spreads the candidates.
    pub fn step(&mut self, now: Duration, wall: SystemTime, random: f64) -> Step {
        if now < self.next {
            return Step::Wait(self.next - now);
        }
        let is_anothers = !self.holder().is_empty() && self.holder() != self.identity;
        // Who leaves what is another's need not know any more.
        let is_known = self.is_fresh || self.is_leaving && is_anothers;
        if !is_known {
            return Step::Read;
        }
        let Some(record) = self.record(now, wall) else {
            if self.is_leaving {
                return Step::Done;
            }
            self.is_fresh = false;
            return self.pause(now, random);
        };
        self.writing = Some((record.clone(), now));
        let version = self.stored.as_ref().map(|stored| stored.version.clone());
        Step::Write { record, version }
    }

    /// What to write; none when the Lease is another's.
    fn record(&self, now: Duration, wall: SystemTime) -> Option<Record> {
        let time = time::micros(wall);
        let found = self.stored.as_ref().map(|stored| &stored.record);
        let is_ours = found.is_some_and(|record| record.holder == self.identity);
        if self.is_leaving {
            // One second, so that nobody waits for a name that is none.
            let left = |record: &Record| Record {
                holder: String::new(),
                seconds: 1,
                renewed: time,
                ..record.clone()
            };
            return found.filter(|_| is_ours).map(left);
        }
        if self.stored.as_ref().is_some_and(|stored| !is_ours && now < self.expiry(stored)) {
            return None;
        }
        let seconds = self.timing.lease.as_secs().max(1);
        let (acquired, transitions) = match found {
            Some(record) if is_ours => (record.acquired.clone(), record.transitions),
            Some(record) => (time.clone(), record.transitions.saturating_add(1)),
            None => (time.clone(), 0),
        };
        let holder = self.identity.clone();
        Some(Record { holder, seconds, acquired, renewed: time, transitions })
    }

    /// When another's record may be replaced.
    fn expiry(&self, stored: &Stored) -> Duration {
        if stored.record.holder.is_empty() {
            return Duration::ZERO;
        }
        let own = self.timing.lease;
        let theirs = Duration::from_secs(stored.record.seconds);
        stored.changed + theirs.clamp(own, own * Timing::STRANGE_MAX)
    }

    /// The Lease was read: what it says and its version; none when there is none.
    pub fn read(&mut self, found: Option<(Record, String)>, now: Duration) {
        self.failures = 0;
        self.is_fresh = true;
        self.stored = found.map(|(record, version)| {
            let known = self.stored.take().filter(|stored| stored.record == record);
            Stored { record, version, changed: known.map_or(now, |stored| stored.changed) }
        });
        if self.holder() != self.identity {
            self.renewed = None;
        }
    }

    /// The last write succeeded; the Lease has this version now.
    pub fn written(&mut self, version: String, now: Duration, random: f64) {
        let Some((record, began)) = self.writing.take() else { return };
        self.failures = 0;
        self.is_fresh = true;
        if record.holder == self.identity && !self.is_leaving {
            self.renewed = Some(began);
        }
        self.stored = Some(Stored { record, version, changed: now });
        self.pause(now, random);
    }

    /// What was to be done did not succeed, or nobody knows whether it did.
    pub fn failed(&mut self, now: Duration, random: f64) {
        self.writing = None;
        self.is_fresh = false;
        self.failures = self.failures.saturating_add(1);
        self.pause(now, random);
    }

    fn pause(&mut self, now: Duration, random: f64) -> Step {
        let doubled = self.timing.retry * 2u32.pow(self.failures.saturating_sub(1).min(8));
        let delay = match self.renewed {
            Some(_) => self.timing.retry,
            None => doubled.min(self.timing.retry_max),
        };
        let delay = delay.mul_f64(1.0 + random.clamp(0.0, 1.0) / 5.0);
        self.next = now + delay;
        Step::Wait(delay)
    }
}
