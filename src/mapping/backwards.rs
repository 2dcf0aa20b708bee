//! A template read backwards: which references it could have produced.

use regex::Regex;

use super::exact::LATEST;
use super::template::name_part;
use crate::reference::{self, Reference};
use crate::rules::Matcher;
use crate::rules::target::{Field, Part, Template};

/// A compiled [`Expression`].
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
    pub(super) fn matches(&self, image: &Reference<'_>) -> bool {
        let is_latest = image.tag().is_none() && image.digest().is_none();
        self.regex.as_ref().is_none_or(|regex| {
            let is_match = |text: &str| {
                regex.is_match(text) || is_latest && regex.is_match(&format!("{text}:{LATEST}"))
            };
            is_match(image.as_str()) || without_official(image).is_some_and(|text| is_match(&text))
        })
    }
}

/// The text before its normal form, for a template may write
/// `docker.io/nginx` where the image is `docker.io/library/nginx`.
fn without_official(image: &Reference<'_>) -> Option<String> {
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
                let path = match name.contains('/') {
                    true => 0,
                    false => literal.find('/').unwrap_or(literal.len()),
                };
                match literal[path..].find([':', '@']) {
                    Some(at) if version.is_none() => {
                        name += &regex::escape(&literal[..path + at]);
                        version = Some(regex::escape(&literal[path + at..]));
                        continue;
                    }
                    _ => regex::escape(literal),
                }
            }
            Part::Field(Field::Registry) if name.contains('/') => HOST.to_owned(),
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
        (Some(own), false) if own.contains('@') => own,
        (Some(own), false) => format!("(?:{own}|(?::{TAG})?@{DIGEST})"),
        (None, false) => format!("(?::{TAG})?(?:@{DIGEST})?"),
    };
    format!("{name}{end}$")
}
