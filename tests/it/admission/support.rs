//! Reviews and rules in a few words.

use detour::admission::ORIGINALS_ANNOTATION;
use detour::mapping::Mapping;
use detour::mapping::policy::Policy;
use detour::mapping::reason::Reason;
use detour::rules::selector::Globs;
use detour::rules::{Source, Text, load, merge::merge};
use serde_json::{Value, json};

use crate::oracle;
pub(super) use crate::oracle::Answer;

/// Docker Hub goes to a mirror, and one repository of it stays.
pub(super) const HUB: &str = "
apiVersion: detour.dev/v1alpha1
kind: ClusterImageMap
metadata: {name: default}
spec:
  rules:
    - {name: hub, prefix: docker.io, to: mirror.example.com/hub}
    - {name: kept, exact: docker.io/library/kept, keep: true}
";
/// What [`HUB`] makes of `nginx`.
pub(super) const MIRRORED: &str = "mirror.example.com/hub/library/nginx";
pub(super) const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";
/// [`ORIGINALS_ANNOTATION`] as a JSON pointer.
pub(super) const ORIGINALS_POINTER: &str = "/metadata/annotations/detour.dev~1original-images";

pub(super) fn mapping(rules: &str) -> Mapping {
    with_policy(rules, Policy::default())
}

pub(super) fn with_policy(rules: &str, policy: Policy) -> Mapping {
    let text = Text { name: "rules.yaml".to_owned(), content: rules.to_owned() };
    let loaded = load(Source::File, &[text]);
    assert_eq!(loaded.report.faults, [], "{rules}");
    Mapping::new(merge(loaded.maps), policy)
}

pub(super) fn hub() -> Mapping {
    mapping(HUB)
}

pub(super) fn globs(list: &[&str]) -> Globs {
    Globs::new(list.iter().copied()).expect("globs")
}

/// A review of a kind such as `Pod` or `apps/Deployment`.
pub(super) fn review(operation: &str, kind: &str, object: &Value, old: &Value) -> Value {
    let (group, kind) = kind.split_once('/').unwrap_or(("", kind));
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": UID,
            "kind": {"group": group, "version": "v1", "kind": kind},
            "namespace": "shop",
            "operation": operation,
            "object": object,
            "oldObject": old,
            "dryRun": false,
        },
    })
}

pub(super) fn create(pod: &Value) -> Value {
    review("CREATE", "Pod", pod, &Value::Null)
}

pub(super) fn update(pod: &Value, old: &Value) -> Value {
    review("UPDATE", "Pod", pod, old)
}

/// A pod with the containers `c0`, `c1`, … of these images.
pub(super) fn pod(images: &[&str]) -> Value {
    let container =
        |(index, image): (usize, &&str)| json!({"name": format!("c{index}"), "image": image});
    let containers: Vec<Value> = images.iter().enumerate().map(container).collect();
    json!({"metadata": {"name": "web"}, "spec": {"containers": containers}})
}

/// The pod with `value` at a pointer whose parents are there or made.
pub(super) fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let mut at = &mut object;
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/");
        at = match at {
            Value::Array(items) => &mut items[key.parse::<usize>().expect("an index")],
            other => &mut other[key.as_str()],
        };
    }
    *at = value;
    object
}

/// The pod with what our annotation says.
pub(super) fn with_originals(pod: Value, originals: &Value) -> Value {
    with(pod, ORIGINALS_POINTER, json!(originals.to_string()))
}

/// The answer, with all that must be so of every answer checked.
pub(super) fn admit(review: &Value, mapping: &Mapping) -> Answer {
    let answer = oracle::answer(review.to_string().as_bytes(), review, mapping).expect("a review");
    let label = mapping.policy().label.as_ref().map(|(key, _)| key.as_str());
    oracle::check_only_ours_differs(&review["request"]["object"], &answer.after, label);
    answer
}

/// As [`admit`], and that the webhook changes nothing when it is asked again.
pub(super) fn admit_twice(review: &Value, mapping: &Mapping) -> Answer {
    let answer = admit(review, mapping);
    let second = admit(&oracle::asked_again(review, &answer.after), mapping);
    assert_eq!(second.patch, [] as [Value; 0], "after {:#?}", answer.patch);
    answer
}

/// The answer, which has no patch.
pub(super) fn left_alone(review: &Value, mapping: &Mapping) -> Answer {
    let answer = admit(review, mapping);
    assert_eq!(answer.patch, [] as [Value; 0], "{review:#}");
    answer
}

impl Answer {
    pub(super) fn image(&self, index: usize) -> &str {
        self.text(&format!("/spec/containers/{index}/image"))
    }

    pub(super) fn text(&self, pointer: &str) -> &str {
        self.after.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// What our annotation says after the patch; null when it is absent.
    pub(super) fn originals(&self) -> Value {
        let annotations = &self.after["metadata"]["annotations"];
        let text = annotations.get(ORIGINALS_ANNOTATION).and_then(Value::as_str);
        text.map_or(Value::Null, |text| serde_json::from_str(text).expect("JSON"))
    }

    pub(super) fn reasons(&self) -> Vec<Reason> {
        self.outcome.images.iter().map(|image| image.reason).collect()
    }
}
