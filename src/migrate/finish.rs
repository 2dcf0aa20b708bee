//! From a draft to documents that load: what our own reader refuses is mended
//! or taken out, and told.

use serde_json::{Value, json};

use super::draft::{Action, Draft, DraftMap, Matcher, Rule};
use super::report::{Entry, Verdict};
use super::target::as_pulled;
use super::{MigrateError, Migration, yaml};
use crate::reference::Reference;
use crate::rules::fault::{Fault, FaultKind};
use crate::rules::{self, API_GROUP, API_VERSION, Kind, RULES_PER_DOCUMENT_MAX, Source, Text};

/// The name of the text in faults.
const TEXT_NAME: &str = "migrated rules";

/// Makes the documents, the values and the report.
///
/// # Errors
/// [`MigrateError::Refused`] for what no change of a rule can mend: a limit.
pub(super) fn finish(mut draft: Draft) -> Result<Migration, MigrateError> {
    split_long_maps(&mut draft.maps);
    let mut former = Vec::new();
    let (documents, text) = loop {
        let documents: Vec<Value> = draft.maps.iter().map(document).collect();
        let text = documents.iter().map(yaml::document).collect::<Vec<_>>().join("---\n");
        let text_of_source = Text { name: TEXT_NAME.to_owned(), content: text.clone() };
        let faults = rules::load(Source::File, &[text_of_source]).report.faults;
        if faults.is_empty() {
            break (documents, text);
        }
        match faults.first() {
            Some(fault) if faults == former => {
                return Err(MigrateError::Refused(Box::new(fault.clone())));
            }
            _ => former.clone_from(&faults),
        }
        mend(&mut draft, faults)?;
    };
    let mut values = draft.values;
    values.insert("rules".to_owned(), documents.into());
    let mut report = draft.report;
    for rule in draft.maps.iter().flat_map(DraftMap::all) {
        report.push(Entry::new(&rule.origin, Verdict::Becomes, rule.in_words()));
    }
    report.sort_by(|a, b| (&a.file, a.line, a.verdict).cmp(&(&b.file, b.line, b.verdict)));
    report.dedup();
    Ok(Migration {
        documents: text,
        values: yaml::document(&Value::Object(values)),
        report,
        differences: draft.differences,
    })
}

impl DraftMap {
    fn all(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().chain(&self.default)
    }
}

fn document(map: &DraftMap) -> Value {
    let kind = match map.namespace {
        Some(_) => Kind::ImageMap,
        None => Kind::ClusterImageMap,
    };
    let mut metadata = json!({"name": map.name});
    if let Some(namespace) = &map.namespace {
        metadata["namespace"] = json!(namespace);
    }
    let rules: Vec<Value> = map.rules.iter().map(Rule::json).collect();
    let mut spec = json!({"rules": rules});
    if let Some(default) = &map.default {
        spec["default"] = default.json();
    }
    json!({
        "apiVersion": format!("{API_GROUP}/{API_VERSION}"),
        "kind": kind.as_str(),
        "metadata": metadata,
        "spec": spec,
    })
}

/// Maps with more rules than a document holds go on in `NAME-2`, `NAME-3`, ….
fn split_long_maps(maps: &mut Vec<DraftMap>) {
    let mut split = Vec::new();
    for mut map in maps.drain(..) {
        let name = map.name.clone();
        let mut number = 1;
        while map.rules.len() > RULES_PER_DOCUMENT_MAX {
            number += 1;
            let rules = map.rules.split_off(RULES_PER_DOCUMENT_MAX);
            let next = DraftMap {
                name: format!("{name}-{number}"),
                namespace: map.namespace.clone(),
                rules,
                default: map.default.take(),
            };
            split.push(std::mem::replace(&mut map, next));
        }
        split.push(map);
    }
    *maps = split;
}

