//! The writer of statuses and the look at the definitions.

use std::sync::Arc;
use std::thread;

use detour::kube::events::{self, Outcome};
use detour::kube::lease::Candidate;
use detour::kube::lease::elector::Timing;
use detour::kube::{Object, Objects};
use detour::metrics::Metrics;
use detour::rules::schema::definition;
use detour::rules::{Kind, MapId};
use detour::sources::seen::Seen;
use detour::sources::verdict::{State, Verdict, Verdicts};
use detour::status::definitions::{Notices, check};
use detour::status::writer::{Slots, Writer};
use serde_json::{Value, json};

use super::script::{Reply, Server};
use super::{Account, LIMITS, status, wait_until};

const MAPS: &str = "/apis/detour.dev/v1alpha1/namespaces/a/imagemaps";
const APPLY: &str = "status?fieldManager=detour-status&force=true";

fn verdict(name: &str) -> Verdict {
    Verdict {
        id: MapId { kind: Kind::ImageMap, namespace: "a".to_owned(), name: name.to_owned() },
        uid: format!("{name}-uid"),
        generation: 1,
        rules: 2,
        state: State::InForce,
        warnings: Vec::new(),
    }
}

fn map(name: &str, version: u64) -> Value {
    json!({"metadata": {"namespace": "a", "name": name, "uid": format!("{name}-uid"),
                        "generation": 1, "resourceVersion": version.to_string()},
           "spec": {"mode": "Enforce"}})
}

fn objects(names: &[&str]) -> Objects {
    let read = |name: &&str| Object::parse(map(name, 5).to_string().as_bytes()).unwrap();
    names.iter().map(read).map(|object| (object.key(), Arc::new(object))).collect()
}

fn refused(code: u16) -> Reply {
    Reply::json(code, &status(code, "", "no"))
}

/// A writer that leads, with verdicts on the maps of these names.
struct Run {
    server: Server,
    metrics: Arc<Metrics>,
    _lease: (Server, Account, Account),
}

fn run(names: &[&str], replies: Vec<Reply>) -> Run {
    let lease = json!({"metadata": {"name": "detour", "resourceVersion": "1"}, "spec": {}});
    let lease_server = Server::start(vec![refused(404), Reply::json(200, &lease)]);
    let lease_account = Account::new(&lease_server.pair.certificate);
    let (candidate, leadership, leave) = Candidate::new(
        lease_account.api(&lease_server, LIMITS),
        ("detour".to_owned(), "detour".to_owned()),
        "me".to_owned(),
        Timing { renew: super::GUARD, ..Timing::STANDARD },
        Box::new(|_| ()),
    );
    thread::spawn(move || {
        let _leave = leave;
        candidate.run();
    });
    let server = Server::start(replies);
    let account = Account::new(&server.pair.certificate);
    let api = account.api(&server, LIMITS);
    let metrics = Arc::new(Metrics::default());
    let counted = Arc::clone(&metrics);
    let count = Arc::new(move |outcome: Outcome| counted.write_back.event(outcome.as_str()));
    // Nobody sends: the queue is all that is looked at.
    let (recorder, poster) = events::queue(api.clone(), "me", count);
    drop(poster);
    let slots = Slots { verdicts: Arc::new(Verdicts::default()), seen: Arc::new(Seen::default()) };
    slots.seen.set(Kind::ImageMap, &objects(names));
    slots.verdicts.hand_over(names.iter().map(|name| verdict(name)).collect());
    let writer = Writer::new(api, leadership, recorder, Arc::clone(&metrics), slots);
    thread::spawn(|| writer.run());
    Run { server, metrics, _lease: (lease_server, lease_account, account) }
}

impl Run {
    fn wait_for(&self, metric: &str) {
        wait_until(metric, || self.metrics.encode().unwrap().contains(metric));
    }
}

#[test]
fn a_status_is_applied_in_an_own_name_to_that_very_object() {
    let run = run(&["m"], vec![Reply::json(200, &map("m", 9))]);
    run.wait_for("detour_status_writes_total{outcome=\"written\"} 1\n");
    let received = &run.server.received()[0];
    assert_eq!(received.line, format!("PATCH {MAPS}/m/{APPLY}"));
    assert_eq!(received.header("content-type"), Some("application/apply-patch+yaml"));
    let mut body: Value = serde_json::from_str(&received.body).unwrap();
    let ready = body["status"]["conditions"][0].take();
    assert_eq!((&ready["type"], &ready["status"]), (&json!("Ready"), &json!("True")));
    let expected = json!({
        "apiVersion": "detour.dev/v1alpha1", "kind": "ImageMap",
        "metadata": {"namespace": "a", "name": "m", "uid": "m-uid"},
        "status": {"observedGeneration": 1, "rules": 2, "conditions": [null]},
    });
    assert_eq!(body, expected);
    // Its event found no queue, which is counted and nothing else.
    run.wait_for("detour_events_total{outcome=\"dropped\"} 1\n");
}

#[test]
fn a_failure_is_repeated_and_does_not_stop_the_others() {
    let stored = |name| Reply::json(200, &map(name, 9));
    let replies = vec![refused(500), stored("n"), refused(429), stored("m"), stored("o")];
    let run = run(&["m", "n", "o"], replies);
    run.wait_for("detour_status_writes_total{outcome=\"written\"} 3\n");
    run.wait_for("detour_status_writes_total{outcome=\"failed\"} 2\n");
    let expected = ["m", "n", "o", "m", "o"].map(|name| format!("PATCH {MAPS}/{name}/{APPLY}"));
    assert_eq!(run.server.lines(), expected);
}

#[test]
fn a_map_that_is_gone_is_no_failure() {
    let replies = vec![refused(404), refused(409), Reply::json(200, &map("o", 9))];
    let run = run(&["m", "n", "o"], replies);
    run.wait_for("detour_status_writes_total{outcome=\"written\"} 1\n");
    run.wait_for("detour_status_writes_total{outcome=\"gone\"} 2\n");
    let failed = "detour_status_writes_total{outcome=\"failed\"} 0\n";
    assert!(run.metrics.encode().unwrap().contains(failed));
}

#[test]
fn definitions_are_looked_at_and_what_is_wrong_is_told() {
    let mut outdated = definition(Kind::ClusterImageMap);
    outdated["spec"]["versions"][0]["served"] = false.into();
    let current = definition(Kind::ImageMap);
    let replies =
        vec![refused(403), refused(404), Reply::json(200, &outdated), Reply::json(200, &current)];
    let server = Server::start(replies);
    let account = Account::new(&server.pair.certificate);
    let (api, metrics, notices) =
        (account.api(&server, LIMITS), Metrics::default(), Notices::default());
    check(&api, &notices, &metrics);
    assert_eq!(
        notices.lines(),
        [
            "whether the definition clusterimagemaps.detour.dev is that of this version is \
             unknown: forbidden",
            "there is no definition imagemaps.detour.dev in this cluster",
        ]
    );
    check(&api, &notices, &metrics);
    let lines = notices.lines();
    let expected = "crd-outdated: the definition clusterimagemaps.detour.dev is not that of this \
                    version, it differs in served; apply the definitions of this version";
    assert_eq!(lines, [expected]);
    let text = metrics.encode().unwrap();
    for line in [
        "detour_crd_outdated{definition=\"clusterimagemaps.detour.dev\"} 1\n",
        "detour_crd_outdated{definition=\"imagemaps.detour.dev\"} 0\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}
