//! `[REPLACE]` lines: patterns on the image as it is spelled, whose last
//! segment goes below a place.
//!
//! What a pattern makes of the shortest spelling counts, then of the next that
//! is rewritten at all. So there are rules for images of one segment on Docker
//! Hub, for its other images, and for the whole name with its registry; what
//! else is said about these images stands between them.

use super::fnmatch::{Reach, expression, may_name_registry, names_registry};
use super::map_file::MapFile;
use super::place::{Kind, Place};
use crate::migrate::draft::{Action, Draft, Matcher, Rule};

#[derive(Default)]
pub(super) struct Rules {
    /// For `nginx`.
    pub(super) bare: Vec<Rule>,
    /// For `library/nginx` and `acme/app`.
    pub(super) path: Vec<Rule>,
    /// For `docker.io/library/nginx` and `quay.io/acme/app`.
    pub(super) whole: Vec<Rule>,
}

impl Rules {
    pub(super) fn new(draft: &mut Draft, map: &MapFile) -> Self {
        let mut rules = Self::default();
        for line in &map.replace {
            let action = match Place::new(draft, line).kind {
                Kind::Below(base) => Action::To(format!("{base}/{{name}}")),
                Kind::Keep | Kind::Dashed(_) => Action::Keep,
            };
            let glob = line.key.as_str();
            // Without a tag it is for :latest too.
            let latest =
                if glob.ends_with('*') || glob.contains(':') { "" } else { "(?::latest)?" };
            let rule = |expression: String| Rule {
                matcher: Matcher::Reference(format!("{expression}{latest}")),
                action: action.clone(),
                origin: line.origin.clone(),
            };
            let all = expression(glob, Reach::All).unwrap_or_default();
            if !names_registry(glob) {
                let bare = expression(glob, Reach::Segment);
                rules.bare.extend(bare.map(|bare| rule(format!("docker\\.io/library/{bare}"))));
                if glob.contains(['/', '*', '?', '[']) {
                    rules.path.push(rule(format!("docker\\.io/{all}")));
                }
            }
            if may_name_registry(glob) {
                rules.whole.push(rule(all));
            }
        }
        rules
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bare.is_empty() && self.path.is_empty() && self.whole.is_empty()
    }
}
