//! Rules from a ConfigMap: documents, and pairs as kubernetes-mimic has them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::board::Place;
use super::state::Update;
use super::{concerns, pairs};
use crate::kube::limits::WatchLimits;
use crate::kube::path::{CONFIG_MAPS, Collection, Selection};
use crate::kube::watch::{self, Observer, Stop};
use crate::kube::{Api, ApiError, Object, Objects};
use crate::rules::{self, Loaded, Source, Text};

/// The ends of keys that hold documents.
const EXTENSIONS: [&str; 3] = [".yaml", ".yml", ".json"];

/// Which ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Name {
    /// The source's name on the board, and in faults.
    pub fn source(&self) -> String {
        format!("configmap:{}/{}", self.namespace, self.name)
    }
}

/// What a ConfigMap holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    data: Option<BTreeMap<String, String>>,
    binary_data: Option<BTreeMap<String, Ignored>>,
}

/// A value that is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// Reads and checks what a ConfigMap holds: the documents of keys that end in
/// `.yaml`, `.yml` or `.json`, in byte order of the keys, then the other
/// entries, which are pairs of a registry and its mirror, as one map.
pub fn load(name: &Name, data: &Data) -> Loaded {
    let source = name.source();
    let entries = || data.data.iter().flatten();
    let is_document = |key: &str| EXTENSIONS.iter().any(|extension| key.ends_with(extension));
    let mut texts: Vec<Text> = entries()
        .filter(|(key, _)| is_document(key))
        .map(|(key, text)| Text { name: key_of(&source, key), content: text.clone() })
        .collect();
    let pairs: Vec<(&str, &str)> = entries()
        .filter(|(key, _)| !is_document(key))
        .map(|(key, value)| (key.as_str(), value.trim()))
        .collect();
    if !pairs.is_empty() {
        texts
            .push(Text { name: source.clone(), content: pairs::document(&name.name, &pairs, &[]) });
    }
    let mut loaded = rules::load(Source::ConfigMap, &texts);
    let report = &mut loaded.report;
    for fault in report.faults.iter_mut().chain(&mut report.warnings) {
        if fault.file == source {
            pairs::locate(fault, &pairs, |key| key_of(&source, key));
        }
    }
    for key in data.binary_data.iter().flatten().map(|(key, _)| key) {
        let reason = "is binary, and not read";
        let hint = "put it under data, as UTF-8 text";
        report.faults.push(rules::unreadable(&key_of(&source, key), reason, hint));
    }
    if texts.is_empty() {
        let hint = "give it keys that end in .yaml and hold documents, or REGISTRY: MIRROR pairs";
        report.faults.push(rules::unreadable(&source, "the ConfigMap holds no rules", hint));
    }
    report.faults.sort();
    loaded
}

fn key_of(source: &str, key: &str) -> String {
    format!("{source}, key {key}")
}

/// Keeps the board informed of a ConfigMap, for ever: the body of a vital
/// thread.
pub fn run(api: &Api, name: Name, limits: WatchLimits, place: Place) {
    let collection = Collection::within(CONFIG_MAPS, &name.namespace);
    let selection = Selection::one(collection, &name.name);
    watch::run(api, &selection, limits, &Stop::default(), &mut Watched::new(name, place));
}

/// A ConfigMap, as the board was told.
pub struct Watched {
    name: Name,
    place: Place,
    seen: Option<Data>,
}

impl Watched {
    /// Tells nothing before the first list.
    pub fn new(name: Name, place: Place) -> Self {
        Self { name, place, seen: None }
    }

    /// What the board is to be told; a label may have changed, and no rule.
    fn read(&mut self, object: Option<&Object>) -> Update {
        let source = self.name.source();
        let Some(object) = object else {
            self.seen = None;
            return Update::Refused(vec![format!("{source}: there is no such ConfigMap")]);
        };
        match object.decode::<Data>() {
            Ok(data) if self.seen.as_ref() == Some(&data) => Update::InTouch,
            Ok(data) => {
                let update = Update::of_documents(load(&self.name, &data));
                self.seen = Some(data);
                update
            }
            Err(error) => {
                self.seen = None;
                Update::Refused(vec![format!("{source}: is no ConfigMap: {error}")])
            }
        }
    }
}

impl Observer for Watched {
    fn changed(&mut self, objects: &Objects) {
        let ours = |object: &&Arc<Object>| object.metadata.name == self.name.name;
        let object = objects.values().find(ours).map(Arc::clone);
        let update = self.read(object.as_deref());
        self.place.update(update);
    }

    fn in_touch(&mut self) {
        self.place.update(Update::InTouch);
    }

    fn failed(&mut self, error: ApiError, _: Duration) {
        if concerns(&error.kind) {
            self.place.update(Update::Failed(error.to_string()));
        }
    }
}
