//! Where images live: the one table of kinds, operations and fields.

use std::collections::HashMap;

use super::json::{Pairs, Strict, Text};
use super::review::{Container, GroupKind, Metadata, Object, OwnerReference, Request, Spec};
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
    /// The texts of the old object by list and name, the first of each name.
    old_texts: HashMap<(List, &'r str), &'r str>,
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
        let spec = |object: &'r Object<'r>| object.spec.as_ref().map(|Strict(spec)| spec);
        let template = |spec: &'r Spec<'r>| spec.template.as_deref().map(|Strict(pod)| pod);
        match self {
            Self::Spec => Some(object),
            Self::SpecTemplate => spec(object).and_then(template),
            Self::Template => object.template.as_deref().map(|Strict(pod)| pod),
            Self::SpecJobTemplate => {
                let job = spec(object)?.job_template.as_deref().map(|Strict(job)| job)?;
                spec(job).and_then(template)
            }
        }
    }
}

impl<'r> Subject<'r> {
    /// The object of the request; none when the request holds no image that
    /// may be changed.
    pub(super) fn of(request: &'r Request<'r>) -> Option<Self> {
        let Strict(GroupKind { group, kind }) = request.kind.as_ref()?;
        let group = group.as_deref().unwrap_or_default();
        let shape = SHAPES
            .iter()
            .find(|shape| (Some(shape.kind), shape.group) == (kind.as_deref(), group))?;
        let extent = extent(request, shape.place)?;
        let Strict(object) = request.object.as_ref()?;
        let old_object = match (&request.old_object, extent.is_update()) {
            (Some(Strict(old)), true) => Some(old),
            (None, true) => return None,
            (_, false) => None,
        };
        let holder = shape.place.pod(object)?;
        let Strict(spec) = holder.spec.as_ref()?;
        let old_spec = old_object.and_then(|old| shape.place.pod(old)).and_then(spec_of);
        Some(Self {
            extent,
            spec_path: shape.place.path(),
            metadata: metadata_of(object),
            spec,
            old_metadata: old_object.and_then(metadata_of),
            old_spec,
            old_texts: old_spec.map(|spec| texts_of(spec, extent)).unwrap_or_default(),
            pod: describe(request, shape, object, holder),
        })
    }

    /// The image fields of the lists that count in this request.
    pub(super) fn fields(&self) -> impl Iterator<Item = Field<'r>> {
        let spec = self.spec;
        self.extent.lists().iter().flat_map(move |list| fields_of(spec, *list))
    }

    /// The text of the old object's field in the same list with the same name.
    pub(super) fn old_text(&self, field: &Field<'_>) -> Option<&'r str> {
        self.old_texts.get(&(field.list, field.name)).copied()
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
    let sub_resource = request.sub_resource.as_deref().unwrap_or_default();
    match (request.operation.as_deref()?, sub_resource, place) {
        ("CREATE", "", Place::Spec) => Some(Extent::NewPod),
        ("UPDATE", "", Place::Spec) => Some(Extent::ChangedPod),
        ("UPDATE", "ephemeralcontainers", Place::Spec) => Some(Extent::EphemeralContainers),
        ("CREATE", "", _) => Some(Extent::NewTemplate),
        ("UPDATE", "", _) => Some(Extent::ChangedTemplate),
        _ => None,
    }
}

fn spec_of<'r>(object: &'r Object<'r>) -> Option<&'r Spec<'r>> {
    object.spec.as_ref().map(|Strict(spec)| spec)
}

fn metadata_of<'r>(object: &'r Object<'r>) -> Option<&'r Metadata<'r>> {
    object.metadata.as_ref().map(|Strict(metadata)| metadata)
}

fn pull_secrets_of<'r>(spec: &'r Spec<'r>) -> impl Iterator<Item = &'r str> {
    spec.image_pull_secrets.iter().flatten().map(|secret| {
        let name = secret.as_ref().and_then(|Strict(secret)| secret.name.as_deref());
        name.unwrap_or_default()
    })
}

fn texts_of<'r>(spec: &'r Spec<'r>, extent: Extent) -> HashMap<(List, &'r str), &'r str> {
    let mut texts = HashMap::new();
    for field in extent.lists().iter().flat_map(|list| fields_of(spec, *list)) {
        texts.entry((field.list, field.name)).or_insert(field.text);
    }
    texts
}

