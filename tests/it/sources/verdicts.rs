//! What becomes of objects that are in each other's way, whatever happens in
//! which order.

use detour::kube::Object;
use detour::kube::watch::Observer;
use detour::rules::{Kind, MapId};
use detour::sources::Update;
use detour::sources::api::Watched;
use detour::sources::verdict::{MESSAGE_BYTES_MAX, Reason, State, Verdict};
use serde_json::{Value, json};

use super::{Served, object, objects, prefixes};

/// The two kinds, and a file beside them.
struct Bed {
    served: Served,
    cluster: Watched,
    namespaced: Watched,
    file: detour::sources::board::Place,
}

impl Bed {
    fn new() -> Self {
        let (served, places) = Served::new(&["api/clusterimagemaps", "api/imagemaps", "file"]);
        let [cluster, namespaced, file] = <[_; 3]>::try_from(places).ok().unwrap();
        let bed = Self {
            served,
            cluster: Watched::new(Kind::ClusterImageMap, cluster),
            namespaced: Watched::new(Kind::ImageMap, namespaced),
            file,
        };
        bed.file.update(Update::of_documents(detour::rules::Loaded::default()));
        bed
    }

    /// Only these objects are there now.
    fn are(&mut self, cluster: &[&Object], namespaced: &[&Object]) {
        self.cluster.changed(&objects(cluster.iter().map(|object| (*object).clone())));
        self.namespaced.changed(&objects(namespaced.iter().map(|object| (*object).clone())));
    }

    /// Name and word for each object.
    fn verdicts(&self) -> Vec<(String, &'static str)> {
        let verdicts = self.served.verdicts.latest().verdicts;
        let word = |verdict: &Verdict| match &verdict.state {
            State::InForce => "in force",
            State::OutOfForce { reason, .. } => reason.as_str(),
        };
        verdicts.iter().map(|verdict| (verdict.id.name.clone(), word(verdict))).collect()
    }

    fn words(&self) -> Vec<&'static str> {
        self.verdicts().into_iter().map(|(_, word)| word).collect()
    }

    fn verdict(&self, name: &str) -> Verdict {
        let verdicts = self.served.verdicts.latest().verdicts;
        verdicts.iter().find(|verdict| verdict.id.name == name).unwrap().clone()
    }
}

fn cluster(name: &str, created: u32, pairs: &[(&str, &str)]) -> Object {
    object("ClusterImageMap", name, created, &prefixes(pairs))
}

fn id(name: &str) -> MapId {
    MapId { kind: Kind::ClusterImageMap, namespace: String::new(), name: name.to_owned() }
}

#[test]
fn the_older_map_wins_whatever_the_order_of_events() {
    let a = cluster("z-oldest", 1, &[("docker.io", "a.example")]);
    let b = cluster("middle", 2, &[("docker.io", "b.example"), ("quay.io", "b.example")]);
    let c = cluster("a-youngest", 3, &[("quay.io", "c.example")]);
    // In the order of names: youngest, middle, oldest.
    let expected = ["in force", "Conflict", "in force"];
    let orders =
        [[&a, &b, &c], [&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]];
    for order in orders {
        let mut bed = Bed::new();
        for seen in 1..=order.len() {
            bed.are(&order[..seen], &[]);
        }
        assert_eq!(bed.words(), expected);
        assert_eq!(bed.served.rules().len(), 2);
    }
}

#[test]
fn what_stood_in_the_way_goes_and_the_map_is_in_force_at_once() {
    let a = cluster("a", 1, &[("docker.io", "a.example")]);
    let b = cluster("b", 2, &[("docker.io", "b.example"), ("quay.io", "b.example")]);
    let c = cluster("c", 3, &[("quay.io", "c.example")]);
    let mut bed = Bed::new();
    bed.are(&[&a, &b, &c], &[]);
    assert_eq!(bed.words(), ["in force", "Conflict", "in force"]);
    bed.are(&[&b, &c], &[]);
    assert_eq!(bed.words(), ["in force", "Conflict"], "b is in force, and so c is not");
    let expected = [
        "ClusterImageMap/b#rules[0] prefix docker.io b.example",
        "ClusterImageMap/b#rules[1] prefix quay.io b.example",
    ];
    assert_eq!(bed.served.rules(), expected);
    bed.are(&[&c], &[]);
    assert_eq!(bed.words(), ["in force"]);
    bed.are(&[&a, &b, &c], &[]);
    assert_eq!(bed.words(), ["in force", "Conflict", "in force"], "a is back, as old as it was");
}

