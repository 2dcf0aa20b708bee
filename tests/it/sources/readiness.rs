//! When an instance is ready, and what its operator is told.

use std::time::{Duration, SystemTime};

use detour::rules::{self, Source, Text};
use detour::sources::Update;

use super::Served;

fn good() -> Update {
    let content = "apiVersion: detour.dev/v1alpha1\nkind: ClusterImageMap\nmetadata: {name: a}\n\
                   spec: {rules: [{prefix: docker.io, to: a.example}]}\n";
    let text = Text { name: "rules.yaml".to_owned(), content: content.to_owned() };
    Update::of_documents(rules::load(Source::File, &[text]))
}

fn refused(line: &str) -> Update {
    Update::Refused(vec![line.to_owned()])
}

#[test]
fn ready_once_every_source_has_synced_and_from_then_on() {
    let (served, places) = Served::new(&["file", "configmap:a/b", "api/imagemaps"]);
    let missing = || served.published.load().missing.clone();
    assert_eq!(served.metric("detour_source_rules{source=\"api/imagemaps\"}"), "0");
    assert_eq!(missing(), ["source file", "source configmap:a/b", "source api/imagemaps"]);
    places[0].update(good());
    places[1].update(refused("x"));
    places[2].update(Update::Failed("y".to_owned()));
    places[2].update(Update::InTouch);
    assert_eq!(missing(), ["source configmap:a/b", "source api/imagemaps"]);
    places[2].update(Update::Absent("z".to_owned()));
    assert_eq!(missing(), ["source configmap:a/b"]);
    places[1].update(good());
    assert_eq!(missing(), [""; 0]);
    for place in &places {
        place.update(refused("x"));
        place.update(Update::Failed("y".to_owned()));
    }
    assert_eq!(missing(), [""; 0], "it has rules");
    assert_eq!(served.published.load().faults.len(), 6);
}

#[test]
fn a_source_is_described_in_one_line() {
    let (served, places) = Served::new(&["file"]);
    let describe = |later| {
        let snapshot = served.published.load();
        snapshot.sources[0].describe(SystemTime::now() + Duration::from_secs(later))
    };
    assert_eq!(describe(0), "not synced yet");
    places[0].update(Update::Failed("away".to_owned()));
    assert!(describe(100).ends_with(": source file: away"), "{}", describe(100));
    places[0].update(good());
    let line = describe(100);
    let age = line.strip_prefix("1 rules in force, in order ").unwrap().strip_suffix(" s ago");
    assert!(["99", "100", "101"].contains(&age.unwrap()), "{line}");
    let lines = ["rules.yaml: one".to_owned(), "rules.yaml: two".to_owned()].to_vec();
    places[0].update(Update::Refused(lines));
    let line = describe(100);
    assert!(line.ends_with(" s: rules.yaml: one and 1 more") && line.contains(", for "), "{line}");
}

#[test]
fn the_last_sync_stands_still_while_something_is_wrong() {
    let (served, places) = Served::new(&["file"]);
    let last = || served.metric("detour_source_last_sync_timestamp_seconds{");
    assert_eq!(
        served.published.load().sources[0].last_sync.load(std::sync::atomic::Ordering::Relaxed),
        0
    );
    places[0].update(Update::InTouch);
    assert_eq!(last(), "0", "in touch, but nothing was read");
    places[0].update(good());
    assert_ne!(last(), "0");
    let snapshot = served.published.load();
    snapshot.sources[0].last_sync.store(7, std::sync::atomic::Ordering::Relaxed);
    places[0].update(refused("x"));
    places[0].update(Update::InTouch);
    assert_eq!((last(), served.metric("detour_source_failing{")), ("7".into(), "1".into()));
    places[0].update(good());
    assert_ne!(last(), "7");
    assert_eq!(served.metric("detour_source_failing{"), "0");
}

