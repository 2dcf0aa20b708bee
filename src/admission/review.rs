//! The AdmissionReview on the wire.
//!
//! Only what a decision needs is kept; everything else is checked and skipped.
//! The API server re-encodes typed objects, so what does not have the types
//! below did not come from it: such an object is left alone as a whole.

use std::fmt;

use bumpalo::Bump;

use super::json::{Mismatch, Once, Pairs, Reader};
use super::write;
use crate::arena::Text;

/// The two versions of the review; they differ in nothing that matters here.
const VERSIONS: [&str; 2] = ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"];
const KIND: &str = "AdmissionReview";
/// What most answers fit in; a longer one is moved while it grows.
const ANSWER_BYTES: usize = 2_048;

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
    pub(super) uid: &'b str,
    /// The request; none when it has other types than Kubernetes gives it, or
    /// a version that is not known.
    pub(super) request: Option<Request<'b>>,
}

impl<'b> Review<'b> {
    /// Decodes a body; what is no part of it is kept in `arena`.
    ///
    /// # Errors
    /// [`Undecodable`] when the body is no JSON text with a request and a uid.
    pub(super) fn decode(body: &'b [u8], arena: &'b Bump) -> Result<Self, Undecodable> {
        let text = std::str::from_utf8(body).map_err(undecodable)?;
        match Wire::read(&mut Reader::new(text, arena), Request::read) {
            Some(wire) => wire.review(|request| (*request.uid, Some(request))),
            // The uid may stand even where the object cannot be read.
            None => Self::identify(body, arena),
        }
    }

    /// Decodes no more than the version and the uid.
    ///
    /// # Errors
    /// As for [`Review::decode`].
    pub(super) fn identify(body: &'b [u8], arena: &'b Bump) -> Result<Self, Undecodable> {
        let text = std::str::from_utf8(body).map_err(undecodable)?;
        let mut reader = Reader::new(text, arena);
        let wire = Wire::read(&mut reader, read_uid).ok_or_else(|| {
            undecodable(match reader.found_mismatch() {
                Some(Mismatch { at, expected }) => format!("at byte {at}, expected {expected}"),
                None => describe(text),
            })
        })?;
        wire.review(|uid| (*uid, None))
    }
}

/// What another reader says of a text that is not JSON.
fn describe(text: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(text) {
        Err(error) => error.to_string(),
        Ok(_) => "it is not JSON".to_owned(),
    }
}

fn undecodable(reason: impl fmt::Display) -> Undecodable {
    Undecodable { reason: reason.to_string() }
}

#[derive(Debug)]
struct Wire<'b, R> {
    api_version: Once<&'b str>,
    kind: Once<&'b str>,
    request: Once<R>,
}

impl<'b, R> Wire<'b, R> {
    fn read(
        reader: &mut Reader<'b>,
        read_request: impl Fn(&mut Reader<'b>) -> Option<R>,
    ) -> Option<Self> {
        let (api_version, kind, request) = (Once::default(), Once::default(), Once::default());
        let mut wire = Self { api_version, kind, request };
        reader.object(|reader, key| match key {
            b"apiVersion" => reader.once(&mut wire.api_version, Reader::text),
            b"kind" => reader.once(&mut wire.kind, Reader::text),
            b"request" => reader.once(&mut wire.request, &read_request),
            _ => reader.skip(),
        })?;
        reader.end()?;
        Some(wire)
    }

    fn review(
        self,
        split: impl FnOnce(R) -> (Option<&'b str>, Option<Request<'b>>),
    ) -> Result<Review<'b>, Undecodable> {
        if let Some(kind) = self.kind.filter(|kind| *kind != KIND) {
            return Err(undecodable(format!("its kind is {kind:?}")));
        }
        let Some(request) = self.request.into_value() else {
            return Err(undecodable("it has no request"));
        };
        let (uid, request) = split(request);
        let uid = uid.ok_or_else(|| undecodable("its request has no uid"))?;
        let version = self.api_version.unwrap_or(VERSIONS[0]);
        let known = VERSIONS.into_iter().find(|known| *known == version);
        Ok(Review {
            api_version: known.unwrap_or(VERSIONS[0]),
            uid,
            request: request.filter(|_| known.is_some()),
        })
    }
}

fn read_uid<'b>(reader: &mut Reader<'b>) -> Option<Once<&'b str>> {
    let mut uid = Once::default();
    reader.object(|reader, key| match key {
        b"uid" => reader.once(&mut uid, Reader::text),
        _ => reader.skip(),
    })?;
    Some(uid)
}

