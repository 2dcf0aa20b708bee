//! What is left alone whatever the rules say, and what is recorded.

use super::reason::Reason;
use super::scope::Pod;
use crate::rules::selector::Globs;

/// The label or annotation by which a pod asks to be left alone.
pub const OPT_OUT_KEY: &str = "detour.dev/rewrite";
/// The value that asks for it, where no other is given.
pub const OPT_OUT_VALUE: &str = "disabled";
/// The annotation that the kubelet puts on its pictures of static pods.
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// A label or annotation by which a pod asks to be left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOut {
    /// Its key.
    pub key: String,
    /// The value that asks for it.
    pub value: String,
}

/// The settings of this instance that a decision depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Namespaces that are left alone.
    pub exempt_namespaces: Globs,
    /// Owners, as `GROUP/KIND`, whose pods are left alone.
    pub exempt_owners: Globs,
    /// Labels and annotations that opt out, besides [`OPT_OUT_KEY`] with
    /// [`OPT_OUT_VALUE`].
    pub opt_outs: Vec<OptOut>,
    /// The label that patched pods get: a valid key and value.
    pub label: Option<(String, String)>,
    /// Whether the user is told of rewritten images.
    pub warnings: bool,
}

impl Policy {
    /// Why the pod is left alone as a whole, if it is.
    pub fn exemption(&self, pod: &Pod<'_>) -> Option<Reason> {
        if self.exempt_namespaces.matches(pod.namespace) {
            return Some(Reason::ExemptNamespace);
        }
        if pod.annotation(MIRROR_ANNOTATION).is_some() {
            return Some(Reason::MirrorPod);
        }
        if self.opts_out(pod) {
            return Some(Reason::OptedOut);
        }
        pod.is_owned_by(&self.exempt_owners).then_some(Reason::ExemptOwner)
    }

    fn opts_out(&self, pod: &Pod<'_>) -> bool {
        let own = pod.labels.iter().chain(pod.annotations);
        let mut pairs = own.chain(pod.workload_labels).chain(pod.workload_annotations);
        pairs.any(|(key, value)| self.is_opt_out(key, value))
    }

    /// Whether a pod with this label or annotation is left alone.
    pub fn is_opt_out(&self, key: &str, value: &str) -> bool {
        let is_ours = key == OPT_OUT_KEY && value == OPT_OUT_VALUE;
        is_ours || self.opt_outs.iter().any(|other| other.key == key && other.value == value)
    }
}
