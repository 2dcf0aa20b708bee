//! Where rules come from: what each source tells, and what comes into force.

mod board;
mod config_map;
mod file;
mod harbor;
mod objects;
mod readiness;
mod together;
mod verdicts;

use std::sync::Arc;

use detour::kube::{Object, Objects};
use detour::mapping::policy::Policy;
use detour::metrics::Metrics;
use detour::snapshot::{Published, Snapshot};
use detour::sources::board::{Listed, Place, Sinks, board};
use detour::sources::verdict::Verdicts;
use serde_json::{Value, json};

/// What a board publishes.
struct Served {
    published: Arc<Published>,
    metrics: Arc<Metrics>,
    verdicts: Arc<Verdicts>,
}

impl Served {
    /// A board with these sources, and the place of each.
    fn new(names: &[&str]) -> (Self, Vec<Place>) {
        let served = Self {
            published: Arc::new(Published::new(Snapshot::default())),
            metrics: Arc::default(),
            verdicts: Arc::default(),
        };
        let sinks = Sinks {
            published: Arc::clone(&served.published),
            metrics: Arc::clone(&served.metrics),
            verdicts: Arc::clone(&served.verdicts),
            seen: Arc::default(),
            policy: Policy::default(),
        };
        let listed = |name: &&str| Listed {
            name: (*name).to_owned(),
            is_required: !name.starts_with("harbor"),
        };
        (served, board(names.iter().map(listed).collect(), sinks))
    }

    /// The rules in force: id, pattern, target.
    fn rules(&self) -> Vec<String> {
        let snapshot = self.published.load();
        let rule = |(id, rule): (_, &detour::rules::Rule)| {
            let target = rule.action.target().map_or("keep".to_owned(), ToString::to_string);
            format!("{id} {} {target}", rule.matcher)
        };
        snapshot.mapping.rules().map(rule).collect()
    }

    /// The value of a metric's line that begins so.
    fn metric(&self, begin: &str) -> String {
        let text = self.metrics.encode().unwrap();
        let line = text.lines().find(|line| line.starts_with(begin));
        line.unwrap_or_else(|| panic!("no {begin} in {text}"))
            .rsplit(' ')
            .next()
            .unwrap()
            .to_owned()
    }
}

/// An object as the API server gives it; `created` is a second of the day.
fn object(kind: &str, place: &str, created: u32, spec: &Value) -> Object {
    let (namespace, name) = place.rsplit_once('/').unwrap_or(("", place));
    let mut object = json!({
        "apiVersion": "detour.dev/v1alpha1", "kind": kind,
        "metadata": {
            "name": name, "uid": format!("uid-{place}-{created}"), "resourceVersion": "1",
            "generation": 1, "creationTimestamp": format!("2026-01-01T00:{:02}:{:02}Z", created / 60, created % 60),
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
        },
        "spec": spec,
    });
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = namespace.into();
    }
    Object::parse(object.to_string().as_bytes()).unwrap()
}

fn objects(all: impl IntoIterator<Item = Object>) -> Objects {
    all.into_iter().map(|object| (object.key(), Arc::new(object))).collect()
}

/// A specification of prefix rules.
fn prefixes(pairs: &[(&str, &str)]) -> Value {
    let rule = |(prefix, to): &(&str, &str)| json!({"prefix": prefix, "to": to});
    json!({"rules": pairs.iter().map(rule).collect::<Vec<_>>()})
}
