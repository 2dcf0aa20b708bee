//! A rule's target filled in for an image.

use bumpalo::Bump;
use bumpalo::collections::String as ArenaString;
use regex::Captures;

use super::exact::LATEST;
use crate::arena::join;
use crate::reference::{self, Reference};
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
pub(super) fn apply<'a>(
    target: &'a Target,
    image: &Reference<'_>,
    matched: &Matched<'_>,
    arena: &'a Bump,
) -> Option<Reference<'a>> {
    match target {
        Target::Below(base) if matched.rest.is_empty() => {
            combine(parse(base, arena)?, image, arena)
        }
        Target::Below(base) => image.moved(base, matched.rest, arena),
        Target::Name(name) => combine(name.borrowed(), image, arena),
        Target::Template(template) => {
            let filled = parse(fill(template, image, matched, arena)?, arena)?;
            let own_digest = filled.digest().is_some_and(|digest| template.spells(digest));
            if filled.digest().is_none() && !template.places_tag_or_digest() {
                // A tag that a group brought along is the image's, or there
                // must be no digest to join it to.
                let keeps_tag = image.digest().is_none()
                    || template.spells_tag()
                    || filled.tag().is_none_or(|tag| image.tag() == Some(tag));
                return combine(filled, image, arena).filter(|_| keeps_tag);
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
fn parse<'a>(text: &'a str, arena: &'a Bump) -> Option<Reference<'a>> {
    let (head, _) = text.split_once('/')?;
    if !reference::looks_like_registry(head) {
        return None;
    }
    let parsed = Reference::parse_in(text, arena).ok();
    parsed.filter(|reference| !reference.registry().is_empty())
}

/// The target's name with the image's tag and digest.
///
/// The target's own tag counts only when the image has no digest; its own
/// digest replaces both.
fn combine<'a>(
    target: Reference<'a>,
    image: &Reference<'_>,
    arena: &'a Bump,
) -> Option<Reference<'a>> {
    let (tag, digest) = match (target.digest(), image.digest(), target.tag()) {
        (Some(_), _, _) | (None, None, Some(_)) => return Some(target),
        (None, digest, _) => (image.tag(), digest),
    };
    let (colon, tag) = tag.map_or(("", ""), |tag| (":", tag));
    let (at, digest) = digest.map_or(("", ""), |digest| ("@", digest));
    let text = join(&[target.name(), colon, tag, at, digest], arena);
    Reference::parse_in(text, arena).ok()
}

/// The template's text; none when the image lacks what it places, or a port
/// would stand where a tag does.
fn fill<'a>(
    template: &Template,
    image: &Reference<'_>,
    matched: &Matched<'_>,
    arena: &'a Bump,
) -> Option<&'a str> {
    let mut text = ArenaString::new_in(arena);
    for part in &template.parts {
        text.push_str(match part {
            Part::Literal(literal) => literal,
            Part::Field(field) if text.contains('/') && has_port(*field, image, matched) => {
                return None;
            }
            Part::Field(field) => value(*field, image, matched)?,
        });
    }
    Some(text.into_bump_str())
}

/// Whether the field's value holds the port of the image's registry.
fn has_port(field: Field, image: &Reference<'_>, matched: &Matched<'_>) -> bool {
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

fn value<'v>(field: Field, image: &'v Reference<'_>, matched: &'v Matched<'_>) -> Option<&'v str> {
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
pub(super) fn name_part<'i>(field: Field, image: &'i Reference<'_>) -> Option<&'i str> {
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
