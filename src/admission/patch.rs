//! The JSON Patch: only operations that cannot fail to apply.
//!
//! The API server rejects the pod when an operation does not apply, whatever
//! the failure policy. Each path here is that of a value that was read, or is
//! added below a parent that was read or added just before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bumpalo::Bump;

use super::pod::{Extent, Field, List, Subject};
use super::records::{Change, ORIGINALS_ANNOTATION};
use super::write;
use crate::arena::Text;

/// What most patches fit in; a longer one is moved while it grows.
const PATCH_BYTES: usize = 1_024;
/// What the index of a field fits in, for an object has few thousands.
const INDEX_BYTES: usize = 4;

/// The operations, up to their path.
const ADD: &str = r#"{"op":"add","path":""#;
const REMOVE: &str = r#"{"op":"remove","path":""#;
const REPLACE: &str = r#"{"op":"replace","path":""#;

/// The operations so far.
#[derive(Debug)]
pub(super) struct Patch<'r> {
    /// A JSON array without its end; empty without operations.
    text: Text<'r>,
    arena: &'r Bump,
}

/// What is put at a path.
enum Value<'v> {
    Text(&'v str),
    /// A reference to an object by its name.
    Named(&'v str),
    AllNamed(&'v [&'v str]),
    Table(Option<(&'v str, &'v str)>),
}

impl<'r> Patch<'r> {
    /// No operations; those to come are kept in `arena`.
    pub(super) fn new(arena: &'r Bump) -> Self {
        Self { text: Text::with_capacity(0, arena), arena }
    }

    /// The patch in base64; none without operations.
    pub(super) fn encode(mut self) -> Option<&'r str> {
        if self.is_empty() {
            return None;
        }
        self.text.push(b']');
        let bytes = base64::encoded_len(self.text.as_bytes().len(), true)?;
        let encoded = self.arena.alloc_slice_fill_default(bytes);
        STANDARD.encode_slice(self.text.as_bytes(), encoded).ok()?;
        std::str::from_utf8(encoded).ok()
    }

    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.text.as_bytes().is_empty()
    }

    /// Replaces the text of an image field, which is there.
    pub(super) fn set_image(&mut self, subject: &Subject<'r>, field: &Field<'r>, image: &'r str) {
        let list = field.list.as_str();
        let inner = if field.list == List::Volumes { "/image/reference" } else { "/image" };
        let mut index = Text::with_capacity(INDEX_BYTES, self.arena);
        write::number(&mut index, field.index);
        let path = [subject.spec_path, "/", list, "/", index.into_str(), inner];
        self.push(REPLACE, &path, Some(Value::Text(image)));
    }

    /// Appends the names that the pod does not have yet.
    pub(super) fn add_pull_secrets(&mut self, subject: &Subject<'r>, names: &'r [&'r str]) {
        if subject.spec.image_pull_secrets.is_some() {
            for name in names {
                let path = [subject.spec_path, "/imagePullSecrets/-"];
                self.push(ADD, &path, Some(Value::Named(name)));
            }
        } else if !names.is_empty() {
            let path = [subject.spec_path, "/imagePullSecrets"];
            self.push(ADD, &path, Some(Value::AllNamed(names)));
        }
    }

    /// Writes or removes our annotation on the outer object, and adds the
    /// label where none of that key is.
    pub(super) fn set_metadata(
        &mut self,
        subject: &Subject<'r>,
        annotation: Change<'r>,
        label: Option<&'r (String, String)>,
    ) {
        let metadata = subject.metadata;
        let labels = metadata.and_then(|metadata| *metadata.labels);
        let annotations = metadata.and_then(|metadata| *metadata.annotations);
        if annotation == Change::Remove {
            let key = as_segment(ORIGINALS_ANNOTATION, self.arena);
            self.push(REMOVE, &["/metadata/annotations/", key], None);
        }
        let label = label.filter(|_| subject.extent == Extent::NewPod);
        let label = label.map(|(key, value)| (key.as_str(), value.as_str()));
        let is_labelled =
            |key: &str| labels.unwrap_or_default().iter().any(|(other, _)| *other == key);
        let original = match annotation {
            Change::Set(value) => Some((ORIGINALS_ANNOTATION, value)),
            Change::None | Change::Remove => None,
        };
        let additions = [
            ("/metadata/annotations", annotations.is_some(), original),
            ("/metadata/labels", labels.is_some(), label.filter(|(key, _)| !is_labelled(key))),
        ];
        let mut has_metadata = metadata.is_some();
        for (table, has_table, addition) in additions {
            let Some((key, value)) = addition else { continue };
            if !std::mem::replace(&mut has_metadata, true) {
                self.push(ADD, &["/metadata"], Some(Value::Table(None)));
            }
            match has_table {
                true => {
                    let path = [table, "/", as_segment(key, self.arena)];
                    self.push(ADD, &path, Some(Value::Text(value)));
                }
                false => self.push(ADD, &[table], Some(Value::Table(Some((key, value))))),
            }
        }
    }

    /// Appends an operation at a path, in pieces without anything that JSON
    /// escapes.
    fn push(&mut self, start: &'static str, path: &[&str], value: Option<Value<'_>>) {
        let is_first = self.is_empty();
        if is_first {
            self.text = Text::with_capacity(PATCH_BYTES, self.arena);
        }
        let out = &mut self.text;
        out.push(if is_first { b'[' } else { b',' });
        out.push_str(start);
        out.append(path);
        match value {
            Some(value) => {
                out.push_str(r#"","value":"#);
                value.write(out);
                out.push(b'}');
            }
            None => out.push_str(r#""}"#),
        }
    }
}

/// A key as a segment of a path.
fn as_segment<'r>(key: &str, arena: &'r Bump) -> &'r str {
    let mut segment = Text::with_capacity(2 * key.len(), arena);
    let mut rest = key;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'~' | b'/')) {
        segment.push_str(&rest[..at]);
        segment.push_str(if rest[at..].starts_with('~') { "~0" } else { "~1" });
        rest = &rest[at + 1..];
    }
    segment.push_str(rest);
    segment.into_str()
}

impl Value<'_> {
    fn write(&self, out: &mut Text<'_>) {
        match *self {
            Self::Text(text) => write::string(out, text),
            Self::Named(name) => write::object(out, [("name", name)]),
            Self::AllNamed(names) => {
                write::list(out, "[]", names, |out, name| write::object(out, [("name", *name)]));
            }
            Self::Table(entry) => write::object(out, entry),
        }
    }
}
