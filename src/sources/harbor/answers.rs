//! What Harbor's API v2.0 answers, as far as it counts here; its description is
//! `api/v2.0/swagger.yaml` of Harbor.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::limits::TEXT_BYTES_MAX;
use super::upstream::NAME_BYTES_MAX;
use crate::sources::verdict::bounded;

/// A project, as `GET /projects` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its number: greater for one that is younger.
    pub id: i64,
    /// Its name, the first segment of the repositories in it.
    pub name: String,
    /// The registry that it is a proxy of; none for an ordinary project.
    pub registry_id: Option<i64>,
    /// Whether it serves only some repositories of the registry.
    pub is_filtered: bool,
}

impl Project {
    fn parse(entry: &RawValue) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Wire {
            project_id: i64,
            name: String,
            registry_id: Option<i64>,
            #[serde(default)]
            metadata: Value,
        }
        let Wire { project_id, name, registry_id, metadata } = serde_json::from_str(entry.get())?;
        let filter = metadata.get("proxy_cache_filter_pattern").and_then(Value::as_str);
        Ok(Self {
            id: project_id,
            name: kept(name, NAME_BYTES_MAX),
            registry_id: registry_id.filter(|id| *id > 0),
            is_filtered: filter.is_some_and(|pattern| !pattern.is_empty()),
        })
    }
}

/// The registry behind a proxy project, as its summary and `GET /registries/ID`
/// tell it. The credentials in it are not read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Registry {
    /// Harbor's name for its kind, such as `docker-hub`.
    #[serde(rename = "type", default, deserialize_with = "kept_text")]
    pub kind: String,
    /// The endpoint.
    #[serde(deserialize_with = "kept_text")]
    pub url: String,
    /// `healthy`, `unhealthy`, or empty when it is not known.
    #[serde(default, deserialize_with = "kept_text")]
    pub status: String,
}

impl Registry {
    /// Whether Harbor says that it cannot be reached: it serves only what it
    /// has then.
    pub fn is_unhealthy(&self) -> bool {
        !self.status.is_empty() && self.status != "healthy"
    }
}

/// One page of a list of projects; what is no project is told apart, so that
/// one of them does not spoil the others.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Those that can be read.
    pub projects: Vec<Project>,
    /// Why the others cannot.
    pub faults: Vec<String>,
    /// `X-Total-Count`: the projects of all pages.
    pub total: Option<usize>,
}

impl Page {
    /// Reads a page of at most that many entries.
    ///
    /// # Errors
    /// When it is no list.
    pub fn parse(body: &[u8], total: Option<&str>, most: usize) -> Result<Self, serde_json::Error> {
        let entries: Option<Vec<&RawValue>> = serde_json::from_slice(body)?;
        let total = total.and_then(|total| total.trim().parse().ok());
        let mut page = Self { total, ..Self::default() };
        let entries = entries.unwrap_or_default();
        if entries.len() > most {
            page.faults.push(format!("it has more than {most} entries"));
        }
        for entry in entries.into_iter().take(most) {
            match Project::parse(entry) {
                Ok(project) => page.projects.push(project),
                Err(error) => page.faults.push(kept(error.to_string(), TEXT_BYTES_MAX)),
            }
        }
        Ok(page)
    }

    /// How many entries it has, readable or not.
    pub fn entries(&self) -> usize {
        self.projects.len() + self.faults.len()
    }
}

/// The registry of a project's summary; none when the summary has none.
///
/// # Errors
/// When it is no summary.
pub fn registry_of_summary(body: &[u8]) -> Result<Option<Registry>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Summary {
        registry: Option<Registry>,
    }
    serde_json::from_slice::<Summary>(body).map(|summary| summary.registry)
}

/// `registry_url` of `GET /systeminfo`, the host that images are pulled from;
/// none for somebody without an account.
///
/// # Errors
/// When it is no system information.
pub fn registry_url(body: &[u8]) -> Result<Option<String>, serde_json::Error> {
    #[derive(Deserialize)]
    struct SystemInfo {
        registry_url: Option<String>,
    }
    let told = serde_json::from_slice::<SystemInfo>(body)?.registry_url;
    Ok(told.filter(|url| !url.is_empty()).map(|url| kept(url, TEXT_BYTES_MAX)))
}

/// A text of Harbor as it is remembered: one that was cut ends in a mark that no
/// name and no endpoint has.
fn kept(text: String, bytes_max: usize) -> String {
    let mut text = bounded(text, bytes_max);
    text.shrink_to_fit();
    text
}

fn kept_text<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    String::deserialize(text).map(|text| kept(text, TEXT_BYTES_MAX))
}

/// What an answer says that refuses, in one line: the messages of its
/// `errors`, or what else it is.
pub fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let text = match serde_json::from_slice::<Refusal>(body) {
        Ok(Refusal { errors }) => {
            let errors = errors.iter().map(|error| format!("{} {}", error.code, error.message));
            errors.collect::<Vec<_>>().join(", ")
        }
        Err(_) => String::from_utf8_lossy(&body[..body.len().min(1024)]).into_owned(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
