//! Where images live: the one table of kinds, operations and fields.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use super::json::Pairs;
use super::review::{Container, Metadata, Object, OwnerReference, Request, Spec, Volume};
use crate::arena::join;
use crate::mapping::scope::{CountsAs, Owner, Pod};

/// A list of a pod's spec whose items hold an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// `containers[].image`
    Containers,
    /// `initContainers[].image`, native sidecars among them
    InitContainers,
    /// `ephemeralContainers[].image`
    EphemeralContainers,
    /// `volumes[].image.reference`; the `image` of an `rbd` volume is none
    Volumes,
}

impl List {
    /// The list's name in the spec.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Containers => "containers",
            Self::InitContainers => "initContainers",
            Self::EphemeralContainers => "ephemeralContainers",
            Self::Volumes => "volumes",
        }
    }
}

/// One image field of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'r> {
    pub(super) list: List,
    pub(super) index: usize,
    pub(super) name: &'r str,
    pub(super) text: &'r str,
}

impl<'r> Field<'r> {
    /// What the field is known by from one object to the next.
    pub(super) fn key(&self) -> (List, &'r str) {
        (self.list, self.name)
    }

    /// `LIST/NAME`.
    pub(super) fn full_name(&self, arena: &'r Bump) -> &'r str {
        join(&[self.list.as_str(), "/", self.name], arena)
    }

    /// The key of the field in our annotation; none for a field without a name.
    pub(super) fn record_key(&self, arena: &'r Bump) -> Option<&'r str> {
        (!self.name.is_empty()).then(|| self.full_name(arena))
    }
}

/// What of an object may be changed in this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// A new pod: everything, with pull secrets and a label.
    NewPod,
    /// A pod that exists: images that this update changed. Its volumes and
    /// pull secrets cannot change: they are only restored.
    ChangedPod,
    /// Containers that this request adds to a running pod; nothing else of
    /// the pod can be changed with them.
    EphemeralContainers,
    /// A new object with a pod template.
    NewTemplate,
    /// An object with a pod template: images that this update changed, for a
    /// rule change must not roll out workloads, and a Job's template is
    /// immutable.
    ChangedTemplate,
}

impl Extent {
    pub(super) fn lists(self) -> &'static [List] {
        match self {
            Self::NewPod | Self::ChangedPod | Self::NewTemplate | Self::ChangedTemplate => {
                &[List::Containers, List::InitContainers, List::Volumes]
            }
            Self::EphemeralContainers => &[List::EphemeralContainers],
        }
    }

    /// Whether only what differs from the old object is looked at.
    pub(super) fn is_update(self) -> bool {
        !matches!(self, Self::NewPod | Self::NewTemplate)
    }
}

/// The object of a request, with all that a decision needs.
#[derive(Debug)]
pub(super) struct Subject<'r> {
    pub(super) extent: Extent,
    /// JSON pointer to the pod's spec.
    pub(super) spec_path: &'static str,
    pub(super) metadata: Option<&'r Metadata<'r>>,
    pub(super) spec: &'r Spec<'r>,
    pub(super) old_metadata: Option<&'r Metadata<'r>>,
    old_spec: Option<&'r Spec<'r>>,
    /// The fields of the old object by list and name.
    old_fields: &'r [Field<'r>],
    pub(super) pod: Pod<'r>,
}

/// A kind with images: its group, its name, and where the pod's spec is.
struct Shape {
    group: &'static str,
    kind: &'static str,
    place: Place,
    /// The kind of the controller that owns the pods made from it.
    pods_owner: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Spec,
    SpecTemplate,
    Template,
    SpecJobTemplate,
}

const SHAPES: [Shape; 9] = [
    shape("", "Pod", Place::Spec, ""),
    shape("", "PodTemplate", Place::Template, "PodTemplate"),
    shape("", "ReplicationController", Place::SpecTemplate, "ReplicationController"),
    shape("apps", "DaemonSet", Place::SpecTemplate, "DaemonSet"),
    shape("apps", "Deployment", Place::SpecTemplate, "ReplicaSet"),
    shape("apps", "ReplicaSet", Place::SpecTemplate, "ReplicaSet"),
    shape("apps", "StatefulSet", Place::SpecTemplate, "StatefulSet"),
    shape("batch", "CronJob", Place::SpecJobTemplate, "Job"),
    shape("batch", "Job", Place::SpecTemplate, "Job"),
];

