//! Objects, lists and events: as much of them as every kind has.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::Status;

/// What every object says of itself. What is missing is empty or none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The namespace; empty for a kind that is in none.
    #[serde(default)]
    pub namespace: String,
    /// The name.
    #[serde(default)]
    pub name: String,
    /// Tells apart objects that had the same name one after the other.
    #[serde(default)]
    pub uid: String,
    /// The version of the object: opaque, good for comparing equal and for
    /// [`Api::update`](super::Api::update).
    #[serde(default)]
    pub resource_version: String,
    /// Counts changes of the specification.
    pub generation: Option<i64>,
    /// When it was created, by RFC 3339 in whole seconds.
    pub creation_timestamp: Option<String>,
    /// Since when it is being deleted.
    pub deletion_timestamp: Option<String>,
}

/// An object: its metadata, and all of it as JSON.
///
/// An object out of a list may lack `apiVersion` and `kind`.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its metadata.
    pub metadata: Metadata,
    json: Box<RawValue>,
}

#[derive(Deserialize)]
struct OnlyMetadata {
    metadata: Metadata,
}

impl Object {
    /// Reads an object.
    ///
    /// # Errors
    /// When it is no JSON object with metadata.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        Self::new(serde_json::from_slice(json)?)
    }

    fn new(json: Box<RawValue>) -> Result<Self, serde_json::Error> {
        let OnlyMetadata { metadata } = serde_json::from_str(json.get())?;
        Ok(Self { metadata, json })
    }

    /// Where it stands.
    pub fn key(&self) -> Key {
        let Metadata { namespace, name, .. } = &self.metadata;
        Key { namespace: namespace.clone(), name: name.clone() }
    }

    /// The whole object, as the server wrote it.
    pub fn json(&self) -> &str {
        self.json.get()
    }

    /// The object as a type of the caller.
    ///
    /// # Errors
    /// When it is not of that type.
    pub fn decode<'o, T: Deserialize<'o>>(&'o self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.json.get())
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Self::new(json).map_err(serde::de::Error::custom)
    }
}

/// Namespace and name, in this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The namespace; empty for a kind that is in none.
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// Objects of one kind.
pub type Objects = BTreeMap<Key, Arc<Object>>;

/// A list, or a part of one.
#[derive(Debug, Clone)]
pub struct List {
    /// The version that the whole list is of: where a watch goes on.
    pub resource_version: String,
    /// What asks for the next part; none at the end.
    pub continue_token: Option<String>,
    /// The objects.
    pub items: Vec<Object>,
}

#[derive(Deserialize)]
struct ListWire {
    metadata: ListMetadata,
    // Null for an empty list of some kinds.
    items: Option<Vec<Object>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    continue_token: Option<String>,
}

impl List {
    /// Reads a list.
    ///
    /// # Errors
    /// When it is none, or one of the objects has no metadata.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let ListWire { metadata, items } = serde_json::from_slice(json)?;
        Ok(Self {
            resource_version: metadata.resource_version,
            continue_token: metadata.continue_token.filter(|token| !token.is_empty()),
            items: items.unwrap_or_default(),
        })
    }
}

/// What a watch tells.
#[derive(Debug, Clone)]
pub enum Event {
    /// The object is there, or is as it now is.
    Stored(Object),
    /// The object is gone; as it was last.
    Deleted(Object),
    /// All up to this version was told.
    Bookmark(String),
    /// The watch failed.
    Failed(Status),
    /// A type of event that did not exist when this was written.
    Unknown(String),
}

#[derive(Deserialize)]
struct EventWire<'e> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    object: &'e RawValue,
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// When it is none, or its object has no metadata.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let EventWire { kind, object } = serde_json::from_slice(json)?;
        let parsed = || Object::parse(object.get().as_bytes());
        Ok(match kind.as_str() {
            "ADDED" | "MODIFIED" => Self::Stored(parsed()?),
            "DELETED" => Self::Deleted(parsed()?),
            "BOOKMARK" => Self::Bookmark(parsed()?.metadata.resource_version),
            "ERROR" => Self::Failed(serde_json::from_str(object.get())?),
            _ => Self::Unknown(kind),
        })
    }
}
