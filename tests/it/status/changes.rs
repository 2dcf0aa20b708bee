//! What has to be written, and what is told of it.

use detour::kube::events::{Note, Severity};
use detour::rules::MapId;
use detour::sources::verdict::{Reason, State, Verdict};
use detour::status::change::{MESSAGE_BYTES_MAX, Other, change, notes};
use detour::status::present::{Present, Ready, Status};
use serde_json::{Value, json};

use super::{conflict, id, in_force, object, present};

const NOW: &str = "2026-01-02T00:00:00Z";
const BEFORE: &str = "2026-01-01T00:00:00Z";

fn status(generation: i64, word: &str, reason: &str, message: &str, since: &str) -> Status {
    let ready = Ready {
        status: word.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        since: since.to_owned(),
    };
    Status { generation, rules: 3, ready }
}

fn seen(generation: i64, status: &Value) -> Present {
    present(&object("m", 7, generation, status))
}

/// What is written over what there is.
fn written(verdict: &Verdict, present: &Present) -> Option<Status> {
    change(verdict, present, present.status.as_ref(), NOW)
}

#[test]
fn what_was_written_is_read_back_and_not_written_again() {
    for verdict in [in_force("m", 2), conflict("m", 2, &["o"])] {
        let first = written(&verdict, &seen(2, &Value::Null)).unwrap();
        let after = seen(2, &first.json());
        assert_eq!(after.status.as_ref(), Some(&first));
        assert_eq!(written(&verdict, &after), None);
    }
}

#[test]
fn a_status_is_what_kubectl_shows() {
    let verdict = conflict("m", 2, &["o"]);
    let expected = json!({
        "observedGeneration": 2, "rules": 3,
        "conditions": [{
            "type": "Ready", "status": "False", "observedGeneration": 2, "reason": "Conflict",
            "message": "rule x conflicts", "lastTransitionTime": NOW,
        }],
    });
    assert_eq!(written(&verdict, &seen(2, &Value::Null)).unwrap().json(), expected);
}

#[test]
fn the_time_is_that_of_the_last_change_of_the_condition() {
    let before = seen(2, &status(1, "True", "InForce", "in force", BEFORE).json());
    let still = written(&in_force("m", 2), &before).unwrap();
    assert_eq!((still.generation, still.ready.since.as_str()), (2, BEFORE));
    let other = written(&conflict("m", 2, &[]), &before).unwrap();
    assert_eq!((other.ready.status.as_str(), other.ready.since.as_str()), ("False", NOW));
    // The same word for another reason is no change of the condition.
    let before = seen(2, &status(2, "False", "Invalid", "x", BEFORE).json());
    let other = written(&conflict("m", 2, &[]), &before).unwrap();
    assert_eq!((other.ready.reason.as_str(), other.ready.since.as_str()), ("Conflict", BEFORE));
}

#[test]
fn a_verdict_on_something_else_is_not_written() {
    assert_eq!(written(&in_force("m", 1), &seen(2, &Value::Null)), None, "edited meanwhile");
    assert_eq!(written(&in_force("m", 3), &seen(2, &Value::Null)), None, "not seen yet");
    let verdict = Verdict { uid: "other".to_owned(), ..in_force("m", 2) };
    assert_eq!(written(&verdict, &seen(2, &Value::Null)), None, "made anew");
}

#[test]
fn what_others_broke_is_written_anew() {
    let verdict = in_force("m", 2);
    let whole = status(2, "True", "InForce", "in force", BEFORE).json();
    assert_eq!(written(&verdict, &seen(2, &whole)), None);
    let breaks: [(&str, Value); 6] = [
        ("/rules", json!(4)),
        ("/rules", Value::Null),
        ("/observedGeneration", json!(1)),
        ("/conditions/0/message", json!("x")),
        ("/conditions/0/status", json!("Unknown")),
        ("/conditions", json!([])),
    ];
    for (pointer, value) in breaks {
        let mut broken = whole.clone();
        *broken.pointer_mut(pointer).unwrap() = value;
        assert!(written(&verdict, &seen(2, &broken)).is_some(), "{pointer}");
    }
    assert!(written(&verdict, &seen(2, &json!({"conditions": "x"}))).is_some());
}

