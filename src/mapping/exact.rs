//! Rules for one repository, tag or digest.

use std::collections::HashMap;

use super::{RuleRef, append};
use crate::reference::Reference;
use crate::rules::{ImageMap, Matcher};

/// The tag that an image with neither tag nor digest stands for.
pub(super) const LATEST: &str = "latest";

/// `exact` rules by name; those of a name in the order of their [`Version`].
#[derive(Debug, Default)]
pub(super) struct Exact {
    by_name: HashMap<Box<str>, Vec<RuleRef>>,
}

/// The digest and the tag that a rule is for.
type Version<'m> = (Option<&'m str>, Option<&'m str>);

fn version(rule: RuleRef, maps: &[ImageMap]) -> Version<'_> {
    match &rule.of(maps).matcher {
        Matcher::Exact(pattern) => (pattern.digest(), pattern.tag()),
        _ => (None, None),
    }
}

impl Exact {
    /// Adds a rule; [`Exact::sort`] comes after the last.
    pub(super) fn insert(&mut self, pattern: &Reference<'_>, rule: RuleRef) {
        append(self.by_name.entry(pattern.name().into()).or_default(), rule);
    }

    pub(super) fn sort(&mut self, maps: &[ImageMap]) {
        for rules in self.by_name.values_mut() {
            rules.sort_by_key(|rule| version(*rule, maps));
        }
    }

    /// The first rule for this image that `accept` takes: of its digest, then
    /// of its tag (only without a digest), then of its name.
    pub(super) fn find(
        &self,
        maps: &[ImageMap],
        image: &Reference<'_>,
        accept: impl Fn(RuleRef) -> bool,
    ) -> Option<RuleRef> {
        let rules = self.by_name.get(image.name())?;
        let of = |wanted: Version<'_>| {
            let start = rules.partition_point(|rule| version(*rule, maps) < wanted);
            let same = rules[start..].iter().take_while(|rule| version(**rule, maps) == wanted);
            same.copied().find(|rule| accept(*rule))
        };
        let (tag, digest) = (image.tag(), image.digest());
        let of_version = match digest {
            Some(_) => [None, tag].into_iter().filter_map(|tag| of((digest, tag))).min(),
            None => of((None, tag.or(Some(LATEST)))),
        };
        of_version.or_else(|| of((None, None)))
    }
}

/// Whether a rule whose target is the literal `target` could have produced
/// `image`, given that `image` has the target's name. `pattern` is what the
/// rule matches, if it is an exact rule.
pub(super) fn could_produce(
    pattern: Option<&Reference<'_>>,
    target: &Reference<'_>,
    image: &Reference<'_>,
) -> bool {
    if target.digest().is_some() {
        return (target.tag(), target.digest()) == (image.tag(), image.digest());
    }
    let (digest, tag) = pattern.map_or((None, None), |exact| (exact.digest(), exact.tag()));
    match (digest, tag, image.digest()) {
        (Some(digest), tag, own) => {
            own == Some(digest) && tag.is_none_or(|tag| image.tag() == Some(tag))
        }
        (None, Some(_), Some(_)) => false,
        (None, None, Some(_)) => true,
        (None, tag, None) => {
            target.tag().or(tag).is_none_or(|given| image.tag().unwrap_or(LATEST) == given)
        }
    }
}
