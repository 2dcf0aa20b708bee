//! What to do next: decided here, done elsewhere.
//!
//! No clock, no network, no keys are used; what is seen comes as arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustls_pki_types::CertificateDer;

use super::change::Change;
use super::material::{Authority, Id, Leaf, Material};
use super::{BUNDLE_PAUSE, Clock, GRACE, NAMES_DELAY, POLL, POLL_PENDING, SETTLE, Timing};

/// The Secret as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// It was not read.
    Unread,
    /// There is none.
    Absent,
    /// It is somebody else's, and nothing to write to.
    Foreign {
        /// Why it is held for that, and what to do.
        reason: String,
    },
    /// It is ours, and what signs in it cannot be used.
    Damaged {
        /// What is wrong with it.
        reason: String,
        /// Authorities in it that can be read.
        remains: Vec<Authority>,
    },
    /// It can be used.
    Whole(Box<Material>),
}

/// An authority in `caBundle`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// When it ends.
    pub ends: Duration,
    /// Its certificate.
    pub certificate: CertificateDer<'static>,
}

/// `caBundle` as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bundle {
    /// Somebody else sees to it.
    Unmanaged,
    /// It was not read.
    Unread,
    /// There is no webhook that calls us.
    Absent,
    /// What the webhooks hold.
    Held {
        /// Authorities that every one of them holds.
        common: BTreeSet<Id>,
        /// Authorities of Detour that one of them holds.
        detours: BTreeMap<Id, Anchor>,
        /// What they hold if they hold the same, and nothing else.
        exactly: Option<BTreeSet<Id>>,
    },
}

/// What a process remembers.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// The last whole content of the Secret.
    pub held: Option<Material>,
    /// What is served now, and its authority.
    pub served: Option<(Leaf, Authority)>,
    /// Authorities that were seen to be former ones, and until when they were
    /// to be trusted. That they are no longer in the Secret says little: it
    /// may have been made anew by one that did not know them.
    retiring: BTreeMap<Id, Duration>,
    /// Since when authorities are seen in `caBundle` without a break, in ticks.
    trusted_since: BTreeMap<Id, Duration>,
    /// Since when there is no whole content, in ticks.
    lost_since: Option<Duration>,
    /// What was written to `caBundle` last, and when, in ticks.
    written: Option<(Duration, BTreeSet<Id>)>,
    is_not_the_first_look: bool,
}

impl Memory {
    /// Takes note of what was read; the first thing to do after a look.
    pub fn observe(&mut self, secret: &Secret, bundle: &Bundle, timing: Timing, clock: Clock) {
        match secret {
            Secret::Whole(material) => {
                let formers = material.former.iter();
                self.retiring.extend(formers.map(|former| (former.id, material.until)));
                self.held = Some(Material::clone(material));
                self.lost_since = None;
            }
            Secret::Unread => {}
            _ => _ = self.lost_since.get_or_insert(clock.ticks),
        }
        let trusted = match (bundle, secret) {
            (Bundle::Held { common, .. }, _) => common.clone(),
            (Bundle::Unmanaged, Secret::Whole(material)) => material.trusted(),
            (Bundle::Unmanaged | Bundle::Unread, _) => return,
            (Bundle::Absent, _) => BTreeSet::new(),
        };
        let first = self.first_seen(secret, timing, clock);
        self.trusted_since.retain(|id, _| trusted.contains(id));
        for id in trusted {
            self.trusted_since.entry(id).or_insert_with(|| first(id));
        }
        self.is_not_the_first_look = true;
    }

    /// Since when an authority that was not seen before is there: since now,
    /// but a process that has just started finds old ones where they were.
    fn first_seen(
        &self,
        secret: &Secret,
        timing: Timing,
        clock: Clock,
    ) -> impl Fn(Id) -> Duration + use<> {
        let is_first = !self.is_not_the_first_look;
        // Whoever made it may be as wrong as we are, the other way.
        let age = timing.lead() + timing.skew() * 2;
        let old = match secret {
            Secret::Whole(material) if is_first => {
                let is_old = |each: &&Authority| each.span.issued() + age <= clock.now;
                material.authorities().filter(is_old).map(|each| each.id).collect()
            }
            _ => BTreeSet::new(),
        };
        move |id| match old.contains(&id) {
            true => clock.ticks.saturating_sub(SETTLE),
            false => clock.ticks,
        }
    }

