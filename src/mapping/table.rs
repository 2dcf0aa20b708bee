//! The rules of one layer (or one namespace), ready to be looked up.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::backwards::{Backwards, Expression};
use super::exact::{self, Exact};
use super::template::Matched;
use super::trie::Trie;
use super::{RuleRef, append};
use crate::reference::{self, Reference};
use crate::rules::target::Target;
use crate::rules::{ImageMap, Matcher, Rule, Seen};

/// The rules of the maps of a layer, and the places where they put images.
#[derive(Debug, Default)]
pub(super) struct Table {
    exact: Exact,
    patterns: Vec<RuleRef>,
    prefixes: Trie<RuleRef>,
    defaults: Vec<RuleRef>,
    places: Places,
}

/// Where the rules put images: at a name, below a path, or by a template.
#[derive(Debug, Default)]
struct Places {
    names: HashMap<Box<str>, Vec<RuleRef>>,
    below: Trie<RuleRef>,
    templates: Trie<(RuleRef, Backwards)>,
    anywhere: Vec<(RuleRef, Backwards)>,
}

impl Table {
    /// Adds a rule behind those that are asked before it. `places` holds the
    /// places of the rules of its map that are already in.
    pub(super) fn insert<'m>(
        &mut self,
        at: RuleRef,
        rule: &'m Rule,
        places: &mut HashSet<Cow<'m, str>>,
    ) {
        match &rule.matcher {
            Matcher::Exact(reference) => self.exact.insert(reference, at),
            Matcher::Prefix(prefix) => self.prefixes.insert(prefix, at),
            Matcher::Pattern { .. } => self.patterns.push(at),
            Matcher::All => self.defaults.push(at),
        }
        for target in rule.action.targets() {
            self.places.insert(at, &rule.matcher, target, places);
        }
    }

    /// Comes after the last rule.
    pub(super) fn sort(&mut self, maps: &[ImageMap]) {
        self.exact.sort(maps);
    }

    /// The rule that decides on `image`, defaults aside, among those whose map
    /// `accept` takes: exact, then patterns, then the longest prefix.
    pub(super) fn find<'i>(
        &self,
        maps: &[ImageMap],
        image: &'i Reference<'_>,
        accept: &impl Fn(RuleRef) -> bool,
    ) -> Option<(RuleRef, Matched<'i>)> {
        let exact = || self.exact.find(maps, image, accept).map(|rule| (rule, Matched::default()));
        let pattern = || {
            self.patterns.iter().filter(|rule| accept(**rule)).find_map(|&at| {
                let Matcher::Pattern { pattern, on, .. } = &at.of(maps).matcher else {
                    return None;
                };
                let text = match on {
                    Seen::Name => image.name(),
                    Seen::Reference => image.as_str(),
                };
                let captures = Some(pattern.captures(text)?);
                Some((at, Matched { rest: image.repository(), captures }))
            })
        };
        let prefix = || {
            self.prefixes.find(image.name(), &mut |&at, rest| {
                accept(at).then_some((at, Matched { rest, captures: None }))
            })
        };
        exact().or_else(pattern).or_else(prefix)
    }

    /// The default of the first map that `accept` takes.
    pub(super) fn find_default<'i>(
        &self,
        image: &'i Reference<'_>,
        accept: &impl Fn(RuleRef) -> bool,
    ) -> Option<(RuleRef, Matched<'i>)> {
        let rule = self.defaults.iter().copied().find(|rule| accept(*rule))?;
        Some((rule, Matched { rest: image.repository(), captures: None }))
    }

    /// A rule that could have produced `image`, among those whose map
    /// `is_visible` takes.
    pub(super) fn find_place(
        &self,
        maps: &[ImageMap],
        image: &Reference<'_>,
        is_visible: &impl Fn(RuleRef) -> bool,
    ) -> Option<RuleRef> {
        self.places.find(maps, image, is_visible)
    }
}

impl Places {
    /// Rules of one map that share a place share its entry too, so that a
    /// look-up does not grow with their number.
    fn insert<'m>(
        &mut self,
        at: RuleRef,
        matcher: &Matcher,
        target: &'m Target,
        seen: &mut HashSet<Cow<'m, str>>,
    ) {
        match target {
            Target::Below(path) => {
                if seen.insert(path.into()) {
                    self.below.insert(path, at);
                }
                // `docker.io/nginx` with nothing to append is an image of `library/`.
                if let (Matcher::Prefix(_), Some(name)) = (matcher, official_name(path)) {
                    append(self.names.entry(name.name().into()).or_default(), at);
                }
            }
            Target::Name(name) => {
                append(self.names.entry(name.name().into()).or_default(), at);
            }
            Target::Template(template) => {
                let expression = Expression::new(template, matcher);
                if !seen.insert(expression.regex.clone().into()) {
                    return;
                }
                let entry = (at, Backwards::new(&expression));
                match expression.head.as_str() {
                    "" => self.anywhere.push(entry),
                    head => self.templates.insert(head, entry),
                }
            }
        }
    }

    fn find(
        &self,
        maps: &[ImageMap],
        image: &Reference<'_>,
        is_visible: &impl Fn(RuleRef) -> bool,
    ) -> Option<RuleRef> {
        let name = image.name();
        let below = || self.below.find(name, &mut |&at, _| is_visible(at).then_some(at));
        let named = || {
            let mut named = self.names.get(name)?.iter().copied();
            named.find(|at| is_visible(*at) && could_name(at.of(maps), image))
        };
        let produced = |(at, backwards): &(RuleRef, Backwards)| {
            (is_visible(*at) && backwards.matches(image)).then_some(*at)
        };
        below()
            .or_else(named)
            .or_else(|| self.templates.find(name, &mut |entry, _| produced(entry)))
            .or_else(|| self.anywhere.iter().find_map(produced))
    }
}

/// Whether one of the rule's targets has the image's name and could have
/// become this image.
fn could_name(rule: &Rule, image: &Reference<'_>) -> bool {
    let pattern = match &rule.matcher {
        Matcher::Exact(pattern) => Some(pattern),
        // What a pattern matches is not known.
        _ => None,
    };
    rule.action.targets().iter().any(|target| match target {
        Target::Name(target) => {
            target.name() == image.name() && exact::could_produce(pattern, target, image)
        }
        Target::Below(path) => official_name(path).is_some_and(|own| own.name() == image.name()),
        Target::Template(_) => false,
    })
}

/// The image that a path is by itself, if its normal form lies elsewhere.
fn official_name(path: &str) -> Option<Reference<'static>> {
    let name = path.strip_prefix(reference::DEFAULT_REGISTRY)?.strip_prefix('/')?;
    if name.contains('/') { None } else { Reference::parse(path).ok() }
}
