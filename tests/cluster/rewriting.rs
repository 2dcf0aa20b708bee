//! Every field in which a pod names an image.

use serde_json::{Value, json};

use crate::control_plane::shared;
use crate::fixture::{Fixture, namespace};
use crate::objects::{images, originals, pod, without_images};

/// A pod with a native sidecar that has most of the fields there are.
fn pod_with_a_sidecar() -> Value {
    let mut pod = pod("sidecar", "upstream.example/web:1");
    pod["spec"]["volumes"] = json!([
        {"name": "data", "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}},
        {"name": "settings", "configMap": {"name": "settings", "optional": true}},
    ]);
    pod["spec"]["initContainers"] = json!([{
        "name": "proxy",
        "image": "upstream.example/proxy:1",
        "imagePullPolicy": "Always",
        "restartPolicy": "Always",
        "command": ["/proxy", "--text=<&>\u{2028}"],
        "args": ["--quiet"],
        "workingDir": "/data",
        "env": [
            {"name": "PLAIN", "value": "a\"b\\c"},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        ],
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "settings", "optional": true}}],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi"}},
        "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}],
        "volumeMounts": [
            {"name": "data", "mountPath": "/data", "mountPropagation": "HostToContainer"},
            {"name": "settings", "mountPath": "/settings", "readOnly": true},
        ],
        "startupProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1},
        "readinessProbe": {"tcpSocket": {"port": 8080}},
        "livenessProbe": {"exec": {"command": ["/proxy", "check"]}, "failureThreshold": 9},
        "lifecycle": {"preStop": {"exec": {"command": ["/proxy", "drain"]}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 65_532, "readOnlyRootFilesystem": true,
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }]);
    pod
}

/// A pod with 50 init containers and 50 containers.
fn pod_with_100_containers() -> Value {
    let mut pod = pod("hundred", "");
    for list in ["initContainers", "containers"] {
        let container = |number| {
            let image = format!("upstream.example/{}/{number}:1", list.to_lowercase());
            json!({"name": format!("{}{number}", &list[..1]), "image": image, "command": ["run"]})
        };
        pod["spec"][list] = (0..50).map(container).collect();
    }
    pod
}

#[test]
fn a_pod_is_stored_with_its_images_rewritten_and_its_originals_recorded() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::new(cluster, "direct");
    let mut object = pod("direct", "upstream.example/a/b:1");
    object["spec"]["initContainers"] = json!([{"name": "init", "image": "upstream.example/init@sha256:".to_owned() + &"a".repeat(64)}]);
    object["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "other", "image": "elsewhere.example/kept:1"}));
    fixture.kubectl_with(&["create", "--filename=-"], &object);
    let stored = fixture.pod("direct");
    let digest = format!("mirror.example/up/init@sha256:{}", "a".repeat(64));
    let expected = [&digest, "mirror.example/up/a/b:1", "elsewhere.example/kept:1"];
    assert_eq!(images(&stored), expected);
    let written = json!({
        "containers/web": "upstream.example/a/b:1",
        "initContainers/init": object["spec"]["initContainers"][0]["image"],
    });
    assert_eq!(originals(&stored), written);
}

#[test]
fn a_pod_whose_name_the_server_makes_up_is_rewritten() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::new(cluster, "generated");
    let mut object = pod("", "upstream.example/web:1");
    object["metadata"] = json!({"generateName": "generated-"});
    let stored = fixture.create(&object);
    let name = stored["metadata"]["name"].as_str().unwrap();
    assert!(name.len() > "generated-".len(), "{name}");
    assert_eq!(images(&fixture.pod(name)), ["mirror.example/up/web:1"]);
}

