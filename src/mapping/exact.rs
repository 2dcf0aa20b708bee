//! Rules for one repository, tag or digest.

use std::collections::HashMap;

use super::RuleRef;
use crate::reference::Reference;

/// The tag that an image with neither tag nor digest stands for.
pub(super) const LATEST: &str = "latest";

/// `exact` rules by name, then digest, tag or neither.
#[derive(Debug, Default)]
pub(super) struct Exact {
    by_name: HashMap<Box<str>, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    by_digest: HashMap<Box<str>, Vec<OfDigest>>,
    by_tag: HashMap<Box<str>, Vec<RuleRef>>,
    any: Vec<RuleRef>,
}

/// A rule for a digest, and for one of its tags if the pattern names one.
#[derive(Debug)]
struct OfDigest {
    tag: Option<Box<str>>,
    rule: RuleRef,
}

impl Exact {
    pub(super) fn insert(&mut self, pattern: &Reference<'_>, rule: RuleRef) {
        let entry = self.by_name.entry(pattern.name().into()).or_default();
        match (pattern.digest(), pattern.tag()) {
            (Some(digest), tag) => {
                let rule = OfDigest { tag: tag.map(Into::into), rule };
                entry.by_digest.entry(digest.into()).or_default().push(rule);
            }
            (None, Some(tag)) => entry.by_tag.entry(tag.into()).or_default().push(rule),
            (None, None) => entry.any.push(rule),
        }
    }

    /// The first rule for this image that `accept` takes: of its digest, then
    /// of its tag (only without a digest), then of its name.
    pub(super) fn find(
        &self,
        image: &Reference<'_>,
        accept: impl Fn(RuleRef) -> bool,
    ) -> Option<RuleRef> {
        let entry = self.by_name.get(image.name())?;
        let same_tag =
            |rule: &&OfDigest| rule.tag.as_deref().is_none_or(|tag| image.tag() == Some(tag));
        let of_digest = image.digest().and_then(|digest| entry.by_digest.get(digest));
        let of_digest = of_digest.into_iter().flatten().filter(same_tag).map(|of| &of.rule);
        let of_tag = match image.digest() {
            Some(_) => None,
            None => entry.by_tag.get(image.tag().unwrap_or(LATEST)),
        };
        let of_tag = of_tag.into_iter().flatten();
        let all = of_digest.chain(of_tag).chain(&entry.any);
        all.copied().find(|rule| accept(*rule))
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
