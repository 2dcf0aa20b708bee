//! Objects that Kubernetes does not send: answered, and left alone where
//! their types are wrong.

use detour::admission::{Handling, IMAGES_MAX};
use serde_json::{Value, json};

use super::support::{MIRRORED, UID, admit, admit_twice, create, hub, left_alone, pod, with};
use crate::oracle;

#[test]
fn an_object_with_a_wrong_type_anywhere_is_left_alone() {
    let wrong = [
        ("/spec/containers/0/image", json!(5)),
        ("/spec/containers/0/image", json!(["nginx"])),
        ("/spec/containers/0/name", json!({})),
        ("/spec/containers/1", json!("nginx")),
        ("/spec/containers/1", json!(["c1", "nginx"])),
        ("/spec/containers", json!({})),
        ("/spec/containers", json!("nginx")),
        ("/spec/containers", json!([["c1", "nginx"]])),
        ("/spec/initContainers", json!(true)),
        ("/spec/ephemeralContainers", json!(1)),
        ("/spec/volumes", json!([{"image": "nginx"}])),
        ("/spec/volumes", json!([{"image": {"reference": 1}}])),
        ("/spec/volumes", json!([{"image": ["nginx"]}])),
        ("/spec/imagePullSecrets", json!({"name": "a"})),
        ("/spec/imagePullSecrets", json!(["a"])),
        ("/spec", json!([])),
        ("/spec", json!("x")),
        ("/metadata", json!("x")),
        ("/metadata", json!([])),
        ("/metadata/labels", json!(["a"])),
        ("/metadata/labels", json!({"a": 1})),
        ("/metadata/annotations", json!("x")),
        ("/metadata/annotations", json!({"a": {}})),
        ("/metadata/name", json!(1)),
        ("/metadata/ownerReferences", json!({})),
        ("/metadata/ownerReferences", json!([{"controller": "true"}])),
    ];
    for (pointer, value) in wrong {
        let object = with(pod(&["nginx", "redis"]), pointer, value);
        let answer = left_alone(&create(&object), &hub());
        assert_eq!(answer.outcome.handling, Handling::NotUnderstood, "{object}");
        assert_eq!(answer.outcome.uid, UID);
    }
}

#[test]
fn more_images_than_any_pod_has_are_left_alone() {
    let images = vec!["nginx"; IMAGES_MAX];
    let review = create(&pod(&images)).to_string();
    let most = oracle::told(review.as_bytes(), &hub()).expect("a review");
    assert_eq!((most.handling, most.images.len()), (Handling::Decided, IMAGES_MAX));
    let answer = left_alone(&create(&pod(&[&images[..], &["redis"]].concat())), &hub());
    assert_eq!(answer.outcome.handling, Handling::TooManyImages);
    assert_eq!(answer.outcome.images, []);
    assert_eq!(answer.outcome.uid, UID);
}

#[test]
fn a_request_with_a_wrong_type_is_left_alone() {
    for (pointer, value) in [
        ("/request/object", json!([])),
        ("/request/object", json!("x")),
        ("/request/oldObject", json!(1)),
        ("/request/kind", json!("Pod")),
        ("/request/operation", json!(1)),
        ("/request/subResource", json!({})),
        ("/request/namespace", json!(["shop"])),
        ("/request/dryRun", json!("no")),
    ] {
        let review = with(create(&pod(&["nginx"])), pointer, value);
        let answer = left_alone(&review, &hub());
        assert_eq!(answer.outcome.handling, Handling::NotUnderstood, "{review}");
    }
}