#[test]
fn a_trouble_keeps_its_beginning() {
    let (served, places) = Served::new(&["file"]);
    places[0].update(refused("one"));
    let since = served.published.load().sources[0].troubles[0].since;
    places[0].update(refused("two"));
    let snapshot = served.published.load();
    assert_eq!(snapshot.sources[0].troubles[0].since, since);
    assert_eq!(snapshot.faults, ["two"]);
    let many = (0..1_000).map(|number| format!("fault {number}")).collect();
    places[0].update(Update::Refused(many));
    let faults = served.published.load().faults.clone();
    assert_eq!((faults.len(), faults[100].as_str()), (101, "source file: 900 more faults"));
}

#[test]
fn a_source_read_in_parts_tells_them_beside_what_fails_wholly() {
    let (served, places) = Served::new(&["harbor"]);
    let place = &places[0];
    let content = || match good() {
        Update::Read(content) => Some(content),
        other => panic!("{other:?}"),
    };
    let lines = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let told = || {
        let snapshot = served.published.load();
        (snapshot.missing.len(), snapshot.sources[0].notes.clone(), snapshot.faults.clone())
    };
    place.update(Update::Failed("away".to_owned()));
    assert_eq!(told(), (0, vec![], lines(&["source harbor: away"])), "nobody waits for it");
    let part = |content, notes, faults| Update::Refreshed {
        content,
        notes: lines(notes),
        faults: lines(faults),
    };
    place.update(part(content(), &["one", "two"], &["a"]));
    let notes: Vec<String> = lines(&["source harbor: one", "source harbor: two"]);
    assert_eq!(told(), (0, notes.clone(), lines(&["source harbor: a"])));
    assert_eq!(served.rules().len(), 1);
    let last = "detour_source_last_sync_timestamp_seconds{";
    assert_eq!(
        (served.metric("detour_source_failing{"), served.metric(last)),
        ("1".into(), "0".into())
    );
    place.update(Update::Failed("away".to_owned()));
    assert_eq!(told(), (0, notes, lines(&["source harbor: away", "source harbor: a"])));
    place.update(part(None, &[], &[]));
    assert_eq!(told(), (0, vec![], vec![]));
    assert_eq!((served.rules().len(), served.metric("detour_source_failing{")), (1, "0".into()));
    assert_ne!(served.metric(last), "0");
    let many: Vec<String> = (0..1_000).map(|number| format!("fault {number}")).collect();
    place.update(Update::Refreshed { content: None, notes: many.clone(), faults: many });
    let (_, notes, faults) = told();
    assert_eq!((notes.len(), faults.len()), (101, 101));
    assert_eq!(notes[100], "source harbor: 900 more notes");
}

#[test]
fn every_exchange_and_every_fault_is_counted_once() {
    let (served, places) = Served::new(&["file"]);
    let count = |outcome| {
        served.metric(&format!(
            "detour_source_reloads_total{{source=\"file\",outcome=\"{outcome}\"}}"
        ))
    };
    let counts = || [count("success"), count("failure")];
    assert_eq!(counts(), ["0", "0"]);
    places[0].update(good());
    assert_eq!(counts(), ["0", "0"], "the first rules replace none");
    for _ in 0..2 {
        places[0].update(refused("x"));
        assert_eq!(counts(), ["0", "1"], "told once, counted once");
    }
    places[0].update(refused("another"));
    places[0].update(good());
    assert_eq!(counts(), ["1", "2"]);
    for why in ["away", "still away"] {
        places[0].update(Update::Failed(why.to_owned()));
        assert_eq!(counts(), ["1", "3"], "{why}");
    }
    places[0].update(Update::InTouch);
    assert_eq!(counts(), ["1", "3"], "nothing was exchanged");
    for _ in 0..2 {
        let faults = vec!["a part".to_owned()];
        places[0].update(Update::Refreshed { content: None, notes: Vec::new(), faults });
        assert_eq!(counts(), ["1", "4"]);
    }
}
