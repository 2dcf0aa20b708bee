//! `kubernetes-image-mapper`: objects that map one text to another, each for
//! its own namespace.
//!
//! The first of two maps that disagree wins there, so the order of the files
//! counts, unless the objects say by their status who had won.

use std::collections::BTreeMap;

use serde_json::json;

use super::draft::{Draft, DraftMap, Matcher, Rule};
use super::finish::expression_of;
use super::input::{self, Document, get, items, text};
use super::proxy_swapper::SERVICE_REGISTRY;
use super::report::{Origin, Verdict};
use super::target::as_pulled;
use super::{File, MigrateError};
use crate::reference::{DEFAULT_REGISTRY, Reference};
use crate::rules::merge::{NAMESPACE_MAPS_MAX, NAMESPACE_PATTERNS_MAX};

const GROUP: &str = "mapper.imagerelocation.pivotal.io/";
/// Its pods are never changed there, whatever the maps.
const SPARED: &str = "kube-system";

const DIFFERENCES: &[&str] = &[
    "another spelling of an image that is mapped (docker.io/, library/, :latest) is mapped too",
    "a pair whose target is no image is left out",
    "ephemeral containers and image volumes are rewritten too",
    "an image at a target is never rewritten again, also where a pair for it exists",
    "a digest is never dropped: a target without one gets the image's",
    "of two maps that disagree the older one is in force, not the one that was looked at first",
    "failurePolicy is Ignore: a pod is never refused because Detour is away",
];

/// One object.
struct Map {
    namespace: String,
    name: String,
    pairs: Vec<Pair>,
    origin: Origin,
    rank: Rank,
}

/// Who is looked at first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    InForce,
    Unknown,
    Rejected,
}

struct Pair {
    from: String,
    to: String,
    origin: Origin,
}

pub(super) fn read(files: &[File], namespace: &str) -> Result<Draft, MigrateError> {
    let mut draft = Draft::new(DIFFERENCES);
    let documents = input::documents(files)?;
    let mut maps: Vec<Map> = Vec::new();
    for document in &documents {
        let version = text(&document.node, "apiVersion").unwrap_or_default();
        if !version.starts_with(GROUP)
            || text(&document.node, "kind").as_deref() != Some("ImageMap")
        {
            let origin = document.file.origin(document.node.line, "a document");
            draft.tell(&origin, Verdict::Dropped, format!("no ImageMap of {GROUP}v1alpha1"));
            continue;
        }
        maps.push(map(&mut draft, document, namespace)?);
    }
    if maps.is_empty() {
        return Err(MigrateError::Missing {
            what: format!("no ImageMap of {GROUP}v1alpha1 among the files"),
            hint: "name files with manifests, or the output of `kubectl get imagemaps -A -o yaml`",
        });
    }
    while let Some(first) = maps.first() {
        let namespace = first.namespace.clone();
        let (own, others): (Vec<Map>, Vec<Map>) =
            maps.into_iter().partition(|map| map.namespace == namespace);
        maps = others;
        let (in_force, others): (Vec<Map>, Vec<Map>) =
            own.into_iter().partition(|map| map.rank == Rank::InForce);
        let (rejected, others): (Vec<Map>, Vec<Map>) =
            others.into_iter().partition(|map| map.rank == Rank::Rejected);
        let own = in_force.into_iter().chain(others).chain(rejected);
        of_namespace(&mut draft, &namespace, own.collect());
    }
    let opt_out = json!([{
        "key": "image-mapper-webhook.image-relocation.pivotal.io/enabled",
        "operator": "NotIn",
        "values": ["false"],
    }]);
    draft.set_quietly(&["webhook", "namespaceSelector", "matchExpressions"], opt_out);
    Ok(draft)
}

