//! `IMAGE_PREFIX`: one place for the last segment of every image, or a text
//! before every image.

use super::spared::Spared;
use crate::migrate::draft::{Draft, Matcher, Rule};
use crate::migrate::input::Setting;
use crate::migrate::report::{Origin, Verdict};
use crate::migrate::target::Base;
use crate::reference::{DEFAULT_REGISTRY, looks_like_registry};

/// Targets for the kinds of images that are told apart.
struct Targets {
    /// For `docker.io/library/{1}`.
    bare: String,
    /// For `docker.io/{1}/{2}`.
    path: String,
    default: String,
    /// Rules for what the default cannot do.
    more: Vec<Rule>,
}

pub(super) fn rules(draft: &mut Draft, setting: &Setting) -> (Vec<Rule>, Option<Rule>) {
    let Setting { value, origin, .. } = setting;
    if value.is_empty() {
        draft.tell(origin, Verdict::Becomes, "no rule: nothing is rewritten, as there");
        return (Vec::new(), None);
    }
    let targets = match value.ends_with('-') {
        true => dashed(value, origin),
        false => match Base::parse(value) {
            Ok(base) => {
                base.notes.iter().for_each(|note| draft.tell(origin, Verdict::Differs, note));
                below(&base.text)
            }
            Err(reason) => {
                draft.tell(origin, Verdict::Differs, format!("{reason}: nothing is rewritten"));
                return (Vec::new(), None);
            }
        },
    };
    let spared = Spared::new(&[value], true, origin);
    let is_dashed = value.ends_with('-');
    let name = |expression: &str| Matcher::Name(expression.to_owned());
    let bare = Rule::to(name(r"docker\.io/library/([^/]+)"), &targets.bare, origin);
    let path = Rule::to(name(r"docker\.io/([^/]+)/(.+)"), &targets.path, origin);
    let mut rules = Vec::new();
    match (spared.is_in_added(), is_dashed) {
        (true, _) => {
            rules.extend(spared.bare());
            rules.push(bare);
            rules.extend(spared.path());
            rules.push(path);
            rules.extend(spared.all());
        }
        (false, true) => {
            rules.extend(spared.all());
            rules.extend([bare, path]);
        }
        (false, false) => rules.extend(spared.all()),
    }
    rules.extend(targets.more);
    (rules, Some(Rule::to(Matcher::All, targets.default, origin)))
}

fn below(base: &str) -> Targets {
    let target = format!("{base}/{{name}}");
    Targets { bare: target.clone(), path: target.clone(), default: target, more: Vec::new() }
}

/// The prefix is written before the image, as it is spelled at its shortest.
/// What then has no registry is on Docker Hub.
fn dashed(prefix: &str, origin: &Origin) -> Targets {
    let head = prefix.split('/').next().unwrap_or_default();
    let on_hub = format!("{DEFAULT_REGISTRY}/{prefix}");
    let has_path = prefix.contains('/');
    let place = if has_path && looks_like_registry(head) { prefix } else { &on_hub };
    // Without a slash in the prefix the first segment of the image belongs to it.
    let path = if has_path || !looks_like_registry(prefix) { place } else { prefix };
    let of_registry = if has_path { place } else { prefix };
    let name = |expression: &str| Matcher::Name(expression.to_owned());
    let more = match has_path {
        // A port is no part of a path.
        true => Rule::to(name("([^/:]+):[0-9]+/(.+)"), format!("{place}{{1}}/{{2}}"), origin),
        false => Rule::to(name("localhost/(.+)"), format!("{path}localhost/{{1}}"), origin),
    };
    Targets {
        bare: format!("{place}{{1}}"),
        path: format!("{path}{{1}}/{{2}}"),
        default: format!("{of_registry}{{registry}}/{{repository}}"),
        more: vec![more],
    }
}
