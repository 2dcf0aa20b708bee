//! `[EXACT]` lines: one image, of whatever spelling, to another.

use super::map_file::{Line, MapFile};
use crate::migrate::draft::{Draft, Matcher, Rule};
use crate::migrate::finish::expression_of;
use crate::migrate::report::Verdict;
use crate::migrate::target::as_pulled;
use crate::reference::Reference;

pub(super) fn rules(draft: &mut Draft, map: &MapFile) -> Vec<Rule> {
    let mut rules = Vec::new();
    for line in &map.exact {
        let Ok(image) = Reference::parse(&line.key) else {
            draft.tell(&line.origin, Verdict::Dropped, format!("{:?} is no image", line.key));
            continue;
        };
        let pulled = as_pulled(&image);
        if let Some(shorter) = shorter(map, line, &pulled) {
            let text =
                format!("the same image as {}, of which the shortest spelling counts", shorter.key);
            draft.tell(&line.origin, Verdict::Differs, text);
            continue;
        }
        // A digest without a tag matches only that, not the digest with any tag.
        let matcher = match image.digest().is_some() && image.tag().is_none() {
            true => Matcher::Reference(expression_of(&pulled)),
            false => Matcher::Exact(pulled.clone()),
        };
        rules.push(rule(draft, line, &image, &pulled, matcher));
    }
    rules
}

fn shorter<'m>(map: &'m MapFile, line: &Line, pulled: &str) -> Option<&'m Line> {
    map.exact.iter().find(|other| {
        other.key.len() < line.key.len()
            && Reference::parse(&other.key).is_ok_and(|image| as_pulled(&image) == pulled)
    })
}

fn rule(draft: &mut Draft, line: &Line, image: &Reference, pulled: &str, matcher: Matcher) -> Rule {
    match Reference::parse(&line.value) {
        Ok(target) if as_pulled(&target) == pulled => Rule::keep(matcher, &line.origin),
        Ok(target) => {
            if image.digest().is_some() && target.digest().is_none() {
                let text = "the image keeps its digest, which the target does not have";
                draft.tell(&line.origin, Verdict::Differs, text);
            }
            Rule::to(matcher, as_pulled(&target), &line.origin)
        }
        Err(error) => {
            let text =
                format!("the target {:?} is no image ({error}): it stays as it is", line.value);
            draft.tell(&line.origin, Verdict::Differs, text);
            Rule::keep(matcher, &line.origin)
        }
    }
}
