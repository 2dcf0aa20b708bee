//! What is known of one source: its last good rules, and what is wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use log::Level;

use super::api::Checked;
use crate::rules::fault::Fault;
use crate::rules::{ImageMap, Loaded};
use crate::snapshot::{self, SourceView, Trouble};

/// Most lines about one thing in the log and in `/readyz`.
pub(super) const LINES_MAX: usize = 100;

/// What is said of the first rules of a source.
const FIRST: &str = "has synced";

/// What a source holds, checked.
#[derive(Debug, Clone)]
pub enum Content {
    /// Documents of which none has a fault: one that has refuses them all.
    Documents(Loaded),
    /// Objects, of which each is in force or not by itself.
    Objects(Vec<Arc<Checked>>),
}

impl Content {
    /// The maps without a fault.
    pub fn maps(&self) -> Box<dyn Iterator<Item = &ImageMap> + '_> {
        match self {
            Self::Documents(loaded) => Box::new(loaded.maps.iter()),
            Self::Objects(objects) => Box::new(objects.iter().filter_map(|object| object.map())),
        }
    }

    /// The objects, where it is made of some.
    pub(super) fn objects(&self) -> &[Arc<Checked>] {
        match self {
            Self::Documents(_) => &[],
            Self::Objects(objects) => objects,
        }
    }

    pub(super) fn warnings(&self) -> Box<dyn Iterator<Item = &Fault> + '_> {
        match self {
            Self::Documents(loaded) => Box::new(loaded.report.warnings.iter()),
            Self::Objects(objects) => Box::new(objects.iter().flat_map(|object| &object.warnings)),
        }
    }
}

/// What a source tells.
#[derive(Debug, Clone)]
pub enum Update {
    /// This was read, and is good.
    Read(Content),
    /// What was read is wrong, or there is nothing: why, a line each. The last
    /// good rules stay.
    Refused(Vec<String>),
    /// What was read last is what is there.
    InTouch,
    /// It could not be asked: why. The last good rules stay.
    Failed(String),
    /// There is nothing, and that is as it may be: why.
    Absent(String),
    /// It was read, in parts of which some may be out of order: what is good
    /// of it counts.
    Refreshed {
        /// The rules; none when they are those that were told last.
        content: Option<Content>,
        /// What an operator should know although nothing is wrong, a line each.
        notes: Vec<String>,
        /// What is out of order, a line each.
        faults: Vec<String>,
    },
}

impl Update {
    /// What is told of documents: a fault refuses them all.
    pub fn of_documents(loaded: Loaded) -> Self {
        match loaded.report.faults.is_empty() {
            true => Self::Read(Content::Documents(loaded)),
            false => Self::Refused(loaded.report.faults.iter().map(ToString::to_string).collect()),
        }
    }
}

/// What an update changed.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Other rules than before.
    pub(super) has_rules: bool,
    /// Something that an operator sees.
    pub(super) is_visible: bool,
    /// To be logged.
    pub(super) log: Vec<(Level, String)>,
}

/// A source, as it is known.
#[derive(Debug)]
pub(super) struct State {
    name: String,
    /// Whether an instance is not ready without it.
    is_required: bool,
    good: Option<Content>,
    /// Why `good` is empty although nothing is wrong.
    note: Option<String>,
    /// What else is worth knowing.
    notes: Vec<String>,
    wrong: Option<Trouble>,
    failing: Option<Trouble>,
    /// What is out of order in parts of it.
    impaired: Option<Trouble>,
    last_sync: Arc<AtomicU64>,
    reloads: Reloads,
}

/// How often what a source holds was exchanged; its first word is no exchange.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reloads {
    pub(super) succeeded: u64,
    /// Counted when it begins, like everything that is told once.
    pub(super) failed: u64,
}

