//! Where a line sends images: below a place, or into a name that begins with
//! the place, a dash and the registry.

use super::map_file::Line;
use crate::migrate::draft::{Draft, Matcher, Rule};
use crate::migrate::report::{Origin, Verdict};
use crate::migrate::target::Base;
use crate::reference::looks_like_registry;

/// The value of a line, as far as it can be used.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Images stay: the value is empty, or no image can be there.
    Keep,
    /// Below this registry or path.
    Below(String),
    /// In a name that this text begins, then the registry.
    Dashed(String),
}

impl Place {
    /// Reads the value of a line, and tells what is odd about it.
    pub(super) fn new(draft: &mut Draft, line: &Line) -> Self {
        let base = match line.value.as_str() {
            "" => return Self { kind: Kind::Keep, origin: line.origin.clone() },
            dashed if dashed.ends_with('-') => Base::parse_dashed(dashed),
            value => Base::parse(value),
        };
        let kind = match base {
            Ok(base) => {
                base.notes.iter().for_each(|note| draft.tell(&line.origin, Verdict::Differs, note));
                match base.text.ends_with('-') {
                    true => Kind::Dashed(base.text),
                    false => Kind::Below(base.text),
                }
            }
            Err(reason) => {
                let text = format!("{reason}: such images stay as they are");
                draft.tell(&line.origin, Verdict::Differs, text);
                Kind::Keep
            }
        };
        Self { kind, origin: line.origin.clone() }
    }

    /// A rule for images of `registry`, whose name has no port here. `end`
    /// follows the place, with its slash, in a target that has to name it.
    pub(super) fn rule(&self, matcher: Matcher, registry: &str, end: &str) -> Rule {
        match &self.kind {
            Kind::Keep => Rule::keep(matcher, &self.origin),
            Kind::Below(base) => Rule::to(matcher, format!("{base}{end}"), &self.origin),
            Kind::Dashed(head) => Rule::to(matcher, format!("{head}{registry}{end}"), &self.origin),
        }
    }

    /// The place as a registry without port or path, to which the image's port
    /// may be added.
    pub(super) fn host(&self) -> Option<&str> {
        match &self.kind {
            Kind::Below(base) if !base.contains(['/', ':']) && looks_like_registry(base) => {
                Some(base)
            }
            _ => None,
        }
    }
}
