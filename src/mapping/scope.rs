//! Which pods a map is for.

use crate::rules::selector::Globs;
use crate::rules::{ImageMap, Rollout};

/// Hexadecimal digits of the digest that a place in the rollout is made of.
const PLACE_BYTES: usize = 4;
/// Places in the rollout.
const PLACES: u32 = 10_000;
/// A Job's name ends with the minute of its run; from this many digits on.
const RUN_DIGITS_MIN: usize = 8;

/// What a decision may depend on besides the image.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pod<'r> {
    /// The namespace of the request.
    pub namespace: &'r str,
    /// The pod's labels.
    pub labels: &'r [(&'r str, &'r str)],
    /// The pod's annotations.
    pub annotations: &'r [(&'r str, &'r str)],
    /// The labels of the object around its template; they may opt it out but
    /// are not looked at by a map's `podSelector`.
    pub workload_labels: &'r [(&'r str, &'r str)],
    /// The annotations of the object around its template.
    pub workload_annotations: &'r [(&'r str, &'r str)],
    /// Every owner.
    pub owners: &'r [Owner<'r>],
    /// Whom the pod counts as in a rollout.
    pub counts_as: CountsAs<'r>,
}

/// One of a pod's owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'r> {
    /// `GROUP/KIND`; the core group is written `core`.
    pub group_kind: &'r str,
    /// The owner's kind.
    pub kind: &'r str,
    /// The owner's name.
    pub name: &'r str,
    /// Whether it is the controlling owner.
    pub is_controller: bool,
}

/// Kind and name that stand for all pods of one workload in a rollout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountsAs<'r> {
    /// The workload's kind.
    pub kind: &'r str,
    /// The workload's name, without what changes from one version or run to
    /// the next.
    pub name: &'r str,
}

impl<'r> CountsAs<'r> {
    /// The name without the hash of a ReplicaSet's pod template, and without
    /// the number of a Job's run.
    pub fn new(kind: &'r str, name: &'r str, pod_template_hash: Option<&str>) -> Self {
        let without_hash = pod_template_hash
            .and_then(|hash| name.strip_suffix(hash))
            .and_then(|name| name.strip_suffix('-'));
        let without_run = || {
            let (stem, run) = name.rsplit_once('-')?;
            let is_run = run.len() >= RUN_DIGITS_MIN && run.bytes().all(|b| b.is_ascii_digit());
            (kind == "Job" && is_run).then_some(stem)
        };
        Self { kind, name: without_hash.or_else(without_run).unwrap_or(name) }
    }
}

impl<'r> Pod<'r> {
    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&'r str> {
        value_of(self.labels, key)
    }

    /// The value of an annotation, the pod's own first.
    pub fn annotation(&self, key: &str) -> Option<&'r str> {
        value_of(self.annotations, key).or_else(|| value_of(self.workload_annotations, key))
    }

    /// Whether one of the owners matches, as `GROUP/KIND`.
    pub(super) fn is_owned_by(&self, globs: &Globs) -> bool {
        !globs.is_empty() && self.owners.iter().any(|owner| globs.matches(owner.group_kind))
    }
}

fn value_of<'r>(pairs: &[(&'r str, &'r str)], key: &str) -> Option<&'r str> {
    pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
}

/// Whether the map is for pods of this namespace at all.
pub(super) fn is_visible(map: &ImageMap, namespace: &str) -> bool {
    map.namespaces.matches(namespace) && !map.exclude_namespaces.matches(namespace)
}

/// Whether the map is for this pod, its mode aside.
pub(super) fn applies(map: &ImageMap, pod: &Pod<'_>) -> bool {
    is_visible(map, pod.namespace)
        && !pod.is_owned_by(&map.exclude_owners)
        && map.pod_selector.matches(|key| pod.label(key))
        && (map.rollout == Rollout::ALL || map.rollout.includes(place(map, pod)))
}

/// The pod's place among 10,000 for this map: the first eight hexadecimal
/// digits of the SHA-256 of
/// `KIND/NAMESPACE/NAME/POD NAMESPACE/OWNER KIND/OWNER NAME`, modulo 10,000.
fn place(map: &ImageMap, pod: &Pod<'_>) -> u16 {
    let text = format!(
        "{}/{}/{}/{}/{}/{}",
        map.id.kind.as_str(),
        map.id.namespace,
        map.id.name,
        pod.namespace,
        pod.counts_as.kind,
        pod.counts_as.name
    );
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let head = digest.as_ref().iter().take(PLACE_BYTES);
    let number = head.fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    (number % PLACES) as u16
}