fn map(draft: &mut Draft, document: &Document<'_>, namespace: &str) -> Result<Map, MigrateError> {
    let metadata = get(&document.node, "metadata").map(|field| &field.node);
    let of_metadata = |name| metadata.and_then(|metadata| text(metadata, name));
    let unreadable = |reason: &str| MigrateError::Unreadable {
        file: document.file.name.clone(),
        line: document.node.line,
        reason: reason.to_owned(),
    };
    let name = of_metadata("name").ok_or_else(|| unreadable("an ImageMap without a name"))?;
    let spec = get(&document.node, "spec").map(|field| &field.node);
    let list = spec.and_then(|spec| get(spec, "map")).map(|field| items(&field.node));
    let namespace = of_metadata("namespace").unwrap_or_else(|| namespace.to_owned());
    let origin = document.file.origin(document.node.line, format!("ImageMap {namespace}/{name}"));
    let mut pairs: Vec<Pair> = Vec::new();
    for item in list.unwrap_or_default() {
        let (Some(from), Some(to)) = (text(item, "from"), text(item, "to")) else {
            return Err(MigrateError::Unreadable {
                file: document.file.name.clone(),
                line: item.line,
                reason: "a pair without from or to".to_owned(),
            });
        };
        let origin = document.file.origin(item.line, format!("{from} -> {to}"));
        if let Some(former) = pairs.iter().position(|pair| pair.from == from) {
            let former = pairs.remove(former);
            let text = format!("the map has {from} again later, and the last one counts");
            draft.tell(&former.origin, Verdict::Dropped, text);
        }
        pairs.push(Pair { from, to, origin });
    }
    Ok(Map { namespace, name, pairs, origin, rank: rank(document) })
}

/// What the status says, if it is about the present object.
fn rank(document: &Document<'_>) -> Rank {
    let of = |table, name| {
        let table = get(&document.node, table).map(|field| &field.node)?;
        text(table, name)
    };
    if of("status", "observedGeneration") != of("metadata", "generation") {
        return Rank::Unknown;
    }
    let conditions =
        get(&document.node, "status").and_then(|status| get(&status.node, "conditions"));
    let conditions = conditions.map(|field| items(&field.node)).unwrap_or_default();
    let ready =
        conditions.iter().find(|condition| text(condition, "type").as_deref() == Some("Ready"));
    match ready.and_then(|ready| text(ready, "status")).as_deref() {
        Some("True") => Rank::InForce,
        Some("False") => Rank::Rejected,
        _ => Rank::Unknown,
    }
}

/// The maps of one namespace, by the rule of the system: first come, first
/// served, and one that disagrees is out as a whole.
fn of_namespace(draft: &mut Draft, namespace: &str, maps: Vec<Map>) {
    let mut composite: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut accepted = Vec::new();
    for map in maps {
        if namespace == SPARED {
            let text = format!("pods of {SPARED} are never changed, there and here");
            drop_map(draft, &map, &text);
            continue;
        }
        let conflict = map.pairs.iter().find_map(|pair| {
            let (to, other) = composite.get(&pair.from)?;
            (*to != pair.to).then(|| (pair, to.clone(), other.clone()))
        });
        if let Some((pair, to, other)) = conflict {
            let text = format!(
                "rejected there: it maps {} to {}, but {other} maps it to {to}; not written",
                pair.from, pair.to
            );
            drop_map(draft, &map, &text);
            continue;
        }
        for pair in &map.pairs {
            composite.insert(pair.from.clone(), (pair.to.clone(), map.name.clone()));
        }
        accepted.push(map);
    }
    let places = places(&accepted);
    let mut written = Vec::new();
    let mut patterns = 0;
    for map in accepted {
        draft.tell(&map.origin, Verdict::Becomes, "an ImageMap of the same name and namespace");
        let mut rules = Vec::new();
        for pair in &map.pairs {
            let rule = rule(draft, pair, &places, &mut patterns);
            rules.extend(rule.as_ref().and_then(|rule| of_service(rule, &places)));
            rules.extend(rule);
        }
        written.push(DraftMap {
            name: map.name,
            namespace: Some(namespace.to_owned()),
            rules,
            default: None,
        });
    }
    if written.len() > NAMESPACE_MAPS_MAX {
        let rules = written.into_iter().flat_map(|map| map.rules).collect();
        let name = "kubernetes-image-mapper".to_owned();
        written =
            vec![DraftMap { name, namespace: Some(namespace.to_owned()), rules, default: None }];
    }
    draft.maps.append(&mut written);
}