#[test]
fn an_update_that_makes_a_map_conflict_takes_the_old_version_out_of_force() {
    let a = cluster("a", 1, &[("docker.io", "a.example")]);
    let b = cluster("b", 2, &[("quay.io", "b.example")]);
    let mut bed = Bed::new();
    bed.are(&[&a, &b], &[]);
    assert_eq!(bed.served.rules().len(), 2);
    let mut changed: Value = b.decode().unwrap();
    changed["spec"]["rules"] = json!([{"prefix": "docker.io", "to": "b.example"},
                                      {"prefix": "quay.io", "to": "b.example"}]);
    changed["metadata"]["generation"] = 2.into();
    changed["metadata"]["resourceVersion"] = "2".into();
    let changed = Object::parse(changed.to_string().as_bytes()).unwrap();
    bed.are(&[&a, &changed], &[]);
    assert_eq!(bed.served.rules(), ["ClusterImageMap/a#rules[0] prefix docker.io a.example"]);
    let verdict = bed.verdict("b");
    assert_eq!((verdict.generation, verdict.rules), (2, 2));
    assert_eq!(verdict.uid, "uid-b-2");
    let State::OutOfForce { reason, message, others } = verdict.state else { panic!() };
    assert_eq!((reason, others), (Reason::Conflict, vec![id("a")]));
    let text = "rule rules[0] conflicts with rule rules[0] of ClusterImageMap/a, which is older; \
                make them agree, or set a priority";
    assert_eq!(message, text);
    // The older one gives way as well, if it is the one that is changed.
    let mut bed = Bed::new();
    let mut older: Value = a.decode().unwrap();
    older["metadata"]["creationTimestamp"] = "2026-01-01T01:00:00Z".into();
    let younger = Object::parse(older.to_string().as_bytes()).unwrap();
    bed.are(&[&younger, &changed], &[]);
    assert_eq!(bed.verdicts()[0], ("a".to_owned(), "Conflict"));
}

#[test]
fn each_fault_has_its_reason() {
    let pattern = |index: usize| json!({"glob": format!("quay.io/{index}-*"), "keep": true});
    let rules = |count: usize| (0..count).map(pattern).collect::<Vec<_>>();
    let invalid = json!({"rules": [{"prefix": "nowhere", "to": "a.example"}]});
    let chain = json!({"rules": [{"name": "one", "prefix": "a.example", "to": "b.example"},
                                 {"name": "two", "prefix": "b.example", "to": "c.example"}]});
    let patterns = json!({"rules": rules(51)});
    let both = json!({"rules": [{"prefix": "a.example", "to": "b.example"},
                                {"prefix": "b.example", "to": "c.example"}, {"prefix": "x"}]});
    let many = json!({"rules": vec![json!({"prefix": "a.example", "keep": true}); 8_193]});
    // What no schema can keep out: a text of few bytes, a list where a text may be.
    let large = json!({"rules": [{"regex": "a.example/(x{200}){200}", "keep": true}]});
    let targets = vec![json!("b.example"); 257];
    let targets = json!({"rules": [{"prefix": "a.example", "to": targets}]});
    let mut bed = Bed::new();
    let all = [&invalid, &chain, &patterns, &both, &many, &large, &targets];
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let all: Vec<Object> = names
        .iter()
        .zip(all)
        .map(|(name, spec)| object("ImageMap", &format!("shop/{name}"), 1, spec))
        .collect();
    bed.are(&[], &all.iter().collect::<Vec<_>>());
    let words = ["Invalid", "Chain", "Limit", "Invalid", "Limit", "Limit", "Limit"];
    assert_eq!(bed.words(), words);
    assert!(bed.served.rules().is_empty());
    assert_eq!(names.map(|name| bed.verdict(name).rules), [1, 2, 51, 3, 8_193, 1, 1]);
    let State::OutOfForce { message, .. } = bed.verdict("b").state else { panic!() };
    assert!(
        message.starts_with("rule one: the target b.example is the input of rule two"),
        "{message}"
    );
    let odd = json!({"rules": "text", "final": true});
    bed.are(
        &[],
        &[
            &object("ImageMap", "shop/odd", 1, &odd),
            &object("ImageMap", "shop/none", 1, &Value::Null),
        ],
    );
    assert_eq!(bed.words(), ["Invalid", "Invalid"]);
}

#[test]
fn limits_over_several_maps_hit_the_youngest() {
    let patterns = |from: usize| {
        let rule = |index| json!({"glob": format!("quay.io/{index}-*"), "keep": true});
        json!({"rules": (from..from + 30).map(rule).collect::<Vec<_>>()})
    };
    let a = object("ImageMap", "shop/a", 2, &patterns(0));
    let b = object("ImageMap", "shop/b", 1, &patterns(30));
    let mut bed = Bed::new();
    bed.are(&[], &[&a, &b]);
    assert_eq!(bed.words(), ["Limit", "in force"]);
    bed.are(&[], &[&a]);
    assert_eq!(bed.words(), ["in force"]);
}

#[test]
fn a_message_has_a_bound_however_much_is_wrong() {
    let rules = vec![json!({"prefix": "ä".repeat(200), "to": "x"}); 500];
    let mut bed = Bed::new();
    bed.are(&[&object("ClusterImageMap", "a", 1, &json!({"rules": rules}))], &[]);
    let State::OutOfForce { message, .. } = bed.verdict("a").state else { panic!() };
    assert!((MESSAGE_BYTES_MAX - 8..=MESSAGE_BYTES_MAX).contains(&message.len()), "{message}");
}

#[test]
fn nothing_is_said_before_every_source_has_synced() {
    let (served, places) = Served::new(&["api/clusterimagemaps", "api/imagemaps", "file"]);
    let mut cluster_maps = Watched::new(Kind::ClusterImageMap, places[0].clone());
    let mut image_maps = Watched::new(Kind::ImageMap, places[1].clone());
    cluster_maps.changed(&objects([cluster("a", 1, &[("docker.io", "a.example")])]));
    image_maps.changed(&objects([]));
    assert_eq!(served.verdicts.latest().number, 0);
    places[2].update(Update::of_documents(detour::rules::Loaded::default()));
    assert_eq!(served.verdicts.latest().verdicts.len(), 1);
}
