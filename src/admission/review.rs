//! The AdmissionReview on the wire.
//!
//! Only what a decision needs is read; everything else is skipped unread. The
//! API server re-encodes typed objects, so what does not have the types below
//! did not come from it: such an object is left alone as a whole.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::json::{Pairs, Strict, Text};

/// The two versions of the review; they differ in nothing that matters here.
const VERSIONS: [&str; 2] = ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"];
const KIND: &str = "AdmissionReview";

/// A body that cannot be answered with a review: its request has no uid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecodable {
    /// Why, in one line.
    pub reason: String,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body is not an AdmissionReview: {}", self.reason)
    }
}

impl std::error::Error for Undecodable {}

/// A decoded review.
#[derive(Debug)]
pub(super) struct Review<'b> {
    /// The version to answer in.
    pub(super) api_version: &'static str,
    /// What to copy into the answer.
    pub(super) uid: Text<'b>,
    /// The request; none when it has other types than Kubernetes gives it, or
    /// a version that is not known.
    pub(super) request: Option<Request<'b>>,
}

impl<'b> Review<'b> {
    /// Decodes a body.
    ///
    /// # Errors
    /// [`Undecodable`] when the body is no JSON text with a request and a uid.
    pub(super) fn decode(body: &'b [u8]) -> Result<Self, Undecodable> {
        let text = std::str::from_utf8(body).map_err(undecodable)?;
        match serde_json::from_str::<Strict<Wire<Request<'b>>>>(text) {
            Ok(Strict(wire)) => Self::new(wire, |request| (request.uid.clone(), Some(request))),
            // The uid may stand even where the object cannot be read.
            Err(_) => Self::identify(body),
        }
    }

    /// Decodes no more than the version and the uid.
    ///
    /// # Errors
    /// As for [`Review::decode`].
    pub(super) fn identify(body: &'b [u8]) -> Result<Self, Undecodable> {
        let wire: Strict<Wire<Identity<'b>>> = serde_json::from_slice(body).map_err(undecodable)?;
        Self::new(wire.0, |request| (request.uid, None))
    }

    fn new<R>(
        wire: Wire<'b, R>,
        split: impl FnOnce(R) -> (Option<Text<'b>>, Option<Request<'b>>),
    ) -> Result<Self, Undecodable> {
        if let Some(kind) = wire.kind.filter(|kind| **kind != *KIND) {
            return Err(undecodable(format!("its kind is {:?}", &*kind)));
        }
        let Some(Strict(request)) = wire.request else {
            return Err(undecodable("it has no request"));
        };
        let (uid, request) = split(request);
        let uid = uid.ok_or_else(|| undecodable("its request has no uid"))?;
        let version = wire.api_version.unwrap_or(Text(Cow::Borrowed(VERSIONS[0])));
        let known = VERSIONS.into_iter().find(|known| **known == *version);
        Ok(Self {
            api_version: known.unwrap_or(VERSIONS[0]),
            uid,
            request: request.filter(|_| known.is_some()),
        })
    }
}

fn undecodable(reason: impl fmt::Display) -> Undecodable {
    Undecodable { reason: reason.to_string() }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "R: Deserialize<'de>"))]
struct Wire<'b, R> {
    #[serde(borrow)]
    api_version: Option<Text<'b>>,
    #[serde(borrow)]
    kind: Option<Text<'b>>,
    request: Option<Strict<R>>,
}

#[derive(Debug, Deserialize)]
struct Identity<'b> {
    #[serde(borrow)]
    uid: Option<Text<'b>>,
}

/// `request`, see the API reference of admission.k8s.io.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'b> {
    #[serde(borrow)]
    uid: Option<Text<'b>>,
    #[serde(borrow)]
    pub(super) kind: Option<Strict<GroupKind<'b>>>,
    #[serde(borrow)]
    pub(super) sub_resource: Option<Text<'b>>,
    #[serde(borrow)]
    pub(super) namespace: Option<Text<'b>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'b>>,
    #[serde(borrow)]
    pub(super) operation: Option<Text<'b>>,
    pub(super) dry_run: Option<bool>,
    #[serde(borrow)]
    pub(super) object: Option<Strict<Object<'b>>>,
    #[serde(borrow)]
    pub(super) old_object: Option<Strict<Object<'b>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct GroupKind<'b> {
    #[serde(borrow)]
    pub(super) group: Option<Text<'b>>,
    #[serde(borrow)]
    pub(super) kind: Option<Text<'b>>,
}

/// A pod, or an object with a pod template.
#[derive(Debug, Deserialize)]
pub(super) struct Object<'b> {
    #[serde(borrow)]
    pub(super) metadata: Option<Strict<Metadata<'b>>>,
    #[serde(borrow)]
    pub(super) spec: Option<Strict<Spec<'b>>>,
    #[serde(borrow)]
    pub(super) template: Option<Box<Strict<Self>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'b> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'b>>,
    #[serde(borrow)]
    pub(super) generate_name: Option<Text<'b>>,
    #[serde(borrow)]
    pub(super) namespace: Option<Text<'b>>,
    #[serde(borrow)]
    pub(super) labels: Option<Pairs<'b>>,
    #[serde(borrow)]
    pub(super) annotations: Option<Pairs<'b>>,
    #[serde(borrow)]
    pub(super) owner_references: Option<Vec<Option<Strict<OwnerReference<'b>>>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnerReference<'b> {
    #[serde(borrow)]
    pub(super) api_version: Option<Text<'b>>,
    #[serde(borrow)]
    pub(super) kind: Option<Text<'b>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'b>>,
    pub(super) controller: Option<bool>,
}

/// The `spec` of a pod or of an object with a pod template.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec<'b> {
    #[serde(borrow)]
    pub(super) containers: Option<Vec<Option<Strict<Container<'b>>>>>,
    #[serde(borrow)]
    pub(super) init_containers: Option<Vec<Option<Strict<Container<'b>>>>>,
    #[serde(borrow)]
    pub(super) ephemeral_containers: Option<Vec<Option<Strict<Container<'b>>>>>,
    #[serde(borrow)]
    pub(super) volumes: Option<Vec<Option<Strict<Volume<'b>>>>>,
    #[serde(borrow)]
    pub(super) image_pull_secrets: Option<Vec<Option<Strict<Named<'b>>>>>,
    #[serde(borrow)]
    pub(super) template: Option<Box<Strict<Object<'b>>>>,
    #[serde(borrow)]
    pub(super) job_template: Option<Box<Strict<Object<'b>>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Container<'b> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'b>>,
    #[serde(borrow)]
    pub(super) image: Option<Text<'b>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Volume<'b> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'b>>,
    #[serde(borrow)]
    pub(super) image: Option<Strict<ImageVolume<'b>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ImageVolume<'b> {
    #[serde(borrow)]
    pub(super) reference: Option<Text<'b>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named<'b> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'b>>,
}

/// `response`: always allowed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response<'r> {
    uid: &'r str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl<'r> Response<'r> {
    /// `patch` is a JSON Patch in base64.
    pub(super) fn new(
        uid: &'r str,
        patch: Option<String>,
        audit_annotations: BTreeMap<String, String>,
        warnings: Vec<String>,
    ) -> Self {
        let patch_type = patch.is_some().then_some("JSONPatch");
        Self { uid, allowed: true, patch_type, patch, audit_annotations, warnings }
    }

    /// The body of the answer.
    pub(super) fn encode(&self, api_version: &str) -> Vec<u8> {
        let review = serde_json::json!({
            "apiVersion": api_version,
            "kind": KIND,
            "response": self,
        });
        review.to_string().into_bytes()
    }
}
