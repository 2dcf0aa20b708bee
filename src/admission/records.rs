//! What is written down about a decision: the pod's annotation, the audit
//! log, the user's warnings.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use super::json::Pairs;
use super::originals::Originals;
use super::pod::{Extent, Field, List, Subject};
use super::{ImageOutcome, Known};
use crate::arena::join;
use crate::mapping::RuleId;
use crate::mapping::reason::Reason;
use crate::reference::Reference;
use crate::rules::names;

/// The annotation that holds the images as they were written: JSON,
/// `{"containers/NAME": "text"}`.
pub const ORIGINALS_ANNOTATION: &str = "detour.dev/original-images";
/// Most bytes of all annotation keys and values of an object
/// (`TotalAnnotationSizeLimitB` of the API server).
pub const ANNOTATION_BYTES_MAX: usize = 256 * 1024;
/// Most audit annotations in one answer.
const AUDIT_ANNOTATIONS_MAX: usize = 64;
/// Most characters of all warnings, and of one: beyond, the API server cuts
/// them or drops the rest.
const WARNINGS_CHARS_MAX: usize = 4_096;
const WARNING_CHARS_MAX: usize = 256;

/// What the annotation among these says; nothing when it is absent or no
/// table of strings.
fn originals<'r>(annotations: Option<Pairs<'r>>, arena: &'r Bump) -> Originals<'r> {
    let mut annotations = annotations.unwrap_or_default().iter();
    let value = annotations.find(|(name, _)| *name == ORIGINALS_ANNOTATION);
    value.and_then(|(_, value)| Originals::read(value, arena)).unwrap_or(Originals::new(arena))
}

/// What becomes of the annotation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recorded {
    /// It stays as it is, present or not.
    #[default]
    Unchanged,
    /// It holds what this call changed.
    Written,
    /// Nothing is left to be told, and it goes.
    Removed,
    /// All annotations together would be too large for the API server.
    AnnotationTooLarge,
}

/// What the patch does to the annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change<'r> {
    /// Nothing.
    None,
    /// It gets this value.
    Set(&'r str),
    /// It goes; it is there.
    Remove,
}

/// What the old object's annotation says of images that are still those that
/// it was written for. While nobody watched, a container may have got another
/// image: its record would turn a roll-back into what was rolled back. A volume
/// cannot change.
pub(super) fn believed<'r>(subject: &Subject<'r>, arena: &'r Bump) -> Originals<'r> {
    let annotations = subject.old_metadata.and_then(|metadata| *metadata.annotations);
    let originals = originals(annotations, arena);
    if originals.is_empty() {
        return originals;
    }
    let fields = subject.fields().filter(|field| field.list != List::Volumes);
    let disbelieved = fields.filter_map(|field| {
        let (key, in_force) = (field.record_key(arena)?, subject.old_text(&field)?);
        let original = originals.get(key)?;
        (!is_same_version(original, in_force, arena)).then_some((key, None))
    });
    let disbelieved = ArenaVec::from_iter_in(disbelieved, arena);
    originals.changed(disbelieved)
}

/// Whether two images differ in nothing but where they are pulled from: the
/// last segment of the path, tag and digest are equal.
fn is_same_version(original: &str, in_force: &str, arena: &Bump) -> bool {
    let parse = |text| Reference::parse_in(text, arena).ok();
    let (Some(original), Some(in_force)) = (parse(original), parse(in_force)) else {
        return false;
    };
    original.repository().rsplit('/').next() == in_force.repository().rsplit('/').next()
        && original.tag() == in_force.tag()
        && original.digest() == in_force.digest()
}

/// What becomes of the annotation.
///
/// What an object brings along is somebody's text: of a new object, only
/// entries of images that are where a rule put them are believed. A new
/// object that is left alone keeps whatever it says.
pub(super) fn annotate<'r>(
    subject: &Subject<'r>,
    known: &Known<'r>,
    images: &[(Field<'r>, ImageOutcome<'r>)],
    arena: &'r Bump,
) -> (Recorded, Change<'r>) {
    let is_left_alone = known.exemption.is_some() && !subject.extent.is_update();
    if is_left_alone || subject.extent == Extent::EphemeralContainers {
        return (Recorded::Unchanged, Change::None);
    }
    let annotations = subject.metadata.and_then(|metadata| *metadata.annotations);
    let before = originals(annotations, arena);
    let mut after = merged(subject, known, &before, images, arena);
    if after == before {
        return (Recorded::Unchanged, Change::None);
    }
    let mut recorded = if after.is_empty() { Recorded::Removed } else { Recorded::Written };
    let mut value = after.encode(arena);
    if bytes_with(annotations, value) > ANNOTATION_BYTES_MAX {
        // What is no longer true goes all the same: it could bring an image back.
        after.retain(|key, original| before.get(key) == Some(original));
        value = after.encode(arena);
        recorded = Recorded::AnnotationTooLarge;
    }
    let change = match after {
        after if after == before => Change::None,
        after if after.is_empty() => Change::Remove,
        _ => Change::Set(value),
    };
    (recorded, change)
}

