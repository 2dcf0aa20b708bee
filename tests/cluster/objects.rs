//! Objects that tests create, and what they look at in them.

use serde_json::{Value, json};

/// A pod with one container.
pub(crate) fn pod(name: &str, image: &str) -> Value {
    let containers = json!([{"name": "web", "image": image}]);
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"automountServiceAccountToken": false, "containers": containers},
    })
}

/// A pod template with an init container and a container, both of
/// `upstream.example`, for the labels `app: NAME`.
pub(crate) fn template(name: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": name}},
        "spec": {
            "tolerations": [{"operator": "Exists"}],
            "initContainers": [{"name": "init", "image": "upstream.example/init:1"}],
            "containers": [{"name": "web", "image": "upstream.example/web:1"}],
        },
    })
}

/// Every image of a pod or a pod template, list after list.
pub(crate) fn images(holder: &Value) -> Vec<&str> {
    let spec = &holder["spec"];
    let of_list = |list: &'static str| spec[list].as_array().into_iter().flatten();
    let containers = ["initContainers", "containers", "ephemeralContainers"];
    let containers = containers.into_iter().flat_map(of_list).map(|container| &container["image"]);
    let volumes = of_list("volumes").map(|volume| &volume["image"]["reference"]);
    containers.chain(volumes).filter_map(Value::as_str).collect()
}

/// The pod's record of its images as they were written.
pub(crate) fn originals(pod: &Value) -> Value {
    let text = pod["metadata"]["annotations"]["detour.dev/original-images"].as_str();
    text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

/// The spec with every image replaced by the same text.
pub(crate) fn without_images(pod: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            container["image"] = Value::from("IMAGE");
        }
    }
    for volume in spec["volumes"].as_array_mut().into_iter().flatten() {
        if let Some(image) = volume.get_mut("image") {
            image["reference"] = Value::from("IMAGE");
        }
    }
    spec
}
