//! The AdmissionReview around the object.

use detour::admission::Handling;
use serde_json::{Value, json};

use super::support::{MIRRORED, admit, create, hub, left_alone, pod, with};
use crate::oracle;

#[test]
fn both_versions_are_answered_in_kind() {
    for version in ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"] {
        let review = with(create(&pod(&["nginx"])), "/apiVersion", json!(version));
        let answer = admit(&review, &hub());
        assert_eq!(answer.review["apiVersion"], version);
        assert_eq!(answer.image(0), MIRRORED);
        assert_eq!(answer.outcome.handling, Handling::Decided);
    }
}

#[test]
fn an_unknown_version_is_left_alone() {
    let review = create(&pod(&["nginx"]));
    for version in ["admission.k8s.io/v2", "v1", ""] {
        let answer = left_alone(&with(review.clone(), "/apiVersion", json!(version)), &hub());
        assert_eq!(answer.outcome.handling, Handling::NotUnderstood, "{version}");
    }
}

#[test]
fn the_uid_is_copied_whatever_it_is() {
    for uid in ["x", "", "ü\u{2028}\"\\\n", "705ab4f5-6393-11e8-b7cc-42010a800002"] {
        let review = with(create(&pod(&["nginx"])), "/request/uid", json!(uid));
        let answer = admit(&review, &hub());
        assert_eq!((answer.outcome.uid.as_str(), answer.image(0)), (uid, MIRRORED));
    }
}

#[test]
fn what_is_no_review_with_a_uid_is_undecodable() {
    let review = create(&pod(&["nginx"]));
    let without = |pointer: &str, key: &str| {
        let mut review = review.clone();
        let parent = review.pointer_mut(pointer).and_then(Value::as_object_mut);
        parent.expect("an object").remove(key);
        review.to_string()
    };
    let text = review.to_string();
    let bodies = [
        (String::new(), "EOF"),
        ("{".to_owned(), "EOF"),
        ("\u{1}".to_owned(), "expected value"),
        ("[]".to_owned(), "an object"),
        ("null".to_owned(), "an object"),
        ("\"AdmissionReview\"".to_owned(), "an object"),
        (format!("{text}{text}"), "trailing characters"),
        (format!("\u{feff}{text}"), "an object"),
        (text[..text.len() - 1].to_owned(), "EOF"),
        (without("", "request"), "no request"),
        (without("/request", "uid"), "no uid"),
        (with(review.clone(), "/request", json!(null)).to_string(), "no request"),
        (with(review.clone(), "/request", json!([])).to_string(), "an object"),
        (with(review.clone(), "/request", json!("x")).to_string(), "an object"),
        (with(review.clone(), "/request/uid", json!(null)).to_string(), "no uid"),
        (with(review.clone(), "/request/uid", json!(7)).to_string(), "a string"),
        (with(review.clone(), "/kind", json!("Pod")).to_string(), "\"Pod\""),
        (with(review.clone(), "/kind", json!(1)).to_string(), "a string"),
        (with(review.clone(), "/apiVersion", json!(1)).to_string(), "a string"),
    ];
    for (body, reason) in bodies {
        let error = oracle::told(body.as_bytes(), &hub()).expect_err(&body).to_string();
        assert!(error.contains(reason), "{body}: {error}");
        assert!(!error.contains('\n'), "one line: {error}");
    }
}

#[test]
fn what_is_no_utf_8_is_undecodable() {
    let mut body = create(&pod(&["nginx"])).to_string().into_bytes();
    body.extend([b' ', 0xff]);
    let error = oracle::told(&body, &hub()).expect_err("not UTF-8");
    assert!(error.to_string().contains("utf-8"), "{error}");
}

#[test]
fn an_error_has_no_control_characters_of_the_body() {
    let review = with(create(&pod(&["nginx"])), "/kind", json!("a\nb\u{7}c"));
    let error = oracle::told(review.to_string().as_bytes(), &hub()).expect_err("a kind");
    assert!(!error.to_string().contains(char::is_control), "{error}");
}

#[test]
fn a_missing_version_and_kind_are_taken_for_a_review() {
    let mut review = create(&pod(&["nginx"]));
    let envelope = review.as_object_mut().expect("an object");
    envelope.remove("apiVersion");
    envelope.remove("kind");
    assert_eq!(admit(&review, &hub()).image(0), MIRRORED);
}

#[test]
fn a_dry_run_gets_the_same_answer() {
    let review = create(&pod(&["nginx", "redis"]));
    let dry = with(review.clone(), "/request/dryRun", json!(true));
    let (answer, dry) = (admit(&review, &hub()), admit(&dry, &hub()));
    assert_eq!(answer.review, dry.review);
    assert!(dry.outcome.dry_run && !answer.outcome.dry_run);
}

#[test]
fn the_outcome_names_the_object_as_well_as_it_can() {
    let mut object = pod(&["nginx"]);
    object["metadata"] = json!({"generateName": "web-"});
    let generated = create(&object);
    let named = with(generated.clone(), "/request/object/metadata/name", json!("web-1"));
    let requested = with(named.clone(), "/request/name", json!("asked-for"));
    let empty = with(generated.clone(), "/request/name", json!(""));
    for (review, name) in
        [(generated, "web-"), (named, "web-1"), (requested, "asked-for"), (empty, "web-")]
    {
        let outcome = admit(&review, &hub()).outcome;
        assert_eq!(outcome.name, name);
        assert_eq!(
            (outcome.kind.as_str(), outcome.namespace.as_str(), outcome.operation.as_str()),
            ("Pod", "shop", "CREATE")
        );
    }
}
