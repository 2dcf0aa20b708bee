//! What is written down about a decision: the pod's annotation, the audit
//! log, the user's warnings.

use std::collections::BTreeMap;

use super::json::Pairs;
use super::pod::{Extent, Field, List, Subject};
use super::{ImageOutcome, Known, Outcome};
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

/// The images of an object as they were written, by `LIST/NAME`.
pub(super) type Originals = BTreeMap<String, String>;

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

/// The key of a field in the annotation; none for a field without a name.
pub(super) fn key(field: &Field<'_>) -> Option<String> {
    (!field.name.is_empty()).then(|| format!("{}/{}", field.list.as_str(), field.name))
}

/// What the annotation among these says; none when it is absent or no table
/// of strings.
pub(super) fn originals(annotations: Option<&Pairs<'_>>) -> Option<Originals> {
    let Pairs(pairs) = annotations?;
    let (_, value) = pairs.iter().find(|(name, _)| &**name == ORIGINALS_ANNOTATION)?;
    serde_json::from_str(value).ok()
}

/// What the patch does to the annotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// It gets this value.
    Set(String),
    /// It goes; it is there.
    Remove,
}

/// What the old object's annotation says of images that are still those that
/// it was written for. While nobody watched, a container may have got another
/// image: its record would turn a roll-back into what was rolled back. A volume
/// cannot change.
pub(super) fn believed(subject: &Subject<'_>, old_annotations: Option<&Pairs<'_>>) -> Originals {
    let mut originals = originals(old_annotations).unwrap_or_default();
    for field in subject.fields().filter(|field| field.list != List::Volumes) {
        let (Some(key), Some(in_force)) = (key(&field), subject.old_text(&field)) else { continue };
        if originals.get(&key).is_some_and(|original| !is_same_version(original, in_force)) {
            originals.remove(&key);
        }
    }
    originals
}

/// Whether two images differ in nothing but where they are pulled from: the
/// last segment of the path, tag and digest are equal.
fn is_same_version(original: &str, in_force: &str) -> bool {
    let parse = |text| Reference::parse(text).ok();
    let (Some(original), Some(in_force)) = (parse(original), parse(in_force)) else {
        return false;
    };
    let segment = |image: &Reference| image.repository().rsplit('/').next().map(str::to_owned);
    segment(&original) == segment(&in_force)
        && original.tag() == in_force.tag()
        && original.digest() == in_force.digest()
}

/// What becomes of the annotation.
///
/// What an object brings along is somebody's text: of a new object, only
/// entries of images that are where a rule put them are believed. A new
/// object that is left alone keeps whatever it says.
pub(super) fn annotate(
    subject: &Subject<'_>,
    known: &Known,
    images: &[(Field<'_>, ImageOutcome)],
) -> (Recorded, Change) {
    let is_left_alone = known.exemption.is_some() && !subject.extent.is_update();
    if is_left_alone || subject.extent == Extent::EphemeralContainers {
        return (Recorded::Unchanged, Change::None);
    }
    let annotations = subject.metadata.and_then(|metadata| metadata.annotations.as_ref());
    let before = originals(annotations).unwrap_or_default();
    let mut after = merged(subject, known, &before, images);
    if after == before {
        return (Recorded::Unchanged, Change::None);
    }
    let mut recorded = if after.is_empty() { Recorded::Removed } else { Recorded::Written };
    if bytes_with(annotations, &encode(&after)) > ANNOTATION_BYTES_MAX {
        // What is no longer true goes all the same: it could bring an image back.
        after.retain(|key, original| before.get(key) == Some(original));
        recorded = Recorded::AnnotationTooLarge;
    }
    let change = match after {
        after if after == before => Change::None,
        after if after.is_empty() => Change::Remove,
        after => Change::Set(encode(&after)),
    };
    (recorded, change)
}

fn encode(originals: &Originals) -> String {
    serde_json::to_string(originals).unwrap_or_else(|_| "{}".to_owned())
}

fn merged(
    subject: &Subject<'_>,
    known: &Known,
    before: &Originals,
    images: &[(Field<'_>, ImageOutcome)],
) -> Originals {
    let is_update = subject.extent.is_update();
    let mut after = if is_update { before.clone() } else { Originals::new() };
    for (field, outcome) in images {
        let Some(key) = key(field) else { continue };
        let original = before.get(&key);
        // An entry that the old object does not have was made in this call,
        // which is asked again when another webhook changed something.
        let had_image = subject.old_text(field).is_some_and(|old| !old.is_empty());
        let is_believed = !had_image || original != known.originals.get(&key);
        match (outcome.reason, original) {
            (Reason::Rewritten | Reason::Restored, _) => {
                after.insert(key, field.text.to_owned());
            }
            (Reason::AlreadyThere, Some(original)) if is_believed => {
                after.insert(key, original.clone());
            }
            _ if subject.old_text(field) == Some(field.text) => {}
            _ => {
                after.remove(&key);
            }
        }
    }
    after
}

/// Bytes of all annotations with ours set to `value`.
fn bytes_with(annotations: Option<&Pairs<'_>>, value: &str) -> usize {
    let others = annotations.iter().flat_map(|Pairs(pairs)| pairs);
    let others = others.filter(|(key, _)| &**key != ORIGINALS_ANNOTATION);
    let bytes: usize = others.map(|(key, value)| key.len() + value.len()).sum();
    bytes + ORIGINALS_ANNOTATION.len() + value.len()
}

/// One audit annotation per changed image, `containers.NAME`; the API server
/// puts the webhook's name before the key.
pub(super) fn audit_annotations(images: &[(Field<'_>, ImageOutcome)]) -> BTreeMap<String, String> {
    let changed = images.iter().filter(|(_, image)| image.new.is_some());
    let entry = |(field, image): &(Field<'_>, ImageOutcome)| (audit_key(field), describe(image));
    changed.take(AUDIT_ANNOTATIONS_MAX).map(entry).collect()
}

/// A key by name, for the API server keeps the first value of a key: when it
/// asks again after another webhook has put a container in front, an index
/// names another one. A name that does not fit gives way to the index, with a
/// `_` that no name has.
fn audit_key(field: &Field<'_>) -> String {
    let list = field.list.as_str();
    let by_name = format!("{list}.{}", field.name);
    match names::is_name(&by_name) {
        true => by_name,
        false => format!("{list}._{}", field.index),
    }
}

/// One warning per changed image, as far as they fit.
pub(super) fn warnings(outcome: &Outcome) -> Vec<String> {
    let changed = outcome.images.iter().filter(|image| image.new.is_some());
    let mut left = WARNINGS_CHARS_MAX;
    let warning = |image: &ImageOutcome| {
        let text = format!("detour: {}: {}", image.field, describe(image));
        let plain = text.chars().filter(|character| !character.is_control());
        plain.take(WARNING_CHARS_MAX).collect::<String>()
    };
    let fits = |text: &String| {
        let chars = text.chars().count();
        left = left.saturating_sub(chars);
        left > 0
    };
    changed.map(warning).take_while(fits).collect()
}

fn describe(image: &ImageOutcome) -> String {
    let new = image.new.as_deref().unwrap_or(&image.old);
    match &image.rule {
        Some(rule) => format!("{} -> {new} ({} by {rule})", image.old, image.reason),
        None => format!("{} -> {new} ({})", image.old, image.reason),
    }
}