const fn shape(
    group: &'static str,
    kind: &'static str,
    place: Place,
    pods_owner: &'static str,
) -> Shape {
    Shape { group, kind, place, pods_owner }
}

impl Place {
    fn path(self) -> &'static str {
        match self {
            Self::Spec => "/spec",
            Self::SpecTemplate => "/spec/template/spec",
            Self::Template => "/template/spec",
            Self::SpecJobTemplate => "/spec/jobTemplate/spec/template/spec",
        }
    }

    /// The object that holds the pod's metadata and spec.
    fn pod<'r>(self, object: &'r Object<'r>) -> Option<&'r Object<'r>> {
        let spec = |object: &'r Object<'r>| *object.spec;
        let template = |spec: &'r Spec<'r>| *spec.template;
        match self {
            Self::Spec => Some(object),
            Self::SpecTemplate => spec(object).and_then(template),
            Self::Template => *object.template,
            Self::SpecJobTemplate => {
                let job = (*spec(object)?.job_template)?;
                spec(job).and_then(template)
            }
        }
    }
}

impl<'r> Subject<'r> {
    /// The object of the request; none when the request holds no image that
    /// may be changed.
    pub(super) fn of(request: &'r Request<'r>, arena: &'r Bump) -> Option<Self> {
        let of = request.kind.as_ref()?;
        let group = of.group.unwrap_or_default();
        let shape =
            SHAPES.iter().find(|shape| (Some(shape.kind), shape.group) == (*of.kind, group))?;
        let extent = extent(request, shape.place)?;
        let object = (*request.object)?;
        let old_object = match (*request.old_object, extent.is_update()) {
            (Some(old), true) => Some(old),
            (None, true) => return None,
            (_, false) => None,
        };
        let holder = shape.place.pod(object)?;
        let spec = (*holder.spec)?;
        let old_spec = old_object.and_then(|old| shape.place.pod(old)).and_then(|old| *old.spec);
        Some(Self {
            extent,
            spec_path: shape.place.path(),
            metadata: *object.metadata,
            spec,
            old_metadata: old_object.and_then(|old| *old.metadata),
            old_spec,
            old_fields: old_spec.map(|spec| by_name(spec, extent, arena)).unwrap_or_default(),
            pod: describe(request, shape, object, holder, arena),
        })
    }

    /// The image fields of the lists that count in this request.
    pub(super) fn fields(&self) -> impl Iterator<Item = Field<'r>> {
        let spec = self.spec;
        self.extent.lists().iter().flat_map(move |list| fields_of(spec, *list))
    }

    /// The text of the old object's field in the same list with the same name.
    pub(super) fn old_text(&self, field: &Field<'_>) -> Option<&'r str> {
        let before = |old: &Field<'_>| old.key() < field.key();
        let first = self.old_fields.get(self.old_fields.partition_point(before))?;
        (first.key() == field.key()).then_some(first.text)
    }

    /// The names of the pod's pull secrets; one without a name has an empty one.
    pub(super) fn pull_secrets(&self) -> impl Iterator<Item = &'r str> {
        pull_secrets_of(self.spec)
    }

    /// The names of the old object's pull secrets.
    pub(super) fn old_pull_secrets(&self) -> impl Iterator<Item = &'r str> {
        self.old_spec.into_iter().flat_map(pull_secrets_of)
    }
}

fn extent(request: &Request<'_>, place: Place) -> Option<Extent> {
    let sub_resource = request.sub_resource.unwrap_or_default();
    match ((*request.operation)?, sub_resource, place) {
        ("CREATE", "", Place::Spec) => Some(Extent::NewPod),
        ("UPDATE", "", Place::Spec) => Some(Extent::ChangedPod),
        ("UPDATE", "ephemeralcontainers", Place::Spec) => Some(Extent::EphemeralContainers),
        ("CREATE", "", _) => Some(Extent::NewTemplate),
        ("UPDATE", "", _) => Some(Extent::ChangedTemplate),
        _ => None,
    }
}

fn pull_secrets_of<'r>(spec: &'r Spec<'r>) -> impl Iterator<Item = &'r str> {
    let secrets = spec.image_pull_secrets.unwrap_or_default();
    secrets.iter().map(|secret| secret.as_ref().and_then(|secret| *secret.name).unwrap_or_default())
}

/// The fields in the order of their keys; those of one key in their own.
fn by_name<'r>(spec: &'r Spec<'r>, extent: Extent, arena: &'r Bump) -> &'r [Field<'r>] {
    let fields = extent.lists().iter().flat_map(|list| fields_of(spec, *list));
    let mut fields = ArenaVec::from_iter_in(fields, arena);
    fields.sort_unstable_by_key(|field| (field.key(), field.index));
    fields.into_bump_slice()
}

