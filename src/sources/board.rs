//! Where every source tells what it has, and what comes into force is made.
//!
//! Each change of one source compiles the rules of all of them anew and swaps
//! the snapshot once. Sources wait for each other here; requests for nobody.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::compiled::{Compiled, Counts, combine};
use super::seen::Seen;
use super::state::{Content, LINES_MAX, State, Update};
use super::verdict::{Verdict, Verdicts};
use crate::kube::Objects;
use crate::mapping::Mapping;
use crate::mapping::policy::Policy;
use crate::metrics::Metrics;
use crate::metrics::sources::SourceMetrics;
use crate::rules::Kind;
use crate::snapshot::{Published, Snapshot, SourceView};

/// What is made of the sources, and for whom.
pub struct Sinks {
    /// Where the rules in force stand.
    pub published: Arc<Published>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What became of the API server's objects.
    pub verdicts: Arc<Verdicts>,
    /// Those objects.
    pub seen: Arc<Seen>,
    /// What is left alone whatever the rules say.
    pub policy: Policy,
}

/// The sources, as they are known.
struct Board {
    sinks: Sinks,
    known: Mutex<Known>,
}

struct Known {
    states: Vec<State>,
    counts: Vec<Counts>,
    mapping: Arc<Mapping>,
    out_of_force: Vec<String>,
    /// What was logged of the rules in force.
    told: BTreeSet<String>,
}

/// The place of one source on the board.
#[derive(Clone)]
pub struct Place {
    board: Arc<Board>,
    index: usize,
}

/// A source, as the board lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Whether an instance is ready only when it has synced.
    pub is_required: bool,
}

/// A board with these sources, none of which has synced, and the place of each.
///
/// The order decides nothing but how they are listed.
pub fn board(listed: Vec<Listed>, sinks: Sinks) -> Vec<Place> {
    let states: Vec<State> =
        listed.into_iter().map(|one| State::new(one.name, one.is_required)).collect();
    let known = Known {
        counts: vec![Counts::default(); states.len()],
        states,
        mapping: Arc::default(),
        out_of_force: Vec::new(),
        told: BTreeSet::new(),
    };
    let indices = 0..known.states.len();
    let board = Arc::new(Board { sinks, known: Mutex::new(known) });
    {
        let known = board.lock();
        board.publish(&known);
        indices.clone().for_each(|index| board.measure(&known, index));
    }
    indices.map(|index| Place { board: Arc::clone(&board), index }).collect()
}

impl Place {
    /// Takes what the source tells, and puts in force what follows from it.
    pub fn update(&self, update: Update) {
        self.board.update(self.index, update, SystemTime::now());
    }

    /// Keeps the objects for whoever writes their status.
    pub(super) fn seen(&self, kind: Kind, objects: &Objects) {
        self.board.sinks.seen.set(kind, objects);
    }
}

impl Board {
    fn update(&self, index: usize, update: Update, now: SystemTime) {
        let mut known = self.lock();
        let change = known.states[index].apply(update, now);
        for (level, line) in change.log {
            log::log!(level, "{line}");
        }
        if change.has_rules {
            let verdicts = known.compile(&self.sinks.policy);
            self.publish(&known);
            let rules = known.mapping.rule_count();
            log::info!("{rules} rules in force");
            self.sinks.metrics.set_rules(rules);
            (0..known.states.len()).for_each(|index| self.measure(&known, index));
            if known.missing().next().is_none() {
                self.sinks.verdicts.hand_over(verdicts);
            }
            return;
        }
        if change.is_visible {
            self.publish(&known);
        }
        self.measure(&known, index);
    }

    fn publish(&self, known: &Known) {
        let views = known.states.iter().zip(&known.counts);
        let sources: Vec<SourceView> =
            views.map(|(state, counts)| state.view(counts.rules, counts.out_of_force)).collect();
        let troubles = sources.iter().flat_map(|source| &source.troubles);
        let lines = troubles.flat_map(|trouble| &trouble.lines);
        let more = known.out_of_force.len().saturating_sub(LINES_MAX);
        let more = (more > 0).then(|| format!("{more} more maps are out of force"));
        let out_of_force = known.out_of_force.iter().take(LINES_MAX);
        self.sinks.published.publish(Snapshot {
            mapping: Arc::clone(&known.mapping),
            missing: known.missing().collect(),
            faults: lines.chain(out_of_force).cloned().chain(more).collect(),
            sources,
        });
    }

    fn measure(&self, known: &Known, index: usize) {
        let (state, counts) = (&known.states[index], &known.counts[index]);
        let measured = SourceMetrics {
            rules: counts.rules,
            out_of_force: counts.out_of_force,
            is_failing: state.is_failing(),
            last_sync: state.last_sync(),
            reloaded: state.reloads().succeeded,
            not_reloaded: state.reloads().failed,
        };
        self.sinks.metrics.sources.set(state.name(), &measured);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Makes the rules in force anew; gives the verdicts on the objects.
    fn compile(&mut self, policy: &Policy) -> Vec<Verdict> {
        let good: Vec<_> = self.states.iter().map(State::good).collect();
        let contents: Vec<&Content> = good.iter().copied().flatten().collect();
        let Compiled { mapping, warnings, out_of_force, counts, verdicts } =
            combine(&contents, policy.clone());
        let mut counts = counts.into_iter();
        let of_state = |good: &Option<_>| {
            good.map_or(Counts::default(), |_: &Content| counts.next().unwrap_or_default())
        };
        self.counts = good.iter().map(of_state).collect();
        self.mapping = Arc::new(mapping);
        self.tell(warnings.into_iter().chain(out_of_force.iter().cloned()).collect());
        self.out_of_force = out_of_force;
        verdicts
    }

    /// Logs what was not so before, and what is so no longer.
    fn tell(&mut self, lines: BTreeSet<String>) {
        for line in lines.difference(&self.told).take(LINES_MAX) {
            log::warn!("{line}");
        }
        for line in self.told.difference(&lines).take(LINES_MAX) {
            log::info!("no longer: {line}");
        }
        self.told = lines;
    }

    /// The sources that have not synced and must have.
    fn missing(&self) -> impl Iterator<Item = String> {
        let missing = self.states.iter().filter(|state| state.is_missing());
        missing.map(|state| format!("source {}", state.name()))
    }
}
