//! What is written down about a decision: the pod's annotation, the audit
//! log, the user's warnings.

use std::collections::BTreeMap;

use super::pod::{Extent, Field, Subject};
use super::review::Pairs;
use super::{ImageOutcome, Outcome};
use crate::mapping::reason::Reason;

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

/// The new value of the annotation, if it changes.
///
/// What a new object brings along is somebody's text: only entries of images
/// that are where a rule put them are believed and kept.
pub(super) fn annotate(
    subject: &Subject<'_>,
    images: &[(Field<'_>, ImageOutcome)],
) -> (Recorded, Option<String>) {
    if subject.extent == Extent::EphemeralContainers {
        return (Recorded::Unchanged, None);
    }
    let annotations = subject.metadata.and_then(|metadata| metadata.annotations.as_ref());
    let before = originals(annotations);
    let after = merged(subject.extent, before.clone().unwrap_or_default(), images);
    if after == before.clone().unwrap_or_default() {
        return (Recorded::Unchanged, None);
    }
    if after.is_empty() {
        return (Recorded::Removed, None);
    }
    let Ok(value) = serde_json::to_string(&after) else { return (Recorded::Unchanged, None) };
    match bytes_with(annotations, &value) <= ANNOTATION_BYTES_MAX {
        true => (Recorded::Written, Some(value)),
        false => (Recorded::AnnotationTooLarge, None),
    }
}

fn merged(
    extent: Extent,
    mut before: Originals,
    images: &[(Field<'_>, ImageOutcome)],
) -> Originals {
    let mut after = if extent.is_update() { before.clone() } else { Originals::new() };
    for (field, outcome) in images {
        let Some(key) = key(field) else { continue };
        match outcome.reason {
            Reason::Rewritten | Reason::Restored => {
                after.insert(key, field.text.to_owned());
            }
            Reason::Unchanged => {}
            Reason::AlreadyThere if !extent.is_update() => {
                if let Some(original) = before.remove(&key) {
                    after.insert(key, original);
                }
            }
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

/// One audit annotation per changed image, `containers.3`; the API server
/// puts the webhook's name before the key.
pub(super) fn audit_annotations(images: &[(Field<'_>, ImageOutcome)]) -> BTreeMap<String, String> {
    let changed = images.iter().filter(|(_, image)| image.new.is_some());
    let entry = |(field, image): &(Field<'_>, ImageOutcome)| {
        let key = format!("{}.{}", field.list.as_str(), field.index);
        (key, describe(image))
    };
    changed.take(AUDIT_ANNOTATIONS_MAX).map(entry).collect()
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
