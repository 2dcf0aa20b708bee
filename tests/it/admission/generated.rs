//! Pods, deployments and rules at random, with fields that nobody knows.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::support::{create, review, with};

const DIGEST: &str = "@sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b";
const REGISTRIES: [&str; 10] = [
    "",
    "docker.io/",
    "docker.io/library/",
    "index.docker.io/",
    "quay.io/",
    "ghcr.io/mirror/",
    "localhost:5000/",
    "m.example.com/hub/",
    "m.example.com/a/",
    "[2001:db8::1]:5000/",
];
const REPOSITORIES: [&str; 7] = ["a", "b", "a/b", "library/a", "a/b/c", "hub/a", "A"];
const PREFIXES: [&str; 7] =
    ["docker.io", "docker.io/library", "quay.io", "quay.io/a", "ghcr.io", "localhost:5000", "x.io"];
const PLACES: [&str; 5] = [
    "m.example.com",
    "m.example.com/hub",
    "m.example.com/a/b",
    "ghcr.io/mirror",
    "localhost:5000/x",
];
const TEMPLATES: [&str; 8] = [
    "m.example.com/{registry}/{repository}",
    "m.example.com/{repository}",
    "m.example.com/t/{short}",
    "m.example.com/t/{name}",
    "m.example.com/t/{name}:{tag}",
    "m.example.com/t/x-{name}:v-{tag}",
    "m.example.com/d/{repository}@{digest}",
    "{registry}/moved/{repository}",
];
const PATTERNS: [(&str, &str, &str); 6] = [
    ("glob", "quay.io/**", "m.example.com/{1}"),
    ("glob", "*/a/?", "m.example.com/g-{1}/{name}"),
    ("glob", "docker.io/library/*", "m.example.com/{1}-{1}"),
    ("regex", "(?<registry>[^/]+)/(?<rest>.+)", "m.example.com/{registry}/r/{rest}"),
    ("regex", "docker\\.io/(.*)", "m.example.com/all-in-one"),
    ("regex", "(.*)/b", "{1}/moved"),
];

pub(super) fn image() -> impl Strategy<Value = String> {
    let end = select(vec!["", "", ":1", ":latest", DIGEST, ":1@", ":"]);
    let plain = (select(&REGISTRIES[..]), select(&REPOSITORIES[..]), end).prop_map(
        |(registry, repository, end)| match end {
            ":1@" => format!("{registry}{repository}:1{DIGEST}"),
            end => format!("{registry}{repository}{end}"),
        },
    );
    prop_oneof![12 => plain, 1 => "\\PC{0,8}", 1 => Just("auto".to_owned())]
}

/// A value of any shape, also one that looks like what we look for.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        image().prop_map(|image| json!({"image": image})),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop_oneof![
            "[a-z~/\"ü]{1,4}",
            select(vec!["containers", "spec", "image"]).prop_map(str::to_owned)
        ];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((key, inner), 0..4).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// The object with some fields more, of names that Kubernetes does not have.
fn with_unknown(object: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let unknown = vec(("x-[a-z/~]{1,4}", any_value()), 0..3);
    (object, unknown).prop_map(|(mut object, unknown)| {
        if let Some(object) = object.as_object_mut() {
            object.extend(unknown);
        }
        object
    })
}

fn named(image_path: &'static str) -> impl Strategy<Value = Value> {
    let name = option::weighted(0.9, select(vec!["a", "b", "c", "", "ü/~"]));
    let item = (name, option::weighted(0.9, image())).prop_map(move |(name, image)| {
        let mut item = json!({});
        if let Some(name) = name {
            item["name"] = json!(name);
        }
        match image {
            Some(image) => with(item, image_path, json!(image)),
            None => item,
        }
    });
    prop_oneof![12 => with_unknown(item), 1 => Just(Value::Null)]
}

fn table(keys: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let originals = r#"{"containers/a":"nginx","volumes/b":"x"}"#;
    let value = select(vec!["", "a", "disabled", originals]);
    vec((select(keys), value), 0..3).prop_map(|pairs| {
        let pairs = pairs.into_iter().map(|(key, value)| (key.to_owned(), json!(value)));
        Value::Object(pairs.collect::<Map<String, Value>>())
    })
}

