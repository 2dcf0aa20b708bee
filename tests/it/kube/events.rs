//! Events: what is sent, what is not, and that nobody waits.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use detour::kube::events::{
    Note, Outcome, QUEUE_MAX, Recorder, Regarding, Severity, budget::OBJECT_BURST, queue,
};
use serde_json::{Value, json};

use super::script::{Reply, Server};
use super::{Account, GUARD, LIMITS, status};

struct Run {
    server: Server,
    _account: Account,
    recorder: Recorder,
    outcomes: Receiver<Outcome>,
}

impl Run {
    fn outcomes(&self, count: usize) -> Vec<Outcome> {
        (0..count).map(|_| self.outcomes.recv_timeout(GUARD).unwrap()).collect()
    }
}

fn run(replies: Vec<Reply>) -> Run {
    let server = Server::start(replies);
    let account = Account::new(&server.pair.certificate);
    let (sender, outcomes) = mpsc::channel();
    let count = Arc::new(move |outcome| sender.send(outcome).unwrap_or_default());
    let (recorder, poster) = queue(account.api(&server, LIMITS), "pod-1_0", count);
    thread::spawn(move || poster.run());
    Run { server, _account: account, recorder, outcomes }
}

fn note(namespace: &str, uid: &str, text: &str) -> Note {
    let regarding = Regarding {
        api_version: "detour.dev/v1alpha1".to_owned(),
        kind: "ImageMap",
        namespace: namespace.to_owned(),
        name: "web".to_owned(),
        uid: uid.to_owned(),
    };
    let text = text.to_owned();
    Note { regarding, severity: Severity::Warning, reason: "Conflict", action: "Merge", text }
}

fn created() -> Reply {
    Reply::json(201, &json!({"metadata": {"name": "x"}}))
}

fn refused(code: u16) -> Reply {
    Reply::json(code, &status(code, "", "no"))
}

fn body(run: &Run, index: usize) -> Value {
    serde_json::from_str(&run.server.received()[index].body).unwrap()
}

#[test]
fn an_event_is_one_of_the_new_kind() {
    let run = run(vec![created(), created()]);
    run.recorder.record(note("a", "u", &"ä".repeat(1_000)));
    run.recorder.record(Note { severity: Severity::Normal, ..note("", "v", "x") });
    assert_eq!(run.outcomes(2), [Outcome::Sent, Outcome::Sent]);
    let lines = run.server.lines();
    assert_eq!(lines[0], "POST /apis/events.k8s.io/v1/namespaces/a/events");
    assert_eq!(lines[1], "POST /apis/events.k8s.io/v1/namespaces/default/events");
    let (first, second) = (body(&run, 0), body(&run, 1));
    let name = first["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("web."), "{name}");
    assert_eq!(first["metadata"]["namespace"], "a");
    let regarding = json!({"apiVersion": "detour.dev/v1alpha1", "kind": "ImageMap",
                           "namespace": "a", "name": "web", "uid": "u"});
    assert_eq!(first["regarding"], regarding);
    assert_eq!(first["reportingController"], "detour.dev/detour");
    assert_eq!(first["reportingInstance"], "pod-1_0");
    assert_eq!((&first["type"], &second["type"]), (&json!("Warning"), &json!("Normal")));
    assert_eq!((&first["reason"], &first["action"]), (&json!("Conflict"), &json!("Merge")));
    assert_eq!(first["note"].as_str().unwrap().len(), 1_024);
    assert_eq!(second["regarding"].get("namespace"), None);
    assert_eq!(second["metadata"]["namespace"], "default");
    assert!(first["eventTime"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn the_same_again_counts_up_the_one_that_is_there() {
    let run = run(vec![created(), created(), refused(404), created()]);
    for _ in 0..3 {
        run.recorder.record(note("a", "u", "x"));
    }
    assert_eq!(run.outcomes(3), [Outcome::Sent; 3]);
    let name = body(&run, 0)["metadata"]["name"].as_str().unwrap().to_owned();
    let path = format!("/apis/events.k8s.io/v1/namespaces/a/events/{name}");
    let lines = run.server.lines();
    assert_eq!(lines[1..3], [format!("PATCH {path}"), format!("PATCH {path}")]);
    assert_eq!(body(&run, 1)["series"]["count"], 2);
    // It had expired.
    assert!(lines[3].starts_with("POST "));
}

#[test]
fn what_the_server_refuses_is_dropped_and_what_it_cannot_is_tried_again() {
    let replies = vec![refused(403), refused(404), refused(503), created(), created()];
    let run = run(replies);
    for number in 0..4 {
        run.recorder.record(note("a", &number.to_string(), "x"));
    }
    let (failed, sent) = (Outcome::Failed, Outcome::Sent);
    assert_eq!(run.outcomes(4), [failed, failed, sent, sent]);
    assert_eq!(run.server.lines().len(), 5);
}

#[test]
fn nobody_waits_for_a_server_that_is_silent() {
    let run = run(vec![Reply::Silence]);
    for number in 0..QUEUE_MAX + 100 {
        run.recorder.record(note("a", &number.to_string(), "x"));
    }
    // One may have been taken out by then.
    assert_eq!(run.outcomes(99), [Outcome::Dropped; 99]);
}

#[test]
fn too_many_about_one_object_are_dropped() {
    let burst = OBJECT_BURST as usize;
    let run = run((0..burst).map(|_| created()).collect());
    for number in 0..burst + 5 {
        run.recorder.record(note("a", "u", &number.to_string()));
    }
    assert_eq!(run.outcomes(burst), vec![Outcome::Sent; burst]);
    assert_eq!(run.outcomes(5), [Outcome::Dropped; 5]);
}
