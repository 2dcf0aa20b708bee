//! Bytes of an AdmissionReview in, bytes of its answer out.
//!
//! The answer always allows, and patches only what a decision changed. What
//! is not understood is left as it is.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod json;
mod patch;
mod pod;
mod pull_secrets;
mod records;
mod review;

use serde::Serialize;

use crate::mapping::policy::Policy;
use crate::mapping::reason::Reason;
use crate::mapping::{Decision, Mapping};
use patch::Patch;
use pod::{Extent, Field, Subject};
use pull_secrets::PullSecrets;
use records::Originals;
use review::{Request, Response, Review};

pub use pod::List;
pub use records::{ANNOTATION_BYTES_MAX, ORIGINALS_ANNOTATION, Recorded};
pub use review::Undecodable;

/// The answer to a review, and what it came from.
#[derive(Debug)]
pub struct Admitted {
    /// The AdmissionReview to send back.
    pub body: Vec<u8>,
    /// What was decided, for the log and the metrics.
    pub outcome: Outcome,
}

/// What was decided on a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// `request.uid`
    pub uid: String,
    /// The object's kind.
    pub kind: String,
    /// The namespace of the request.
    pub namespace: String,
    /// The object's name, or its `generateName` while it has none.
    pub name: String,
    /// `CREATE`, `UPDATE` or another operation.
    pub operation: String,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// What the request is to us.
    pub handling: Handling,
    /// Every image field that counts in this request.
    pub images: Vec<ImageOutcome>,
    /// What became of the annotation with the originals.
    pub recorded: Recorded,
    /// Pull secrets that were added, or that an update got back.
    pub pull_secrets: Vec<String>,
}

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
}

/// The decision on one image field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageOutcome {
    /// `LIST/NAME`, such as `containers/web`.
    pub field: String,
    /// The text as it was sent.
    pub old: String,
    /// The text instead, if it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
    /// The rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why.
    #[serde(serialize_with = "as_text")]
    pub reason: Reason,
    /// What a map in Observe would have done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<ObservedOutcome>,
}

/// What a map in Observe would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObservedOutcome {
    /// The text instead, if it would change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
    /// The rule.
    pub rule: String,
    /// Why.
    #[serde(serialize_with = "as_text")]
    pub reason: Reason,
}

/// Answers a review by the rules in force.
///
/// # Errors
/// [`Undecodable`] when `bytes` are no review with a uid; nothing else fails.
pub fn admit(bytes: &[u8], mapping: &Mapping) -> Result<Admitted, Undecodable> {
    let review = Review::decode(bytes)?;
    let mut outcome = Outcome::of(&review);
    let mut patch = Patch::default();
    let mut audit_annotations = Default::default();
    let mut warnings = Vec::new();
    if let Some(subject) = review.request.as_ref().and_then(Subject::of) {
        outcome.handling = Handling::Decided;
        let known = Known::of(&subject, mapping.policy());
        let (images, pull_secrets) = decide(&subject, &known, mapping);
        for (field, image) in &images {
            if let Some(new) = &image.new {
                patch.set_image(&subject, field, new);
            }
        }
        patch.add_pull_secrets(&subject, &pull_secrets);
        let label = mapping.policy().label.as_ref().filter(|_| !patch.is_empty());
        let (recorded, annotation) = records::annotate(&subject, &known, &images);
        patch.set_metadata(&subject, &annotation, label);
        outcome.recorded = recorded;
        audit_annotations = records::audit_annotations(&images);
        outcome.pull_secrets = pull_secrets;
        outcome.images = images.into_iter().map(|(_, image)| image).collect();
        if mapping.policy().warnings {
            warnings = records::warnings(&outcome);
        }
    }
    let response = Response::new(&review.uid, patch.encode(), audit_annotations, warnings);
    Ok(Admitted { body: response.encode(review.api_version), outcome })
}

/// Answers a review without looking at more than its uid: allowed unchanged.
/// For when [`admit`] itself failed.
///
/// # Errors
/// [`Undecodable`] as in [`admit`].
pub fn allow(bytes: &[u8]) -> Result<Vec<u8>, Undecodable> {
    let review = Review::identify(bytes)?;
    let response = Response::new(&review.uid, None, Default::default(), Vec::new());
    Ok(response.encode(review.api_version))
}

/// What is known of an object before its images are looked at.
#[derive(Debug)]
struct Known {
    /// Why it is left alone as a whole, if it is.
    exemption: Option<Reason>,
    /// What the old object's annotation says and is true.
    originals: Originals,
}

impl Known {
    fn of(subject: &Subject<'_>, policy: &Policy) -> Self {
        let old = subject.old_metadata.and_then(|metadata| metadata.annotations.as_ref());
        let originals = records::believed(subject, old);
        Self { exemption: policy.exemption(&subject.pod), originals }
    }
}

