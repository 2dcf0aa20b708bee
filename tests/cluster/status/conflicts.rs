//! Two maps that contradict each other: made, mended, broken, deleted.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::instance::Instance;
use super::{Bed, map};
use crate::control_plane::undisturbed;
use crate::wait::{tell, wait_for, wait_until};

/// How long nothing may be written while nothing changes.
const WATCHED: Duration = Duration::from_secs(45);

/// The words of a line of `kubectl get`.
fn shown(bed: &Bed, kind: &str, name: &str) -> Vec<String> {
    let arguments = ["get", kind, name, "--namespace", &bed.namespace];
    let output = bed.cluster.kubectl(&arguments, "");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect());
    let heading: Vec<String> = lines.next().unwrap();
    assert_eq!(heading, ["NAME", "MODE", "RULES", "READY", "REASON", "AGE"]);
    let mut words: Vec<String> = lines.next().unwrap();
    words.pop();
    words
}

fn reasons(events: &[(String, String, String)]) -> Vec<(&str, &str)> {
    events.iter().map(|(reason, kind, _)| (reason.as_str(), kind.as_str())).collect()
}

fn wait_for_events(bed: &Bed, name: &str, expected: &[(&str, &str)]) {
    wait_until(&format!("{name} was told {expected:?}"), || reasons(&bed.events(name)) == expected);
}

/// Both instances see it, and the API server the same objects: nobody writes.
fn nothing_is_written(bed: &Bed) {
    // Longer than the audit log takes to be written.
    wait_until("the writes so far are in the audit log", || bed.writes() >= 2);
    let (begin, before) = (Instant::now(), bed.writes());
    let versions =
        || ["elder", "younger"].map(|name| bed.get(name)["metadata"]["resourceVersion"].clone());
    let stored = versions();
    while begin.elapsed() < WATCHED {
        assert_eq!((bed.writes(), versions()), (before, stored.clone()));
        thread::sleep(Duration::from_millis(500));
    }
    tell(&format!("{before} writes for two maps, and none in {WATCHED:?} after"));
    assert_eq!(before, 2);
}

#[test]
fn a_conflict_is_written_once_and_told_to_both() {
    let Some(cluster) = undisturbed() else { return };
    let bed = Bed::new(cluster, "conflicts");
    let _instances = [Instance::start(&bed.account), Instance::start(&bed.account)];
    bed.create("elder", "mirror.example/a");
    bed.wait_for("elder", "True", "InForce");
    bed.create("younger", "mirror.example/b");
    let younger = bed.wait_for("younger", "False", "Conflict");
    let message = younger["status"]["conditions"][0]["message"].as_str().unwrap();
    let other = format!("rule hub of ImageMap/{}/elder", bed.namespace);
    assert!(message.contains(&other), "{message}");
    assert_eq!(shown(&bed, "im", "elder"), ["elder", "Enforce", "1", "True", "InForce"]);
    assert_eq!(shown(&bed, "im", "younger"), ["younger", "Enforce", "1", "False", "Conflict"]);
    // The younger one caused it, and it alone is told.
    wait_for_events(&bed, "younger", &[("Conflict", "Warning")]);
    wait_for_events(&bed, "elder", &[("InForce", "Normal")]);
    nothing_is_written(&bed);

    let since = |object: &Value| object["status"]["conditions"][0]["lastTransitionTime"].clone();
    let lost = since(&younger);
    bed.edit("elder", "mirror.example/b");
    let mended = bed.wait_for("younger", "True", "InForce");
    assert_ne!(since(&mended), lost);
    wait_for_events(&bed, "younger", &[("Conflict", "Warning"), ("InForce", "Normal")]);
    // Now the elder one causes it.
    bed.edit("elder", "mirror.example/c");
    bed.wait_for("younger", "False", "Conflict");
    wait_for_events(&bed, "elder", &[("InForce", "Normal"), ("Conflict", "Warning")]);
    let note = bed.events("elder").pop().unwrap().2;
    assert!(note.contains(&format!("ImageMap/{}/younger out of force", bed.namespace)), "{note}");
    // The same words for the younger one: the event that is there counts up.
    wait_until("the series has two", || {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", bed.namespace);
        let list = bed.api.get(&path);
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|event| event["regarding"]["name"] == "younger" && event["series"]["count"] == 2)
    });
    bed.delete("elder");
    bed.wait_for("younger", "True", "InForce");
}

#[test]
fn a_map_in_no_namespace_is_told_in_default() {
    let Some(cluster) = undisturbed() else { return };
    let bed = Bed::new(cluster, "observes");
    let _instance = Instance::start(&bed.account);
    let mut object = map("ClusterImageMap", &bed.namespace, "mirror.example/a");
    object["metadata"]["labels"]["bed"] = bed.namespace.as_str().into();
    object["spec"]["mode"] = "Observe".into();
    object["spec"]["rules"][0]["to"] = json!(["mirror.example/a", "mirror.example/b"]);
    // It is for no pod of another test.
    object["spec"]["namespaces"] = json!([bed.namespace]);
    let path = "/apis/detour.dev/v1alpha1/clusterimagemaps";
    bed.api.create(path, &object);
    let stored = wait_for("it has a status", || {
        let stored = bed.api.get(&format!("{path}/{}", bed.namespace));
        stored.pointer("/status/conditions/0").is_some().then_some(stored)
    });
    let message = stored["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("Observe") && message.contains("the first of 2"), "{message}");
    let expected = [bed.namespace.as_str(), "Observe", "1", "True", "InForce"];
    assert_eq!(shown(&bed, "cim", &bed.namespace), expected);
    wait_until("an event stands in default", || {
        let list = bed.api.get("/apis/events.k8s.io/v1/namespaces/default/events");
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|event| event["regarding"]["name"] == bed.namespace.as_str())
    });
    bed.api.delete(&format!("{path}/{}", bed.namespace));
}
