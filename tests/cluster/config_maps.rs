//! Rules from a ConfigMap that is edited, broken, mended and deleted.

use serde_json::{Value, json};

use crate::control_plane::shared;
use crate::detour::{Instance, rules};
use crate::fixture::{MIRROR, is_rewritten, namespace};
use crate::objects::{images, pod};
use crate::registration::{Registration, Webhook};
use crate::wait::wait_until;

#[test]
fn the_last_good_config_map_stays_in_force() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "configmap");
    let api = cluster.api();
    let collection = format!("/api/v1/namespaces/{namespace}/configmaps");
    let path = format!("{collection}/mirrors");
    let source = format!("--source=configmap:{namespace}/mirrors");
    let kubeconfig = format!("--kubeconfig={}", cluster.kubeconfig.display());
    let detour = Instance::start_unready(cluster, &[&source, &kubeconfig]);
    wait_until("the absence is told", || {
        let (status, text) = detour.readiness();
        assert_eq!(status, 503, "{text}");
        text.contains("there is no such ConfigMap")
    });
    let config_map = |data: &Value| json!({"metadata": {"name": "mirrors"}, "data": data});
    api.create(&collection, &config_map(&json!({"rules.yaml": rules(MIRROR)})));
    wait_until("it is ready", || detour.readiness().0 == 200);
    let webhook = Webhook {
        name: &format!("a-{namespace}"),
        url: &detour.url(),
        namespaces: &[&namespace],
        timeout_seconds: 10,
        never_fails: true,
    };
    let _registration = Registration::new(cluster, &webhook, is_rewritten);
    let image = || {
        let pods = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
        let stored = cluster.api().create(&pods, &pod("probe", "upstream.example/web:1"));
        images(&stored)[0].to_owned()
    };
    let change = |data: &Value| api.patch(&path, &json!({"data": data}));
    change(&json!({"rules.yaml": rules("edited.example")}));
    wait_until("the edit is in force", || image() == "edited.example/web:1");
    change(&json!({"rules.yaml": rules("nowhere")}));
    let fault = format!("fault: configmap:{namespace}/mirrors, key rules.yaml:");
    wait_until("the fault is told", || detour.readiness().1.contains(&fault));
    assert_eq!(image(), "edited.example/web:1");
    assert_eq!(detour.readiness().0, 200);
    assert_eq!(detour.metric("detour_source_failing{"), 1);
    let fresh = Instance::start_unready(cluster, &[&source, &kubeconfig]);
    wait_until("a fresh one says why it is not ready", || {
        let (status, text) = fresh.readiness();
        assert_eq!(status, 503, "{text}");
        text.contains(&fault)
    });
    change(&json!({"rules.yaml": null, "upstream.example": "pair.example"}));
    wait_until("the pair is in force", || image() == "pair.example/web:1");
    wait_until("the fresh one is ready", || fresh.readiness().0 == 200);
    assert_eq!(detour.metric("detour_source_failing{"), 0);
    api.delete(&path);
    wait_until("it is missed", || detour.readiness().1.contains("there is no such ConfigMap"));
    assert_eq!(image(), "pair.example/web:1", "the last good rules stay");
    api.create(&collection, &config_map(&json!({"rules.yaml": rules("back.example")})));
    wait_until("it is back", || image() == "back.example/web:1");
    assert!(!detour.readiness().1.contains("fault: "));
}
