//! The JSON Patch: only operations that cannot fail to apply.
//!
//! The API server rejects the pod when an operation does not apply, whatever
//! the failure policy. Each path here is that of a value that was read, or is
//! added below a parent that was read or added just before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bumpalo::Bump;
use bumpalo::collections::{String as ArenaString, Vec as ArenaVec};

use super::pod::{Extent, Field, List, Subject};
use super::records::{Change, ORIGINALS_ANNOTATION};
use super::write;
use crate::arena::join;

/// What most patches fit in; a longer one is moved while it grows.
const PATCH_BYTES: usize = 1_024;

/// The operations so far.
#[derive(Debug)]
pub(super) struct Patch<'r> {
    operations: ArenaVec<'r, Operation<'r>>,
    arena: &'r Bump,
}

#[derive(Debug)]
struct Operation<'r> {
    op: &'static str,
    path: &'r str,
    value: Option<Value<'r>>,
}

/// What is put at a path.
#[derive(Debug)]
enum Value<'r> {
    Text(&'r str),
    /// A reference to an object by its name.
    Named(&'r str),
    AllNamed(&'r [&'r str]),
    Table(Option<(&'r str, &'r str)>),
}

impl<'r> Patch<'r> {
    /// No operations; those to come are kept in `arena`.
    pub(super) fn new(arena: &'r Bump) -> Self {
        Self { operations: ArenaVec::new_in(arena), arena }
    }

    /// The patch in base64; none without operations.
    pub(super) fn encode(&self) -> Option<&'r str> {
        if self.operations.is_empty() {
            return None;
        }
        let mut text = ArenaString::with_capacity_in(PATCH_BYTES, self.arena);
        write::list(&mut text, "[]", &self.operations, |text, operation| operation.write(text));
        let bytes = base64::encoded_len(text.len(), true)?;
        let encoded = self.arena.alloc_slice_fill_default(bytes);
        STANDARD.encode_slice(text.as_bytes(), encoded).ok()?;
        std::str::from_utf8(encoded).ok()
    }

    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Replaces the text of an image field, which is there.
    pub(super) fn set_image(&mut self, subject: &Subject<'r>, field: &Field<'r>, image: &'r str) {
        let list = field.list.as_str();
        let inner = if field.list == List::Volumes { "image/reference" } else { "image" };
        let index = bumpalo::format!(in self.arena, "{}", field.index);
        let path = join(&[subject.spec_path, "/", list, "/", &index, "/", inner], self.arena);
        self.push("replace", path, Some(Value::Text(image)));
    }

    /// Appends the names that the pod does not have yet.
    pub(super) fn add_pull_secrets(&mut self, subject: &Subject<'r>, names: &'r [&'r str]) {
        let path = join(&[subject.spec_path, "/imagePullSecrets"], self.arena);
        if subject.spec.image_pull_secrets.is_some() {
            let path = join(&[path, "/-"], self.arena);
            for name in names {
                self.push("add", path, Some(Value::Named(name)));
            }
        } else if !names.is_empty() {
            self.push("add", path, Some(Value::AllNamed(names)));
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
            let path = self.below("/metadata/annotations", ORIGINALS_ANNOTATION);
            self.push("remove", path, None);
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
                self.push("add", "/metadata", Some(Value::Table(None)));
            }
            match has_table {
                true => self.push("add", self.below(table, key), Some(Value::Text(value))),
                false => self.push("add", table, Some(Value::Table(Some((key, value))))),
            }
        }
    }

    fn push(&mut self, op: &'static str, path: &'r str, value: Option<Value<'r>>) {
        self.operations.push(Operation { op, path, value });
    }

    /// The path of a key in the table at `path`.
    fn below(&self, path: &'static str, key: &str) -> &'r str {
        let mut text = ArenaString::from_str_in(path, self.arena);
        text.push('/');
        for character in key.chars() {
            match character {
                '~' => text.push_str("~0"),
                '/' => text.push_str("~1"),
                other => text.push(other),
            }
        }
        text.into_bump_str()
    }
}

impl Operation<'_> {
    fn write(&self, out: &mut ArenaString<'_>) {
        out.push_str(r#"{"op":""#);
        out.push_str(self.op);
        out.push_str(r#"","path":"#);
        write::string(out, self.path);
        if let Some(value) = &self.value {
            out.push_str(r#","value":"#);
            value.write(out);
        }
        out.push('}');
    }
}

impl Value<'_> {
    fn write(&self, out: &mut ArenaString<'_>) {
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