/// Decides on every image field; gives the pull secrets to add as well.
fn decide<'r>(
    subject: &Subject<'r>,
    known: &Known,
    mapping: &Mapping,
) -> (Vec<(Field<'r>, ImageOutcome)>, Vec<String>) {
    let mut secrets = PullSecrets::of(subject, mapping);
    let mut images = Vec::new();
    for field in subject.fields() {
        let image = decide_field(subject, &field, known, mapping, &mut secrets);
        images.extend(image.map(|image| (field, image)));
    }
    (images, secrets.into_added())
}

/// None for a field that does not count in this request.
fn decide_field<'r>(
    subject: &Subject<'r>,
    field: &Field<'r>,
    known: &Known,
    mapping: &Mapping,
    secrets: &mut PullSecrets<'_>,
) -> Option<ImageOutcome> {
    if subject.extent == Extent::ChangedPod && field.list == List::Volumes {
        return restored_volume(subject, field, &known.originals);
    }
    let settled = match known.exemption {
        Some(reason) => Some((None, reason)),
        None => settled_by_old_object(subject, field, &known.originals),
    };
    if let Some((new, reason)) = settled {
        return Some(ImageOutcome::settled(field, new, reason));
    }
    let decision = mapping.decide(field.text, &subject.pod);
    let lacks_secret = || decision.pull_secrets.iter().any(|name| secrets.lacks(name));
    match subject.extent {
        Extent::NewPod => secrets.add_those_of(&decision, mapping, subject),
        Extent::EphemeralContainers if decision.image.is_some() && lacks_secret() => {
            return Some(ImageOutcome::without_secret(field, decision));
        }
        _ => {}
    }
    Some(ImageOutcome::decided(field, decision))
}

/// What an update leaves as it is: images that it did not change, and images
/// that are in force and that it wrote in their original form.
fn settled_by_old_object<'r>(
    subject: &Subject<'r>,
    field: &Field<'r>,
    originals: &Originals,
) -> Option<(Option<&'r str>, Reason)> {
    let old = subject.old_text(field)?;
    if old == field.text || subject.extent == Extent::EphemeralContainers {
        return Some((None, Reason::Unchanged));
    }
    let original = records::key(field).and_then(|key| originals.get(&key));
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
    originals: &Originals,
) -> Option<ImageOutcome> {
    let (new, reason) = settled_by_old_object(subject, field, originals)?;
    (reason == Reason::Restored).then(|| ImageOutcome::settled(field, new, reason))
}

impl Outcome {
    fn of(review: &Review<'_>) -> Self {
        let Some(request) = &review.request else {
            let uid = review.uid.to_string();
            return Self { uid, handling: Handling::NotUnderstood, ..Self::default() };
        };
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self {
            uid: review.uid.to_string(),
            kind: text(request.kind.as_ref().and_then(|kind| kind.0.kind.as_deref())),
            namespace: text(request.namespace.as_deref()),
            name: text(name_of(request)),
            operation: text(request.operation.as_deref()),
            dry_run: request.dry_run.unwrap_or_default(),
            ..Self::default()
        }
    }
}

fn name_of<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let metadata = request.object.as_ref().and_then(|object| object.0.metadata.as_ref());
    let of_object = metadata.and_then(|metadata| metadata.0.name.as_deref());
    let generated = metadata.and_then(|metadata| metadata.0.generate_name.as_deref());
    let names = [request.name.as_deref(), of_object, generated];
    names.into_iter().flatten().find(|name| !name.is_empty())
}

impl ImageOutcome {
    fn settled(field: &Field<'_>, new: Option<&str>, reason: Reason) -> Self {
        Self {
            field: format!("{}/{}", field.list.as_str(), field.name),
            old: field.text.to_owned(),
            new: new.map(str::to_owned),
            rule: None,
            reason,
            observed: None,
        }
    }

    fn decided(field: &Field<'_>, decision: Decision<'_>) -> Self {
        let new = decision.image.as_ref().map(ToString::to_string);
        Self {
            rule: decision.rule.map(|rule| rule.to_string()),
            observed: decision.observed.map(|observed| ObservedOutcome {
                new: observed.image.map(|image| image.to_string()),
                rule: observed.rule.to_string(),
                reason: observed.reason,
            }),
            ..Self::settled(field, new.as_deref(), decision.reason)
        }
    }

    fn without_secret(field: &Field<'_>, decision: Decision<'_>) -> Self {
        let decision = Decision { image: None, reason: Reason::NoPullSecret, ..decision };
        Self::decided(field, decision)
    }
}

fn as_text<S: serde::Serializer>(reason: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.as_str())
}
