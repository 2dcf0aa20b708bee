//! The decision on one image.

use bumpalo::Bump;

use super::reason::Reason;
use super::scope::{self, Pod};
use super::table::Table;
use super::template::{self, Matched};
use super::{Mapping, RuleId, RuleRef};
use crate::reference::{self, Reference};
use crate::rules::Mode;

/// The text that stands for an image that another webhook fills in, such as
/// Istio's gateway injection.
const PLACEHOLDER: &str = "auto";

/// What becomes of an image, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'m> {
    /// The image to use instead; none when the text stays as it is.
    pub image: Option<Reference<'m>>,
    /// Why.
    pub reason: Reason,
    /// The rule that decided.
    pub rule: Option<RuleId<'m>>,
    /// Secrets that a pod needs to pull from the rule's target.
    pub pull_secrets: &'m [String],
    /// What a map in Observe would have done.
    pub observed: Option<Observed<'m>>,
}

/// What a map in Observe would have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed<'m> {
    /// The image that it would have used; none when the text would stay.
    pub image: Option<Reference<'m>>,
    /// Why.
    pub reason: Reason,
    /// The rule of the map in Observe.
    pub rule: RuleId<'m>,
}

/// Which maps take part in a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// Those in Enforce.
    InForce,
    /// Those in Observe too, as if they were in Enforce.
    WouldBe,
}

impl Mapping {
    /// Decides on the text of an image field.
    ///
    /// Costs the length of the text and the number of patterns in force, not
    /// the number of rules. What it makes is in `arena`.
    pub fn decide<'a>(&'a self, text: &'a str, pod: &Pod<'_>, arena: &'a Bump) -> Decision<'a> {
        let image = match readable(text, arena) {
            Ok(image) => image,
            Err(reason) => return Decision::left_alone(reason),
        };
        let (verdict, rule) = self.walk(&image, pod, View::InForce, arena);
        let (image_after, reason) = verdict;
        let observed = self.observed(&image, pod, arena);
        Decision {
            image: image_after,
            reason,
            rule: rule.map(|rule| self.rule_id(rule)),
            pull_secrets: self.pull_secrets(rule, reason, pod),
            observed,
        }
    }

    fn walk<'a>(
        &'a self,
        image: &Reference<'_>,
        pod: &Pod<'_>,
        view: View,
        arena: &'a Bump,
    ) -> ((Option<Reference<'a>>, Reason), Option<RuleRef>) {
        let takes_part =
            |rule: RuleRef| view == View::WouldBe || self.map_of(rule).mode == Mode::Enforce;
        let is_visible =
            |at: RuleRef| takes_part(at) && scope::is_visible(self.map_of(at), pod.namespace);
        let accept = |at: RuleRef| takes_part(at) && scope::applies(self.map_of(at), pod);
        let tables = self.tables(pod.namespace);
        let place = |table: &Table| table.find_place(&self.maps, image, &is_visible);
        if let Some(rule) = tables.clone().find_map(place) {
            return ((None, Reason::AlreadyThere), Some(rule));
        }
        let found = tables.clone().find_map(|table| table.find(&self.maps, image, &accept));
        let found =
            found.or_else(|| tables.clone().find_map(|table| table.find_default(image, &accept)));
        match found {
            Some((rule, matched)) => (self.result(rule, image, &matched, arena), Some(rule)),
            None => ((None, Reason::NoRule), None),
        }
    }

    fn result<'a>(
        &'a self,
        rule: RuleRef,
        image: &Reference<'_>,
        matched: &Matched<'_>,
        arena: &'a Bump,
    ) -> (Option<Reference<'a>>, Reason) {
        let Some(target) = self.rule(rule).action.target() else {
            return (None, Reason::Keep);
        };
        match template::apply(target, image, matched, arena) {
            None => (None, Reason::InvalidResult),
            Some(result) if result.as_str() == image.as_str() => (None, Reason::Same),
            Some(result) => (Some(result), Reason::Rewritten),
        }
    }

    fn observed<'a>(
        &'a self,
        image: &Reference<'_>,
        pod: &Pod<'_>,
        arena: &'a Bump,
    ) -> Option<Observed<'a>> {
        if !self.observes {
            return None;
        }
        let ((image, reason), rule) = self.walk(image, pod, View::WouldBe, arena);
        let rule = rule.filter(|rule| self.map_of(*rule).mode == Mode::Observe)?;
        Some(Observed { image, reason, rule: self.rule_id(rule) })
    }

    fn rule_id(&self, rule: RuleRef) -> RuleId<'_> {
        RuleId { map: &self.map_names[rule.map as usize], rule: &self.rule(rule).name }
    }

    /// The secrets of the map whose target the image uses. A map that is not
    /// for this pod gives none, even where its target is already in use.
    fn pull_secrets(&self, rule: Option<RuleRef>, reason: Reason, pod: &Pod<'_>) -> &[String] {
        let uses_target = matches!(reason, Reason::Rewritten | Reason::AlreadyThere | Reason::Same);
        match rule.map(|rule| self.map_of(rule)) {
            Some(map) if uses_target && scope::applies(map, pod) => &map.pull_secrets,
            _ => &[],
        }
    }
}

impl Decision<'_> {
    /// No rule was asked.
    pub fn left_alone(reason: Reason) -> Self {
        Self { image: None, reason, rule: None, pull_secrets: &[], observed: None }
    }
}

/// The reference to decide on, or why the text is left alone.
fn readable<'a>(text: &'a str, arena: &'a Bump) -> Result<Reference<'a>, Reason> {
    let bare_id = text.strip_prefix("sha256:").unwrap_or(text);
    match text {
        "" => Err(Reason::Empty),
        PLACEHOLDER => Err(Reason::Placeholder),
        _ if reference::is_image_id(bare_id) => Err(Reason::ImageId),
        _ => match Reference::parse_in(text, arena) {
            Ok(image) if !image.registry().is_empty() => Ok(image),
            _ => Err(Reason::NotAReference),
        },
    }
}