impl State {
    pub(super) fn new(name: String, is_required: bool) -> Self {
        Self {
            name,
            is_required,
            good: None,
            note: None,
            notes: Vec::new(),
            wrong: None,
            failing: None,
            impaired: None,
            last_sync: Arc::default(),
            reloads: Reloads::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn good(&self) -> Option<&Content> {
        self.good.as_ref()
    }

    /// Whether an instance waits for it.
    pub(super) fn is_missing(&self) -> bool {
        self.is_required && self.good.is_none()
    }

    /// Whether it cannot be read, or what was read is wrong.
    pub(super) fn is_failing(&self) -> bool {
        self.troubles().next().is_some()
    }

    /// When it was in order last, in seconds since 1970; 0 for never.
    pub(super) fn last_sync(&self) -> u64 {
        self.last_sync.load(Ordering::Relaxed)
    }

    pub(super) fn reloads(&self) -> Reloads {
        self.reloads
    }

    pub(super) fn apply(&mut self, update: Update, now: SystemTime) -> Change {
        let mut change = Change::default();
        match update {
            Update::Read(content) => {
                self.read(content, None, &mut change);
                self.in_touch(now, &mut change);
            }
            Update::Absent(why) => {
                if self.note.as_ref() != Some(&why) {
                    change.log.push((Level::Warn, format!("source {}: {why}", self.name)));
                    self.read(Content::Objects(Vec::new()), Some(why), &mut change);
                }
                self.in_touch(now, &mut change);
            }
            Update::InTouch => self.in_touch(now, &mut change),
            Update::Refused(lines) => self.refused(lines, now, &mut change),
            Update::Failed(why) => self.failed(&why, now, &mut change),
            Update::Refreshed { content, notes, faults } => {
                if let Some(content) = content {
                    self.read(content, None, &mut change);
                }
                self.noted(notes, &mut change);
                self.impaired(faults, now, &mut change);
                self.in_touch(now, &mut change);
            }
        }
        change
    }

    fn read(&mut self, content: Content, note: Option<String>, change: &mut Change) {
        change.has_rules = true;
        change.is_visible = true;
        let words = match (&self.good, self.wrong.take()) {
            (_, Some(_)) => "is right again",
            (None, None) => FIRST,
            (Some(_), None) => "has changed",
        };
        change.log.push((Level::Info, format!("source {} {words}", self.name)));
        self.reloads.succeeded += u64::from(words != FIRST);
        self.good = Some(content);
        self.note = note;
    }

    fn in_touch(&mut self, now: SystemTime, change: &mut Change) {
        if self.failing.take().is_some() {
            change.is_visible = true;
            change.log.push((Level::Info, format!("source {} can be read again", self.name)));
        }
        if self.good.is_some() && !self.is_failing() {
            self.last_sync.store(snapshot::seconds(now), Ordering::Relaxed);
        }
    }

    /// Logs what was not so before, and what is so no longer.
    fn tell(&self, before: &[String], now: &[String], change: &mut Change) {
        let new = now.iter().filter(|line| !before.contains(line));
        change.log.extend(new.map(|line| (Level::Warn, line.clone())));
        let over = before.iter().filter(|line| !now.contains(line));
        change.log.extend(over.map(|line| (Level::Info, format!("no longer: {line}"))));
        change.is_visible |= before != now;
    }

    fn noted(&mut self, notes: Vec<String>, change: &mut Change) {
        let notes = self.bounded(notes, "notes");
        let before = std::mem::replace(&mut self.notes, notes);
        self.tell(&before, &self.notes, change);
    }

    fn impaired(&mut self, faults: Vec<String>, now: SystemTime, change: &mut Change) {
        let lines = self.bounded(faults, "faults");
        let before = self.impaired.take();
        self.reloads.failed += u64::from(before.is_none() && !lines.is_empty());
        let since = before.as_ref().map_or(now, |trouble| trouble.since);
        let told = before.map_or_else(Vec::new, |trouble| trouble.lines);
        self.tell(&told, &lines, change);
        self.impaired = Some(Trouble { since, lines }).filter(|trouble| !trouble.lines.is_empty());
    }

    fn troubles(&self) -> impl Iterator<Item = &Trouble> {
        [&self.wrong, &self.failing, &self.impaired].into_iter().flatten()
    }

    /// At most [`LINES_MAX`] lines, each with the name of the source.
    fn bounded(&self, lines: Vec<String>, what: &str) -> Vec<String> {
        let more = lines.len().saturating_sub(LINES_MAX);
        let more = (more > 0).then(|| format!("{more} more {what}"));
        let lines = lines.into_iter().take(LINES_MAX).chain(more);
        lines.map(|line| format!("source {}: {line}", self.name)).collect()
    }

    fn refused(&mut self, mut lines: Vec<String>, now: SystemTime, change: &mut Change) {
        let more = lines.len().saturating_sub(LINES_MAX);
        lines.truncate(LINES_MAX);
        if more > 0 {
            lines.push(format!("source {}: {more} more faults", self.name));
        }
        if self.wrong.as_ref().is_some_and(|wrong| wrong.lines == lines) {
            return;
        }
        change.is_visible = true;
        change.log.extend(lines.iter().map(|line| (Level::Error, line.clone())));
        let words = match self.good {
            Some(_) => "these rules are not used; the former ones stay in force",
            None => "no rules are in force, and this instance is not ready",
        };
        change.log.push((Level::Error, format!("source {}: {words}", self.name)));
        self.reloads.failed += 1;
        let since = self.wrong.as_ref().map_or(now, |wrong| wrong.since);
        self.wrong = Some(Trouble { since, lines });
    }

    fn failed(&mut self, why: &str, now: SystemTime, change: &mut Change) {
        let line = format!("source {}: {why}", self.name);
        match &mut self.failing {
            Some(failing) if failing.lines == [line.as_str()] => {}
            Some(failing) => {
                change.is_visible = true;
                change.log.push((Level::Debug, line.clone()));
                failing.lines = vec![line];
            }
            None => {
                change.is_visible = true;
                self.reloads.failed += 1;
                let words = match (&self.good, self.is_required) {
                    (Some(_), _) => "the last good rules stay in force",
                    (None, true) => "this instance is not ready",
                    (None, false) => "none of its rules is in force yet",
                };
                change.log.push((Level::Warn, format!("{line}; {words}")));
                self.failing = Some(Trouble { since: now, lines: vec![line] });
            }
        }
    }

    /// What an operator sees; the counts are those of the rules in force.
    pub(super) fn view(&self, rules: usize, out_of_force: usize) -> SourceView {
        SourceView {
            name: self.name.clone(),
            is_synced: self.good.is_some(),
            rules,
            out_of_force,
            note: self.note.clone(),
            notes: self.notes.clone(),
            troubles: self.troubles().cloned().collect(),
            last_sync: Arc::clone(&self.last_sync),
        }
    }
}
