//! Whatever happens, what is served is valid and trusted, and all agree.

use std::time::Duration;

use detour::certs::own::material::Material;
use detour::certs::own::plan::Secret;
use proptest::prelude::*;

use super::model::{Cluster, Replica};

/// What one replica does in a moment.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// It looks and acts.
    Whole,
    /// It reads `caBundle`, and goes on in its next turn.
    Half,
    /// It acts, and does not hear whether it succeeded.
    Lost,
    /// It is slow, or does not reach the API server.
    None,
    /// It is another process.
    Restart,
}

/// What somebody does to the Secret.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    None,
    Deleted,
    Damaged,
    WithoutLeaf,
    WithoutAuthorities,
}

#[derive(Debug, Clone)]
struct Moment {
    seconds: u64,
    turns: [Turn; 3],
    mishap: Mishap,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        20 => Just(Turn::Whole), 3 => Just(Turn::Half), 3 => Just(Turn::Lost),
        3 => Just(Turn::None), 1 => Just(Turn::Restart),
    ]
}

fn moments() -> impl Strategy<Value = Vec<Moment>> {
    let mishap = prop_oneof![
        40 => Just(Mishap::None), 1 => Just(Mishap::Deleted), 1 => Just(Mishap::Damaged),
        1 => Just(Mishap::WithoutLeaf), 1 => Just(Mishap::WithoutAuthorities),
    ];
    let moment = (1..=3_u64, [turn(), turn(), turn()], mishap)
        .prop_map(|(seconds, turns, mishap)| Moment { seconds, turns, mishap });
    prop::collection::vec(moment, 1..300)
}

/// Three processes and what they share.
struct World {
    cluster: Cluster,
    replicas: Vec<Replica>,
    /// How many turns in a row each was slow.
    slow: [u32; 3],
}

impl World {
    fn new(leaf_life: Duration, skews: [i64; 3]) -> Self {
        let replicas = skews.map(Replica::new).into();
        Self { cluster: Cluster::new(leaf_life), replicas, slow: [0; 3] }
    }

    fn pass(&mut self, moment: &Moment, stretch: u64) {
        self.cluster.elapsed += Duration::from_secs(moment.seconds * stretch);
        self.harm(moment.mishap);
        for (index, turn) in moment.turns.into_iter().enumerate() {
            self.turn(index, turn);
            self.check();
        }
    }

    fn turn(&mut self, index: usize, turn: Turn) {
        let Self { cluster, replicas, slow } = self;
        let replica = &mut replicas[index];
        // One that is away for long may come to serve what has expired.
        let is_slow = matches!(turn, Turn::None | Turn::Half) && slow[index] < 2;
        slow[index] = if is_slow { slow[index] + 1 } else { 0 };
        match turn {
            Turn::None if is_slow => {}
            Turn::Half if is_slow => replica.read_bundle(cluster),
            Turn::Restart => *replica = Replica::new(replica.skew),
            // A look that was begun is acted on first.
            _ => {
                let is_lost = matches!(turn, Turn::Lost);
                replica.act(cluster, is_lost);
                // After a write it looks again at once.
                let mut looks_again = true;
                for _ in 0..3 {
                    if looks_again {
                        replica.read_bundle(cluster);
                        let plan = replica.act(cluster, is_lost);
                        looks_again = plan.is_some_and(|plan| plan.look_again.is_zero());
                    }
                }
            }
        }
    }

    fn harm(&mut self, mishap: Mishap) {
        let Secret::Whole(material) = self.cluster.secret.clone() else { return };
        let damaged = |remains| Secret::Damaged { reason: String::new(), remains };
        self.cluster.set_secret(match mishap {
            Mishap::None => return,
            Mishap::Deleted => Secret::Absent,
            Mishap::Damaged => damaged(material.authorities().cloned().collect()),
            Mishap::WithoutAuthorities => damaged(Vec::new()),
            Mishap::WithoutLeaf => Secret::Whole(Box::new(Material { leaf: None, ..*material })),
        });
    }