/// Changes every rule that has a fault. Chains go first, from their beginnings
/// on; then the others, the last first, so that the places of the rest stay.
fn mend(draft: &mut Draft, mut faults: Vec<Fault>) -> Result<(), MigrateError> {
    // They come in the order of their lines, which is that of the rules.
    faults.dedup_by_key(|fault| (fault.document, place(fault)));
    let (chains, mut others): (Vec<Fault>, Vec<Fault>) =
        faults.into_iter().partition(|fault| fault.kind == FaultKind::Chain);
    others.reverse();
    for fault in chains.into_iter().chain(others) {
        let map = fault.document.checked_sub(1).and_then(|at| draft.maps.get_mut(at));
        let (Some(map), Some(at)) = (map, place(&fault)) else {
            return Err(MigrateError::Refused(Box::new(fault)));
        };
        if fault.kind == FaultKind::Chain {
            draft.report.extend(mend_chain(map, at));
            continue;
        }
        let Some(entry) = give_up(map, at, &fault) else {
            return Err(MigrateError::Refused(Box::new(fault)));
        };
        draft.report.push(entry);
    }
    Ok(())
}

/// The index of the rule in its map; that of the default is the greatest.
fn place(fault: &Fault) -> Option<usize> {
    let rule = fault.rule.as_deref()?;
    let index = rule.strip_prefix("rules[").and_then(|rest| rest.strip_suffix(']'));
    index.map_or(Some(usize::MAX), |index| index.parse().ok())
}

/// A rule that sends images to where another rule would rewrite them. The old
/// systems do so when the pod is admitted again; Detour never does. A second
/// rule that is for nothing else keeps such images; otherwise the first one is
/// written as a template, for which a chain is allowed.
fn mend_chain(map: &mut DraftMap, at: usize) -> Option<Entry> {
    let rule = map.rules.get(at)?;
    let Action::To(target) = &rule.action else { return None };
    let (first, target) = (rule.origin.old.trim().to_owned(), target.clone());
    let place = match &rule.matcher {
        Matcher::Exact(_) => Reference::parse(&target).ok().map(|place| as_pulled(&place)),
        _ => None,
    };
    let is_dead = |other: &&mut Rule| match (&other.matcher, &other.action, &place) {
        (Matcher::Exact(image), Action::To(_), Some(place)) => {
            Reference::parse(image).is_ok_and(|image| as_pulled(&image) == *place)
        }
        _ => false,
    };
    if let Some(dead) = map.rules.iter_mut().find(is_dead) {
        dead.action = Action::Keep;
        let text =
            format!("images are rewritten once: it is where {first} sends them, and they stay");
        return Some(Entry::new(&dead.origin, Verdict::Differs, text));
    }
    let rule = map.rules.get_mut(at)?;
    match &rule.matcher {
        Matcher::Prefix(_) => rule.action = Action::To(format!("{target}/{{rest}}")),
        Matcher::Exact(image) => rule.matcher = Matcher::Reference(expression_of(image)),
        Matcher::Name(_) | Matcher::Reference(_) | Matcher::All => {}
    }
    None
}

/// What an exact rule matches, as a regular expression on the reference.
pub(super) fn expression_of(image: &str) -> String {
    let Ok(image) = Reference::parse(image) else { return regex::escape(image) };
    let name = regex::escape(image.name());
    match (image.tag(), image.digest()) {
        (None, None) => format!("{name}(?:[:@].+)?"),
        (Some("latest"), None) => format!("{name}(?::latest)?"),
        _ => regex::escape(image.as_str()),
    }
}

/// A rule whose target cannot be written: its images stay where they are. None
/// for one whose images cannot be told: without it they would go elsewhere.
fn give_up(map: &mut DraftMap, at: usize, fault: &Fault) -> Option<Entry> {
    let rule = match at {
        usize::MAX => map.default.as_mut()?,
        at => map.rules.get_mut(at)?,
    };
    if rule.action == Action::Keep {
        return None;
    }
    let text = format!("{}: {}; such images stay as they are", rule.in_words(), fault.what);
    rule.action = Action::Keep;
    Some(Entry::new(&rule.origin, Verdict::NoEqual, text))
}
