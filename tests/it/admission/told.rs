//! What is told of a decision: outcome, audit annotations, warnings, and what
//! a map in Observe would have done.

use detour::mapping::policy::Policy;
use detour::mapping::reason::Reason;
use serde_json::{Value, json};

use super::support::{
    HUB, MIRRORED, admit, admit_twice, create, hub, left_alone, mapping, pod, update, with,
    with_originals, with_policy,
};

const OBSERVED: &str = "
apiVersion: detour.dev/v1alpha1
kind: ClusterImageMap
metadata: {name: planned}
spec:
  mode: Observe
  priority: 1
  imagePullSecrets: [mirror]
  rules:
    - {name: new, prefix: docker.io, to: new.example.com/hub}
    - {name: kept, prefix: ghcr.io, keep: true}
";

fn telling() -> Policy {
    Policy { warnings: true, ..Policy::default() }
}

fn warnings(review: &Value) -> Vec<String> {
    let answer = admit_twice(review, &with_policy(HUB, telling()));
    let warnings = answer.review["response"]["warnings"].clone();
    serde_json::from_value(warnings).expect("a list of texts")
}

#[test]
fn the_outcome_tells_rule_and_reason_of_every_image() {
    let answer = admit(&create(&pod(&["nginx", "kept", "quay.io/a", "x y"])), &hub());
    let told: Vec<_> = answer
        .outcome
        .images
        .iter()
        .map(|image| (image.field.as_str(), image.rule.as_deref(), image.reason))
        .collect();
    let expected = [
        ("containers/c0", Some("ClusterImageMap/default#hub"), Reason::Rewritten),
        ("containers/c1", Some("ClusterImageMap/default#kept"), Reason::Keep),
        ("containers/c2", None, Reason::NoRule),
        ("containers/c3", None, Reason::NotAReference),
    ];
    assert_eq!(told, expected);
    let first = &answer.outcome.images[0];
    assert_eq!((first.old.as_str(), first.new.as_deref()), ("nginx", Some(MIRRORED)));
}

#[test]
fn an_audit_annotation_tells_of_each_changed_image() {
    let object = with(
        pod(&["kept", "nginx"]),
        "/spec/initContainers",
        json!([{"name": "i", "image": "redis"}]),
    );
    let answer = admit(&create(&object), &hub());
    let audit = json!({
        "containers.c1": format!("nginx -> {MIRRORED} (rewritten by ClusterImageMap/default#hub)"),
        "initContainers.i":
            "redis -> mirror.example.com/hub/library/redis (rewritten by ClusterImageMap/default#hub)",
    });
    assert_eq!(answer.review["response"]["auditAnnotations"], audit);
    let old = with_originals(pod(&["a.example.com/a"]), &json!({"containers/c0": "a"}));
    let answer = admit(&update(&pod(&["a"]), &old), &hub());
    let audit = json!({"containers.c0": "a -> a.example.com/a (restored)"});
    assert_eq!(answer.review["response"]["auditAnnotations"], audit);
}

#[test]
fn an_audit_annotation_whose_name_does_not_fit_has_the_index() {
    let mut object = pod(&["kept", "nginx", "redis", "nginx"]);
    for (index, name) in [(1, "n".repeat(52)), (2, "n".repeat(53)), (3, "a b".to_owned())] {
        object["spec"]["containers"][index]["name"] = json!(name);
    }
    let answer = admit(&create(&object), &hub());
    let audit = answer.review["response"]["auditAnnotations"].as_object().expect("an object");
    let fits = format!("containers.{}", "n".repeat(52));
    let keys: Vec<&str> = audit.keys().map(String::as_str).collect();
    assert_eq!(keys, ["containers._2", "containers._3", &fits]);
}

#[test]
fn nothing_is_told_of_what_does_not_change() {
    let answer = left_alone(&create(&pod(&["kept"])), &with_policy(HUB, telling()));
    assert_eq!(answer.review["response"], json!({"uid": answer.outcome.uid, "allowed": true}));
}

#[test]
fn warnings_are_given_only_when_asked_for() {
    let review = create(&pod(&["nginx"]));
    assert_eq!(admit(&review, &hub()).review["response"].get("warnings"), None);
    let rule = "rewritten by ClusterImageMap/default#hub";
    assert_eq!(warnings(&review), [format!("detour: containers/c0: nginx -> {MIRRORED} ({rule})")]);
}

#[test]
fn warnings_stay_within_what_the_api_server_takes() {
    let long = "n".repeat(240);
    let images: Vec<&str> = std::iter::repeat_n(long.as_str(), 40).collect();
    let warned = warnings(&create(&pod(&images)));
    assert!(warned.iter().all(|text| text.chars().count() == 256), "{warned:?}");
    let all: usize = warned.iter().map(|text| text.chars().count()).sum();
    assert!((4_096 - 256..=4_096).contains(&all), "{all} characters");
    let many: Vec<&str> = std::iter::repeat_n("nginx", 500).collect();
    let warned = warnings(&create(&pod(&many)));
    let all: usize = warned.iter().map(|text| text.chars().count()).sum();
    assert!((4_096 - 256..=4_096).contains(&all), "{all} characters");
}

#[test]
fn warnings_have_no_control_characters() {
    let object = with(pod(&["nginx"]), "/spec/containers/0/name", json!("a\r\nb\u{7f}\u{85}ü\t"));
    let warned = warnings(&create(&object));
    assert!(warned[0].starts_with("detour: containers/abü: nginx -> "), "{warned:?}");
}

#[test]
fn a_map_in_observe_changes_nothing_and_tells_what_it_would_have_done() {
    let mapping = mapping(OBSERVED);
    let answer = left_alone(&create(&pod(&["nginx", "ghcr.io/a", "quay.io/a"])), &mapping);
    assert_eq!(answer.reasons(), [Reason::NoRule; 3]);
    assert_eq!(answer.outcome.pull_secrets, [] as [String; 0]);
    let observed = answer.outcome.images[0].observed.clone().expect("an observation");
    assert_eq!(observed.new.as_deref(), Some("new.example.com/hub/library/nginx"));
    assert_eq!(observed.rule, "ClusterImageMap/planned#new");
    assert_eq!(observed.reason, Reason::Rewritten);
    let kept = answer.outcome.images[1].observed.clone().expect("an observation");
    assert_eq!((kept.new, kept.reason), (None, Reason::Keep));
    assert_eq!(answer.outcome.images[2].observed, None);
}

#[test]
fn a_map_in_observe_is_asked_beside_the_one_in_force() {
    let answer = admit_twice(&create(&pod(&["nginx"])), &mapping(&format!("{HUB}---{OBSERVED}")));
    let image = &answer.outcome.images[0];
    assert_eq!((image.new.as_deref(), image.reason), (Some(MIRRORED), Reason::Rewritten));
    let observed = image.observed.as_ref().and_then(|observed| observed.new.as_deref());
    assert_eq!(observed, Some("new.example.com/hub/library/nginx"));
}