fn fields_of<'r>(spec: &'r Spec<'r>, list: List) -> impl Iterator<Item = Field<'r>> {
    let containers = match list {
        List::Containers => *spec.containers,
        List::InitContainers => *spec.init_containers,
        List::EphemeralContainers => *spec.ephemeral_containers,
        List::Volumes => None,
    };
    let containers = containers.unwrap_or_default().iter().enumerate();
    let of_container = move |(index, container): (usize, &'r Option<Container<'r>>)| {
        let container = container.as_ref()?;
        let name = container.name.unwrap_or_default();
        Some(Field { list, index, name, text: container.image.unwrap_or_default() })
    };
    let volumes = spec.volumes.filter(|_| list == List::Volumes);
    let volumes = volumes.unwrap_or_default().iter().enumerate();
    let of_volume = move |(index, volume): (usize, &'r Option<Volume<'r>>)| {
        let volume = volume.as_ref()?;
        let text = volume.image.as_ref()?.reference.unwrap_or_default();
        Some(Field { list, index, name: volume.name.unwrap_or_default(), text })
    };
    containers.filter_map(of_container).chain(volumes.filter_map(of_volume))
}

fn describe<'r>(
    request: &'r Request<'r>,
    shape: &Shape,
    object: &'r Object<'r>,
    holder: &'r Object<'r>,
    arena: &'r Bump,
) -> Pod<'r> {
    let outer = *object.metadata;
    let inner = *holder.metadata;
    let workload = outer.filter(|_| shape.place != Place::Spec);
    let labels = |metadata: Option<&'r Metadata<'r>>| -> Pairs<'r> {
        metadata.and_then(|metadata| *metadata.labels).unwrap_or_default()
    };
    let annotations = |metadata: Option<&'r Metadata<'r>>| -> Pairs<'r> {
        metadata.and_then(|metadata| *metadata.annotations).unwrap_or_default()
    };
    let owners = outer.map(|outer| owners_of(outer, arena)).unwrap_or_default();
    let of_object = || outer.and_then(|outer| *outer.namespace);
    Pod {
        namespace: request.namespace.or_else(of_object).unwrap_or_default(),
        labels: labels(inner),
        annotations: annotations(inner),
        workload_labels: labels(workload),
        workload_annotations: annotations(workload),
        counts_as: counts_as(shape, outer, owners),
        owners,
    }
}

fn owners_of<'r>(metadata: &'r Metadata<'r>, arena: &'r Bump) -> &'r [Owner<'r>] {
    let references = metadata.owner_references.unwrap_or_default().iter().flatten();
    let owner = |reference: &'r OwnerReference<'r>| {
        let version = reference.api_version.unwrap_or_default();
        let group = version.split_once('/').map_or("core", |(group, _)| group);
        let kind = reference.kind.unwrap_or_default();
        Owner {
            group_kind: join(&[group, "/", kind], arena),
            kind,
            name: reference.name.unwrap_or_default(),
            is_controller: reference.controller.unwrap_or_default(),
        }
    };
    ArenaVec::from_iter_in(references.map(owner), arena).into_bump_slice()
}

/// A pod counts as its controller; an object with a template as what its pods
/// will count as.
fn counts_as<'r>(
    shape: &Shape,
    outer: Option<&'r Metadata<'r>>,
    owners: &[Owner<'r>],
) -> CountsAs<'r> {
    let own = |text: Option<&'r str>| text.filter(|text| !text.is_empty());
    let generated = own(outer.and_then(|outer| *outer.generate_name));
    let name = generated.or_else(|| own(outer.and_then(|outer| *outer.name)));
    let labels = outer.and_then(|outer| *outer.labels).unwrap_or_default();
    let hash = labels.iter().find(|(key, _)| *key == "pod-template-hash").map(|(_, hash)| *hash);
    match owners.iter().find(|owner| owner.is_controller) {
        Some(owner) if shape.place == Place::Spec => CountsAs::new(owner.kind, owner.name, hash),
        _ if shape.place == Place::Spec => CountsAs { kind: "Pod", name: name.unwrap_or_default() },
        _ => {
            let name = own(outer.and_then(|outer| *outer.name)).or(generated);
            CountsAs::new(shape.pods_owner, name.unwrap_or_default(), hash)
        }
    }
}
