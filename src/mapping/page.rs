//! The rules in force as text, a page at a time, for whoever runs Detour.

use super::Mapping;
use crate::rules::{Action, ImageMap, Mode, Rule};

/// Most bytes of a page: two of the longest lines fit, and what all
/// connections of the operations port hold at once stays small.
pub const PAGE_BYTES_MAX: usize = 256 * 1024;

/// What stands in the columns, which tabs separate.
const COLUMNS: &str = "number\tlayer\tmode\tpriority\trule\tmatches\ttarget";

impl Mapping {
    /// The rules from this number on, counted from 0, a line each, in the order
    /// of layers, priority and age; then how to get the others, if there are
    /// more than [`PAGE_BYTES_MAX`] bytes hold. Holds no name of a Secret.
    pub fn page(&self, from: usize) -> String {
        let mut text = format!("# {} rules in force\n{COLUMNS}\n", self.rule_count());
        let maps = self.maps.iter();
        let rules = maps.flat_map(|map| map.rules.iter().map(move |rule| (map, rule)));
        for (number, (map, rule)) in rules.enumerate().skip(from) {
            let line = line(number, map, rule);
            let more = format!("# more: ?from={number}\n");
            if text.len() + line.len() + more.len() > PAGE_BYTES_MAX {
                return text + &more;
            }
            text += &line;
        }
        text
    }
}

fn line(number: usize, map: &ImageMap, rule: &Rule) -> String {
    let mode = match map.mode {
        Mode::Enforce => "Enforce",
        Mode::Observe => "Observe",
    };
    let target = match &rule.action {
        Action::Keep => "keep".to_owned(),
        Action::To(targets) => {
            targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
    };
    let layer = map.layer().as_str();
    let (id, name, priority) = (&map.id, &rule.name, map.priority);
    let matcher = one_line(&rule.matcher.to_string());
    format!(
        "{number}\t{layer}\t{mode}\t{priority}\t{id}#{name}\t{matcher}\t{}\n",
        one_line(&target)
    )
}

/// A pattern may hold any character.
fn one_line(text: &str) -> String {
    let escape = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    text.chars().map(escape).collect()
}
