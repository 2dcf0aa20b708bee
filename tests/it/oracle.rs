//! What every answer must be, whatever was asked: checked with another
//! program's JSON Patch. Also compiled into the fuzz targets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bumpalo::Bump;
use detour::admission::{
    self, Handling, ImageOutcome, ORIGINALS_ANNOTATION, Outcome, Recorded, Undecodable,
};
use detour::mapping::Mapping;
use detour::mapping::reason::Reason;
use serde_json::{Map, Value, json};

/// The pods' specs of the kinds that hold one.
pub(crate) const SPEC_PATHS: [&str; 4] =
    ["/spec", "/spec/template/spec", "/template/spec", "/spec/jobTemplate/spec/template/spec"];
const LISTS: [&str; 4] = ["containers", "initContainers", "ephemeralContainers", "volumes"];

/// An answer that was found to be well-formed.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The AdmissionReview with the patch decoded.
    pub(crate) review: Value,
    /// The operations; none when nothing changes.
    pub(crate) patch: Vec<Value>,
    /// The object of the request, with the patch applied.
    pub(crate) after: Value,
    /// What was decided.
    pub(crate) outcome: Told,
}

/// An [`Outcome`] that outlives the review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) uid: String,
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) operation: String,
    pub(crate) dry_run: bool,
    pub(crate) handling: Handling,
    pub(crate) images: Vec<ToldImage>,
    pub(crate) recorded: Recorded,
    pub(crate) pull_secrets: Vec<String>,
}

/// An image of an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ToldImage {
    pub(crate) field: String,
    pub(crate) old: String,
    pub(crate) new: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) reason: Reason,
    pub(crate) observed: Option<ToldObserved>,
}

/// What a map in Observe would have done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ToldObserved {
    pub(crate) new: Option<String>,
    pub(crate) rule: String,
    pub(crate) reason: Reason,
}

impl Told {
    fn of(outcome: &Outcome<'_>) -> Self {
        Self {
            uid: outcome.uid.to_owned(),
            kind: outcome.kind.to_owned(),
            namespace: outcome.namespace.to_owned(),
            name: outcome.name.to_owned(),
            operation: outcome.operation.to_owned(),
            dry_run: outcome.dry_run,
            handling: outcome.handling,
            images: outcome.images.iter().map(ToldImage::of).collect(),
            recorded: outcome.recorded,
            pull_secrets: outcome.pull_secrets.iter().map(ToString::to_string).collect(),
        }
    }
}

impl ToldImage {
    fn of(image: &ImageOutcome<'_>) -> Self {
        let observed = image.observed.map(|observed| ToldObserved {
            new: observed.new.map(str::to_owned),
            rule: observed.rule.to_string(),
            reason: observed.reason,
        });
        Self {
            field: image.field.to_owned(),
            old: image.old.to_owned(),
            new: image.new.map(str::to_owned),
            rule: image.rule.map(|rule| rule.to_string()),
            reason: image.reason,
            observed,
        }
    }
}

/// What is decided on `body`, unchecked.
///
/// # Errors
/// [`Undecodable`], as `admit` gives it.
pub(crate) fn told(body: &[u8], mapping: &Mapping) -> Result<Told, Undecodable> {
    let arena = Bump::new();
    admission::admit(body, mapping, &arena).map(|admitted| Told::of(&admitted.outcome))
}

/// Answers `body` and checks the answer against `request`, the same review as
/// a value.
///
/// # Errors
/// [`Undecodable`], as `admit` gives it.
pub(crate) fn answer(body: &[u8], sent: &Value, mapping: &Mapping) -> Result<Answer, Undecodable> {
    let arena = Bump::new();
    let admitted = admission::admit(body, mapping, &arena)?;
    let mut review: Value = serde_json::from_slice(&admitted.body).expect("the answer is JSON");
    assert_eq!(keys(&review), ["apiVersion", "kind", "response"]);
    assert_eq!(review["kind"], "AdmissionReview");
    let asked = sent["apiVersion"].as_str().unwrap_or("admission.k8s.io/v1");
    let known = ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"].contains(&asked);
    assert_eq!(review["apiVersion"], if known { asked } else { "admission.k8s.io/v1" });
    let response = &review["response"];
    assert_eq!(response["uid"], sent["request"]["uid"], "the uid is that of the request");
    assert_eq!(response["allowed"], true);
    let known = ["allowed", "auditAnnotations", "patch", "patchType", "uid", "warnings"];
    assert!(keys(response).iter().all(|key| known.contains(key)), "{response}");
    assert_eq!(response.get("patch").is_some(), response.get("patchType").is_some());
    check_records(response);
    let mut after = sent["request"]["object"].clone();
    let mut patch = Vec::new();
    if let Some(encoded) = response.get("patch") {
        assert_eq!(response["patchType"], "JSONPatch");
        let bytes = STANDARD.decode(encoded.as_str().expect("base64")).expect("base64");
        patch = serde_json::from_slice(&bytes).expect("a list of operations");
        assert!(!patch.is_empty(), "no patch says nothing changes");
        apply(&patch, &mut after);
        review["response"]["patch"] = Value::Array(patch.clone());
    }
    Ok(Answer { review, patch, after, outcome: Told::of(&admitted.outcome) })
}