#[test]
fn the_message_has_the_mode_and_the_warnings_and_is_bounded() {
    let observed = Present { observes: true, ..seen(2, &Value::Null) };
    let message =
        |verdict: &Verdict, present: &Present| written(verdict, present).unwrap().ready.message;
    assert!(message(&in_force("m", 2), &observed).contains("Observe"));
    let warned = |warnings: &[&str]| Verdict {
        warnings: warnings.iter().map(|text| (*text).to_owned()).collect(),
        ..in_force("m", 2)
    };
    let text =
        message(&warned(&["only the first of 2 targets is used", "b\nc"]), &seen(2, &Value::Null));
    assert_eq!(text, "in force; warning: only the first of 2 targets is used; warning: b c");
    let long = message(&warned(&["ä".repeat(5_000).as_str()]), &seen(2, &Value::Null));
    assert!(long.len() <= MESSAGE_BYTES_MAX && long.ends_with('…'), "{}", long.len());
}

/// Name, severity, reason and text of the notes, where the other map is as
/// `other` says.
fn told(
    verdict: &Verdict,
    before: Option<&Status>,
    was_edited: bool,
) -> Vec<(String, Severity, &'static str)> {
    let present = Present { status: before.cloned(), ..seen(verdict.generation, &Value::Null) };
    let wanted = written(verdict, &present).unwrap_or_else(|| before.unwrap().clone());
    let other = |other: &MapId| (*other == id("o")).then_some(Other { uid: "o-uid", was_edited });
    let name = |note: &Note| note.regarding.name.clone();
    notes(verdict, before, &wanted, other)
        .iter()
        .map(|note| (name(note), note.severity, note.reason))
        .collect()
}

#[test]
fn a_map_is_told_when_its_condition_changes() {
    let normal = || vec![("m".to_owned(), Severity::Normal, "InForce")];
    let warning = |reason| vec![("m".to_owned(), Severity::Warning, reason)];
    let fine = status(2, "True", "InForce", "in force", BEFORE);
    assert_eq!(told(&in_force("m", 2), None, false), normal());
    assert_eq!(told(&in_force("m", 2), Some(&fine), false), []);
    // Another generation, or a warning, changes no condition.
    assert_eq!(told(&in_force("m", 3), Some(&fine), false), []);
    let warned = Verdict { warnings: vec!["w".to_owned()], ..in_force("m", 2) };
    assert_eq!(told(&warned, Some(&fine), false), []);
    let state = |reason| State::OutOfForce { reason, message: "x".to_owned(), others: Vec::new() };
    for reason in [Reason::Invalid, Reason::Chain, Reason::Limit] {
        let verdict = Verdict { state: state(reason), ..in_force("m", 2) };
        assert_eq!(told(&verdict, Some(&fine), false), warning(reason.as_str()));
        let still = status(2, "False", reason.as_str(), "x", BEFORE);
        assert_eq!(told(&verdict, Some(&still), false), []);
        let other_fault = status(2, "False", reason.as_str(), "y", BEFORE);
        assert_eq!(told(&verdict, Some(&other_fault), false), warning(reason.as_str()));
        let other_reason = status(2, "False", "Conflict", "x", BEFORE);
        assert_eq!(told(&verdict, Some(&other_reason), false), warning(reason.as_str()));
        assert_eq!(told(&in_force("m", 2), Some(&still), false), normal());
    }
}

#[test]
fn a_conflict_is_told_to_the_loser_and_to_whoever_caused_it() {
    let loser = || ("m".to_owned(), Severity::Warning, "Conflict");
    let cause = || ("o".to_owned(), Severity::Warning, "Conflict");
    let fine = status(2, "True", "InForce", "in force", BEFORE);
    // The loser is new, or was edited: it caused it itself.
    assert_eq!(told(&conflict("m", 1, &["o"]), None, false), [loser()]);
    assert_eq!(told(&conflict("m", 3, &["o"]), Some(&fine), false), [loser()]);
    // It was not: the other one did, by an edit or because it is in force again.
    assert_eq!(told(&conflict("m", 2, &["o"]), Some(&fine), true), [loser(), cause()]);
    assert_eq!(told(&conflict("m", 2, &["o"]), Some(&fine), false), [loser(), cause()]);
    // Both were.
    assert_eq!(told(&conflict("m", 3, &["o"]), Some(&fine), true), [loser(), cause()]);
    // The other one is gone already.
    assert_eq!(told(&conflict("m", 2, &["gone"]), Some(&fine), true), [loser()]);
}