#[test]
fn a_field_that_is_there_twice_is_left_alone() {
    let body = create(&pod(&["nginx"])).to_string();
    for (once, twice) in [
        (r#""image":"nginx""#, r#""image":"nginx","image":"redis""#),
        (r#""image":"nginx""#, r#""image":"nginx","\u0069mage":"redis""#),
        (r#""spec":{"#, r#""spec":{},"spec":{"#),
        (r#""containers":["#, r#""containers":[],"containers":["#),
        (r#""object":{"#, r#""object":null,"object":{"#),
        (r#""namespace":"#, r#""namespace":"a","namespace":"#),
        (r#""metadata":{"#, r#""metadata":{"labels":{"a":"b","c":"d","a":"b"},"#),
        (r#""metadata":{"#, r#""metadata":{"annotations":{"a":"b","\u0061":"c"},"#),
    ] {
        assert!(body.contains(once), "{once}");
        let body = body.replacen(once, twice, 1);
        let sent: Value = serde_json::from_str(&body).expect("JSON");
        let answer = oracle::answer(body.as_bytes(), &sent, &hub()).expect("a review");
        assert_eq!(answer.patch, [] as [Value; 0], "{body}");
        assert_eq!(answer.outcome.handling, Handling::NotUnderstood);
    }
}

#[test]
fn nulls_are_read_as_absent() {
    let nothing = ["/metadata", "/metadata/labels", "/metadata/annotations", "/spec/volumes"];
    let lists = ["/spec/initContainers", "/spec/imagePullSecrets", "/metadata/ownerReferences"];
    for pointer in nothing.into_iter().chain(lists) {
        let object = with(pod(&["nginx"]), pointer, Value::Null);
        let answer = admit_twice(&create(&object), &hub());
        assert_eq!(answer.image(0), MIRRORED, "{pointer}");
        assert_eq!(answer.originals(), json!({"containers/c0": "nginx"}), "{pointer}");
    }
    for pointer in ["/spec", "/spec/containers", "/spec/containers/0", "/spec/containers/0/image"] {
        left_alone(&create(&with(pod(&["nginx"]), pointer, Value::Null)), &hub());
    }
    for object in [Value::Null, json!({}), json!({"spec": {}}), json!({"spec": {"containers": []}})]
    {
        left_alone(&create(&object), &hub());
    }
}

#[test]
fn a_null_among_containers_keeps_its_index() {
    let object = with(pod(&["x", "nginx"]), "/spec/containers/0", Value::Null);
    assert_eq!(admit_twice(&create(&object), &hub()).image(1), MIRRORED);
    let object =
        json!({"spec": {"volumes": [null, {}, {"name": "v", "image": {"reference": "nginx"}}]}});
    let answer = admit_twice(&create(&object), &hub());
    assert_eq!(answer.text("/spec/volumes/2/image/reference"), MIRRORED);
}

#[test]
fn a_container_without_a_name_is_rewritten_and_not_recorded() {
    let object = json!({"spec": {"containers": [{"image": "nginx"}, {"name": "", "image": "a"}]}});
    let answer = admit_twice(&create(&object), &hub());
    assert_eq!(answer.image(0), MIRRORED);
    assert_eq!(answer.originals(), Value::Null);
}

#[test]
fn an_image_that_is_absent_or_empty_is_left_alone() {
    let object = json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "image": ""}]}});
    left_alone(&create(&object), &hub());
    left_alone(&create(&json!({"spec": {"volumes": [{"name": "v", "image": {}}]}})), &hub());
}

#[test]
fn five_hundred_containers_are_all_rewritten() {
    let images: Vec<String> = (0..500).map(|number| format!("app-{number}:1")).collect();
    let texts: Vec<&str> = images.iter().map(String::as_str).collect();
    let answer = admit_twice(&create(&pod(&texts)), &hub());
    for (index, image) in images.iter().enumerate() {
        assert_eq!(answer.image(index), format!("mirror.example.com/hub/library/{image}"));
    }
    let audit = answer.review["response"]["auditAnnotations"].as_object().expect("an object");
    assert_eq!(audit.len(), 64);
    assert!(audit.contains_key("containers.c0") && audit.contains_key("containers.c63"));
    assert_eq!(answer.originals().as_object().map(serde_json::Map::len), Some(500));
}

#[test]
fn unknown_fields_may_be_nested_as_deep_as_other_readers_take_them() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let last = if open == "[" { "" } else { "1" };
        let nested = |levels| format!("{}{last}{}", open.repeat(levels), close.repeat(levels));
        let body = create(&pod(&["nginx"])).to_string();
        // Each is inside this many levels.
        let places = [
            (2, r#""request":{"#),
            (4, r#""spec":{"#),
            (4, r#""metadata":{"#),
            (6, r#"{"image":"nginx","#),
        ];
        for (levels, at) in places {
            assert!(body.contains(at), "{at}");
            let with =
                |levels| body.replacen(at, &format!(r#"{at}"unknown":{},"#, nested(levels)), 1);
            let told = |body: &str| oracle::told(body.as_bytes(), &hub());
            let deepest = with(127 - levels);
            assert!(serde_json::from_str::<Value>(&deepest).is_ok());
            let images = told(&deepest).expect("a review").images;
            assert_eq!(images[0].new.as_deref(), Some(MIRRORED), "{at}");
            for levels in [128 - levels, 100_000] {
                let error = told(&with(levels)).expect_err("too deep").to_string();
                assert!(error.contains("recursion limit exceeded"), "{error}");
            }
        }
    }
}

#[test]
fn known_fields_may_be_nested_as_deep_as_unknown_ones() {
    let body = create(&pod(&["nginx"])).to_string();
    for key in ["template", "spec"] {
        let told = |levels| {
            let (open, close) = (format!(r#"{{"{key}":"#).repeat(levels), "}".repeat(levels));
            let deep = format!(r#""object":{{"template":{open}{{}}{close},"#);
            oracle::told(body.replacen(r#""object":{"#, &deep, 1).as_bytes(), &hub())
        };
        // Inside three, with one more at the end.
        let images = told(127 - 4).expect("a review").images;
        assert_eq!(images[0].new.as_deref(), Some(MIRRORED), "{key}");
        for levels in [128 - 4, 9_000] {
            let error = told(levels).expect_err("too deep").to_string();
            assert!(error.contains("recursion limit exceeded"), "{error}");
        }
    }
}

#[test]
fn escaped_and_foreign_strings_are_read() {
    let body = create(&pod(&["nginx"])).to_string();
    let body = body.replace(r#""image":"nginx""#, r#""\u0069mage":"\u006eginx""#);
    let body = body.replace(r#""name":"c0""#, r#""name":"c\u00f6\ud83d\ude00""#);
    let sent: Value = serde_json::from_str(&body).expect("JSON");
    let answer = oracle::answer(body.as_bytes(), &sent, &hub()).expect("a review");
    assert_eq!(answer.image(0), MIRRORED);
    assert_eq!(answer.originals(), json!({"containers/cö😀": "nginx"}));
    left_alone(&create(&pod(&["nginx\u{301}", "образ", "😀", "nginx\u{0}", " nginx"])), &hub());
}

#[test]
fn a_lone_surrogate_is_refused_wherever_it_is() {
    let body = create(&pod(&["nginx"])).to_string();
    for field in [r#""name":"\ud800""#, r#""tty":"\udc00","name":"c0""#] {
        let body = body.replace(r#""name":"c0""#, field);
        let error = oracle::told(body.as_bytes(), &hub()).expect_err(field).to_string();
        assert!(error.contains("surrogate") || error.contains("hex escape"), "{error}");
    }
}

#[test]
fn unknown_fields_survive_beside_what_is_changed() {
    let unknown = json!({"image": "nginx", "deep": [1.5, {"containers": [{"image": "nginx"}]}]});
    let mut object = pod(&["nginx"]);
    for pointer in ["/x~1y", "/spec/sidecars", "/spec/containers/0/x", "/metadata/x"] {
        object = with(object, pointer, unknown.clone());
    }
    let answer = admit(&create(&object), &hub());
    assert_eq!(answer.patch.len(), 2, "{:#?}", answer.patch);
}
