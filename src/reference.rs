//! Image references: text in, normal form out.
//!
//! The grammar and the normal form are those of `distribution/reference`
//! (`ParseNormalizedNamed`), which the kubelet, the API server's defaulting
//! and containerd use: a name without a registry belongs to `docker.io`, and a
//! one-segment name there belongs to `library/`. `tests/data/references.tsv`
//! holds what that implementation makes of 406 inputs.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;

/// The registry that a name without one belongs to.
pub const DEFAULT_REGISTRY: &str = "docker.io";
/// The namespace of one-segment names on [`DEFAULT_REGISTRY`].
pub const OFFICIAL_NAMESPACE: &str = "library";
/// An older name of [`DEFAULT_REGISTRY`], folded into it.
pub const LEGACY_REGISTRY: &str = "index.docker.io";
/// Longest repository path in bytes; the registry does not count
/// (`RepositoryNameTotalLengthMax`).
const REPOSITORY_BYTES_MAX: usize = 255;
/// Longest tag in bytes.
const TAG_BYTES_MAX: usize = 128;

/// A parsed image reference in normal form.
///
/// Holds one string, `registry/repository[:tag][@digest]`, and where its parts
/// end. Two references are equal when they name the same thing; no tag is
/// added where none was written.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    text: String,
    registry_end: usize,
    name_end: usize,
    tag_end: usize,
}

impl Reference {
    /// Parses `input` as it stands in a pod: no trimming, no scheme.
    ///
    /// Takes time linear in the input and allocates once, the normal form.
    pub fn parse(input: &str) -> Result<Self, ReferenceError> {
        if input.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if is_image_id(input) {
            return Err(ReferenceError::ImageId);
        }
        let (registry, remainder) = split_registry(input);
        let (named, digest) = split_at_mark(remainder, '@');
        let (path, tag) = split_at_mark(named, ':');
        if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(ReferenceError::UppercaseRepository);
        }
        if !is_repository(path) {
            return Err(ReferenceError::InvalidRepository);
        }
        // The grammar's registry is optional: a first segment that cannot be
        // one (`foo_bar.com`) still reads as part of the path.
        let has_registry = is_registry(registry);
        if !has_registry && !is_repository(registry) {
            return Err(ReferenceError::InvalidRegistry);
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(ReferenceError::InvalidTag);
        }
        digest.map_or(Ok(()), check_digest)?;
        let official = registry == DEFAULT_REGISTRY && !path.contains('/');
        let namespace = if official { OFFICIAL_NAMESPACE } else { "" };
        let name_end = registry.len() + 1 + part_bytes(namespace) + path.len();
        let registry_end = if has_registry { registry.len() } else { 0 };
        let repository_start = if has_registry { registry_end + 1 } else { 0 };
        if name_end - repository_start > REPOSITORY_BYTES_MAX {
            return Err(ReferenceError::RepositoryTooLong);
        }
        let tag_end = name_end + tag.map_or(0, part_bytes);
        let mut text = String::with_capacity(tag_end + digest.map_or(0, part_bytes));
        text.extend([registry, "/"]);
        if official {
            text.extend([OFFICIAL_NAMESPACE, "/"]);
        }
        text.push_str(path);
        text.extend(tag.into_iter().flat_map(|tag| [":", tag]));
        text.extend(digest.into_iter().flat_map(|digest| ["@", digest]));
        Ok(Self { text, registry_end, name_end, tag_end })
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

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference")
            .field("registry", &self.registry())
            .field("repository", &self.repository())
            .field("tag", &self.tag())
            .field("digest", &self.digest())
            .finish()
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

/// Whether `text` is a bare image id: 64 lower-case hexadecimal digits.
pub fn is_image_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(is_lower_hex)
}

/// Whether the first segment of a name is read as a registry: it has a `.` or
/// a `:` or an upper-case letter, or is `localhost`.
pub fn looks_like_registry(segment: &str) -> bool {
    segment == "localhost"
        || segment.bytes().any(|byte| matches!(byte, b'.' | b':') || byte.is_ascii_uppercase())
}

/// Whether `text` is a host with an optional port: dot-separated components
/// of letters, digits and inner hyphens, or an IPv6 address in brackets.
pub fn is_registry(text: &str) -> bool {
    let (is_host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((address, port)) => (is_ipv6_text(address), port),
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (host.split('.').all(is_host_component), port)
        }
    };
    let is_port = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_host && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// Whether `text` is a path of a registry: segments of lower-case letters and
/// digits, with `.`, `_`, `__` or hyphens between them.
pub fn is_repository(text: &str) -> bool {
    text.split('/').all(|segment| {
        let bytes = segment.as_bytes();
        bytes.first().copied().is_some_and(is_lower_alphanumeric)
            && bytes.last().copied().is_some_and(is_lower_alphanumeric)
            && bytes.split(|byte| is_lower_alphanumeric(*byte)).all(is_separator)
    })
}

fn split_registry(input: &str) -> (&str, &str) {
    match input.split_once('/') {
        Some((LEGACY_REGISTRY, remainder)) => (DEFAULT_REGISTRY, remainder),
        Some((first, remainder)) if looks_like_registry(first) => (first, remainder),
        _ => (DEFAULT_REGISTRY, input),
    }
}

fn split_at_mark(text: &str, mark: char) -> (&str, Option<&str>) {
    match text.split_once(mark) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Bytes of a part with the mark that joins it; none for an empty part.
fn part_bytes(part: &str) -> usize {
    if part.is_empty() { 0 } else { part.len() + 1 }
}

fn is_separator(run: &[u8]) -> bool {
    matches!(run, b"" | b"." | b"_" | b"__") || run.iter().all(|byte| *byte == b'-')
}

fn is_host_component(component: &str) -> bool {
    let bytes = component.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

fn is_ipv6_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= TAG_BYTES_MAX
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn check_digest(digest: &str) -> Result<(), ReferenceError> {
    let (algorithm, hex) = digest.split_once(':').ok_or(ReferenceError::InvalidDigest)?;
    let hex_bytes = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return Err(ReferenceError::UnsupportedDigest),
    };
    match hex.len() == hex_bytes && hex.bytes().all(is_lower_hex) {
        true => Ok(()),
        false => Err(ReferenceError::InvalidDigest),
    }
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn is_lower_alphanumeric(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z')
}
