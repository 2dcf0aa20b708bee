//! Why an image is what it is after a decision.

use std::fmt;

/// The reason of a decision, the same in log, audit annotation and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A rule sends the image elsewhere.
    Rewritten,
    /// The update wrote the original of an image that is in force: it stays
    /// in force.
    Restored,
    /// A rule keeps the image.
    Keep,
    /// No rule matches, and there is no default.
    NoRule,
    /// The image is where a rule could have put it.
    AlreadyThere,
    /// The rule's result is the image itself.
    Same,
    /// The rule's result is no reference, or would lose the image's digest.
    InvalidResult,
    /// The text is no image reference, or one without a registry.
    NotAReference,
    /// There is no text.
    Empty,
    /// `auto`, which another webhook replaces.
    Placeholder,
    /// The id of an image on the node.
    ImageId,
    /// This update did not change the image.
    Unchanged,
    /// The target needs a pull secret that the pod lacks and cannot get.
    NoPullSecret,
    /// The kubelet's picture of a static pod.
    MirrorPod,
    /// The pod's label or annotation asks to be left alone.
    OptedOut,
    /// A controller owns the pod that compares it with its own idea of it.
    ExemptOwner,
    /// The namespace is left alone.
    ExemptNamespace,
}

impl Reason {
    /// The word in logs, annotations and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rewritten => "rewritten",
            Self::Restored => "restored",
            Self::Keep => "keep",
            Self::NoRule => "no-rule",
            Self::AlreadyThere => "already-there",
            Self::Same => "same",
            Self::InvalidResult => "invalid-result",
            Self::NotAReference => "not-a-reference",
            Self::Empty => "empty",
            Self::Placeholder => "placeholder",
            Self::ImageId => "image-id",
            Self::Unchanged => "unchanged",
            Self::NoPullSecret => "no-pull-secret",
            Self::MirrorPod => "mirror-pod",
            Self::OptedOut => "opted-out",
            Self::ExemptOwner => "exempt-owner",
            Self::ExemptNamespace => "exempt-namespace",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
