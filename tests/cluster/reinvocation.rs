//! Another webhook injects a container after Detour was asked: the API server
//! asks Detour again.

use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, shared};
use crate::detour::{Instance, rules};
use crate::fixture::{Fixture, MIRROR, is_rewritten, namespace};
use crate::neighbour::{Patcher, Place, Relay, inject, label, serve};
use crate::objects::{images, originals, pod};
use crate::records::audit_annotations;
use crate::registration::{Registration, Webhook};

/// Registers a webhook that is called after Detour for a namespace.
fn follow(
    cluster: &'static ControlPlane,
    namespace: &str,
    patch: impl Fn(&Value) -> Value + Send + Sync + 'static,
    shows: &str,
) -> Registration {
    let webhook = Webhook {
        name: &format!("b-{namespace}"),
        url: &serve(cluster, Patcher(patch)),
        namespaces: &[namespace],
        timeout_seconds: 10,
        never_fails: true,
    };
    Registration::new(cluster, &webhook, |pod| pod.to_string().contains(shows))
}

/// Registers an injector that follows.
fn follow_by_injector(
    cluster: &'static ControlPlane,
    namespace: &str,
    place: Place,
) -> Registration {
    let patch = move |request: &Value| inject(request, place, "upstream.example/injected:1");
    follow(cluster, namespace, patch, "\"injected\"")
}

#[test]
fn an_injected_container_is_rewritten_wherever_it_stands() {
    let Some(cluster) = shared() else { return };
    for (place, key) in [
        (Place::First, "containers/injected"),
        (Place::Last, "containers/injected"),
        (Place::Sidecar, "initContainers/injected"),
    ] {
        let fixture = Fixture::new(cluster, "injected");
        let _injector = follow_by_injector(cluster, &fixture.namespace, place);
        let mut stored = images(&fixture.create(&pod("meshed", "upstream.example/web:1")))
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        stored.sort_unstable();
        assert_eq!(stored, ["mirror.example/up/injected:1", "mirror.example/up/web:1"]);
        let written = json!({
            "containers/web": "upstream.example/web:1",
            key: "upstream.example/injected:1",
        });
        assert_eq!(originals(&fixture.pod("meshed")), written);
    }
}

#[test]
fn the_audit_log_tells_what_became_of_an_injected_container() {
    let Some(cluster) = shared() else { return };
    for place in [Place::Last, Place::Sidecar, Place::First] {
        let fixture = Fixture::new(cluster, "injected-audit");
        let _injector = follow_by_injector(cluster, &fixture.namespace, place);
        let mut object = pod("meshed", "upstream.example/web:1");
        object["spec"]["initContainers"] =
            json!([{"name": "init", "image": "upstream.example/init:1"}]);
        fixture.create(&object);
        let request = ("create", &Value::Null, "meshed");
        let annotations = audit_annotations(cluster, &fixture.namespace, request);
        for image in ["web:1", "init:1", "injected:1"] {
            let is_told = |(key, value): (&String, &Value)| {
                key.starts_with(&format!("{}/", fixture.webhook()))
                    && value
                        .as_str()
                        .is_some_and(|text| text.contains(&format!("mirror.example/up/{image}")))
            };
            assert!(annotations.as_object().unwrap().iter().any(is_told), "{image}: {annotations}");
        }
    }
}

#[test]
fn an_update_that_is_asked_again_keeps_its_images_and_their_originals() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::new(cluster, "followed");
    let manifest = pod("followed", "upstream.example/web:1");
    fixture.kubectl_with(&["apply", "--filename=-"], &manifest);
    let _labeller = follow(cluster, &fixture.namespace, label, "\"seen\"");
    let mut seen = Value::Null;
    for (arguments, tag) in [
        (&["annotate", "pod/followed", "note=a"][..], 1),
        (&["apply", "--filename=-"], 1),
        (&["set", "image", "pod/followed", "web=upstream.example/web:2"], 2),
        (&["annotate", "pod/followed", "other=b"], 2),
    ] {
        fixture.kubectl_with(arguments, &manifest);
        let stored = fixture.pod("followed");
        assert_eq!(images(&stored), [format!("mirror.example/up/web:{tag}")], "{arguments:?}");
        let written = json!({"containers/web": format!("upstream.example/web:{tag}")});
        assert_eq!(originals(&stored), written, "{arguments:?}");
        let label = stored["metadata"]["labels"]["seen"].clone();
        assert_ne!(std::mem::replace(&mut seen, label), stored["metadata"]["labels"]["seen"]);
    }
}

#[test]
fn a_second_round_that_meets_other_rules_keeps_what_the_first_did() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "replicas");
    let first = Instance::start(cluster, &rules(MIRROR), &[]);
    let second = Instance::start(cluster, &rules("second.example"), &[]);
    let _injector = follow_by_injector(cluster, &namespace, Place::Last);
    let url = serve(cluster, Relay::new(cluster, &[&first, &second]));
    let webhook = Webhook {
        name: &format!("a-{namespace}"),
        url: &url,
        namespaces: &[&namespace],
        timeout_seconds: 10,
        never_fails: true,
    };
    let registration = Registration::new(cluster, &webhook, is_rewritten);
    let api = cluster.api();
    let pods = format!("/api/v1/namespaces/{namespace}/pods");
    for number in 0..4 {
        let object = pod(&format!("meshed-{number}"), "upstream.example/web:1");
        let stored = api.create(&pods, &object);
        let [web, injected] = images(&stored)[..] else { panic!("{stored}") };
        let by_first = ["mirror.example/up/web:1", "second.example/injected:1"];
        let by_second = ["second.example/web:1", "mirror.example/up/injected:1"];
        assert!([by_first, by_second].contains(&[web, injected]), "{web} {injected}");
    }
    assert!(registration.calls().answered >= 8, "two rounds for each pod");
}
