//! Rules from a ConfigMap: documents, and pairs as kubernetes-mimic has them.

use std::collections::BTreeMap;
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
        texts.push(Text { name: source.clone(), content: pairs::document(&name.name, &pairs) });
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
    watch::run(api, &selection, limits, &Stop::default(), &mut Watched { name, place });
}

/// A ConfigMap, as the board is told.
pub struct Watched {
    /// Which one.
    pub name: Name,
    /// Where to tell.
    pub place: Place,
}

impl Watched {
    fn read(&self, object: &Object) -> Update {
        let data = match object.decode() {
            Ok(data) => data,
            Err(error) => {
                let reason = format!("{}: is no ConfigMap: {error}", self.name.source());
                return Update::Refused(vec![reason]);
            }
        };
        Update::of_documents(load(&self.name, &data))
    }
}

impl Observer for Watched {
    fn changed(&mut self, objects: &Objects) {
        let ours = |object: &&std::sync::Arc<Object>| object.metadata.name == self.name.name;
        self.place.update(match objects.values().find(ours) {
            Some(object) => self.read(object),
            None => {
                let line = format!("{}: there is no such ConfigMap", self.name.source());
                Update::Refused(vec![line])
            }
        });
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
