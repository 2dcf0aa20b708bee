//! A cluster in memory: one Secret, one `caBundle`, replicas that look, plan
//! and do one step each, and clocks that differ.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use detour::certs::CertificateError;
use detour::certs::own::change::{Mint, Workshop, span};
use detour::certs::own::material::{Authority, Id, Key, Leaf, Material};
use detour::certs::own::plan::{Anchor, Bundle, Memory, Plan, Secret, Step, View};
use detour::certs::own::{Clock, Timing};
use rustls_pki_types::CertificateDer;

/// How late the slowest API server hears of a new `caBundle`.
pub(super) const PROPAGATION: Duration = Duration::from_secs(5);
/// When the world begins.
const BEGIN: Duration = Duration::from_secs(1_800_000_000);

/// Makes certificates that are nothing but dates and numbers.
#[derive(Default)]
pub(super) struct Numbers(Cell<u64>);

impl Numbers {
    fn next(&self) -> (Id, CertificateDer<'static>) {
        self.0.set(self.0.get() + 1);
        let certificate = CertificateDer::from(self.0.get().to_be_bytes().to_vec());
        (Id::of(&certificate), certificate)
    }
}

impl Mint for Numbers {
    fn authority(&self, now: Duration, ends: Duration) -> Result<Authority, CertificateError> {
        let (id, certificate) = self.next();
        Ok(Authority { id, span: span(now, ends), certificate, key: Some(Key::new("")) })
    }

    fn leaf(
        &self,
        signer: &Authority,
        now: Duration,
        ends: Duration,
    ) -> Result<Leaf, CertificateError> {
        assert!(signer.key.is_some(), "only an authority with its key signs");
        assert!(ends <= signer.span.ends, "no certificate outlives its authority");
        let (id, certificate) = self.next();
        let (signer, key) = (signer.id, Key::new(""));
        Ok(Leaf { id, signer, span: span(now, ends), has_names: true, certificate, key })
    }
}

/// What the API server stores.
pub(super) struct Cluster {
    pub(super) timing: Timing,
    mint: Numbers,
    pub(super) secret: Secret,
    /// The bundles that were in force, each until when; the last one still is.
    pub(super) bundles: VecDeque<(Duration, BTreeMap<Id, Anchor>)>,
    bundle_version: u64,
    pub(super) elapsed: Duration,
    pub(super) writes: usize,
}

impl Cluster {
    pub(super) fn new(leaf_life: Duration) -> Self {
        Self {
            timing: Timing { leaf_life },
            mint: Numbers::default(),
            secret: Secret::Absent,
            bundles: VecDeque::from([(Duration::MAX, BTreeMap::new())]),
            bundle_version: 0,
            elapsed: Duration::ZERO,
            writes: 0,
        }
    }

    /// The true time.
    pub(super) fn now(&self) -> Duration {
        BEGIN + self.elapsed
    }

    pub(super) fn set_secret(&mut self, secret: Secret) {
        self.secret = secret;
    }

    pub(super) fn set_bundle(&mut self, bundle: BTreeMap<Id, Anchor>) {
        if let Some(last) = self.bundles.back_mut() {
            last.0 = self.elapsed;
        }
        self.bundles.push_back((Duration::MAX, bundle));
        self.bundle_version += 1;
        let elapsed = self.elapsed;
        self.bundles.retain(|(until, _)| until.saturating_add(PROPAGATION) >= elapsed);
    }

    fn bundle(&self) -> Bundle {
        let ids: BTreeSet<Id> = self.bundles.back().unwrap().1.keys().copied().collect();
        let detours = self.bundles.back().unwrap().1.clone();
        Bundle::Held { common: ids.clone(), detours, exactly: Some(ids) }
    }

    /// Whether every API server trusts an authority, however slow.
    pub(super) fn is_trusted_everywhere(&self, id: Id) -> bool {
        let recent = self
            .bundles
            .iter()
            .filter(|(until, _)| until.saturating_add(PROPAGATION) > self.elapsed);
        recent.map(|(_, bundle)| bundle).all(|bundle| bundle.contains_key(&id))
    }
}