fn metadata() -> impl Strategy<Value = Value> {
    let labels = table(&["app", "team", "patched"]);
    let annotations = table(&["a/b", "detour.dev/original-images", "detour.dev/rewrites"]);
    let parts = (option::of(labels), option::of(annotations), any::<bool>());
    let metadata = parts.prop_map(|(labels, annotations, is_named)| {
        let mut metadata = json!({});
        if let Some(labels) = labels {
            metadata["labels"] = labels;
        }
        if let Some(annotations) = annotations {
            metadata["annotations"] = annotations;
        }
        metadata[if is_named { "name" } else { "generateName" }] = json!("web-");
        metadata
    });
    prop_oneof![12 => with_unknown(metadata), 1 => Just(Value::Null)]
}

fn spec() -> impl Strategy<Value = Value> {
    let secrets = vec(select(vec!["s1", "s2", "s3"]).prop_map(|name| json!({"name": name})), 0..3);
    let lists = (
        option::weighted(0.9, vec(named("/image"), 0..4)),
        option::of(vec(named("/image"), 0..3)),
        option::of(vec(named("/image/reference"), 0..3)),
        option::of(secrets),
    );
    let spec = lists.prop_map(|(containers, init_containers, volumes, secrets)| {
        let mut spec = json!({});
        let lists = [("containers", containers), ("initContainers", init_containers)];
        let others = [("volumes", volumes), ("imagePullSecrets", secrets)];
        for (name, list) in lists.into_iter().chain(others) {
            if let Some(list) = list {
                spec[name] = Value::from(list);
            }
        }
        spec
    });
    with_unknown(spec)
}

/// A pod or a deployment that is created, or a pod that is updated.
pub(super) fn any_review() -> impl Strategy<Value = Value> {
    let pod = || {
        let parts = (metadata(), spec());
        with_unknown(parts.prop_map(|(metadata, spec)| json!({"metadata": metadata, "spec": spec})))
    };
    let created = pod().prop_map(|pod| create(&pod));
    let updated = (pod(), pod()).prop_map(|(new, old)| review("UPDATE", "Pod", &new, &old));
    let deployment = (metadata(), with_unknown(pod().prop_map(|pod| json!({"template": pod}))));
    let deployed = deployment.prop_map(|(metadata, spec)| {
        let object = json!({"metadata": metadata, "spec": spec});
        review("CREATE", "apps/Deployment", &object, &Value::Null)
    });
    prop_oneof![2 => created, 1 => updated, 1 => deployed]
}

fn rule() -> impl Strategy<Value = Value> {
    let target = || prop_oneof![select(&PLACES[..]), select(&TEMPLATES[..])];
    let prefix = (select(&PREFIXES[..]), target(), option::of(target()));
    let exact = (select(vec!["", ":1", DIGEST]), select(vec!["", ":2"]));
    prop_oneof![
        4 => prefix.prop_map(|(prefix, to, other)| match other {
            Some(other) => json!({"prefix": prefix, "to": [to, other]}),
            None => json!({"prefix": prefix, "to": to}),
        }),
        1 => select(&PREFIXES[..]).prop_map(|prefix| json!({"prefix": prefix, "keep": true})),
        2 => select(&PATTERNS[..]).prop_map(|(kind, pattern, to)| json!({kind: pattern, "to": to})),
        1 => exact.prop_map(|(version, own)| {
            json!({"exact": format!("docker.io/library/a{version}"), "to": format!("m.example.com/x/a{own}")})
        }),
    ]
}

/// The text of a few maps; most have no fault.
pub(super) fn any_rules() -> impl Strategy<Value = String> {
    let map =
        (vec(rule(), 0..4), option::of(select(&TEMPLATES[..2])), 0..3_i32, any::<[bool; 4]>());
    vec(map, 1..4).prop_map(|maps| {
        let document = |(index, (rules, default, priority, flags)): (usize, _)| {
            let [observes, has_secret, has_rollout, selects]: [bool; 4] = flags;
            let rules: Vec<Value> = rules;
            let mut spec = json!({"rules": rules, "priority": priority});
            spec["mode"] = json!(if observes && index > 0 { "Observe" } else { "Enforce" });
            spec["imagePullSecrets"] = if has_secret { json!(["s1", "s4"]) } else { json!([]) };
            spec["rollout"] = json!({"percent": if has_rollout { 50 } else { 100 }});
            if selects {
                spec["podSelector"] = json!({"matchLabels": {"app": "a"}});
            }
            if let Some(default) = default {
                spec["default"] = json!({"to": default});
            }
            let metadata = json!({"name": format!("map-{index}")});
            let head = json!({"apiVersion": "detour.dev/v1alpha1", "kind": "ClusterImageMap"});
            with(with(head, "/metadata", metadata), "/spec", spec).to_string()
        };
        let documents: Vec<String> = maps.into_iter().enumerate().map(document).collect();
        documents.join("\n---\n")
    })
}
