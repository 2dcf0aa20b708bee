//! A rule's target filled in for an image, and read backwards.

use regex::{Captures, Regex};

use super::exact::LATEST;
use crate::reference::{self, Reference};
use crate::rules::Matcher;
use crate::rules::target::{Field, Part, Target, Template};

/// What a rule's matcher found out about an image.
#[derive(Debug, Default)]
pub(super) struct Matched<'i> {
    /// What is appended to a target of the form [`Target::Below`], and `{rest}`.
    pub(super) rest: &'i str,
    /// The groups of its pattern.
    pub(super) captures: Option<Captures<'i>>,
}

/// The image that `target` makes of `image`.
///
/// None when the result is no reference, or would drop the image's digest or
/// join it to another tag.
pub(super) fn apply(
    target: &Target,
    image: &Reference,
    matched: &Matched<'_>,
) -> Option<Reference> {
    match target {
        Target::Below(base) if matched.rest.is_empty() => combine(&parse(base)?, image),
        Target::Below(base) => combine(&parse(&format!("{base}/{}", matched.rest))?, image),
        Target::Name(name) => combine(name, image),
        Target::Template(template) => {
            let filled = parse(&fill(template, image, matched)?)?;
            let own_digest = filled.digest().is_some_and(|digest| template.spells(digest));
            if filled.digest().is_none() && !template.places_tag_or_digest() {
                // A tag that a group brought along is the image's, or there
                // must be no digest to join it to.
                let keeps_tag = image.digest().is_none()
                    || template.spells_tag()
                    || filled.tag().is_none_or(|tag| image.tag() == Some(tag));
                return combine(&filled, image).filter(|_| keeps_tag);
            }
            // A digest that is not the template's own is the image's, placed
            // by `{digest}` or by a group of the pattern.
            let keeps_digest = filled.digest() == image.digest();
            let keeps_tag = filled.digest().is_none()
                || filled.tag().is_none_or(|tag| image.tag() == Some(tag));
            (own_digest || (keeps_digest && keeps_tag)).then_some(filled)
        }
    }
}

/// Reads a result; a name without a registry is none, for it would go to
/// Docker Hub.
fn parse(text: &str) -> Option<Reference> {
    let (head, _) = text.split_once('/')?;
    if !reference::looks_like_registry(head) {
        return None;
    }
    Reference::parse(text).ok().filter(|reference| !reference.registry().is_empty())
}

/// The target's name with the image's tag and digest.
///
/// The target's own tag counts only when the image has no digest; its own
/// digest replaces both.
fn combine(target: &Reference, image: &Reference) -> Option<Reference> {
    let (tag, digest) = match (target.digest(), image.digest(), target.tag()) {
        (Some(_), _, _) | (None, None, Some(_)) => return Some(target.clone()),
        (None, digest, _) => (image.tag(), digest),
    };
    let mut text = target.name().to_owned();
    text.extend(tag.into_iter().flat_map(|tag| [":", tag]));
    text.extend(digest.into_iter().flat_map(|digest| ["@", digest]));
    Reference::parse(&text).ok()
}

/// The template's text; none when the image lacks what it places, or a port
/// would stand where a tag does.
fn fill(template: &Template, image: &Reference, matched: &Matched<'_>) -> Option<String> {
    let mut text = String::new();
    for part in &template.parts {
        text.push_str(match part {
            Part::Literal(literal) => literal,
            Part::Field(field) if !text.is_empty() && has_port(*field, image, matched) => {
                return None;
            }
            Part::Field(field) => value(*field, image, matched)?,
        });
    }
    Some(text)
}

/// Whether the field's value holds the port of the image's registry.
fn has_port(field: Field, image: &Reference, matched: &Matched<'_>) -> bool {
    let Some(port) = image.registry().find(':') else { return false };
    match field {
        Field::Registry => true,
        Field::Group(index) => {
            let captures = matched.captures.as_ref();
            let group = captures.and_then(|groups| groups.get(index));
            group.is_some_and(|group| group.range().contains(&port))
        }
        _ => false,
    }
}

fn value<'v>(field: Field, image: &'v Reference, matched: &'v Matched<'_>) -> Option<&'v str> {
    match field {
        Field::Registry | Field::Repository | Field::Short | Field::Name => name_part(field, image),
        Field::Rest => Some(matched.rest),
        Field::Tag if image.digest().is_none() => Some(image.tag().unwrap_or(LATEST)),
        Field::Tag => image.tag(),
        Field::Digest => image.digest(),
        Field::Group(index) => {
            let captures = matched.captures.as_ref();
            Some(captures.and_then(|groups| groups.get(index)).map_or("", |group| group.as_str()))
        }
    }
}

/// The value of a placeholder that depends on the image's name alone.
fn name_part(field: Field, image: &Reference) -> Option<&str> {
    let repository = image.repository();
    match field {
        Field::Registry => Some(image.registry()),
        Field::Repository => Some(repository),
        Field::Short if image.registry() == reference::DEFAULT_REGISTRY => {
            Some(repository.strip_prefix("library/").unwrap_or(repository))
        }
        Field::Short => Some(repository),
        Field::Name => repository.rsplit('/').next(),
        Field::Rest | Field::Tag | Field::Digest | Field::Group(_) => None,
    }
}

/// A template read backwards: which references it could have produced.
#[derive(Debug)]
pub(super) struct Backwards {
    regex: Option<Regex>,
}

