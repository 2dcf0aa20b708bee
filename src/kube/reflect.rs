//! How a list is kept up to date: decides what to do next, and does nothing.
//!
//! Time comes in as what has passed since some beginning, randomness as a
//! number from 0 to 1 (1 not included). A list is read whole, then a watch goes on from its
//! version; what is not understood, or too old, leads back to the list. What
//! was known stays known until a whole list replaces it.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::limits::WatchLimits;
use super::{ErrorKind, Event, List, Object, Objects};
use crate::client::{ClientError, Phase};

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Wait this long, then ask again.
    Wait(Duration),
    /// Read a part of the list, then call [`Reflector::listed`] or
    /// [`Reflector::failed`].
    List {
        /// Most objects.
        limit: u32,
        /// Where the former part ended; none for the beginning.
        continue_token: Option<String>,
    },
    /// Watch, and call [`Reflector::received`] for each event, then
    /// [`Reflector::ended`] or [`Reflector::failed`].
    Watch {
        /// The version from which on.
        resource_version: String,
    },
}

enum State {
    Listing { parts: Objects, bytes: usize, continue_token: Option<String> },
    Watching { resource_version: String },
}

impl State {
    fn beginning() -> Self {
        Self::Listing { parts: Objects::new(), bytes: 0, continue_token: None }
    }
}

/// Keeps objects as the server has them.
pub struct Reflector {
    limits: WatchLimits,
    state: State,
    objects: Objects,
    /// Of all objects, as JSON.
    bytes: usize,
    is_synced: bool,
    is_changed: bool,
    /// Objects that are asked for at once; less after an answer too large.
    page_objects: u32,
    /// Nothing is done before this time.
    not_before: Duration,
    /// Since the last calm.
    failures: u32,
    last_failure: Duration,
    /// Whether the server was not reached since it told something.
    was_away: bool,
    /// When the watch began, and whether it told anything.
    began: Duration,
    has_told: bool,
    /// Watches in a row that failed and told nothing.
    silent: u32,
}

impl Reflector {
    /// Knows nothing yet.
    pub fn new(limits: WatchLimits) -> Self {
        Self {
            limits,
            state: State::beginning(),
            objects: Objects::new(),
            bytes: 0,
            is_synced: false,
            is_changed: false,
            page_objects: limits.page_objects,
            not_before: Duration::ZERO,
            failures: 0,
            last_failure: Duration::ZERO,
            was_away: false,
            began: Duration::ZERO,
            has_told: false,
            silent: 0,
        }
    }

    /// What to do now.
    pub fn step(&mut self, now: Duration) -> Step {
        if let Some(wait) = self.not_before.checked_sub(now).filter(|wait| !wait.is_zero()) {
            return Step::Wait(wait);
        }
        match &self.state {
            State::Listing { continue_token, .. } => {
                Step::List { limit: self.page_objects, continue_token: continue_token.clone() }
            }
            State::Watching { resource_version } => {
                self.began = now;
                self.has_told = false;
                Step::Watch { resource_version: resource_version.clone() }
            }
        }
    }

    /// Takes a part of the list. After the last one the objects are exactly
    /// those of the list.
    ///
    /// # Errors
    /// When the list has no version, an object no name, or all together are
    /// larger than the limit: to be given to [`Reflector::failed`].
    pub fn listed(&mut self, list: List) -> Result<(), ErrorKind> {
        let List { resource_version, continue_token, items } = list;
        let State::Listing { parts, bytes, continue_token: next } = &mut self.state else {
            return Err(ErrorKind::Malformed("a list was not asked for".to_owned()));
        };
        for item in items {
            check(&item)?;
            *bytes += item.json().len();
            parts.insert(item.key(), Arc::new(item));
        }
        if *bytes > self.limits.set_bytes {
            return Err(ErrorKind::Overfull(self.limits.set_bytes));
        }
        if continue_token.is_some() {
            *next = continue_token;
            return Ok(());
        }
        check_version(&resource_version)?;
        let objects = mem::take(parts);
        self.bytes = *bytes;
        self.is_changed |= !self.is_synced || !are_equal(&objects, &self.objects);
        self.objects = objects;
        self.is_synced = true;
        self.was_away = false;
        self.state = State::Watching { resource_version };
        Ok(())
    }

    /// Takes an event of the watch.
    ///
    /// # Errors
    /// When the event is a failure, or lacks what it needs: the watch is to be
    /// given up, and the error to be given to [`Reflector::failed`].
    pub fn received(&mut self, event: Event) -> Result<(), ErrorKind> {
        let State::Watching { resource_version } = &mut self.state else {
            return Err(ErrorKind::Malformed("a watch was not asked for".to_owned()));
        };
        let version = match event {
            Event::Stored(object) => {
                check(&object)?;
                let version = object.metadata.resource_version.clone();
                self.bytes += object.json().len();
                let key = object.key();
                let former = self.objects.insert(key, Arc::new(object));
                self.bytes -= former.as_ref().map_or(0, |former| former.json().len());
                self.is_changed = true;
                version
            }
            Event::Deleted(object) => {
                check(&object)?;
                let former = self.objects.remove(&object.key());
                self.bytes -= former.as_ref().map_or(0, |former| former.json().len());
                self.is_changed |= former.is_some();
                object.metadata.resource_version
            }
            Event::Bookmark(version) => {
                check_version(&version)?;
                version
            }
            Event::Failed(status) => return Err(ErrorKind::from_status(status, None)),
            Event::Unknown(_) => return Ok(()),
        };
        *resource_version = version;
        self.was_away = false;
        self.has_told = true;
        self.silent = 0;
        match self.bytes > self.limits.set_bytes {
            true => Err(ErrorKind::Overfull(self.limits.set_bytes)),
            false => Ok(()),
        }
    }