    /// Takes note of a write of `caBundle`.
    pub fn published(&mut self, ids: BTreeSet<Id>, clock: Clock) {
        self.written = Some((clock.ticks, ids));
    }

    fn is_trusted_for(&self, id: Id, time: Duration, clock: Clock) -> bool {
        let since = self.trusted_since.get(&id);
        since.is_some_and(|since| clock.ticks.saturating_sub(*since) >= time)
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing to do.
    Rest,
    /// Write the Secret.
    Write(Change),
    /// Write these into every `caBundle`.
    Publish(BTreeSet<Id>),
    /// `caBundle` should be written, but it was a moment ago: somebody else
    /// writes it as well.
    Contested,
    /// Serve a certificate that is not in the Secret: what is served ends
    /// soon, and the Secret cannot be read or written.
    Improvise,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Whether what the Secret holds is to be served from now on.
    pub serve: bool,
    /// What to do after that.
    pub step: Step,
    /// When to look again, if nothing tells of a change before.
    pub look_again: Duration,
}

/// What a plan is made from, after [`Memory::observe`].
pub struct View<'v> {
    /// The Secret.
    pub secret: &'v Secret,
    /// `caBundle`.
    pub bundle: &'v Bundle,
    /// What was before.
    pub memory: &'v Memory,
    /// How long things live.
    pub timing: Timing,
    /// What time it is.
    pub clock: Clock,
}

