//! Events (`events.k8s.io/v1`): what happened to an object, for people who
//! look at it.
//!
//! [`Recorder::record`] never waits: what does not fit is dropped and counted.
//! [`budget`] decides what is sent; [`Poster`] sends it, one after the other.

pub mod budget;

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::path::{Collection, EVENTS};
use super::{Api, ApiError, ErrorKind, time};
use budget::{Budget, Decision};

/// Most notes that wait to be sent.
pub const QUEUE_MAX: usize = 256;
/// Most bytes of a note: the API server takes no more.
pub const NOTE_BYTES_MAX: usize = 1024;
/// Attempts to send one, with [`RETRY`] between them; then it is dropped.
const ATTEMPTS: u32 = 3;
const RETRY: Duration = Duration::from_secs(1);
/// The name of an Event is that of its object, cut to this, and a number.
const NAME_BYTES_MAX: usize = 200;
/// Who reports, as the API server wants it: a qualified name.
const CONTROLLER: &str = "detour.dev/detour";
const INSTANCE_BYTES_MAX: usize = 128;

/// The object that an Event is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Regarding {
    /// Group and version.
    pub api_version: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its namespace; empty for a kind that is in none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// As it should be.
    Normal,
    /// Somebody should look.
    Warning,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Note {
    /// To whom.
    pub regarding: Regarding,
    /// How bad it is.
    pub severity: Severity,
    /// One word.
    pub reason: &'static str,
    /// What was done when it happened, one word.
    pub action: &'static str,
    /// For people; cut to [`NOTE_BYTES_MAX`].
    pub text: String,
}

/// What became of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The API server has it.
    Sent,
    /// Too many, or the queue was full.
    Dropped,
    /// The API server did not take it.
    Failed,
}

impl Outcome {
    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
        }
    }
}

/// Told what became of each note.
pub type Count = Arc<dyn Fn(Outcome) + Send + Sync>;

/// Takes notes. Clones share the queue.
#[derive(Clone)]
pub struct Recorder {
    queue: SyncSender<Note>,
    count: Count,
}

impl Recorder {
    /// Notes something; at once.
    pub fn record(&self, note: Note) {
        if self.queue.try_send(note).is_err() {
            (self.count)(Outcome::Dropped);
        }
    }
}

/// Sends notes.
pub struct Poster {
    queue: Receiver<Note>,
    count: Count,
    api: Api,
    instance: String,
    budget: Budget,
    begin: Instant,
    number: u64,
    was_failing: bool,
}

/// A queue of notes: where they are put, and who sends them. `instance` names
/// this process.
pub fn queue(api: Api, instance: &str, count: Count) -> (Recorder, Poster) {
    let (sender, receiver) = mpsc::sync_channel(QUEUE_MAX);
    let poster = Poster {
        queue: receiver,
        count: Arc::clone(&count),
        api,
        instance: cut(instance, INSTANCE_BYTES_MAX).to_owned(),
        budget: Budget::default(),
        begin: Instant::now(),
        number: 0,
        was_failing: false,
    };
    (Recorder { queue: sender, count }, poster)
}

impl Poster {
    /// Sends what comes until no [`Recorder`] is left.
    pub fn run(mut self) {
        while let Ok(note) = self.queue.recv() {
            let outcome = match self.budget.decide(&note, self.begin.elapsed()) {
                Decision::Drop => Outcome::Dropped,
                Decision::Create => self.create(&note),
                Decision::Repeat { name, count } => self.repeat(&note, &name, count),
            };
            (self.count)(outcome);
        }
    }

    fn create(&mut self, note: &Note) -> Outcome {
        self.number += 1;
        let now = SystemTime::now();
        let nanos = time::since_1970(now).as_nanos();
        let object_name = cut(&note.regarding.name, NAME_BYTES_MAX);
        let name = format!("{object_name}.{nanos:x}.{:x}", self.number);
        let object = object(note, &name, &self.instance, now);
        let collection = Collection::within(EVENTS, namespace(note));
        let outcome = self.send(|api| api.create(&collection, &object).map(drop));
        if outcome == Outcome::Sent {
            self.budget.sent(note, name);
        }
        outcome
    }

    fn repeat(&mut self, note: &Note, name: &str, count: u32) -> Outcome {
        let path = Collection::within(EVENTS, namespace(note)).object(name);
        let now = time::micros(SystemTime::now());
        let series = json!({"series": {"count": count, "lastObservedTime": now}});
        match self.send(|api| api.merge_patch(&path, &series).map(drop)) {
            Outcome::Sent => Outcome::Sent,
            // It may be gone: Events live for an hour.
            Outcome::Dropped | Outcome::Failed => self.create(note),
        }
    }

    fn send(&mut self, call: impl Fn(&Api) -> Result<(), ApiError>) -> Outcome {
        let mut attempt = 1;
        loop {
            let error = match call(&self.api) {
                Ok(()) => {
                    self.was_failing = false;
                    return Outcome::Sent;
                }
                Err(error) => error,
            };
            if is_final(&error.kind) || attempt == ATTEMPTS {
                // In a namespace that is being deleted nothing can be created.
                if !self.was_failing && !matches!(error.kind, ErrorKind::NotFound(_)) {
                    self.was_failing = true;
                    log::warn!("an event was not recorded: {error}");
                }
                return Outcome::Failed;
            }
            attempt += 1;
            pause(error.kind.retry_after().map_or(RETRY, |delay| delay.min(RETRY * 10)));
        }
    }
}

/// Whether to try again is of no use.
fn is_final(kind: &ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::TooManyRequests { .. }
            | ErrorKind::Unavailable { .. }
            | ErrorKind::Unreachable(_)
            | ErrorKind::Unauthorized(_)
    )
}

fn pause(delay: Duration) {
    let never = (Mutex::new(()), Condvar::new());
    let guard = never.0.lock().unwrap_or_else(PoisonError::into_inner);
    drop(never.1.wait_timeout_while(guard, delay, |()| true));
}

/// Events of objects without a namespace stand in `default`.
fn namespace(note: &Note) -> &str {
    match note.regarding.namespace.as_str() {
        "" => "default",
        namespace => namespace,
    }
}

fn object(note: &Note, name: &str, instance: &str, now: SystemTime) -> Value {
    let Regarding { api_version, kind, namespace: own, name: object_name, uid } = &note.regarding;
    let mut regarding =
        json!({"apiVersion": api_version, "kind": kind, "name": object_name, "uid": uid});
    if !own.is_empty() {
        regarding["namespace"] = own.as_str().into();
    }
    json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace(note)},
        "eventTime": time::micros(now),
        "reportingController": CONTROLLER,
        "reportingInstance": instance,
        "regarding": regarding,
        "type": match note.severity { Severity::Normal => "Normal", Severity::Warning => "Warning" },
        "reason": note.reason,
        "action": note.action,
        "note": cut(&note.text, NOTE_BYTES_MAX),
    })
}

fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
