//! What the texts between the marks may be.

use std::borrow::Cow;

use super::{DEFAULT_REGISTRY, LEGACY_REGISTRY, Reference, ReferenceError};

/// Longest repository path in bytes; the registry does not count
/// (`RepositoryNameTotalLengthMax`).
pub(super) const REPOSITORY_BYTES_MAX: usize = 255;
/// Longest tag in bytes.
const TAG_BYTES_MAX: usize = 128;
/// [`super::OFFICIAL_NAMESPACE`] as a prefix of a path.
const OFFICIAL_PREFIX: &str = "library/";

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
    let bracketed = text.strip_prefix('[').map(|inside| split_at_mark(inside, b']'));
    match bracketed.and_then(|(inside, port)| Some((inside, port?))) {
        Some((address, "")) => is_ipv6_text(address),
        Some((address, port)) => {
            is_ipv6_text(address) && port.starts_with(':') && end(&HOST, At::Host, port) == At::Port
        }
        None => matches!(end(&HOST, At::Start, text), At::Host | At::Port),
    }
}

/// Whether `text` is a path of a registry: segments of lower-case letters and
/// digits, with `.`, `_`, `__` or hyphens between them.
pub fn is_repository(text: &str) -> bool {
    end(&PATH, At::Start, text) == At::Path
}

/// What the bytes so far end with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Nothing of this segment or component.
    Start,
    /// A letter or digit of a path.
    Path,
    /// A letter or digit of a host.
    Host,
    Underscore,
    Underscores,
    Hyphens,
    Colon,
    Port,
    /// What may not stand there.
    Fault,
}

impl At {
    const ALL: [Self; 9] = [
        Self::Start,
        Self::Path,
        Self::Host,
        Self::Underscore,
        Self::Underscores,
        Self::Hyphens,
        Self::Colon,
        Self::Port,
        Self::Fault,
    ];

    const fn behind_path(self, byte: u8) -> Self {
        match (byte, self) {
            (_, Self::Fault) => Self::Fault,
            (b'0'..=b'9' | b'a'..=b'z', _) => Self::Path,
            (b'/' | b'.', Self::Path) => Self::Start,
            (b'_', Self::Path) => Self::Underscore,
            (b'_', Self::Underscore) => Self::Underscores,
            (b'-', Self::Path | Self::Hyphens) => Self::Hyphens,
            _ => Self::Fault,
        }
    }

    const fn behind_host(self, byte: u8) -> Self {
        match (byte, self) {
            (b'0'..=b'9', Self::Colon | Self::Port) => Self::Port,
            (_, Self::Fault | Self::Colon | Self::Port) => Self::Fault,
            (b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z', _) => Self::Host,
            (b'.', Self::Host) => Self::Start,
            (b'-', Self::Host | Self::Hyphens) => Self::Hyphens,
            (b':', Self::Host) => Self::Colon,
            _ => Self::Fault,
        }
    }
}

/// What follows each byte behind each end.
type Table = [[At; 256]; At::ALL.len()];

static PATH: Table = table(false);
static HOST: Table = table(true);

const fn table(is_host: bool) -> Table {
    let mut table = [[At::Fault; 256]; At::ALL.len()];
    let mut at = 0;
    while at < At::ALL.len() {
        let mut byte = 0;
        while byte < 256 {
            table[at][byte] = match is_host {
                true => At::ALL[at].behind_host(byte as u8),
                false => At::ALL[at].behind_path(byte as u8),
            };
            byte += 1;
        }
        at += 1;
    }
    table
}

/// What a text ends with.
fn end(table: &Table, start: At, text: &str) -> At {
    text.bytes().fold(start, |at, byte| table[at as usize][usize::from(byte)])
}

/// What a text is made of, checked.
pub(super) struct Parts<'i> {
    registry: &'i str,
    /// A name of the grammar whose first segment cannot be a registry
    /// (`foo_bar.com/baz`): that segment is part of the path.
    has_registry: bool,
    is_official: bool,
    path: &'i str,
    tag: Option<&'i str>,
    /// Path, tag and digest, as they stand in the input.
    remainder: &'i str,
}

impl<'i> Parts<'i> {
    pub(super) fn of(input: &'i str) -> Result<Self, ReferenceError> {
        if input.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if is_image_id(input) {
            return Err(ReferenceError::ImageId);
        }
        let (registry, remainder) = split_registry(input);
        let path_end = remainder.bytes().position(|byte| matches!(byte, b':' | b'@'));
        let (path, version) = remainder.split_at(path_end.unwrap_or(remainder.len()));
        let (tag, digest) = split_at_mark(version, b'@');
        let tag = tag.strip_prefix(':');
        if !is_repository(path) {
            let has_uppercase = path.bytes().any(|byte| byte.is_ascii_uppercase());
            return Err(match has_uppercase {
                true => ReferenceError::UppercaseRepository,
                false => ReferenceError::InvalidRepository,
            });
        }
        let has_registry = registry == DEFAULT_REGISTRY || is_registry(registry);
        if !has_registry && !is_repository(registry) {
            return Err(ReferenceError::InvalidRegistry);
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(ReferenceError::InvalidTag);
        }
        digest.map_or(Ok(()), check_digest)?;
        let is_official = registry == DEFAULT_REGISTRY && !path.contains('/');
        let parts = Self { registry, has_registry, is_official, path, tag, remainder };
        let registry_end = if has_registry { registry.len() + 1 } else { 0 };
        match parts.name_bytes() - registry_end > REPOSITORY_BYTES_MAX {
            true => Err(ReferenceError::RepositoryTooLong),
            false => Ok(parts),
        }
    }

    fn name_bytes(&self) -> usize {
        self.registry.len() + 1 + self.namespace().len() + self.path.len()
    }

    /// What the normal form adds to the path.
    fn namespace(&self) -> &'static str {
        if self.is_official { OFFICIAL_PREFIX } else { "" }
    }

    pub(super) fn pieces(&self) -> [&'i str; 4] {
        [self.registry, "/", self.namespace(), self.remainder]
    }

    /// Whether the input is the normal form.
    pub(super) fn is_joined_in(&self, input: &str) -> bool {
        let bytes: usize = self.pieces().iter().map(|piece| piece.len()).sum();
        bytes == input.len() && input.starts_with(self.registry)
    }

    pub(super) fn joined<'a>(&self, text: Cow<'a, str>) -> Reference<'a> {
        let name_end = self.name_bytes();
        Reference {
            text,
            registry_end: if self.has_registry { self.registry.len() } else { 0 },
            name_end,
            tag_end: name_end + self.tag.map_or(0, |tag| tag.len() + 1),
        }
    }
}

fn split_registry(input: &str) -> (&str, &str) {
    match split_at_mark(input, b'/') {
        (LEGACY_REGISTRY, Some(remainder)) => (DEFAULT_REGISTRY, remainder),
        (first, Some(remainder)) if looks_like_registry(first) => (first, remainder),
        _ => (DEFAULT_REGISTRY, input),
    }
}

/// What is before and behind the first of an ASCII mark. References are short:
/// looking at each byte is faster than what searches long texts.
pub(crate) fn split_at_mark(text: &str, mark: u8) -> (&str, Option<&str>) {
    match text.bytes().position(|byte| byte == mark) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
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
