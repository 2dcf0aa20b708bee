//! What is served now: one immutable whole, swapped at once.
//!
//! A request takes the snapshot that is there when it begins and decides by
//! that alone; a reader never waits for a writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::mapping::Mapping;

/// The rules in force, and what is not yet as it should be.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The rules in force.
    pub mapping: Arc<Mapping>,
    /// One line for each thing without which this instance is not ready.
    pub missing: Vec<String>,
    /// One line for each thing that is wrong, ready or not.
    pub faults: Vec<String>,
    /// The sources of the rules.
    pub sources: Vec<SourceView>,
}

/// What an operator sees of a source.
#[derive(Debug, Clone)]
pub struct SourceView {
    /// As in `--source`.
    pub name: String,
    /// Whether it was read well at least once.
    pub is_synced: bool,
    /// Its rules in force.
    pub rules: usize,
    /// Its maps that are out of force.
    pub out_of_force: usize,
    /// Why it is empty although nothing is wrong.
    pub note: Option<String>,
    /// What else is worth knowing, a line each.
    pub notes: Vec<String>,
    /// What is wrong; none while all is well.
    pub troubles: Vec<Trouble>,
    /// When it was in order last, in seconds since 1970; 0 for never. Goes on
    /// while the snapshot stays.
    pub last_sync: Arc<AtomicU64>,
}

/// Something wrong with a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Since when.
    pub since: SystemTime,
    /// What, for people.
    pub lines: Vec<String>,
}

impl SourceView {
    /// The source in one line.
    pub fn describe(&self, now: SystemTime) -> String {
        let mut line = match self.is_synced {
            true => format!("{} rules in force", self.rules),
            false => "not synced yet".to_owned(),
        };
        if self.out_of_force > 0 {
            line += &format!(", {} maps out of force", self.out_of_force);
        }
        let last_sync = self.last_sync.load(Ordering::Relaxed);
        if last_sync > 0 {
            line += &format!(", in order {} s ago", seconds(now).saturating_sub(last_sync));
        }
        if let Some(note) = &self.note {
            line += &format!(", {note}");
        }
        for trouble in &self.troubles {
            let age = seconds(now).saturating_sub(seconds(trouble.since));
            let first = trouble.lines.first().map_or("", String::as_str);
            line += &format!(", for {age} s: {first}");
            if trouble.lines.len() > 1 {
                line += &format!(" and {} more", trouble.lines.len() - 1);
            }
        }
        line
    }
}

/// Whole seconds since 1970; 0 before.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The place where the snapshot stands.
#[derive(Debug)]
pub struct Published(ArcSwap<Snapshot>);

impl Published {
    /// A place with a first snapshot.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The snapshot now in force.
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts another in force, for the requests that begin from now on.
    pub fn publish(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}
