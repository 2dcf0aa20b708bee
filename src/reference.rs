//! Image references: text in, normal form out.
//!
//! The grammar and the normal form are those of `distribution/reference`
//! (`ParseNormalizedNamed`), which the kubelet, the API server's defaulting
//! and containerd use: a name without a registry belongs to `docker.io`, and a
//! one-segment name there belongs to `library/`. `tests/data/references.tsv`
//! holds what that implementation makes of 406 inputs.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod grammar;

use std::borrow::Cow;
use std::fmt;

use bumpalo::Bump;

use crate::arena::join;
pub(crate) use grammar::split_at_mark;
use grammar::{Parts, REPOSITORY_BYTES_MAX};
pub use grammar::{is_image_id, is_registry, is_repository, looks_like_registry};

/// The registry that a name without one belongs to.
pub const DEFAULT_REGISTRY: &str = "docker.io";
/// The namespace of one-segment names on [`DEFAULT_REGISTRY`].
pub const OFFICIAL_NAMESPACE: &str = "library";
/// An older name of [`DEFAULT_REGISTRY`], folded into it.
pub const LEGACY_REGISTRY: &str = "index.docker.io";

/// A parsed image reference in normal form.
///
/// Holds one text, `registry/repository[:tag][@digest]`, and where its parts
/// end. Two references are equal when they name the same thing; no tag is
/// added where none was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference<'a> {
    text: Cow<'a, str>,
    registry_end: usize,
    name_end: usize,
    tag_end: usize,
}

impl Reference<'static> {
    /// Parses `input` as it stands in a pod: no trimming, no scheme.
    ///
    /// Takes time linear in the input and allocates once, the normal form.
    pub fn parse(input: &str) -> Result<Self, ReferenceError> {
        let parts = Parts::of(input)?;
        Ok(parts.joined(Cow::Owned(parts.pieces().concat())))
    }
}

impl<'a> Reference<'a> {
    /// As [`Reference::parse`], with the normal form in `arena` where it is
    /// not the input itself.
    pub fn parse_in(input: &'a str, arena: &'a Bump) -> Result<Self, ReferenceError> {
        let parts = Parts::of(input)?;
        let text = match parts.is_joined_in(input) {
            true => input,
            false => join(&parts.pieces(), arena),
        };
        Ok(parts.joined(Cow::Borrowed(text)))
    }

    /// The image of the same tag and digest at `base/rest`, where `base` is a
    /// registry with or without a path, and `rest` more segments of a path;
    /// none when the path is too long.
    pub(crate) fn moved<'b>(
        &self,
        base: &str,
        rest: &str,
        arena: &'b Bump,
    ) -> Option<Reference<'b>> {
        let version = &self.text[self.name_end..];
        let text = join(&[base, "/", rest, version], arena);
        let (registry, _) = split_at_mark(base, b'/');
        if matches!(registry, DEFAULT_REGISTRY | LEGACY_REGISTRY) {
            // Its normal form may be another.
            return Reference::parse_in(text, arena).ok();
        }
        let (registry_end, name_end) = (registry.len(), base.len() + 1 + rest.len());
        let tag_end = text.len() - (self.text.len() - self.tag_end);
        let is_too_long = name_end - registry_end > REPOSITORY_BYTES_MAX + 1;
        let moved = Reference { text: Cow::Borrowed(text), registry_end, name_end, tag_end };
        (!is_too_long).then_some(moved)
    }

    /// The whole normal form; in `arena` where it is this reference's own.
    pub(crate) fn text_in(&self, arena: &'a Bump) -> &'a str {
        match &self.text {
            Cow::Borrowed(text) => text,
            Cow::Owned(text) => arena.alloc_str(text),
        }
    }

    /// This reference without a text of its own.
    pub fn borrowed(&self) -> Reference<'_> {
        let Self { text, registry_end, name_end, tag_end } = self;
        let text = Cow::Borrowed(&**text);
        Reference { text, registry_end: *registry_end, name_end: *name_end, tag_end: *tag_end }
    }

    /// Host and port, such as `docker.io` or `[::1]:5000`; empty for the odd
    /// names that the grammar lets through without one (`foo_bar.com/baz`).
    pub fn registry(&self) -> &str {
        &self.text[..self.registry_end]
    }

    /// The path on the registry, such as `library/nginx`.
    pub fn repository(&self) -> &str {
        match self.registry_end {
            0 => self.name(),
            end => &self.text[end + 1..self.name_end],
        }
    }

    /// Registry and repository, without tag and digest.
    pub fn name(&self) -> &str {
        &self.text[..self.name_end]
    }

    /// The tag, as written.
    pub fn tag(&self) -> Option<&str> {
        (self.tag_end > self.name_end).then(|| &self.text[self.name_end + 1..self.tag_end])
    }

    /// The digest, algorithm included.
    pub fn digest(&self) -> Option<&str> {
        (self.text.len() > self.tag_end).then(|| &self.text[self.tag_end + 1..])
    }

    /// The whole normal form, the same text as `Display` gives.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is no image reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceError {
    /// No text at all.
    Empty,
    /// 64 hexadecimal digits: the id of an image on the node, not a name.
    ImageId,
    /// Not a host with an optional port.
    InvalidRegistry,
    /// A path segment is empty or holds what a segment cannot hold.
    InvalidRepository,
    /// The path holds upper-case letters.
    UppercaseRepository,
    /// The path is longer than 255 bytes.
    RepositoryTooLong,
    /// The tag is empty, longer than 128 bytes, or holds other characters.
    InvalidTag,
    /// The digest is not `algorithm:hex`, or its hex has the wrong length.
    InvalidDigest,
    /// The digest's algorithm is not sha256, sha384 or sha512.
    UnsupportedDigest,
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the reference is empty",
            Self::ImageId => "64 hexadecimal digits are an image id, not a name",
            Self::InvalidRegistry => "the registry is not a host with an optional port",
            Self::InvalidRepository => "the repository path has an empty or malformed segment",
            Self::UppercaseRepository => "the repository path must be lower case",
            Self::RepositoryTooLong => "the repository path is longer than 255 bytes",
            Self::InvalidTag => "the tag is malformed or longer than 128 bytes",
            Self::InvalidDigest => "the digest is malformed",
            Self::UnsupportedDigest => "the digest's algorithm is not sha256, sha384 or sha512",
        })
    }
}

impl std::error::Error for ReferenceError {}
