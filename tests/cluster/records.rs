//! What users and auditors are told.

use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, shared};
use crate::fixture::Fixture;
use crate::objects::pod;
use crate::wait::wait_for;

/// The annotations of the audit event of a request on a pod.
pub(crate) fn audit_annotations(
    cluster: &ControlPlane,
    namespace: &str,
    (verb, subresource, name): (&str, &Value, &str),
) -> Value {
    wait_for("the audit event is written", || {
        cluster.audit_events().into_iter().find_map(|event| {
            let object = &event["objectRef"];
            let is_it = event["verb"] == verb
                && object["namespace"] == namespace
                && object["name"] == name
                && object["subresource"] == *subresource;
            is_it.then(|| event["annotations"].clone())
        })
    })
}

#[test]
fn kubectl_shows_a_warning_for_each_rewritten_image() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::unregistered(cluster, "warnings", &["--warnings"]).registered();
    let mut object = pod("warned", "upstream.example/web:1");
    object["spec"]["initContainers"] =
        json!([{"name": "init", "image": "upstream.example/init:1"}]);
    let output = fixture.kubectl_with(&["create", "--filename=-"], &object);
    let text = String::from_utf8(output.stderr).unwrap();
    let warnings: Vec<&str> = text.lines().filter(|line| line.starts_with("Warning: ")).collect();
    assert_eq!(warnings.len(), 2, "{text}");
    for image in ["web:1", "init:1"] {
        let (old, new) =
            (format!("upstream.example/{image}"), format!("mirror.example/up/{image}"));
        assert!(warnings.iter().any(|line| line.contains(&old) && line.contains(&new)), "{text}");
    }
    let output = fixture.kubectl_with(&["apply", "--filename=-"], &pod("quiet", "kept.example/a"));
    assert!(!String::from_utf8(output.stderr).unwrap().contains("Warning: "));
}

#[test]
fn the_audit_log_tells_every_change_and_its_rule() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::new(cluster, "audit");
    let mut object = pod("audited", "kept.example/a:1");
    object["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "other", "image": "upstream.example/other:1"}));
    fixture.create(&object);
    let annotations =
        audit_annotations(cluster, &fixture.namespace, ("create", &Value::Null, "audited"));
    let key = |key: &str| format!("{}/{key}", fixture.webhook());
    let change = annotations[key("containers.other")].as_str().unwrap_or_default();
    for part in ["upstream.example/other:1", "mirror.example/up/other:1", "cluster#upstream"] {
        assert!(change.contains(part), "{annotations}");
    }
    assert_eq!(annotations[key("containers.web")], Value::Null);

    let image = "--image=upstream.example/tools:1";
    fixture.kubectl(&["debug", "audited", image, "--container=tools", "--attach=false", "--quiet"]);
    let request = ("patch", &Value::from("ephemeralcontainers"), "audited");
    let annotations = audit_annotations(cluster, &fixture.namespace, request);
    let change = annotations[key("ephemeralContainers.tools")].as_str().unwrap_or_default();
    assert!(change.contains("mirror.example/up/tools:1"), "{annotations}");
}
