//! Where a rule sends an image: a name, or a template for one.

use std::fmt;

use super::pattern::Pattern;
use crate::reference::{self, Reference};

/// One target of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A registry, with or without a path, below which the image goes.
    Below(String),
    /// A whole reference that replaces the image's name.
    Name(Reference<'static>),
    /// A text with placeholders.
    Template(Template),
}

/// A target with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The template as the operator wrote it.
    pub text: String,
    /// Its pieces, in order.
    pub parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text to copy.
    Literal(String),
    /// A placeholder to fill.
    Field(Field),
}

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `{registry}`
    Registry,
    /// `{repository}`: the path without the registry
    Repository,
    /// `{short}`: the path without Docker Hub's `library/`
    Short,
    /// `{name}`: the last segment of the path
    Name,
    /// `{rest}`: what follows a rule's prefix
    Rest,
    /// `{tag}`: the tag, `latest` for an image with neither tag nor digest
    Tag,
    /// `{digest}`
    Digest,
    /// `{1}` or `{group}`: a group of the rule's pattern, by index
    Group(usize),
}

/// How a rule without placeholders forms its results, and which placeholders
/// it offers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use<'p> {
    /// `exact`: the target replaces the name.
    Exact,
    /// `prefix`: the rest of the path is appended.
    Prefix,
    /// `glob`: the repository path is appended; stars are groups.
    Glob(&'p Pattern),
    /// `regex`: the target replaces the name; it has groups.
    Regex(&'p Pattern),
    /// `default`: the repository path is appended.
    Default,
}

/// Why a target cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TargetError {
    pub(super) what: String,
    pub(super) hint: String,
}

impl Target {
    pub(super) fn parse(text: &str, usage: Use<'_>) -> Result<Self, TargetError> {
        if let Some((scheme, rest)) = text.split_once("://") {
            let what = format!("target {text:?} has a scheme");
            return Err(TargetError { what, hint: format!("drop {scheme}://: {rest}") });
        }
        if text.contains(['{', '}']) {
            return Template::parse(text, usage).map(Self::Template);
        }
        check_head(text, "target")?;
        match usage {
            Use::Exact | Use::Regex(_) => parse_name(text).map(Self::Name),
            Use::Prefix | Use::Glob(_) | Use::Default => {
                parse_path(text, "target").map(Self::Below)
            }
        }
    }

    /// Whether this is `{registry}/{repository}`: every image stays.
    pub(super) fn is_identity(&self) -> bool {
        let Self::Template(template) = self else { return false };
        let slash = |part: &Part| *part == Part::Literal("/".to_owned());
        let [Part::Field(Field::Registry), slash_part, Part::Field(Field::Repository), end @ ..] =
            &template.parts[..]
        else {
            return false;
        };
        slash(slash_part)
            && end.iter().all(|part| {
                matches!(part, Part::Field(Field::Tag | Field::Digest))
                    || matches!(part, Part::Literal(mark) if mark == ":" || mark == "@")
            })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Below(text) => text,
            Self::Name(reference) => reference.as_str(),
            Self::Template(template) => &template.text,
        })
    }
}

impl Template {
    /// Whether the template holds `{tag}` or `{digest}`, so that neither is
    /// appended.
    pub fn places_tag_or_digest(&self) -> bool {
        self.has(Field::Tag) || self.has(Field::Digest)
    }

    /// Whether the template holds this placeholder.
    pub fn has(&self, field: Field) -> bool {
        self.parts.contains(&Part::Field(field))
    }

    /// Whether the template itself holds this text.
    pub fn spells(&self, text: &str) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Literal(own) if own.contains(text)))
    }

    /// Whether the template itself says where the tag starts.
    pub fn spells_tag(&self) -> bool {
        // The colon of a port stands before the first slash.
        let path = self.text.split_once('/').map_or("", |(_, path)| path);
        path.contains(':')
    }

    fn parse(text: &str, usage: Use<'_>) -> Result<Self, TargetError> {
        let legacy = text.strip_prefix(reference::LEGACY_REGISTRY);
        let parts = match legacy.filter(|path| path.starts_with('/')) {
            Some(path) => split_parts(&format!("{}{path}", reference::DEFAULT_REGISTRY), usage)?,
            None => split_parts(text, usage)?,
        };
        if !head_is_registry(&parts) {
            return Err(TargetError {
                what: format!("target {text:?} does not start with a registry"),
                hint: "start with a literal registry and a slash, with {registry}/, or with text \
                       that is a registry with what is filled in"
                    .to_owned(),
            });
        }
        let template = Self { text: text.to_owned(), parts };
        template.check_sample()?;
        Ok(template)
    }

    /// Fills every placeholder with the plainest value: what fails then can
    /// never be a reference.
    fn check_sample(&self) -> Result<(), TargetError> {
        let mut sample = String::new();
        for part in &self.parts {
            sample.push_str(match part {
                Part::Literal(text) => text,
                Part::Field(Field::Registry) => "registry.example",
                Part::Field(Field::Digest) => SAMPLE_DIGEST,
                Part::Field(Field::Group(_)) if sample.contains('@') => return Ok(()),
                // What may be a port as well as a name.
                Part::Field(_) => "1",
            });
        }
        Reference::parse(&sample).map(drop).map_err(|error| TargetError {
            what: format!("target {:?} can never be an image: {error}", self.text),
            hint: "write registry/path with placeholders in the path, tag or digest".to_owned(),
        })
    }
}