    /// The server ended the watch, which it does after the time asked for.
    /// Gives the delay when it did so at once and told nothing.
    pub fn ended(&mut self, now: Duration, random: f64) -> Option<Duration> {
        if self.has_told || now.saturating_sub(self.began) >= self.limits.watch_min {
            self.silent = 0;
            return None;
        }
        self.count_silent();
        Some(self.delay(self.limits.delay, self.limits.delay_max, now, random))
    }

    /// What was to be done failed. Gives the delay after which it is done
    /// again, or all is listed anew.
    pub fn failed(&mut self, error: &ErrorKind, now: Duration, random: f64) -> Duration {
        match error {
            ErrorKind::Unreachable(_) => self.was_away = true,
            // It is back, and what it says is true: a long delay is of no use.
            ErrorKind::Gone(_) if mem::take(&mut self.was_away) => self.failures = 0,
            _ => {}
        }
        match &self.state {
            State::Listing { .. } => {
                if matches!(error, ErrorKind::TooLarge(_)) {
                    self.page_objects = (self.page_objects / 4).max(1);
                }
                self.state = State::beginning();
            }
            State::Watching { .. } => match after(error) {
                After::List => self.state = State::beginning(),
                After::Watch => {}
                After::Doubt if self.has_told => {}
                After::Doubt => self.count_silent(),
            },
        }
        let WatchLimits { delay, delay_max, slow_delay, slow_delay_max, .. } = self.limits;
        let own = match error {
            ErrorKind::NotFound(_) | ErrorKind::Forbidden(_) | ErrorKind::Overfull(_) => {
                self.delay(slow_delay, slow_delay_max, now, random)
            }
            _ => self.delay(delay, delay_max, now, random),
        };
        let Some(asked) = error.retry_after() else { return own };
        let longer = own.max(asked.min(slow_delay_max) + delay.mul_f64(random));
        self.not_before = now + longer;
        longer
    }

    /// The objects, when they changed since this was asked last, and first
    /// when the first list is whole.
    pub fn changed(&mut self) -> Option<&Objects> {
        let is_new = self.is_synced && mem::take(&mut self.is_changed);
        is_new.then_some(&self.objects)
    }

    /// Watching does not help: the version may never come.
    fn count_silent(&mut self) {
        self.silent += 1;
        if self.silent >= self.limits.failures_before_list {
            self.silent = 0;
            self.state = State::beginning();
        }
    }

    /// A delay that doubles with every failure, between half and one and a
    /// half times as long.
    fn delay(
        &mut self,
        first: Duration,
        longest: Duration,
        now: Duration,
        random: f64,
    ) -> Duration {
        if now.saturating_sub(self.last_failure) > self.limits.calm {
            self.failures = 0;
        }
        let doubled = first.saturating_mul(1 << self.failures.min(16));
        let delay = doubled.min(longest).mul_f64(0.5 + random);
        self.failures += 1;
        self.last_failure = now;
        self.not_before = now + delay;
        delay
    }
}

/// What follows a watch that failed.
enum After {
    /// The version is too old, or what came is not understood.
    List,
    /// The server was not reached: go on where it stopped.
    Watch,
    /// The same, but not again and again if nothing is told.
    Doubt,
}

fn after(error: &ErrorKind) -> After {
    match error {
        ErrorKind::Unreachable(ClientError::Deadline(Phase::Body)) => After::Doubt,
        ErrorKind::Unreachable(_) => After::Watch,
        ErrorKind::NotFound(_)
        | ErrorKind::Forbidden(_)
        | ErrorKind::Unauthorized(_)
        | ErrorKind::TooManyRequests { .. }
        | ErrorKind::Unavailable { .. } => After::Doubt,
        ErrorKind::Conflict(_)
        | ErrorKind::AlreadyExists(_)
        | ErrorKind::Gone(_)
        | ErrorKind::Invalid(_)
        | ErrorKind::Refused { .. }
        | ErrorKind::TooLarge(_)
        | ErrorKind::Overfull(_)
        | ErrorKind::Malformed(_) => After::List,
    }
}

fn check(object: &Object) -> Result<(), ErrorKind> {
    if object.metadata.name.is_empty() {
        return Err(ErrorKind::Malformed("an object has no name".to_owned()));
    }
    check_version(&object.metadata.resource_version)
}

fn check_version(version: &str) -> Result<(), ErrorKind> {
    match version {
        // A watch from 0 begins anywhere.
        "" | "0" => Err(ErrorKind::Malformed("there is no resourceVersion".to_owned())),
        _ => Ok(()),
    }
}

fn are_equal(left: &Objects, right: &Objects) -> bool {
    let same = |(one, other): (&Arc<Object>, &Arc<Object>)| {
        let (one, other) = (&one.metadata, &other.metadata);
        one.uid == other.uid && one.resource_version == other.resource_version
    };
    left.keys().eq(right.keys()) && left.values().zip(right.values()).all(same)
}
