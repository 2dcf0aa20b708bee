//! From verdicts and what is there to what has to be written. Pure.

use super::present::{Present, Ready, Status};
use crate::kube::events::{Note, Regarding, Severity};
use crate::rules::{API_GROUP, API_VERSION, MapId};
use crate::sources::verdict::{Reason, State, Verdict, bounded};

/// Most bytes of the condition's message.
pub const MESSAGE_BYTES_MAX: usize = 4096;
/// The reason of a map that is in force.
pub const IN_FORCE: &str = "InForce";
const TRUE: &str = "True";
const FALSE: &str = "False";
/// What was done when something happened to a map.
const ACTION: &str = "Merge";

/// The status that an object has to have; none when it has it, or when the
/// verdict is about another object or specification than the one that is there.
pub fn change(
    verdict: &Verdict,
    present: &Present,
    status: Option<&Status>,
    now: &str,
) -> Option<Status> {
    if verdict.uid != present.uid || verdict.generation != present.generation {
        return None;
    }
    let (word, reason) = match &verdict.state {
        State::InForce => (TRUE, IN_FORCE),
        State::OutOfForce { reason, .. } => (FALSE, reason.as_str()),
    };
    let since = status.filter(|status| status.ready.status == word);
    let since = since.map_or(now, |status| &status.ready.since);
    let wanted = Status {
        generation: verdict.generation,
        rules: i64::try_from(verdict.rules).unwrap_or(i64::MAX),
        ready: Ready {
            status: word.to_owned(),
            reason: reason.to_owned(),
            message: message(verdict, present),
            since: since.to_owned(),
        },
    };
    (status != Some(&wanted)).then_some(wanted)
}

/// What an operator must know; one line.
fn message(verdict: &Verdict, present: &Present) -> String {
    let mut text = match (&verdict.state, present.observes) {
        (State::OutOfForce { message, .. }, _) => message.clone(),
        (State::InForce, false) => "in force".to_owned(),
        (State::InForce, true) => {
            "in force, in Observe: decided, counted and logged, but no image is changed".to_owned()
        }
    };
    for warning in &verdict.warnings {
        text.push_str("; warning: ");
        text.push_str(warning);
    }
    bounded(text.replace(char::is_control, " "), MESSAGE_BYTES_MAX)
}

/// An object that another one names, as far as it is known.
pub struct Other<'o> {
    /// Its uid.
    pub uid: &'o str,
    /// Whether its specification is newer than its status.
    pub was_edited: bool,
}

/// What there is to tell when `wanted` replaces `status`: to the map itself
/// when its condition changes, and to the map whose edit put it out of force.
pub fn notes<'o>(
    verdict: &Verdict,
    status: Option<&Status>,
    wanted: &Status,
    other: impl Fn(&MapId) -> Option<Other<'o>>,
) -> Vec<Note> {
    let Ready { status: word, reason, message, .. } = &wanted.ready;
    let is_same = |status: &Status| {
        let ready = &status.ready;
        let is_told = word == TRUE || ready.message == *message;
        ready.status == *word && ready.reason == *reason && is_told
    };
    if status.is_some_and(is_same) {
        return Vec::new();
    }
    let own = regarding(&verdict.id, &verdict.uid);
    let State::OutOfForce { reason, others, .. } = &verdict.state else {
        return vec![note(own, Severity::Normal, IN_FORCE, message.clone())];
    };
    let mut notes = vec![note(own, Severity::Warning, reason.as_str(), message.clone())];
    if *reason != Reason::Conflict {
        return notes;
    }
    // Who was not edited did not cause it.
    let is_innocent = status.is_some_and(|status| status.generation == verdict.generation);
    for id in others {
        if let Some(Other { uid, was_edited }) = other(id)
            && (is_innocent || was_edited)
        {
            let text = format!("this map put {} out of force: {message}", verdict.id);
            let reason = reason.as_str();
            notes.push(note(regarding(id, uid), Severity::Warning, reason, text));
        }
    }
    notes
}

fn note(regarding: Regarding, severity: Severity, reason: &'static str, text: String) -> Note {
    Note { regarding, severity, reason, action: ACTION, text }
}

fn regarding(id: &MapId, uid: &str) -> Regarding {
    Regarding {
        api_version: format!("{API_GROUP}/{API_VERSION}"),
        kind: id.kind.as_str(),
        namespace: id.namespace.clone(),
        name: id.name.clone(),
        uid: uid.to_owned(),
    }
}
