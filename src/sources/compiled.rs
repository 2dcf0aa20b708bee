//! From what the sources hold to what is in force, all of it anew.

use std::collections::{BTreeSet, HashMap};

use super::api::Checked;
use super::state::Content;
use super::verdict::{MESSAGE_BYTES_MAX, Reason, State, Verdict, WARNINGS_MAX, bounded};
use crate::mapping::Mapping;
use crate::mapping::policy::Policy;
use crate::rules::fault::Fault;
use crate::rules::merge::{self, Merged, Obstacle};
use crate::rules::{self, ImageMap, Loaded, Source};

/// The rules of some documents, compiled, and what an operator must know.
#[derive(Debug)]
pub struct Compiled {
    /// The rules in force.
    pub mapping: Mapping,
    /// One line each: allowed, but probably not what was meant.
    pub warnings: Vec<String>,
    /// One line each: maps that are out of force.
    pub out_of_force: Vec<String>,
    /// For each of the contents, in their order.
    pub(super) counts: Vec<Counts>,
    /// One for each object of the API server.
    pub(super) verdicts: Vec<Verdict>,
}

/// How much of a source is in force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) rules: usize,
    pub(super) out_of_force: usize,
}

/// Merges and compiles the documents of one source.
///
/// # Errors
/// The faults that were found in them; there is at least one.
pub fn compile(loaded: Loaded, policy: Policy) -> Result<Compiled, Vec<Fault>> {
    match loaded.report.faults.is_empty() {
        true => Ok(combine(&[&Content::Documents(loaded)], policy)),
        false => Err(loaded.report.faults),
    }
}

/// Merges and compiles what all sources hold.
pub(super) fn combine(contents: &[&Content], policy: Policy) -> Compiled {
    let maps = contents.iter().flat_map(|content| content.maps()).cloned().collect();
    let merged = merge::merge(maps);
    let warnings = warnings(contents, &merged);
    let obstacles: HashMap<_, _> =
        merged.out_of_force.iter().map(|(map, obstacle)| (key(map), obstacle)).collect();
    let mut by_place: HashMap<&str, Vec<&Fault>> = HashMap::new();
    for warning in &warnings {
        by_place.entry(&warning.file).or_default().push(warning);
    }
    let objects = || contents.iter().flat_map(|content| content.objects());
    let verdicts: Vec<Verdict> = objects()
        .map(|object| {
            let warnings = by_place.get(object.name.as_str()).map_or(&[][..], Vec::as_slice);
            verdict(object, &obstacles, warnings)
        })
        .collect();
    let documents = merged.out_of_force.iter().filter(|(map, _)| map.source != Source::Api);
    let documents = documents.map(|(map, obstacle)| line(map.place.clone(), obstacle));
    let of_objects = objects().zip(&verdicts).filter_map(|(object, verdict)| {
        let State::OutOfForce { reason, message, .. } = &verdict.state else { return None };
        let reason = reason.as_str();
        Some(format!("{}: the map is out of force, {reason}: {message}", object.name))
    });
    let counts = contents.iter().map(|content| counts(content, &obstacles)).collect();
    Compiled {
        out_of_force: documents.chain(of_objects).collect(),
        warnings: warnings.iter().map(ToString::to_string).collect(),
        counts,
        verdicts,
        mapping: Mapping::new(merged, policy),
    }
}

/// Tells maps apart, also those of one name from two sources.
fn key(map: &ImageMap) -> (Source, &str, usize) {
    (map.source, &map.place.file, map.place.document)
}

type Obstacles<'m> = HashMap<(Source, &'m str, usize), &'m Obstacle>;

fn reason(obstacle: &Obstacle) -> Reason {
    match obstacle {
        Obstacle::Conflict { .. } => Reason::Conflict,
        Obstacle::Limit { .. } => Reason::Limit,
    }
}

fn line(mut place: Fault, obstacle: &Obstacle) -> String {
    place.what = format!("the map is out of force, {}: {obstacle}", reason(obstacle).as_str());
    place.to_string()
}

fn counts(content: &Content, obstacles: &Obstacles<'_>) -> Counts {
    let mut counts = Counts::default();
    for map in content.maps() {
        match obstacles.contains_key(&key(map)) {
            true => counts.out_of_force += 1,
            false => counts.rules += map.rules.len(),
        }
    }
    counts.out_of_force += content.objects().iter().filter(|object| object.map().is_none()).count();
    counts
}

fn verdict(object: &Checked, obstacles: &Obstacles<'_>, warnings: &[&Fault]) -> Verdict {
    let state = match &object.outcome {
        Err(faulty) => State::OutOfForce {
            reason: faulty.reason,
            message: faulty.message.clone(),
            others: Vec::new(),
        },
        Ok(map) => obstacles.get(&key(map)).map_or(State::InForce, |obstacle| {
            let others = match obstacle {
                Obstacle::Conflict { other, other_source: None, .. } => vec![other.clone()],
                _ => Vec::new(),
            };
            let message = bounded(obstacle.to_string(), MESSAGE_BYTES_MAX);
            State::OutOfForce { reason: reason(obstacle), message, others }
        }),
    };
    let own = warnings.iter().take(WARNINGS_MAX);
    let own = own.map(|warning| bounded(told(warning), MESSAGE_BYTES_MAX));
    Verdict {
        id: object.id.clone(),
        uid: object.uid.clone(),
        generation: object.generation,
        rules: object.rules,
        state,
        warnings: own.collect(),
    }
}

/// A fault without the name of its object, which the reader knows.
pub(super) fn told(fault: &Fault) -> String {
    let text = fault.to_string();
    let place = format!("{}: ", fault.file);
    text.strip_prefix(&place).map(str::to_owned).unwrap_or(text)
}

/// Those of the sources, and those that only show when they are seen together.
fn warnings(contents: &[&Content], merged: &Merged) -> Vec<Fault> {
    let own = contents.iter().flat_map(|content| content.warnings()).cloned();
    // A source that saw its own documents together may have said the same.
    let all: BTreeSet<Fault> =
        own.chain(rules::overlaps(&merged.in_force)).chain(twins(merged)).collect();
    all.into_iter().collect()
}

/// Maps of one name from two sources: what is recorded of them looks the same.
fn twins(merged: &Merged) -> Vec<Fault> {
    let mut seen: HashMap<_, &ImageMap> = HashMap::new();
    let mut warnings = Vec::new();
    for map in &merged.in_force {
        if let Some(first) = seen.insert(&map.id, map) {
            // Told where it can be read beside the object, if there is one.
            let (own, other) =
                if first.source == Source::Api { (first, map) } else { (map, first) };
            let mut warning = own.place.clone();
            warning.what = format!("{} is a map of {} too", own.id, other.place.file);
            warning.hint =
                "records, logs and metrics cannot tell them apart: rename one".to_owned();
            warnings.push(warning);
        }
    }
    warnings
}