fn fields_of<'r>(spec: &'r Spec<'r>, list: List) -> Box<dyn Iterator<Item = Field<'r>> + 'r> {
    let containers = match list {
        List::Containers => &spec.containers,
        List::InitContainers => &spec.init_containers,
        List::EphemeralContainers => &spec.ephemeral_containers,
        List::Volumes => return Box::new(volumes_of(spec)),
    };
    let items = containers.iter().flatten().enumerate();
    Box::new(items.filter_map(move |(index, container)| {
        let Strict(Container { name, image }) = container.as_ref()?;
        let name = name.as_deref().unwrap_or_default();
        Some(Field { list, index, name, text: image.as_deref().unwrap_or_default() })
    }))
}

fn volumes_of<'r>(spec: &'r Spec<'r>) -> impl Iterator<Item = Field<'r>> {
    spec.volumes.iter().flatten().enumerate().filter_map(|(index, volume)| {
        let Strict(volume) = volume.as_ref()?;
        let Strict(image) = volume.image.as_ref()?;
        let name = volume.name.as_deref().unwrap_or_default();
        let text = image.reference.as_deref().unwrap_or_default();
        Some(Field { list: List::Volumes, index, name, text })
    })
}

fn describe<'r>(
    request: &'r Request<'r>,
    shape: &Shape,
    object: &'r Object<'r>,
    holder: &'r Object<'r>,
) -> Pod<'r> {
    let outer = metadata_of(object);
    let inner = metadata_of(holder);
    let workload = outer.filter(|_| shape.place != Place::Spec);
    let labels = |metadata: Option<&'r Metadata<'r>>| {
        pairs(metadata.and_then(|metadata| metadata.labels.as_ref()).into_iter())
    };
    let annotated = inner.into_iter().chain(workload);
    let owners: Vec<Owner<'r>> = outer.map(owners_of).unwrap_or_default();
    let of_object = || outer.and_then(|outer| outer.namespace.as_deref());
    Pod {
        namespace: request.namespace.as_deref().or_else(of_object).unwrap_or_default(),
        labels: labels(inner),
        annotations: pairs(annotated.filter_map(|metadata| metadata.annotations.as_ref())),
        workload_labels: labels(workload),
        counts_as: counts_as(shape, outer, &owners),
        owners,
    }
}

fn pairs<'r>(maps: impl Iterator<Item = &'r Pairs<'r>>) -> Vec<(&'r str, &'r str)> {
    maps.flat_map(|Pairs(pairs)| pairs).map(|(key, value)| (&**key, &**value)).collect()
}

fn owners_of<'r>(metadata: &'r Metadata<'r>) -> Vec<Owner<'r>> {
    let references = metadata.owner_references.iter().flatten().flatten();
    let owner = |Strict(reference): &'r Strict<OwnerReference<'r>>| Owner {
        api_version: reference.api_version.as_deref().unwrap_or_default(),
        kind: reference.kind.as_deref().unwrap_or_default(),
        name: reference.name.as_deref().unwrap_or_default(),
        is_controller: reference.controller.unwrap_or_default(),
    };
    references.map(owner).collect()
}

/// A pod counts as its controller; an object with a template as what its pods
/// will count as.
fn counts_as<'r>(
    shape: &Shape,
    outer: Option<&'r Metadata<'r>>,
    owners: &[Owner<'r>],
) -> CountsAs<'r> {
    let own = |text: Option<&'r Text<'r>>| text.map(|text| &**text).filter(|text| !text.is_empty());
    let generated = own(outer.and_then(|outer| outer.generate_name.as_ref()));
    let name = generated.or_else(|| own(outer.and_then(|outer| outer.name.as_ref())));
    let labels = outer.and_then(|outer| outer.labels.as_ref());
    let mut labels = labels.into_iter().flat_map(|Pairs(pairs)| pairs);
    let hash = labels.find(|(key, _)| &**key == "pod-template-hash").map(|(_, hash)| &**hash);
    match owners.iter().find(|owner| owner.is_controller) {
        Some(owner) if shape.place == Place::Spec => CountsAs::new(owner.kind, owner.name, hash),
        _ if shape.place == Place::Spec => CountsAs { kind: "Pod", name: name.unwrap_or_default() },
        _ => {
            let name = own(outer.and_then(|outer| outer.name.as_ref())).or(generated);
            CountsAs::new(shape.pods_owner, name.unwrap_or_default(), hash)
        }
    }
}