/// Applies a patch, which must apply.
pub(crate) fn apply(patch: &[Value], object: &mut Value) {
    let value = Value::Array(patch.to_vec());
    let operations: json_patch::Patch = serde_json::from_value(value).expect("RFC 6902");
    if let Err(error) = json_patch::patch(object, &operations) {
        panic!("the patch does not apply: {error}: {patch:#?}");
    }
}

/// The review with the object that the API server has after the answer: it
/// asks again when another webhook changed something as well.
pub(crate) fn asked_again(sent: &Value, after: &Value) -> Value {
    let mut again = sent.clone();
    again["request"]["object"] = after.clone();
    again
}

/// What the API server takes for the name part of a key.
fn is_qualified(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = [name.bytes().next(), name.bytes().next_back()];
    name.len() <= 63
        && name.bytes().all(inner)
        && ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
}

/// Audit annotations and warnings within what the API server takes.
fn check_records(response: &Value) {
    if let Some(audit) = response.get("auditAnnotations") {
        let audit = audit.as_object().expect("an object");
        assert!((1..=64).contains(&audit.len()), "{} audit annotations", audit.len());
        for (key, value) in audit {
            let (list, name) = key.split_once('.').expect("LIST.NAME");
            assert!(LISTS.contains(&list) && is_qualified(key), "{key}");
            let index = name.strip_prefix('_').map(str::parse::<usize>);
            assert!(index.is_none_or(|index| index.is_ok()), "{key}");
            assert!(value.is_string());
        }
    }
    if let Some(warnings) = response.get("warnings") {
        let warnings: Vec<&str> =
            warnings.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert!(!warnings.is_empty() && warnings.iter().all(|text| text.chars().count() <= 256));
        assert!(warnings.iter().map(|text| text.chars().count()).sum::<usize>() <= 4_096);
        assert!(!warnings.concat().contains(char::is_control));
    }
}

/// Checks that nothing differs but image texts, our annotation, the label
/// `label_key` and appended pull secrets.
pub(crate) fn check_only_ours_differs(before: &Value, after: &Value, label_key: Option<&str>) {
    let mut undone = after.clone();
    for path in SPEC_PATHS {
        for list in LISTS {
            undo_images(before, &mut undone, &format!("{path}/{list}"), list);
        }
    }
    undo_pull_secrets(before, &mut undone);
    undo_key(before, &mut undone, "annotations", ORIGINALS_ANNOTATION);
    if let Some(key) = label_key {
        undo_key(before, &mut undone, "labels", key);
    }
    if before.get("metadata").is_none_or(Value::is_null) && undone["metadata"] == json!({}) {
        restore(before, &mut undone, "metadata");
    }
    assert_eq!(&undone, before);
}

fn undo_images(before: &Value, undone: &mut Value, list_path: &str, list: &str) {
    let inner = if list == "volumes" { "image/reference" } else { "image" };
    let length = before.pointer(list_path).and_then(Value::as_array).map_or(0, Vec::len);
    for index in 0..length {
        let path = format!("{list_path}/{index}/{inner}");
        let (old, new) = (before.pointer(&path), undone.pointer_mut(&path));
        if let (Some(old @ Value::String(_)), Some(new @ Value::String(_))) = (old, new) {
            new.clone_from(old);
        }
    }
}

fn undo_pull_secrets(before: &Value, undone: &mut Value) {
    let (old, new) = (&before["spec"]["imagePullSecrets"], &undone["spec"]["imagePullSecrets"]);
    if old == new {
        return;
    }
    let old = old.as_array().cloned().unwrap_or_default();
    let new = new.as_array().expect("a list of secrets");
    assert_eq!(new[..old.len()], old, "those that are there stay");
    for added in &new[old.len()..] {
        assert_eq!(keys(added), ["name"]);
        assert!(!old.contains(added), "{added} is there already");
    }
    restore(&before["spec"], &mut undone["spec"], "imagePullSecrets");
}

fn undo_key(before: &Value, undone: &mut Value, table: &str, key: &str) {
    let old = before.get("metadata").and_then(|metadata| metadata.get(table));
    let Some(new) = undone.pointer_mut(&format!("/metadata/{table}")) else { return };
    let Some(new) = new.as_object_mut() else { return };
    match old.and_then(|old| old.get(key)) {
        Some(value) => drop(new.insert(key.to_owned(), value.clone())),
        None => drop(new.remove(key)),
    }
    if new.is_empty() && old.is_none_or(Value::is_null) {
        let nothing = json!({});
        restore(before.get("metadata").unwrap_or(&nothing), &mut undone["metadata"], table);
    }
}

fn restore(before: &Value, undone: &mut Value, key: &str) {
    let undone = undone.as_object_mut().expect("an object");
    match before.get(key) {
        Some(value) => drop(undone.insert(key.to_owned(), value.clone())),
        None => drop(undone.remove(key)),
    }
}

fn keys(value: &Value) -> Vec<&str> {
    let keys = value.as_object().map(Map::keys).into_iter().flatten();
    keys.map(String::as_str).collect()
}