/// What a template is read backwards by.
#[derive(Debug)]
pub(super) struct Expression {
    /// The literal path that all of its results start with; empty when there
    /// is none.
    pub(super) head: String,
    /// A regular expression for the whole result.
    pub(super) regex: String,
}

impl Expression {
    /// `matcher` is that of the template's rule: what it says about every
    /// image that it matches is no placeholder any more.
    pub(super) fn new(template: &Template, matcher: &Matcher) -> Self {
        let parts = specialise(template, matcher);
        Self {
            head: head(&parts).unwrap_or_default().to_owned(),
            regex: expression(&parts, template.places_tag_or_digest()),
        }
    }
}

fn specialise(template: &Template, matcher: &Matcher) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for part in &template.parts {
        let known = match (part, matcher) {
            (Part::Literal(text), _) => Some(text.as_str()),
            (Part::Field(field), Matcher::Exact(image)) => name_part(*field, image),
            (Part::Field(Field::Registry), Matcher::Prefix(prefix)) => prefix.split('/').next(),
            _ => None,
        };
        match (known, parts.last_mut()) {
            (Some(text), Some(Part::Literal(last))) => last.push_str(text),
            (Some(text), _) => parts.push(Part::Literal(text.to_owned())),
            (None, _) => parts.push(part.clone()),
        }
    }
    parts
}

/// The name up to the last slash, or all of it where it holds no placeholder.
fn head(parts: &[Part]) -> Option<&str> {
    let Some(Part::Literal(literal)) = parts.first() else { return None };
    let (registry, path) = literal.split_once('/')?;
    let version = path.find([':', '@']).or((parts.len() == 1).then_some(path.len()));
    match version {
        // In its normal form such a name may have another segment.
        _ if registry == reference::DEFAULT_REGISTRY => {
            literal.rsplit_once('/').map(|(head, _)| head)
        }
        Some(at) => Some(&literal[..registry.len() + 1 + at]),
        None => literal.rsplit_once('/').map(|(head, _)| head),
    }
}

impl Backwards {
    pub(super) fn new(expression: &Expression) -> Self {
        Self { regex: Regex::new(&expression.regex).ok() }
    }

    /// Whether the template could have produced `image`. A template whose
    /// expression cannot be compiled counts as having produced all under its
    /// head, for leaving an image alone is the safe side.
    pub(super) fn matches(&self, image: &Reference) -> bool {
        self.regex.as_ref().is_none_or(|regex| {
            let is_match = |text: String| regex.is_match(&text);
            regex.is_match(image.as_str()) || without_official(image).is_some_and(is_match)
        })
    }
}

/// The text before its normal form, for a template may write
/// `docker.io/nginx` where the image is `docker.io/library/nginx`.
fn without_official(image: &Reference) -> Option<String> {
    let (registry, rest) = image.as_str().split_once('/')?;
    let short = rest.strip_prefix(reference::OFFICIAL_NAMESPACE)?.strip_prefix('/')?;
    let is_official = registry == reference::DEFAULT_REGISTRY && !short.contains('/');
    is_official.then(|| format!("{registry}/{short}"))
}

const TAG: &str = "[A-Za-z0-9_.-]+";
const REGISTRY: &str = "(?:localhost|[!-.0-~]*[.:A-Z][!-.0-~]*)";
/// A registry without a port: with one it is no part of a path or tag.
const HOST: &str = "(?:localhost|[A-Za-z0-9-]*[.A-Z][A-Za-z0-9.-]*)";
const DIGEST: &str = "[a-z0-9]+:[0-9a-f]+";

fn expression(parts: &[Part], places_version: bool) -> String {
    let mut name = String::from("^");
    let mut version: Option<String> = None;
    for part in parts {
        let piece = match part {
            Part::Literal(literal) => {
                // The colon of a port stands before the first slash.
                let path = if name.len() > 1 { 0 } else { literal.find('/').unwrap_or(0) };
                match literal[path..].find([':', '@']) {
                    Some(at) if version.is_none() => {
                        name += &regex::escape(&literal[..path + at]);
                        version = Some(regex::escape(&literal[path + at..]));
                        continue;
                    }
                    _ => regex::escape(literal),
                }
            }
            Part::Field(Field::Registry) if name.len() > 1 => HOST.to_owned(),
            Part::Field(Field::Registry) => REGISTRY.to_owned(),
            Part::Field(Field::Repository | Field::Short) => "[!-9;-?A-~]+".to_owned(),
            Part::Field(Field::Rest) => "[!-9;-?A-~]*".to_owned(),
            Part::Field(Field::Name) => "[!-.0-9;-?A-~]+".to_owned(),
            Part::Field(Field::Tag) => TAG.to_owned(),
            Part::Field(Field::Digest) => DIGEST.to_owned(),
            Part::Field(Field::Group(_)) => "[!-~]*".to_owned(),
        };
        version.as_mut().unwrap_or(&mut name).push_str(&piece);
    }
    let end = match (version, places_version) {
        (version, true) => version.unwrap_or_default(),
        (Some(own), false) if own.starts_with('@') || own.contains('@') => own,
        (Some(own), false) => format!("(?:{own}|(?::{TAG})?@{DIGEST})"),
        (None, false) => format!("(?::{TAG})?(?:@{DIGEST})?"),
    };
    format!("{name}{end}$")
}
