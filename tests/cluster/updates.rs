//! An update changes no image that it does not bring itself.

use serde_json::{Value, json};

use crate::control_plane::{shared, with_controllers};
use crate::detour::rules;
use crate::fixture::{Fixture, MIRROR, namespace};
use crate::objects::{images, originals, pod};
use crate::wait::wait_until;

/// The ways of `kubectl apply`: its own merge, and the server's.
const APPLY: [&[&str]; 2] =
    [&["apply", "--filename=-"], &["apply", "--server-side", "--filename=-"]];

/// A pod with two containers, as it is written.
fn two_containers() -> Value {
    let mut pod = pod("pair", "upstream.example/web:1");
    let other = json!({"name": "other", "image": "upstream.example/other:1"});
    pod["spec"]["containers"].as_array_mut().unwrap().push(other);
    pod
}

/// Updates of every kind that leave the images alone.
fn touch(fixture: &Fixture, pod: &str) {
    fixture.kubectl(&["label", pod, "team=a"]);
    fixture.kubectl(&["annotate", pod, "note=b"]);
    fixture.kubectl(&["patch", pod, "--patch", r#"{"spec": {"activeDeadlineSeconds": 9999}}"#]);
    let no_finalizers = r#"{"metadata": {"finalizers": null}}"#;
    fixture.kubectl(&["patch", pod, "--type=merge", "--patch", no_finalizers]);
}

#[test]
fn updates_of_a_pod_from_before_leave_its_images_as_they_are() {
    let Some(cluster) = shared() else { return };
    let mut fixture = Fixture::unregistered(cluster, "before", &[]);
    let mut object = two_containers();
    object["metadata"]["finalizers"] = json!(["tests.detour.dev/hold"]);
    fixture.create(&object);
    fixture.register();
    touch(&fixture, "pod/pair");
    let stored = fixture.pod("pair");
    assert_eq!(images(&stored), ["upstream.example/web:1", "upstream.example/other:1"]);
    assert_eq!(originals(&stored), Value::Null);
    assert_eq!(stored["metadata"]["finalizers"], Value::Null);
    assert_eq!(stored["metadata"]["labels"], json!({"team": "a"}));
    fixture.kubectl(&["set", "image", "pod/pair", "other=upstream.example/other:2"]);
    let expected = ["upstream.example/web:1", "mirror.example/up/other:2"];
    assert_eq!(images(&fixture.pod("pair")), expected);
}

#[test]
fn updates_of_a_pod_leave_its_images_as_they_are_after_a_rule_change() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::new(cluster, "after");
    let mut object = two_containers();
    object["metadata"]["finalizers"] = json!(["tests.detour.dev/hold"]);
    fixture.create(&object);
    fixture.detour.change_rules(&rules("second.example"));
    touch(&fixture, "pod/pair");
    let rewritten = ["mirror.example/up/web:1", "mirror.example/up/other:1"];
    assert_eq!(images(&fixture.pod("pair")), rewritten);
    fixture.kubectl(&["set", "image", "pod/pair", "web=upstream.example/web:2"]);
    let stored = fixture.pod("pair");
    assert_eq!(images(&stored), ["second.example/web:2", "mirror.example/up/other:1"]);
    let written = json!({
        "containers/web": "upstream.example/web:2",
        "containers/other": "upstream.example/other:1",
    });
    assert_eq!(originals(&stored), written);
    fixture.kubectl(&["set", "image", "pod/pair", "web=elsewhere.example/web:3"]);
    let stored = fixture.pod("pair");
    assert_eq!(images(&stored), ["elsewhere.example/web:3", "mirror.example/up/other:1"]);
    let written = json!({"containers/other": "upstream.example/other:1"});
    assert_eq!(originals(&stored), written);
}

#[test]
fn a_manifest_applied_again_after_a_rule_change_restarts_nothing() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::new(cluster, "again");
    let [here, there] = APPLY;
    let manifests = [("here", here), ("there", there)]
        .map(|(name, apply)| (apply, pod(name, "upstream.example/web:1")));
    for (apply, manifest) in &manifests {
        fixture.kubectl_with(apply, manifest);
    }
    fixture.detour.change_rules(&rules("second.example"));
    // The new rules are in force.
    let probe = fixture.create(&pod("probe", "upstream.example/web:1"));
    assert_eq!(images(&probe), ["second.example/web:1"]);
    for (apply, manifest) in &manifests {
        let name = manifest["metadata"]["name"].as_str().unwrap();
        let before = fixture.pod(name);
        for _ in 0..2 {
            fixture.kubectl_with(apply, manifest);
            let after = fixture.pod(name);
            assert_eq!(images(&after), ["mirror.example/up/web:1"], "{apply:?}");
            assert_eq!(after["spec"], before["spec"], "{apply:?}");
            assert_eq!(originals(&after), originals(&before), "{apply:?}");
        }
    }
    // Unlike a manifest that asks for another image.
    fixture.kubectl_with(here, &pod("here", "upstream.example/web:2"));
    assert_eq!(images(&fixture.pod("here")), ["second.example/web:2"]);
}