impl View<'_> {
    /// Decides what to do.
    pub fn plan(&self) -> Plan {
        let step = match self.secret {
            Secret::Unread | Secret::Foreign { .. } => self.improvise(),
            Secret::Absent | Secret::Damaged { .. } => self.rebuild(),
            Secret::Whole(material) => match self.change(material) {
                Some(change) => Step::Write(change),
                None => self.publish(material),
            },
        };
        let serve = self.serves_the_content();
        let is_pending = !self.is_ready()
            || matches!(self.secret, Secret::Whole(material)
            if material.leaf.as_ref().map(|leaf| leaf.id) != self.served().map(|leaf| leaf.id));
        let look_again = match (&step, is_pending) {
            (Step::Write(_) | Step::Publish(_), _) => Duration::ZERO,
            (_, true) => POLL_PENDING,
            (_, false) => POLL,
        };
        Plan { serve, step, look_again }
    }

    /// Whether something valid is served and every API server trusts it.
    pub fn is_ready(&self) -> bool {
        let is_trusted = |id| match self.bundle {
            Bundle::Unmanaged => true,
            _ => self.memory.is_trusted_for(id, SETTLE, self.clock),
        };
        self.served()
            .is_some_and(|leaf| !leaf.span.is_over(self.clock.now) && is_trusted(leaf.signer))
    }

    fn served(&self) -> Option<&Leaf> {
        self.memory.served.as_ref().map(|(leaf, _)| leaf)
    }

    /// Without the Secret, what is remembered of it signs.
    fn improvise(&self) -> Step {
        let now = self.clock.now;
        let (Some(leaf), Some(held)) = (self.served(), &self.memory.held) else {
            return Step::Rest;
        };
        // Half of the time is over in which it should have been renewed.
        let due = leaf.span.ends.saturating_sub(leaf.span.ends.saturating_sub(leaf.span.due()) / 2);
        let is_later = held.signer.span.ends > leaf.span.ends + self.timing.skew();
        let is_same = held.signer.id == leaf.signer;
        if now >= due && is_later && is_same { Step::Improvise } else { Step::Rest }
    }

    /// What the Secret should hold, when it holds nothing that can be used.
    fn rebuild(&self) -> Step {
        let Clock { now, ticks } = self.clock;
        let memory = self.memory;
        let is_good = |held: &Material| !held.signer.span.is_over(now + self.timing.skew());
        if memory.held.as_ref().is_some_and(is_good) {
            return Step::Write(Change::Restore);
        }
        let may_run_elsewhere = match self.bundle {
            Bundle::Unmanaged | Bundle::Absent => false,
            Bundle::Unread => true,
            Bundle::Held { detours, .. } => detours.values().any(|anchor| anchor.ends > now),
        };
        let waited = memory.lost_since.map_or(Duration::ZERO, |since| ticks.saturating_sub(since));
        match may_run_elsewhere && waited < GRACE {
            true => Step::Rest,
            false => Step::Write(Change::New),
        }
    }

    /// What is to be changed in the Secret.
    fn change(&self, material: &Material) -> Option<Change> {
        let now = self.clock.now;
        let Timing { leaf_life } = self.timing;
        let skew = self.timing.skew();
        let Material { signer, next, former, until, .. } = material;
        let next = next.as_ref().filter(|next| !next.span.is_over(now + leaf_life));
        if signer.span.is_over(now + skew) {
            return Some(if next.is_some() { Change::Promote } else { Change::Replace });
        }
        let is_served_unknown = self.served().is_some_and(|leaf| {
            !leaf.span.is_over(now) && !material.trusted().contains(&leaf.signer)
        });
        if is_served_unknown {
            return Some(Change::Keep);
        }
        // Late, for processes came and went: better soon than not at all.
        let lead = match signer.span.is_over(now + leaf_life / 2 + skew) {
            true => SETTLE,
            false => self.timing.lead(),
        };
        let is_ready = |next: &Authority| self.memory.is_trusted_for(next.id, lead, self.clock);
        if next.is_some_and(is_ready) {
            return Some(Change::Promote);
        }
        if self.is_leaf_due(material) {
            return Some(Change::Renew);
        }
        if next.is_none() && signer.span.is_over(now + self.timing.notice()) {
            return Some(Change::Introduce);
        }
        let is_retired = !former.is_empty() && now >= *until + skew;
        is_retired.then_some(Change::Retire)
    }

    fn is_leaf_due(&self, material: &Material) -> bool {
        let now = self.clock.now;
        let Some(leaf) = &material.leaf else { return true };
        // One that ends with its authority would be renewed for ever.
        let ends = (now + self.timing.leaf_life).min(material.signer.span.ends);
        let is_later = ends > leaf.span.ends + self.timing.skew();
        let is_for_others = !leaf.has_names && now >= leaf.span.issued() + NAMES_DELAY;
        leaf.span.is_over(now) || is_for_others || is_later && now >= leaf.span.due()
    }

    /// What is to be written into `caBundle`.
    fn publish(&self, material: &Material) -> Step {
        let Bundle::Held { detours, exactly, .. } = self.bundle else { return Step::Rest };
        let mut wanted = material.trusted();
        // Somebody may serve what these signed, unless their time is over.
        let now = self.clock.now;
        let is_retired = |id| self.memory.retiring.get(id).is_some_and(|until| *until <= now);
        let strangers = detours.iter().filter(|(id, anchor)| anchor.ends > now && !is_retired(id));
        wanted.extend(strangers.map(|(id, _)| *id));
        if exactly.as_ref() == Some(&wanted) {
            return Step::Rest;
        }
        let ticks = self.clock.ticks;
        match &self.memory.written {
            Some((at, ids)) if ticks.saturating_sub(*at) < BUNDLE_PAUSE => match *ids == wanted {
                true => Step::Contested,
                false => Step::Rest,
            },
            _ => Step::Publish(wanted),
        }
    }

    /// Whether what the Secret holds is better than what is served.
    fn serves_the_content(&self) -> bool {
        let Secret::Whole(material) = self.secret else { return false };
        let Some(leaf) = &material.leaf else { return false };
        let now = self.clock.now;
        if leaf.span.is_over(now) {
            return false;
        }
        let Some(served) = self.served().filter(|served| !served.span.is_over(now)) else {
            return true;
        };
        if served.id == leaf.id {
            return false;
        }
        let is_in_force = |id| self.memory.trusted_since.contains_key(&id);
        served.signer == leaf.signer
            || *self.bundle == Bundle::Absent
            || self.memory.is_trusted_for(leaf.signer, SETTLE, self.clock)
            || is_in_force(leaf.signer) && !is_in_force(served.signer)
    }
}