/// Whether the parts before the first slash are a registry whatever the image
/// is: a literal one, also with a port to fill in (`mirror.example.com:{1}/`),
/// `{registry}` alone, or text that is joined to it (`mirror-{registry}/`).
fn head_is_registry(parts: &[Part]) -> bool {
    let mut sample = String::new();
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Literal(text) => match text.split_once('/') {
                Some((end, _)) => {
                    sample.push_str(end);
                    let alone = index == 1 && end.is_empty();
                    let begins = matches!(parts[0], Part::Literal(_));
                    let is_registry =
                        reference::looks_like_registry(&sample) && reference::is_registry(&sample);
                    return is_registry && (alone || begins);
                }
                None => sample.push_str(text),
            },
            Part::Field(Field::Registry) => sample.push_str("registry.example"),
            // Only as a port: the name of an image must not choose the host.
            Part::Field(_) if sample.ends_with(':') => sample.push('1'),
            Part::Field(_) => return false,
        }
    }
    false
}

const SAMPLE_DIGEST: &str =
    "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn split_parts(text: &str, usage: Use<'_>) -> Result<Vec<Part>, TargetError> {
    let unbalanced = || TargetError {
        what: format!("target {text:?} has a lone brace"),
        hint: "write {{ and }} for braces that are no placeholder".to_owned(),
    };
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
            literal.push_str(&rest[..1]);
            rest = after;
            continue;
        }
        let inner = rest.strip_prefix('{').ok_or_else(unbalanced)?;
        let (name, after) = inner.split_once('}').ok_or_else(unbalanced)?;
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        parts.push(Part::Field(field(name, usage)?));
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

fn field(name: &str, usage: Use<'_>) -> Result<Field, TargetError> {
    let group = match usage {
        Use::Glob(pattern) | Use::Regex(pattern) => pattern.group(name),
        Use::Exact | Use::Prefix | Use::Default => None,
    };
    let fixed = match name {
        "registry" => Some(Field::Registry),
        "repository" => Some(Field::Repository),
        "short" => Some(Field::Short),
        "name" => Some(Field::Name),
        "rest" if matches!(usage, Use::Prefix) => Some(Field::Rest),
        "tag" => Some(Field::Tag),
        "digest" => Some(Field::Digest),
        _ => None,
    };
    // A group of the operator's own wins over a fixed name.
    group.map(Field::Group).or(fixed).ok_or_else(|| {
        let more = match usage {
            Use::Prefix => ", {rest}",
            Use::Glob(_) => ", and {1} for the first star",
            Use::Regex(_) => ", and the pattern's groups by number or name",
            Use::Exact | Use::Default => "",
        };
        TargetError {
            what: format!("unknown placeholder {{{name}}}"),
            hint: format!(
                "known here: {{registry}}, {{repository}}, {{short}}, {{name}}, {{tag}}, {{digest}}{more}"
            ),
        }
    })
}

/// Refuses a first segment that is no registry.
pub(super) fn check_head(text: &str, role: &str) -> Result<(), TargetError> {
    let head = text.split('/').next().unwrap_or_default();
    if reference::looks_like_registry(head) && reference::is_registry(head) {
        return Ok(());
    }
    let hint = match Reference::parse(text) {
        Ok(on_hub) if !on_hub.registry().is_empty() => {
            format!("write {on_hub} if Docker Hub is meant")
        }
        _ => "start with a registry, such as mirror.example.com or docker.io".to_owned(),
    };
    Err(TargetError { what: format!("{role} {text:?} does not start with a registry"), hint })
}

/// `registry[/path]`, in normal form.
pub(super) fn parse_path(text: &str, role: &str) -> Result<String, TargetError> {
    let fail = |what: &str, hint: &str| {
        Err(TargetError { what: format!("{role} {text:?} {what}"), hint: hint.to_owned() })
    };
    let (registry, path) = match text.split_once('/') {
        Some((registry, path)) => (registry, Some(path)),
        None => (text, None),
    };
    let registry = match registry {
        reference::LEGACY_REGISTRY => reference::DEFAULT_REGISTRY,
        other => other,
    };
    match path {
        None => Ok(registry.to_owned()),
        Some(path) if reference::is_repository(path) => Ok([registry, "/", path].concat()),
        Some(path) if path.ends_with('/') || path.is_empty() => {
            fail("ends with a slash", "drop the last slash")
        }
        Some(path) if path.contains([':', '@']) => {
            fail("has a tag or digest", "only exact and regex take one; write the path alone")
        }
        Some(path) if path.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            fail("has upper-case letters in its path", "paths on a registry are lower case")
        }
        Some(_) => fail("is no path on a registry", "write registry/segment/segment"),
    }
}

fn parse_name(text: &str) -> Result<Reference<'static>, TargetError> {
    if !text.contains('/') {
        return Err(TargetError {
            what: format!("target {text:?} has no repository"),
            hint: format!("write {text}/NAME: this target replaces the whole name"),
        });
    }
    Reference::parse(text).map_err(|error| TargetError {
        what: format!("target {text:?} can never be an image: {error}"),
        hint: "write registry/path, with :tag or @digest if wanted".to_owned(),
    })
}