/// Declares what is read of an object, by the name of each field on the wire.
macro_rules! object {
    ($(#[$attributes:meta])* $name:ident { $($key:literal $field:ident: $type:ty = $read:expr,)* }) => {
        $(#[$attributes])*
        #[derive(Debug, Default)]
        pub(super) struct $name<'b> {
            $(pub(super) $field: Once<$type>,)*
        }

        impl<'b> $name<'b> {
            fn read(reader: &mut Reader<'b>) -> Option<Self> {
                let mut object = Self::default();
                // A match would compare byte by byte.
                reader.object(|reader, key| {
                    $(if key == $key {
                        return reader.once(&mut object.$field, $read);
                    })*
                    reader.skip()
                })?;
                Some(object)
            }
        }
    };
}

object! {
    /// `request`, see the API reference of admission.k8s.io.
    Request {
        b"uid" uid: &'b str = Reader::text,
        b"kind" kind: GroupKind<'b> = GroupKind::read,
        b"subResource" sub_resource: &'b str = Reader::text,
        b"namespace" namespace: &'b str = Reader::text,
        b"name" name: &'b str = Reader::text,
        b"operation" operation: &'b str = Reader::text,
        b"dryRun" dry_run: bool = Reader::flag,
        b"object" object: &'b Object<'b> = |reader| reader.kept(Object::read),
        b"oldObject" old_object: &'b Object<'b> = |reader| reader.kept(Object::read),
    }
}

object! {
    GroupKind {
        b"group" group: &'b str = Reader::text,
        b"kind" kind: &'b str = Reader::text,
    }
}

object! {
    /// A pod, or an object with a pod template.
    Object {
        b"metadata" metadata: &'b Metadata<'b> = |reader| reader.kept(Metadata::read),
        b"spec" spec: &'b Spec<'b> = |reader| reader.kept(Spec::read),
        b"template" template: &'b Object<'b> = |reader| reader.kept(Object::read),
    }
}

object! {
    Metadata {
        b"name" name: &'b str = Reader::text,
        b"generateName" generate_name: &'b str = Reader::text,
        b"namespace" namespace: &'b str = Reader::text,
        b"labels" labels: Pairs<'b> = Reader::pairs,
        b"annotations" annotations: Pairs<'b> = Reader::pairs,
        b"ownerReferences" owner_references: &'b [Option<OwnerReference<'b>>] =
            |reader| reader.list(OwnerReference::read),
    }
}

object! {
    OwnerReference {
        b"apiVersion" api_version: &'b str = Reader::text,
        b"kind" kind: &'b str = Reader::text,
        b"name" name: &'b str = Reader::text,
        b"controller" controller: bool = Reader::flag,
    }
}

object! {
    /// The `spec` of a pod or of an object with a pod template.
    Spec {
        b"containers" containers: &'b [Option<Container<'b>>] = Container::read_list,
        b"initContainers" init_containers: &'b [Option<Container<'b>>] = Container::read_list,
        b"ephemeralContainers" ephemeral_containers: &'b [Option<Container<'b>>] =
            Container::read_list,
        b"volumes" volumes: &'b [Option<Volume<'b>>] = |reader| reader.list(Volume::read),
        b"imagePullSecrets" image_pull_secrets: &'b [Option<Named<'b>>] =
            |reader| reader.list(Named::read),
        b"template" template: &'b Object<'b> = |reader| reader.kept(Object::read),
        b"jobTemplate" job_template: &'b Object<'b> = |reader| reader.kept(Object::read),
    }
}

object! {
    Container {
        b"name" name: &'b str = Reader::text,
        b"image" image: &'b str = Reader::text,
    }
}

object! {
    Volume {
        b"name" name: &'b str = Reader::text,
        b"image" image: ImageVolume<'b> = ImageVolume::read,
    }
}

object! {
    ImageVolume {
        b"reference" reference: &'b str = Reader::text,
    }
}

object! {
    Named {
        b"name" name: &'b str = Reader::text,
    }
}

impl<'b> Container<'b> {
    fn read_list(reader: &mut Reader<'b>) -> Option<&'b [Option<Self>]> {
        reader.list(Self::read)
    }
}

/// `response`: always allowed.
#[derive(Debug)]
pub(super) struct Response<'r> {
    uid: &'r str,
    patch: Option<&'r str>,
    audit_annotations: Pairs<'r>,
    warnings: &'r [&'r str],
}

impl<'r> Response<'r> {
    /// `patch` is a JSON Patch in base64; `audit_annotations` have no key twice.
    pub(super) fn new(
        uid: &'r str,
        patch: Option<&'r str>,
        audit_annotations: Pairs<'r>,
        warnings: &'r [&'r str],
    ) -> Self {
        Self { uid, patch, audit_annotations, warnings }
    }

    /// The body of the answer.
    pub(super) fn encode(&self, api_version: &str, arena: &Bump) -> Vec<u8> {
        let mut out = Text::with_capacity(ANSWER_BYTES, arena);
        out.push_str(r#"{"apiVersion":"#);
        write::string(&mut out, api_version);
        out.push_str(r#","kind":""#);
        out.push_str(KIND);
        out.push_str(r#"","response":{"allowed":true"#);
        if !self.audit_annotations.is_empty() {
            out.push_str(r#","auditAnnotations":"#);
            write::object(&mut out, self.audit_annotations.iter().copied());
        }
        if let Some(patch) = self.patch {
            out.push_str(r#","patch":""#);
            // Base64 has nothing to escape.
            out.push_str(patch);
            out.push_str(r#"","patchType":"JSONPatch""#);
        }
        out.push_str(r#","uid":"#);
        write::string(&mut out, self.uid);
        if !self.warnings.is_empty() {
            out.push_str(r#","warnings":"#);
            write::strings(&mut out, self.warnings.iter().copied());
        }
        out.push_str("}}");
        out.as_bytes().to_vec()
    }
}

impl Spec<'_> {
    /// How many containers and volumes it has.
    pub(super) fn entries(&self) -> usize {
        let Self { containers, init_containers, ephemeral_containers, volumes, .. } = self;
        let lists = [**containers, **init_containers, **ephemeral_containers];
        let count = |list: &Option<&[_]>| list.unwrap_or_default().len();
        lists.iter().map(count).sum::<usize>() + volumes.unwrap_or_default().len()
    }
}
