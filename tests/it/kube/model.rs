//! An API server in memory, for one kind of objects, that remembers its history.

use std::collections::BTreeMap;
use std::time::Duration;

use detour::client::{ClientError, Phase};
use detour::kube::{ErrorKind, Event, List, Object, Objects};
use serde_json::json;

/// Name to version and uid.
pub(super) type State = BTreeMap<String, (String, String)>;

/// What happened at a version.
#[derive(Clone)]
struct Change {
    version: u64,
    name: String,
    uid: u64,
    is_deletion: bool,
}

/// The server. A version is the number of changes so far, and one.
#[derive(Default)]
pub(super) struct Model {
    history: Vec<Change>,
    /// Watches and continuations from before this version are too old.
    compacted: u64,
    uids: u64,
}

impl Model {
    pub(super) fn version(&self) -> u64 {
        self.history.len() as u64 + 1
    }

    fn change(&mut self, name: &str, uid: u64, is_deletion: bool) {
        let version = self.version() + 1;
        self.history.push(Change { version, name: name.to_owned(), uid, is_deletion });
    }

    fn last(&self, name: &str) -> Option<&Change> {
        let last = self.history.iter().rev().find(|change| change.name == name);
        last.filter(|change| !change.is_deletion)
    }

    /// Creates or changes an object.
    pub(super) fn store(&mut self, name: &str) {
        let uid = self.last(name).map(|change| change.uid);
        let uid = uid.unwrap_or_else(|| {
            self.uids += 1;
            self.uids
        });
        self.change(name, uid, false);
    }

    /// Deletes an object, if it is there.
    pub(super) fn delete(&mut self, name: &str) {
        if let Some(uid) = self.last(name).map(|change| change.uid) {
            self.change(name, uid, true);
        }
    }

    /// Forgets how it came to what it is.
    pub(super) fn compact(&mut self) {
        self.compacted = self.version();
    }

    /// The objects at a version.
    pub(super) fn state(&self, version: u64) -> State {
        let mut state = State::new();
        for change in self.history.iter().take_while(|change| change.version <= version) {
            match change.is_deletion {
                true => state.remove(&change.name),
                false => state.insert(change.name.clone(), change.label()),
            };
        }
        state
    }

    /// A part of the list; the token holds the version and how many came before.
    pub(super) fn list(&self, limit: u32, token: Option<&str>) -> Result<List, ErrorKind> {
        let (version, begin) = match token {
            None => (self.version(), 0),
            Some(token) => {
                let (version, begin) = token.split_once('+').unwrap();
                (version.parse().unwrap(), begin.parse().unwrap())
            }
        };
        if version < self.compacted {
            return Err(ErrorKind::Gone("too old".to_owned()));
        }
        let state = self.state(version);
        let end = begin + limit as usize;
        let items = state.iter().skip(begin).take(limit as usize);
        Ok(List {
            resource_version: version.to_string(),
            continue_token: (end < state.len()).then(|| format!("{version}+{end}")),
            items: items.map(|(name, (version, uid))| object(name, version, uid)).collect(),
        })
    }

    /// The events of a watch from a version on.
    pub(super) fn watch(&self, version: u64) -> Result<Vec<Event>, ErrorKind> {
        if version < self.compacted {
            return Err(ErrorKind::Gone("too old".to_owned()));
        }
        let changes = self.history.iter().filter(|change| change.version > version);
        Ok(changes.map(Change::event).collect())
    }
}

impl Change {
    fn label(&self) -> (String, String) {
        (self.version.to_string(), self.uid.to_string())
    }

    fn event(&self) -> Event {
        let (version, uid) = self.label();
        let object = object(&self.name, &version, &uid);
        if self.is_deletion { Event::Deleted(object) } else { Event::Stored(object) }
    }
}

/// An object with nothing but metadata.
pub(super) fn object(name: &str, version: &str, uid: &str) -> Object {
    let metadata = json!({"namespace": "a", "name": name, "uid": uid, "resourceVersion": version});
    Object::parse(json!({"metadata": metadata}).to_string().as_bytes()).unwrap()
}

/// The objects as a model has them.
pub(super) fn state(objects: &Objects) -> State {
    let pairs = objects.iter().map(|(key, object)| {
        let metadata = &object.metadata;
        assert_eq!(key.name, metadata.name);
        (key.name.clone(), (metadata.resource_version.clone(), metadata.uid.clone()))
    });
    pairs.collect()
}

/// Everything that may go wrong, by number.
pub(super) fn error(number: u8) -> ErrorKind {
    let message = String::new();
    match number % 12 {
        0 => ErrorKind::NotFound(message),
        1 => ErrorKind::Forbidden(message),
        2 => ErrorKind::Unauthorized(message),
        3 => ErrorKind::Gone(message),
        4 => ErrorKind::Invalid(message),
        5 => ErrorKind::TooManyRequests { retry_after: Some(Duration::from_secs(5)), message },
        6 => ErrorKind::Unavailable { status: 504, retry_after: None, message },
        7 => ErrorKind::Unreachable(ClientError::Deadline(Phase::Body)),
        8 => ErrorKind::Unreachable(ClientError::NoAddress),
        9 => ErrorKind::TooLarge(1),
        10 => ErrorKind::Malformed(message),
        _ => ErrorKind::Refused { status: 302, message },
    }
}
