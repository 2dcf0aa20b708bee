//! Bytes of an AdmissionReview in, bytes of its answer out.
//!
//! The answer always allows, and patches only what a decision changed. What
//! is not understood is left as it is.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod json;
mod lines;
mod originals;
mod patch;
mod pod;
mod pull_secrets;
mod records;
mod review;
mod scan;
mod write;

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use crate::mapping::policy::Policy;
use crate::mapping::reason::Reason;
use crate::mapping::{Decision, Mapping, RuleId};
use crate::reference::Reference;
use json::Pairs;
use originals::Originals;
use patch::Patch;
use pod::{Extent, Field, Subject};
use pull_secrets::PullSecrets;
use review::{Request, Response, Review};

pub use lines::images_in_json;
pub use pod::List;
pub use records::{ANNOTATION_BYTES_MAX, ORIGINALS_ANNOTATION, Recorded};
pub use review::Undecodable;

/// The answer to a review, and what it came from.
#[derive(Debug)]
pub struct Admitted<'r> {
    /// The AdmissionReview to send back.
    pub body: Vec<u8>,
    /// What was decided, for the log and the metrics.
    pub outcome: Outcome<'r>,
}

/// What was decided on a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome<'r> {
    /// `request.uid`
    pub uid: &'r str,
    /// The object's kind.
    pub kind: &'r str,
    /// The namespace of the request.
    pub namespace: &'r str,
    /// The object's name, or its `generateName` while it has none.
    pub name: &'r str,
    /// `CREATE`, `UPDATE` or another operation.
    pub operation: &'r str,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// What the request is to us.
    pub handling: Handling,
    /// Every image field that counts in this request.
    pub images: &'r [ImageOutcome<'r>],
    /// What became of the annotation with the originals.
    pub recorded: Recorded,
    /// Pull secrets that were added, or that an update got back.
    pub pull_secrets: &'r [&'r str],
}

/// Most containers and volumes of an object. No node runs a pod with more; what
/// each of them costs of patch, annotation and log is many times its few bytes
/// in a review of the largest size.
pub const IMAGES_MAX: usize = 4_096;

/// What a request is to us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Handling {
    /// It holds images that may be changed.
    Decided,
    /// Another operation, kind or subresource, or an object without a pod.
    #[default]
    NotHandled,
    /// Its object has other types than Kubernetes gives it, or the review is
    /// of an unknown version.
    NotUnderstood,
    /// It holds more than [`IMAGES_MAX`] containers and volumes, and is left as
    /// it is.
    TooManyImages,
}

/// The decision on one image field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageOutcome<'r> {
    /// `LIST/NAME`, such as `containers/web`.
    pub field: &'r str,
    /// The text as it was sent.
    pub old: &'r str,
    /// The text instead, if it changes.
    pub new: Option<&'r str>,
    /// The rule that decided.
    pub rule: Option<RuleId<'r>>,
    /// Why.
    pub reason: Reason,
    /// What a map in Observe would have done.
    pub observed: Option<ObservedOutcome<'r>>,
}

/// What a map in Observe would have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObservedOutcome<'r> {
    /// The text instead, if it would change.
    pub new: Option<&'r str>,
    /// The rule.
    pub rule: RuleId<'r>,
    /// Why.
    pub reason: Reason,
}

