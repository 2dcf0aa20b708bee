//! Whether the definitions in the cluster are those of this version.
//!
//! An older definition prunes fields that it does not know: a map would be
//! stored as something else than was written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::kube::path::{Collection, Resource};
use crate::kube::{Api, ErrorKind};
use crate::metrics::Metrics;
use crate::rules::schema::{definition, definition_name};
use crate::rules::{API_VERSION, Kind};

const DEFINITIONS: Resource =
    Resource { group: "apiextensions.k8s.io", version: "v1", plural: "customresourcedefinitions" };
const KINDS: [Kind; 2] = [Kind::ClusterImageMap, Kind::ImageMap];

/// What is known of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is that of this version.
    Current,
    /// It is another one: where it differs first.
    Outdated(String),
    /// There is none.
    Absent,
    /// It cannot be read: why.
    Unknown(String),
}

/// Compares the definition that a cluster has with that of this version, as
/// far as it decides what is stored and shown.
pub fn compare(served: &Value, kind: Kind) -> Finding {
    let own = definition(kind);
    let version = |definition: &Value| {
        let versions = definition["spec"]["versions"].as_array();
        versions?.iter().find(|version| version["name"] == API_VERSION).cloned()
    };
    let (Some(own), Some(served)) = (version(&own), version(served)) else {
        return Finding::Outdated(format!("it has no version {API_VERSION}"));
    };
    let parts = ["served", "schema", "subresources", "additionalPrinterColumns"];
    let differing = parts.into_iter().find_map(|part| difference(&served[part], &own[part], part));
    differing.map_or(Finding::Current, |at| Finding::Outdated(format!("it differs in {at}")))
}

/// Where two values differ first, as a path; none when they do not.
fn difference(served: &Value, own: &Value, path: &str) -> Option<String> {
    match (served, own) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: std::collections::BTreeSet<&String> =
                one.keys().chain(other.keys()).collect();
            keys.into_iter().find_map(|key| {
                let value = |map: &serde_json::Map<String, Value>| map.get(key).cloned();
                match (value(one), value(other)) {
                    (Some(one), Some(other)) => difference(&one, &other, &format!("{path}.{key}")),
                    _ => Some(format!("{path}.{key}")),
                }
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(index, (one, other))| {
                difference(one, other, &format!("{path}[{index}]"))
            })
        }
        _ => (served != own).then(|| path.to_owned()),
    }
}

/// One line for each definition that is not as it should be.
#[derive(Debug, Clone, Default)]
pub struct Notices(Arc<Mutex<BTreeMap<Kind, Finding>>>);

impl Notices {
    /// For `/readyz?verbose`: they do not make an instance unready.
    pub fn lines(&self) -> Vec<String> {
        let findings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        findings.iter().filter_map(|(kind, finding)| line(*kind, finding)).collect()
    }

    /// Whether this is news.
    fn set(&self, kind: Kind, finding: &Finding) -> bool {
        let mut findings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        findings.insert(kind, finding.clone()).as_ref() != Some(finding)
    }
}

fn line(kind: Kind, finding: &Finding) -> Option<String> {
    let name = definition_name(kind);
    match finding {
        Finding::Current => None,
        Finding::Outdated(how) => Some(format!(
            "crd-outdated: the definition {name} is not that of this version, {how}; \
             apply the definitions of this version"
        )),
        Finding::Absent => Some(format!("there is no definition {name} in this cluster")),
        Finding::Unknown(why) => {
            Some(format!("whether the definition {name} is that of this version is unknown: {why}"))
        }
    }
}

/// Looks at both definitions, and says what is new.
pub fn check(api: &Api, notices: &Notices, metrics: &Metrics) {
    for kind in KINDS {
        let finding = look(api, kind);
        let is_outdated = matches!(finding, Finding::Outdated(_));
        metrics.write_back.set_outdated(&definition_name(kind), is_outdated);
        if notices.set(kind, &finding) {
            match (line(kind, &finding), is_outdated) {
                (Some(line), true) => log::error!("{line}"),
                (Some(line), false) => log::warn!("{line}"),
                (None, _) => {
                    log::info!("the definition {} is that of this version", definition_name(kind));
                }
            }
        }
    }
}

fn look(api: &Api, kind: Kind) -> Finding {
    let path = Collection::everywhere(DEFINITIONS).object(definition_name(kind));
    match api.get(&path) {
        Ok(object) => match object.decode::<Value>() {
            Ok(served) => compare(&served, kind),
            Err(error) => Finding::Unknown(error.to_string()),
        },
        Err(error) => match error.kind {
            ErrorKind::NotFound(_) => Finding::Absent,
            // The same line while it goes on, whatever the details.
            ErrorKind::Forbidden(_) => Finding::Unknown("forbidden".to_owned()),
            _ => Finding::Unknown("the API server did not answer".to_owned()),
        },
    }
}
