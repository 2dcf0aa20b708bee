//! What is left alone although its images have rules.

use serde_json::{Value, json};

use crate::control_plane::shared;
use crate::detour::{Instance, rules};
use crate::fixture::{Fixture, MIRROR, is_rewritten, namespace};
use crate::objects::{images, originals, pod};
use crate::registration::{Registration, Webhook};

#[test]
fn a_pod_that_opts_out_keeps_its_images_and_its_ephemeral_containers_too() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::new(cluster, "opt-out");
    for field in ["labels", "annotations"] {
        let mut object = pod(&format!("with-{field}"), "upstream.example/web:1");
        object["metadata"][field] = json!({"detour.dev/rewrite": "disabled"});
        let name = object["metadata"]["name"].as_str().unwrap();
        fixture.create(&object);
        let image = "--image=upstream.example/tools:1";
        fixture.kubectl(&["debug", name, image, "--attach=false", "--quiet"]);
        let stored = fixture.pod(name);
        assert_eq!(images(&stored), ["upstream.example/web:1", "upstream.example/tools:1"]);
        assert_eq!(originals(&stored), Value::Null);
    }
    assert!(is_rewritten(&fixture.create(&pod("other", "upstream.example/web:1"))));
}

#[test]
fn pods_of_an_exempt_namespace_and_of_kube_system_keep_their_images() {
    let Some(cluster) = shared() else { return };
    let [rewritten, exempt] = ["rewritten", "exempt"].map(|name| namespace(cluster, name));
    for (flags, exempt) in [
        (vec![], "kube-system"),
        (vec!["--exempt-namespaces=kube-system,exempt-*"], exempt.as_str()),
        (vec!["--exempt-namespaces=kube-system,exempt-*"], "kube-system"),
    ] {
        let detour = Instance::start(cluster, &rules(MIRROR), &flags);
        let webhook = Webhook {
            name: &format!("a-{exempt}-{}", detour.admission.port()),
            url: &detour.url(),
            // Registered for the exempt one too: Detour itself leaves it alone.
            namespaces: &[&rewritten, exempt],
            timeout_seconds: 10,
            never_fails: true,
        };
        let registration = Registration::new(cluster, &webhook, is_rewritten);
        let pods = format!("/api/v1/namespaces/{exempt}/pods");
        let api = cluster.api();
        let name = format!("spared-{}", detour.admission.port());
        let stored = api.create(&pods, &pod(&name, "upstream.example/web:1"));
        assert_eq!(images(&stored), ["upstream.example/web:1"]);
        assert_eq!(stored["metadata"]["annotations"], Value::Null);
        assert!(detour.metrics().contains("reason=\"exempt-namespace\"} 1\n"));
        api.delete(&format!("{pods}/{name}?gracePeriodSeconds=0"));
        drop(registration);
    }
}
