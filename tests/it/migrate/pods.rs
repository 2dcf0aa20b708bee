//! Every recorded pod: the review in, the images of the patched object out.

use std::fs;
use std::path::Path;

use detour::mapping::Mapping;
use serde_json::Value;

use super::{Case, answer, cases, entries, mapping, pulled};
use crate::oracle;

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The image of the container of this name in this list.
fn image_of(object: &Value, list: &str, name: &str) -> String {
    let spec = match object["spec"]["template"].is_object() {
        true => &object["spec"]["template"]["spec"],
        false => &object["spec"],
    };
    let containers = spec[list].as_array().unwrap();
    let container = containers.iter().find(|container| container["name"] == name).unwrap();
    container["image"].as_str().unwrap().to_owned()
}

fn check(case: &Case, directory: &Path) -> usize {
    let migration = case.migration();
    let mapping = mapping(&migration);
    let review = json(&directory.join("request.json"));
    let outcome = json(&directory.join("outcome.json"));
    let answered = answer_to(&review, &mapping);
    let debugged = answer_to(&debugging(&review), &mapping);
    let namespace = review["request"]["namespace"].as_str().unwrap();
    let images = outcome["images"].as_array().unwrap();
    for image in images {
        let text = |name: &str| image[name].as_str().unwrap();
        let (list, name, input) = (text("list"), text("name"), text("input"));
        let after = if list == "ephemeralContainers" { &debugged } else { &answered };
        let own = image_of(after, list, name);
        let place = format!("{list} {name} ({input}) of {}", directory.display());
        if is_opted_out(&review, &mapping) {
            assert_eq!(own, input, "{place}");
        } else if matches!(text("note"), "rewritten" | "same") {
            let single = answer(&mapping, input, namespace);
            // As in the rows: other spellings, and what Harbor decides.
            let is_other = pulled(&single) != pulled(text("output"));
            assert!(!is_other || is_explained(case, input), "{place}: {single}");
            if !is_other {
                assert_eq!(pulled(&own), pulled(text("output")), "{place}");
            }
        } else {
            assert_eq!(pulled(&own), pulled(&answer(&mapping, input, namespace)), "{place}");
        }
    }
    images.len()
}

fn answer_to(review: &Value, mapping: &Mapping) -> Value {
    oracle::answer(review.to_string().as_bytes(), review, mapping).unwrap().after
}

/// The request by which ephemeral containers really come into a pod; a new
/// pod that has some is refused by the API server.
fn debugging(review: &Value) -> Value {
    let mut debugging = review.clone();
    let request = &mut debugging["request"];
    let mut old = request["object"].clone();
    old["spec"].as_object_mut().unwrap().remove("ephemeralContainers");
    request["oldObject"] = old;
    request["operation"] = "UPDATE".into();
    request["subResource"] = "ephemeralcontainers".into();
    request["requestSubResource"] = "ephemeralcontainers".into();
    debugging
}

fn is_opted_out(review: &Value, mapping: &Mapping) -> bool {
    let labels = &review["request"]["object"]["metadata"]["labels"];
    mapping.policy().opt_outs.iter().any(|opt_out| labels[&opt_out.key] == opt_out.value.as_str())
}

/// Whether the rows of the case have other answers for another spelling too.
fn is_explained(case: &Case, input: &str) -> bool {
    let on_hub = super::Reference::parse(input).is_ok_and(|image| image.registry() == "docker.io");
    on_hub || case.asks_harbor()
}

#[test]
fn every_pod() {
    let mut pods = 0;
    let mut images = 0;
    for case in cases() {
        let directory = case.directory.join("pods");
        for pod in if directory.exists() { entries(&directory) } else { Default::default() } {
            images += check(&case, &pod);
            pods += 1;
        }
    }
    assert_eq!(pods, 132);
    assert!(images > 300, "{images}");
}