/// Answers a review by the rules in force. What the answer needs meanwhile is
/// kept in `arena`, which may be reset when the outcome is no longer needed.
///
/// # Errors
/// [`Undecodable`] when `bytes` are no review with a uid; nothing else fails.
pub fn admit<'r>(
    bytes: &'r [u8],
    mapping: &'r Mapping,
    arena: &'r Bump,
) -> Result<Admitted<'r>, Undecodable> {
    let review: &'r Review<'r> = arena.alloc(Review::decode(bytes, arena)?);
    let mut outcome = Outcome::of(review);
    let mut patch = Patch::new(arena);
    let mut audit_annotations: Pairs<'r> = &[];
    let mut warnings: &'r [&'r str] = &[];
    let subject = review.request.as_ref().and_then(|request| Subject::of(request, arena));
    if subject.as_ref().is_some_and(|subject| subject.spec.entries() > IMAGES_MAX) {
        outcome.handling = Handling::TooManyImages;
    } else if let Some(subject) = subject {
        outcome.handling = Handling::Decided;
        let known = Known::of(&subject, mapping.policy(), arena);
        let (images, pull_secrets) = decide(&subject, &known, mapping, arena);
        for (field, image) in &images {
            if let Some(new) = image.new {
                patch.set_image(&subject, field, new);
            }
        }
        patch.add_pull_secrets(&subject, pull_secrets);
        let label = mapping.policy().label.as_ref().filter(|_| !patch.is_empty());
        let (recorded, annotation) = records::annotate(&subject, &known, &images, arena);
        patch.set_metadata(&subject, annotation, label);
        outcome.recorded = recorded;
        audit_annotations = records::audit_annotations(&images, arena);
        outcome.pull_secrets = pull_secrets;
        let images = images.into_iter().map(|(_, image)| image);
        outcome.images = ArenaVec::from_iter_in(images, arena).into_bump_slice();
        if mapping.policy().warnings {
            warnings = records::warnings(outcome.images, arena);
        }
    }
    let response = Response::new(review.uid, patch.encode(), audit_annotations, warnings);
    Ok(Admitted { body: response.encode(review.api_version, arena), outcome })
}

/// Answers a review without looking at more than its uid: allowed unchanged.
/// For when [`admit`] itself failed.
///
/// # Errors
/// [`Undecodable`] as in [`admit`].
pub fn allow(bytes: &[u8]) -> Result<Vec<u8>, Undecodable> {
    let arena = Bump::new();
    let review = Review::identify(bytes, &arena)?;
    let response = Response::new(review.uid, None, &[], &[]);
    Ok(response.encode(review.api_version, &arena))
}

/// What is known of an object before its images are looked at.
#[derive(Debug)]
struct Known<'r> {
    /// Why it is left alone as a whole, if it is.
    exemption: Option<Reason>,
    /// What the old object's annotation says and is true.
    originals: Originals<'r>,
}

impl<'r> Known<'r> {
    fn of(subject: &Subject<'r>, policy: &Policy, arena: &'r Bump) -> Self {
        let originals = records::believed(subject, arena);
        Self { exemption: policy.exemption(&subject.pod), originals }
    }
}

/// Decides on every image field; gives the pull secrets to add as well.
fn decide<'r>(
    subject: &Subject<'r>,
    known: &Known<'r>,
    mapping: &'r Mapping,
    arena: &'r Bump,
) -> (ArenaVec<'r, (Field<'r>, ImageOutcome<'r>)>, &'r [&'r str]) {
    let mut secrets = PullSecrets::of(subject, mapping, arena);
    let mut images = ArenaVec::new_in(arena);
    for field in subject.fields() {
        let image = decide_field(subject, &field, known, mapping, &mut secrets, arena);
        images.extend(image.map(|image| (field, image)));
    }
    (images, secrets.into_added())
}

/// None for a field that does not count in this request.
fn decide_field<'r>(
    subject: &Subject<'r>,
    field: &Field<'r>,
    known: &Known<'r>,
    mapping: &'r Mapping,
    secrets: &mut PullSecrets<'r>,
    arena: &'r Bump,
) -> Option<ImageOutcome<'r>> {
    if subject.extent == Extent::ChangedPod && field.list == List::Volumes {
        return restored_volume(subject, field, &known.originals, arena);
    }
    let settled = match known.exemption {
        Some(reason) => Some((None, reason)),
        None => settled_by_old_object(subject, field, &known.originals, arena),
    };
    if let Some((new, reason)) = settled {
        return Some(ImageOutcome::settled(field, new, reason, arena));
    }
    let decision = mapping.decide(field.text, &subject.pod, arena);
    let lacks_secret = || decision.pull_secrets.iter().any(|name| secrets.lacks(name));
    match subject.extent {
        Extent::NewPod => secrets.add_those_of(&decision, mapping, subject, arena),
        Extent::EphemeralContainers if decision.image.is_some() && lacks_secret() => {
            let decision = Decision { image: None, reason: Reason::NoPullSecret, ..decision };
            return Some(ImageOutcome::decided(field, &decision, arena));
        }
        _ => {}
    }
    Some(ImageOutcome::decided(field, &decision, arena))
}

