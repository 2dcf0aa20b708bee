//! What the log says of a decision.

use bumpalo::Bump;

use super::write::{list, string};
use super::{ImageOutcome, ObservedOutcome};
use crate::arena::{Text, join};
use crate::mapping::RuleId;

/// What most images take of a list beside their texts.
const IMAGE_BYTES: usize = 192;

/// The decisions on images as a JSON list of objects, in order: `field`, `old`,
/// `new` if it changes, `rule` if one decided, `reason`, and as `observed` what
/// a map in Observe would have done.
pub fn images_in_json<'a>(images: &[ImageOutcome<'_>], arena: &'a Bump) -> &'a str {
    let bytes = |image: &ImageOutcome<'_>| {
        IMAGE_BYTES + image.field.len() + image.old.len() + image.new.unwrap_or_default().len()
    };
    let mut out = Text::with_capacity(images.iter().map(bytes).sum(), arena);
    list(&mut out, "[]", images, image);
    out.into_str()
}

fn image(out: &mut Text<'_>, image: &ImageOutcome<'_>) {
    let ImageOutcome { field, old, new, rule, reason, observed } = image;
    member(out, "{\"field\":", field);
    member(out, ",\"old\":", old);
    if let Some(new) = new {
        member(out, ",\"new\":", new);
    }
    if let Some(rule) = rule {
        member(out, ",\"rule\":", in_full(rule, out.arena()));
    }
    member(out, ",\"reason\":", reason.as_str());
    if let Some(ObservedOutcome { new, rule, reason }) = observed {
        member(out, ",\"observed\":{\"rule\":", in_full(rule, out.arena()));
        if let Some(new) = new {
            member(out, ",\"new\":", new);
        }
        member(out, ",\"reason\":", reason.as_str());
        out.push(b'}');
    }
    out.push(b'}');
}

fn member(out: &mut Text<'_>, before: &str, value: &str) {
    out.push_str(before);
    string(out, value);
}

fn in_full<'a>(RuleId { map, rule }: &RuleId<'_>, arena: &'a Bump) -> &'a str {
    join(&[map, "#", rule], arena)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::reason::Reason;
    use serde_json::{Value, json};

    #[test]
    fn every_part_of_a_decision_is_told() {
        let map = "ClusterImageMap/m".into();
        let rule = RuleId { map: &map, rule: "a\"b" };
        let old = ImageOutcome {
            field: "containers/c",
            old: "nginx\u{7}",
            new: None,
            rule: None,
            reason: Reason::NoRule,
            observed: None,
        };
        let observed = ObservedOutcome { new: Some("x/y"), rule, reason: Reason::Rewritten };
        let full = ImageOutcome {
            new: Some("a/b"),
            rule: Some(rule),
            reason: Reason::Rewritten,
            observed: Some(observed),
            ..old
        };
        let arena = Bump::new();
        let told: Value = serde_json::from_str(images_in_json(&[old, full], &arena)).expect("JSON");
        let short = json!({"field": "containers/c", "old": "nginx\u{7}", "reason": "no-rule"});
        let observed =
            json!({"new": "x/y", "rule": "ClusterImageMap/m#a\"b", "reason": "rewritten"});
        let mut long =
            json!({"new": "a/b", "rule": "ClusterImageMap/m#a\"b", "observed": observed});
        for key in ["field", "old"] {
            long[key] = short[key].clone();
        }
        long["reason"] = "rewritten".into();
        assert_eq!(told, json!([short, long]));
        assert_eq!(images_in_json(&[], &arena), "[]");
    }
}