#[test]
fn an_image_volume_is_rewritten_and_its_pod_can_still_be_updated() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::new(cluster, "volume");
    let mut object = pod("volume", "upstream.example/web:1");
    object["spec"]["containers"][0]["volumeMounts"] =
        json!([{"name": "data", "mountPath": "/data", "readOnly": true}]);
    object["spec"]["volumes"] =
        json!([{"name": "data", "image": {"reference": "upstream.example/data:1"}}]);
    fixture.create(&object);
    let rewritten = ["mirror.example/up/web:1", "mirror.example/up/data:1"];
    assert_eq!(images(&fixture.pod("volume")), rewritten);
    // The API server refuses an update that changes a volume.
    fixture.kubectl(&["label", "pod/volume", "seen=yes"]);
    fixture.kubectl(&["set", "image", "pod/volume", "web=upstream.example/web:2"]);
    let rewritten = ["mirror.example/up/web:2", "mirror.example/up/data:1"];
    assert_eq!(images(&fixture.pod("volume")), rewritten);
}

#[test]
fn a_container_that_kubectl_debug_adds_is_rewritten_and_the_next_one_too() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::new(cluster, "debug");
    fixture.create(&pod("debugged", "upstream.example/web:1"));
    for (name, image) in [("first", "upstream.example/tools:1"), ("second", "busybox")] {
        let [image, container] = [format!("--image={image}"), format!("--container={name}")];
        let arguments = ["debug", "debugged", &image, &container, "--attach=false", "--quiet"];
        fixture.kubectl(&arguments);
    }
    let stored = fixture.pod("debugged");
    let rewritten = ["mirror.example/up/web:1", "mirror.example/up/tools:1", "busybox"];
    assert_eq!(images(&stored), rewritten);
    assert_eq!(originals(&stored), json!({"containers/web": "upstream.example/web:1"}));
}

#[test]
fn a_copy_that_kubectl_debug_makes_is_rewritten_where_it_differs() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::new(cluster, "copy");
    fixture.create(&pod("copied", "upstream.example/web:1"));
    let copy = ["debug", "copied", "--copy-to=copy", "--container=tools", "--attach=false"];
    // What is kept by default depends on kubectl's version.
    let more = ["--image=upstream.example/tools:1", "--profile=general", "--keep-annotations"];
    fixture.kubectl(&[&copy[..], &more].concat());
    let stored = fixture.pod("copy");
    assert_eq!(images(&stored), ["mirror.example/up/web:1", "mirror.example/up/tools:1"]);
    let written = json!({
        "containers/web": "upstream.example/web:1",
        "containers/tools": "upstream.example/tools:1",
    });
    assert_eq!(originals(&stored), written);
}

#[test]
fn a_dry_run_of_the_server_shows_the_rewritten_images_and_stores_nothing() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::new(cluster, "dry-run");
    let arguments = ["create", "--dry-run=server", "--output=json", "--filename=-"];
    let output = fixture.kubectl_with(&arguments, &pod("dry", "upstream.example/web:1"));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(images(&shown), ["mirror.example/up/web:1"]);
    let (status, _) =
        fixture.api.request("GET", &fixture.path("pods/dry"), "application/json", &Value::Null);
    assert_eq!(status, 404);
    let log = fixture.detour.log();
    let line = log.lines().find(|line| line.contains("\"name\":\"dry\"")).unwrap();
    assert!(line.contains("\"dry_run\":true"), "{line}");
}

#[test]
fn nothing_but_images_differs_from_a_pod_that_no_webhook_saw() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::new(cluster, "seen");
    let unseen = namespace(cluster, "unseen");
    for object in [pod_with_a_sidecar(), pod_with_100_containers()] {
        let untouched = fixture.api.create(&format!("/api/v1/namespaces/{unseen}/pods"), &object);
        let stored = fixture.create(&object);
        assert_eq!(without_images(&stored), without_images(&untouched));
        let rewritten: Vec<String> = images(&untouched)
            .iter()
            .map(|image| image.replace("upstream.example/", "mirror.example/up/"))
            .collect();
        assert_eq!(images(&stored), rewritten);
    }
}