#[test]
fn a_pull_secret_that_was_added_does_not_hinder_the_next_apply() {
    let Some(cluster) = shared() else { return };
    let with_secret = rules(MIRROR).replace("{rules:", "{imagePullSecrets: [mirror], rules:");
    let namespace = namespace(cluster, "secret");
    let fixture = Fixture::of(cluster, namespace, &with_secret, &[]).registered();
    let own = json!([{"name": "own"}]);
    for (name, before, after) in [
        ("none", None, json!([{"name": "mirror"}])),
        ("own", Some(own), json!([{"name": "own"}, {"name": "mirror"}])),
    ] {
        for apply in APPLY {
            let mut manifest = pod(&format!("{name}-{}", apply.len()), "upstream.example/web:1");
            if let Some(before) = &before {
                manifest["spec"]["imagePullSecrets"] = before.clone();
            }
            for _ in 0..2 {
                fixture.kubectl_with(apply, &manifest);
                let stored = fixture.pod(manifest["metadata"]["name"].as_str().unwrap());
                assert_eq!(stored["spec"]["imagePullSecrets"], after);
                assert_eq!(images(&stored), ["mirror.example/up/web:1"]);
            }
        }
    }
}

#[test]
fn a_pull_secret_that_was_added_does_not_hinder_a_manifest_that_lacks_it() {
    let Some(cluster) = shared() else { return };
    let with_secret = rules(MIRROR).replace("{rules:", "{imagePullSecrets: [mirror], rules:");
    let namespace = namespace(cluster, "replaced");
    let fixture = Fixture::of(cluster, namespace, &with_secret, &[]).registered();
    let lists = [json!([{"name": "mirror"}]), json!([{"name": "own"}, {"name": "mirror"}])];
    let [mirror, own_and_mirror] = &lists;
    for (name, image, secrets, commands, after) in [
        ("absent", "upstream.example/web:1", None, ["create", "replace"], mirror),
        ("there", "mirror.example/up/web:1", None, ["create", "replace"], mirror),
        (
            "own",
            "upstream.example/web:1",
            Some(json!([{"name": "own"}])),
            ["create", "replace"],
            own_and_mirror,
        ),
        // As a merge patch, null takes the list away.
        ("null", "upstream.example/web:1", Some(Value::Null), ["apply", "apply"], mirror),
    ] {
        let mut manifest = pod(name, image);
        manifest["spec"]["serviceAccountName"] = "default".into();
        if let Some(secrets) = secrets {
            manifest["spec"]["imagePullSecrets"] = secrets;
        }
        for command in commands {
            // Without Detour the API server takes both.
            fixture.kubectl_with(&[command, "--filename=-"], &manifest);
            let stored = fixture.pod(name);
            assert_eq!(stored["spec"]["imagePullSecrets"], *after, "{name}: {command}");
            assert_eq!(images(&stored), ["mirror.example/up/web:1"]);
        }
    }
}

#[test]
fn the_finalizer_of_a_job_from_before_goes_and_the_image_stays() {
    let Some(cluster) = with_controllers() else { return };
    let mut fixture = Fixture::unregistered(cluster, "job-before", &[]);
    fixture.kubectl(&["create", "job", "old", "--image=upstream.example/web:1"]);
    let selected = fixture.path("pods?labelSelector=job-name%3Dold");
    wait_until("the job has its pod", || fixture.api.get(&selected)["items"][0].is_object());
    fixture.register();
    let name = fixture.api.get(&selected)["items"][0]["metadata"]["name"].clone();
    let status = fixture.path(&format!("pods/{}/status", name.as_str().unwrap()));
    fixture.api.patch(&status, &json!({"status": {"phase": "Succeeded"}}));
    wait_until("the finalizer is gone", || {
        fixture.pod(name.as_str().unwrap())["metadata"]["finalizers"].is_null()
    });
    assert_eq!(images(&fixture.pod(name.as_str().unwrap())), ["upstream.example/web:1"]);
}

#[test]
fn a_manifest_with_an_image_volume_can_be_applied_again() {
    let Some(cluster) = shared() else { return };
    let fixture = Fixture::new(cluster, "volume-again");
    let mut manifest = pod("volume", "upstream.example/web:1");
    manifest["spec"]["volumes"] =
        json!([{"name": "data", "image": {"reference": "upstream.example/data:1"}}]);
    for apply in APPLY {
        let name = format!("volume-{}", apply.len());
        manifest["metadata"]["name"] = name.as_str().into();
        for _ in 0..2 {
            fixture.kubectl_with(apply, &manifest);
            let rewritten = ["mirror.example/up/web:1", "mirror.example/up/data:1"];
            assert_eq!(images(&fixture.pod(&name)), rewritten);
        }
    }
}