fn merged<'r>(
    subject: &Subject<'r>,
    known: &Known<'r>,
    before: &Originals<'r>,
    images: &[(Field<'r>, ImageOutcome<'r>)],
    arena: &'r Bump,
) -> Originals<'r> {
    let is_update = subject.extent.is_update();
    let mut changes = ArenaVec::with_capacity_in(images.len(), arena);
    for (field, outcome) in images {
        if field.name.is_empty() {
            continue;
        }
        let key = outcome.field;
        let original = before.get(key);
        // An entry that the old object does not have was made in this call,
        // which is asked again when another webhook changed something.
        let had_image = subject.old_text(field).is_some_and(|old| !old.is_empty());
        let is_believed = !had_image || original != known.originals.get(key);
        match (outcome.reason, original) {
            (Reason::Rewritten | Reason::Restored, _) => changes.push((key, Some(field.text))),
            (Reason::AlreadyThere, Some(original)) if is_believed => {
                changes.push((key, Some(original)));
            }
            _ if subject.old_text(field) == Some(field.text) => {}
            _ => changes.push((key, None)),
        }
    }
    match is_update {
        true => before.changed(changes),
        false => Originals::new(arena).changed(changes),
    }
}

/// Bytes of all annotations with ours set to `value`.
fn bytes_with(annotations: Option<Pairs<'_>>, value: &str) -> usize {
    let others = annotations.unwrap_or_default().iter();
    let others = others.filter(|(key, _)| *key != ORIGINALS_ANNOTATION);
    let bytes: usize = others.map(|(key, value)| key.len() + value.len()).sum();
    bytes + ORIGINALS_ANNOTATION.len() + value.len()
}

/// One audit annotation per changed image, `containers.NAME`; the API server
/// puts the webhook's name before the key.
pub(super) fn audit_annotations<'r>(
    images: &[(Field<'r>, ImageOutcome<'r>)],
    arena: &'r Bump,
) -> Pairs<'r> {
    let changed = images.iter().filter(|(_, image)| image.new.is_some());
    let mut entries = ArenaVec::new_in(arena);
    for (field, image) in changed.take(AUDIT_ANNOTATIONS_MAX) {
        let key = audit_key(field, arena);
        // Two containers of one name are refused by the API server.
        if !entries.iter().any(|(other, _)| *other == key) {
            entries.push((key, describe(image, arena)));
        }
    }
    entries.sort_unstable();
    entries.into_bump_slice()
}

/// A key by name, for the API server keeps the first value of a key: when it
/// asks again after another webhook has put a container in front, an index
/// names another one. A name that does not fit gives way to the index, with a
/// `_` that no name has.
fn audit_key<'r>(field: &Field<'r>, arena: &'r Bump) -> &'r str {
    let list = field.list.as_str();
    let by_name = join(&[list, ".", field.name], arena);
    match names::is_name(by_name) {
        true => by_name,
        false => bumpalo::format!(in arena, "{list}._{}", field.index).into_bump_str(),
    }
}

/// One warning per changed image, as far as they fit.
pub(super) fn warnings<'r>(images: &[ImageOutcome<'r>], arena: &'r Bump) -> &'r [&'r str] {
    let mut warnings = ArenaVec::new_in(arena);
    let mut left = WARNINGS_CHARS_MAX;
    for image in images.iter().filter(|image| image.new.is_some()) {
        let text = join(&["detour: ", image.field, ": ", describe(image, arena)], arena);
        let plain = text.chars().filter(|character| !character.is_control());
        let plain = plain.take(WARNING_CHARS_MAX);
        let text = bumpalo::collections::String::from_iter_in(plain, arena).into_bump_str();
        left = left.saturating_sub(text.chars().count());
        if left == 0 {
            break;
        }
        warnings.push(text);
    }
    warnings.into_bump_slice()
}

fn describe<'r>(image: &ImageOutcome<'r>, arena: &'r Bump) -> &'r str {
    let (old, new) = (image.old, image.new.unwrap_or(image.old));
    let reason = image.reason.as_str();
    match &image.rule {
        Some(RuleId { map, rule }) => {
            join(&[old, " -> ", new, " (", reason, " by ", map, "#", rule, ")"], arena)
        }
        None => join(&[old, " -> ", new, " (", reason, ")"], arena),
    }
}