/// What an update leaves as it is: images that it did not change, and images
/// that are in force and that it wrote in their original form.
fn settled_by_old_object<'r>(
    subject: &Subject<'r>,
    field: &Field<'r>,
    originals: &Originals<'r>,
    arena: &'r Bump,
) -> Option<(Option<&'r str>, Reason)> {
    let old = subject.old_text(field)?;
    if old == field.text || subject.extent == Extent::EphemeralContainers {
        return Some((None, Reason::Unchanged));
    }
    let original = field.record_key(arena).and_then(|key| originals.get(key));
    let is_original = original.is_some_and(|original| original == field.text);
    // Without a text there is no field that could be replaced.
    let both_there = !field.text.is_empty() && !old.is_empty();
    (is_original && both_there).then_some((Some(old), Reason::Restored))
}

/// The image volume of a pod that exists, when an update wrote its original
/// form: `kubectl apply` of an unchanged manifest. The API server refuses any
/// change of a volume, whatever exempts the pod by now.
fn restored_volume<'r>(
    subject: &Subject<'r>,
    field: &Field<'r>,
    originals: &Originals<'r>,
    arena: &'r Bump,
) -> Option<ImageOutcome<'r>> {
    let (new, reason) = settled_by_old_object(subject, field, originals, arena)?;
    (reason == Reason::Restored).then(|| ImageOutcome::settled(field, new, reason, arena))
}

impl<'r> Outcome<'r> {
    fn of(review: &'r Review<'r>) -> Self {
        let uid = review.uid;
        let Some(request) = &review.request else {
            return Self { uid, handling: Handling::NotUnderstood, ..Self::default() };
        };
        Self {
            uid,
            kind: request.kind.as_ref().and_then(|kind| *kind.kind).unwrap_or_default(),
            namespace: request.namespace.unwrap_or_default(),
            name: name_of(request).unwrap_or_default(),
            operation: request.operation.unwrap_or_default(),
            dry_run: request.dry_run.unwrap_or_default(),
            ..Self::default()
        }
    }
}

fn name_of<'r>(request: &Request<'r>) -> Option<&'r str> {
    let metadata = request.object.and_then(|object| *object.metadata);
    let of_object = metadata.and_then(|metadata| *metadata.name);
    let generated = metadata.and_then(|metadata| *metadata.generate_name);
    let names = [*request.name, of_object, generated];
    names.into_iter().flatten().find(|name| !name.is_empty())
}

impl<'r> ImageOutcome<'r> {
    fn settled(field: &Field<'r>, new: Option<&'r str>, reason: Reason, arena: &'r Bump) -> Self {
        let (field, old) = (field.full_name(arena), field.text);
        Self { field, old, new, rule: None, reason, observed: None }
    }

    fn decided(field: &Field<'r>, decision: &Decision<'r>, arena: &'r Bump) -> Self {
        let text = |image: &Reference<'r>| image.text_in(arena);
        let observed = decision.observed.as_ref().map(|observed| ObservedOutcome {
            new: observed.image.as_ref().map(text),
            rule: observed.rule,
            reason: observed.reason,
        });
        let new = decision.image.as_ref().map(text);
        let settled = Self::settled(field, new, decision.reason, arena);
        Self { rule: decision.rule, observed, ..settled }
    }
}