/// What a replica has read and not yet acted on.
struct Look {
    bundle: Bundle,
    bundle_version: u64,
}

/// One process.
pub(super) struct Replica {
    /// Seconds that its clock is ahead.
    pub(super) skew: i64,
    pub(super) memory: Memory,
    pub(super) is_ready: bool,
    look: Option<Look>,
}

impl Replica {
    pub(super) fn new(skew: i64) -> Self {
        Self { skew, memory: Memory::default(), is_ready: false, look: None }
    }

    fn clock(&self, cluster: &Cluster) -> Clock {
        let now = cluster.now().as_secs().saturating_add_signed(self.skew);
        // No two processes count alike.
        let ticks = cluster.elapsed + Duration::from_secs(3_600 + self.skew.unsigned_abs());
        Clock { now: Duration::from_secs(now), ticks }
    }

    /// Reads `caBundle`: half of a turn, so that others come between.
    pub(super) fn read_bundle(&mut self, cluster: &Cluster) {
        let bundle = cluster.bundle();
        self.look = Some(Look { bundle, bundle_version: cluster.bundle_version });
    }

    /// Reads the Secret, plans, and does the step. The answer to a write of
    /// `caBundle` may be `lost`: then the replica does not know that it was
    /// done.
    pub(super) fn act(&mut self, cluster: &mut Cluster, lost: bool) -> Option<Plan> {
        let Look { bundle, bundle_version } = self.look.take()?;
        let clock = self.clock(cluster);
        let secret = cluster.secret.clone();
        let timing = cluster.timing;
        self.memory.observe(&secret, &bundle, timing, clock);
        let view = View { secret: &secret, bundle: &bundle, memory: &self.memory, timing, clock };
        let plan = view.plan();
        self.is_ready |= view.is_ready();
        if let (true, Secret::Whole(material)) = (plan.serve, &secret) {
            self.memory.served = material.leaf.clone().map(|leaf| (leaf, material.signer.clone()));
        }
        match &plan.step {
            Step::Write(change) => {
                let remains: &[Authority] = match &secret {
                    Secret::Damaged { remains, .. } => remains,
                    _ => &[],
                };
                let found = match &secret {
                    Secret::Whole(material) => Some(&**material),
                    _ => None,
                };
                let served = self.memory.served.as_ref().map(|(_, signer)| signer);
                let workshop = Workshop {
                    mint: &cluster.mint,
                    timing,
                    now: clock.now,
                    held: self.memory.held.as_ref(),
                    served,
                };
                let material: Material = workshop.apply(*change, found, remains).unwrap();
                self.memory.held = Some(material.clone());
                cluster.set_secret(Secret::Whole(Box::new(material)));
            }
            Step::Publish(ids) if cluster.bundle_version == bundle_version => {
                let bundle = wanted(ids, &secret, &bundle);
                cluster.set_bundle(bundle);
                cluster.writes += 1;
                if !lost {
                    self.memory.published(ids.clone(), clock);
                }
            }
            _ => {}
        }
        Some(plan)
    }
}

/// The certificates of `ids`.
fn wanted(ids: &BTreeSet<Id>, secret: &Secret, bundle: &Bundle) -> BTreeMap<Id, Anchor> {
    let Secret::Whole(material) = secret else { panic!("nothing is published without a Secret") };
    let anchor = |each: &Authority| {
        (each.id, Anchor { ends: each.span.ends, certificate: each.certificate.clone() })
    };
    let mut known: BTreeMap<Id, Anchor> = material.authorities().map(anchor).collect();
    if let Bundle::Held { detours, .. } = bundle {
        known.extend(detours.clone());
    }
    known.retain(|id, _| ids.contains(id));
    assert_eq!(known.len(), ids.len(), "every authority that is published is at hand");
    known
}
