//! The JSON Patch: only operations that cannot fail to apply.
//!
//! The API server rejects the pod when an operation does not apply, whatever
//! the failure policy. Each path here is that of a value that was read, or is
//! added below a parent that was read or added just before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonptr::Token;
use serde::Serialize;
use serde_json::{Value, json};

use super::json::Pairs;
use super::pod::{Extent, Field, List, Subject};
use super::records::{Change, ORIGINALS_ANNOTATION};
use super::review::Metadata;

/// The operations so far.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Patch {
    operations: Vec<Operation>,
}

#[derive(Debug, Serialize)]
struct Operation {
    op: &'static str,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

impl Patch {
    /// The patch in base64; none without operations.
    pub(super) fn encode(&self) -> Option<String> {
        let text = serde_json::to_vec(self).ok()?;
        (!self.operations.is_empty()).then(|| STANDARD.encode(text))
    }

    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Replaces the text of an image field, which is there.
    pub(super) fn set_image(&mut self, subject: &Subject<'_>, field: &Field<'_>, image: &str) {
        let list = field.list.as_str();
        let inner = if field.list == List::Volumes { "image/reference" } else { "image" };
        let path = format!("{}/{list}/{}/{inner}", subject.spec_path, field.index);
        self.push("replace", path, Some(json!(image)));
    }

    /// Appends the names that the pod does not have yet.
    pub(super) fn add_pull_secrets(&mut self, subject: &Subject<'_>, names: &[String]) {
        let path = format!("{}/imagePullSecrets", subject.spec_path);
        if subject.spec.image_pull_secrets.is_some() {
            for name in names {
                self.push("add", format!("{path}/-"), Some(json!({ "name": name })));
            }
        } else if !names.is_empty() {
            let all: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
            self.push("add", path, Some(Value::Array(all)));
        }
    }

    /// Writes or removes our annotation on the outer object, and adds the
    /// label where none of that key is.
    pub(super) fn set_metadata(
        &mut self,
        subject: &Subject<'_>,
        annotation: &Change,
        label: Option<&(String, String)>,
    ) {
        if *annotation == Change::Remove {
            let path = format!("/metadata/annotations/{}", escaped(ORIGINALS_ANNOTATION));
            self.push("remove", path, None);
        }
        let label = label.filter(|_| subject.extent == Extent::NewPod).filter(|(key, _)| {
            let labels = subject.metadata.and_then(|metadata| metadata.labels.as_ref());
            !labels.iter().flat_map(|Pairs(pairs)| pairs).any(|(other, _)| **other == **key)
        });
        let original = match annotation {
            Change::Set(value) => Some((ORIGINALS_ANNOTATION, value.as_str())),
            Change::None | Change::Remove => None,
        };
        let additions = [
            ("annotations", original),
            ("labels", label.map(|(key, value)| (key.as_str(), value.as_str()))),
        ];
        let mut has_metadata = subject.metadata.is_some();
        for (table, addition) in additions {
            let Some((key, value)) = addition else { continue };
            if !std::mem::replace(&mut has_metadata, true) {
                self.push("add", "/metadata".to_owned(), Some(json!({})));
            }
            let has_table = subject.metadata.is_some_and(|metadata| has(metadata, table));
            let path = format!("/metadata/{table}");
            match has_table {
                true => self.push("add", format!("{path}/{}", escaped(key)), Some(json!(value))),
                false => self.push("add", path, Some(json!({ key: value }))),
            }
        }
    }

    fn push(&mut self, op: &'static str, path: String, value: Option<Value>) {
        self.operations.push(Operation { op, path, value });
    }
}

fn has(metadata: &Metadata<'_>, table: &str) -> bool {
    match table {
        "annotations" => metadata.annotations.is_some(),
        _ => metadata.labels.is_some(),
    }
}

fn escaped(key: &str) -> String {
    Token::new(key).encoded().to_owned()
}