    fn check(&self) {
        let now = self.cluster.now();
        for replica in self.replicas.iter().filter(|replica| replica.is_ready) {
            let (leaf, _) = replica.memory.served.as_ref().expect("one that is ready serves");
            assert!(leaf.span.begins <= now && now < leaf.span.ends, "it is valid: {leaf:?}");
            assert!(self.cluster.is_trusted_everywhere(leaf.signer), "it is trusted: {leaf:?}");
        }
    }

    /// Lets time pass without mishaps.
    fn calm(&mut self, seconds: u64) {
        let moment = Moment { seconds: 3, turns: [Turn::Whole; 3], mishap: Mishap::None };
        (0..seconds / 3).for_each(|_| self.pass(&moment, 1));
    }

    fn agree(&self) {
        let Secret::Whole(material) = &self.cluster.secret else { panic!("no whole Secret") };
        for replica in &self.replicas {
            let (leaf, signer) = replica.memory.served.as_ref().expect("all serve");
            assert_eq!(Some(leaf), material.leaf.as_ref(), "all serve the same");
            assert_eq!(signer.id, material.signer.id);
            assert!(replica.is_ready);
        }
        // One whose key went with a deleted Secret is trusted until it ends.
        let bundle = &self.cluster.bundles.back().unwrap().1;
        assert!(material.trusted().iter().all(|id| bundle.contains_key(id)));
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn certificates_of_a_minute_are_always_trusted(
        moments in moments(),
        skews in [-5..=5_i64, -5..=5_i64, -5..=5_i64],
    ) {
        let mut world = World::new(Duration::from_secs(60), skews);
        moments.iter().for_each(|moment| world.pass(moment, 1));
        world.calm(60);
    }

    #[test]
    fn certificates_of_an_hour_bear_a_skew_of_five_minutes(
        moments in moments(),
        skews in [-300..=300_i64, -300..=300_i64, -300..=300_i64],
    ) {
        let mut world = World::new(Duration::from_secs(3_600), skews);
        // A moment is longer, that authorities come and go as well.
        moments.iter().for_each(|moment| world.pass(moment, 60));
        world.calm(600);
    }

    #[test]
    fn all_agree_in_the_end(
        moments in moments(),
        skews in [-5..=5_i64, -5..=5_i64, -5..=5_i64],
    ) {
        let mut world = World::new(Duration::from_secs(24 * 3_600), skews);
        moments.iter().for_each(|moment| world.pass(moment, 1));
        world.calm(120);
        world.cluster.elapsed += Duration::from_secs(16 * 3_600);
        world.calm(120);
        world.agree();
    }
}

#[test]
fn authorities_come_and_go_without_a_mishap() {
    let mut world = World::new(Duration::from_secs(60), [-5, 0, 5]);
    world.calm(60);
    let mut signers = std::collections::BTreeSet::new();
    let mut leaves = std::collections::BTreeSet::new();
    for _ in 0..1_200 {
        world.calm(3);
        let (leaf, signer) = world.replicas[0].memory.served.clone().unwrap();
        signers.insert(signer.id);
        leaves.insert(leaf.id);
        let Secret::Whole(material) = &world.cluster.secret else { panic!("no Secret") };
        assert!(material.former.len() <= 4, "{} former ones", material.former.len());
    }
    assert!((20..=70).contains(&signers.len()), "{} authorities in an hour", signers.len());
    assert!((80..=180).contains(&leaves.len()), "{} certificates in an hour", leaves.len());
    let most = signers.len() * 2 + 10;
    assert!(world.cluster.writes <= most, "{} writes of caBundle", world.cluster.writes);
}

#[test]
fn replicas_that_start_together_agree() {
    let mut world = World::new(Duration::from_secs(24 * 3_600), [-200, 0, 200]);
    world.calm(60);
    world.agree();
    assert_eq!(world.cluster.writes, 1, "and caBundle is written once");
}
