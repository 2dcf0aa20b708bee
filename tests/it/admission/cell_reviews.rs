//! The review of a golden cell, made from the cell.

use detour::mapping::reason::Reason;
use serde_json::{Value, json};

use super::cells::Place;
use super::support::{review, with, with_originals};

const NAME: &str = "web";
/// What an update changed the image from, where nothing else is said.
const BEFORE: &str = "registry.example.com/before:1";

/// A review in which the image at `place` is decided on for `reason`.
pub(super) fn review_of(place: Place, reason: Reason) -> Value {
    let spec_path = match place.kind {
        "Pod" => "/spec",
        "PodTemplate" => "/template/spec",
        "batch/CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => "/spec/template/spec",
    };
    let object = |image: Option<&str>| {
        let spec = spec(place.list, image);
        let object = with(json!({"metadata": {"name": NAME}}), spec_path, spec);
        exempted(object, reason)
    };
    let new = object(Some(image_of(reason)));
    let old = match (place.operation, reason) {
        ("CREATE", _) => Value::Null,
        (_, Reason::Unchanged) => new.clone(),
        (_, Reason::Restored) => {
            let originals = json!({format!("{}/{NAME}", place.list): image_of(reason)});
            with_originals(object(Some("old-mirror.example.com/nginx:1.27")), &originals)
        }
        ("UPDATE", _) if place.sub_resource == "ephemeralcontainers" => object(None),
        _ => object(Some(BEFORE)),
    };
    let new = if place.operation == "DELETE" { Value::Null } else { new };
    let mut review = review(place.operation, place.kind, &new, &old);
    if !place.sub_resource.is_empty() {
        review["request"]["subResource"] = json!(place.sub_resource);
    }
    if reason == Reason::ExemptNamespace {
        review["request"]["namespace"] = json!("kube-system");
    }
    review
}

fn image_of(reason: Reason) -> &'static str {
    match reason {
        Reason::Keep => "quay.io/team/debug-tools:1",
        Reason::NoRule => "registry.example.com:5000/team/app:1",
        Reason::AlreadyThere => "mirror.example.com/official/nginx:1.27",
        Reason::InvalidResult => {
            "tags.example.com/app:1@sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b"
        }
        Reason::NotAReference => "Not//An:Image",
        Reason::Empty => "",
        Reason::Placeholder => "auto",
        Reason::ImageId => {
            "sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b"
        }
        Reason::NoPullSecret => "ghcr.io/team/app:1",
        _ => "nginx:1.27",
    }
}

fn spec(list: &str, image: Option<&str>) -> Value {
    let Some(image) = image else { return json!({}) };
    let item = match (list, image) {
        ("volumes", image) => json!({"name": NAME, "image": {"reference": image}}),
        (_, "") => json!({"name": NAME}),
        (_, image) => json!({"name": NAME, "image": image}),
    };
    json!({ list: [item] })
}

fn exempted(object: Value, reason: Reason) -> Value {
    match reason {
        Reason::MirrorPod => {
            with(object, "/metadata/annotations", json!({"kubernetes.io/config.mirror": "hash"}))
        }
        Reason::OptedOut => {
            with(object, "/metadata/labels", json!({"detour.dev/rewrite": "disabled"}))
        }
        Reason::ExemptOwner => {
            let owner = json!({"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster"});
            with(object, "/metadata/ownerReferences", json!([owner]))
        }
        _ => object,
    }
}