fn drop_map(draft: &mut Draft, map: &Map, text: &str) {
    draft.tell(&map.origin, Verdict::Dropped, text);
    for pair in &map.pairs {
        draft.tell(&pair.origin, Verdict::Dropped, format!("with its map {}", map.name));
    }
}

/// For each image the shortest of its spellings that a map has: all go there.
type Places = BTreeMap<String, (String, String)>;

fn places(maps: &[Map]) -> Places {
    let mut places = Places::new();
    for pair in maps.iter().flat_map(|map| &map.pairs) {
        let Ok(image) = Reference::parse(&pair.from) else { continue };
        let entry = places.entry(as_pulled(&image));
        let place = entry.or_insert_with(|| (pair.from.clone(), pair.to.clone()));
        if pair.from.len() < place.0.len() {
            *place = (pair.from.clone(), pair.to.clone());
        }
    }
    places
}

fn rule(draft: &mut Draft, pair: &Pair, places: &Places, patterns: &mut usize) -> Option<Rule> {
    let (from, to) = match (Reference::parse(&pair.from), Reference::parse(&pair.to)) {
        (Ok(from), Ok(to)) if !from.registry().is_empty() && !to.registry().is_empty() => {
            (from, to)
        }
        (Err(error), _) => {
            draft.tell(
                &pair.origin,
                Verdict::Dropped,
                format!("{:?} is no image: {error}", pair.from),
            );
            return None;
        }
        (_, Err(error)) => {
            let text = format!("left out: {:?} is no image: {error}", pair.to);
            draft.tell(&pair.origin, Verdict::Differs, text);
            return None;
        }
        _ => {
            draft.tell(&pair.origin, Verdict::NoEqual, "a name without a registry is left alone");
            return None;
        }
    };
    let pulled = as_pulled(&from);
    if let Some((spelling, place)) = places.get(&pulled).filter(|(_, place)| *place != pair.to) {
        let text = format!("the same image as {spelling}, which goes to {place}");
        draft.tell(&pair.origin, Verdict::Differs, text);
        return None;
    }
    if from.digest().is_some() && to.digest().is_none() {
        let text = "the image keeps its digest, which the target does not have";
        draft.tell(&pair.origin, Verdict::Differs, text);
    }
    let matcher = matcher(draft, &from, &pair.origin, patterns);
    match as_pulled(&to) {
        to if to == pulled => Some(Rule::keep(matcher, &pair.origin)),
        to => Some(Rule::to(matcher, to, &pair.origin)),
    }
}

/// The same rule for Docker Hub by the name of its service, if no pair has that.
fn of_service(rule: &Rule, places: &Places) -> Option<Rule> {
    let Matcher::Exact(image) = &rule.matcher else { return None };
    let path = image.strip_prefix(DEFAULT_REGISTRY)?.strip_prefix('/')?;
    let image = format!("{SERVICE_REGISTRY}/{path}");
    (!places.contains_key(&image)).then(|| Rule { matcher: Matcher::Exact(image), ..rule.clone() })
}

/// A digest without a tag matches only that: an exact rule would take the
/// digest with any tag. That has to do when there are more than patterns may be.
fn matcher(draft: &mut Draft, from: &Reference, origin: &Origin, patterns: &mut usize) -> Matcher {
    if from.digest().is_none() || from.tag().is_some() {
        return Matcher::Exact(as_pulled(from));
    }
    *patterns += 1;
    if *patterns <= NAMESPACE_PATTERNS_MAX {
        return Matcher::Reference(expression_of(from.as_str()));
    }
    draft.tell(origin, Verdict::Differs, "the digest is matched with any tag beside it");
    Matcher::Exact(from.to_string())
}
