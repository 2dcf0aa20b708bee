//! The requests: each is one call, bounded, with errors to branch on.

use std::time::Duration;

use serde_json::Value;

use super::limits::{OBJECT_BYTES_MAX, WatchLimits};
use super::path::{Collection, ObjectPath, Selection, escaped};
use super::stream::EventStream;
use super::{Api, ApiError, ErrorKind, List, Object, Session};
use crate::client::{Answer, ClientError, Method, Opened, Request};

const JSON: &str = "application/json";

/// What becomes of fields that another manager owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflicts {
    /// They are taken over.
    Force,
    /// The whole request fails, [`ErrorKind::Conflict`].
    Report,
}

/// A request without what every one has.
struct Call<'c> {
    method: Method,
    path: String,
    query: String,
    body: Option<(&'static str, &'c [u8])>,
    answer_bytes: usize,
    body_deadline: Duration,
}

impl Api {
    /// Reads an object.
    ///
    /// # Errors
    /// As the kinds of [`ErrorKind`] say; so for all requests.
    pub fn get(&self, object: &ObjectPath) -> Result<Object, ApiError> {
        self.object(Method::GET, object.to_string(), String::new(), None)
    }

    /// Creates an object; gives it as it was stored.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when there is one of that name.
    pub fn create(&self, collection: &Collection, object: &Value) -> Result<Object, ApiError> {
        let body = object.to_string();
        let body = Some((JSON, body.as_bytes()));
        self.object(Method::POST, collection.to_string(), String::new(), body)
    }

    /// Replaces an object, if it still has this version.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it has another one.
    pub fn update(
        &self,
        path: &ObjectPath,
        mut object: Value,
        resource_version: &str,
    ) -> Result<Object, ApiError> {
        object["metadata"]["resourceVersion"] = resource_version.into();
        let body = object.to_string();
        let body = Some((JSON, body.as_bytes()));
        self.object(Method::PUT, path.to_string(), String::new(), body)
    }

    /// Applies fields on the server, in the name of `manager` (at most 128
    /// characters): creates the object if need be, and removes what this
    /// manager applied before and now leaves out. The object holds
    /// `apiVersion`, `kind`, and what is to be applied.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when a field is another manager's, unless
    /// forced; when `metadata` holds a version, also when it has another one.
    pub fn apply(
        &self,
        path: &ObjectPath,
        object: &Value,
        manager: &str,
        conflicts: Conflicts,
    ) -> Result<Object, ApiError> {
        let force = conflicts == Conflicts::Force;
        let query = format!("?fieldManager={}&force={force}", escaped(manager));
        let body = object.to_string();
        // JSON is YAML.
        let body = Some(("application/apply-patch+yaml", body.as_bytes()));
        self.object(Method::PATCH, path.to_string(), query, body)
    }

    /// Changes an object by a JSON Patch (RFC 6902), which may begin with
    /// `test` operations.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when it does not apply.
    pub fn json_patch(&self, path: &ObjectPath, patch: &Value) -> Result<Object, ApiError> {
        let body = patch.to_string();
        let body = Some(("application/json-patch+json", body.as_bytes()));
        self.object(Method::PATCH, path.to_string(), String::new(), body)
    }

    /// Changes an object by a merge patch (RFC 7396).
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it holds a version that the object has not.
    pub fn merge_patch(&self, path: &ObjectPath, patch: &Value) -> Result<Object, ApiError> {
        let body = patch.to_string();
        let body = Some(("application/merge-patch+json", body.as_bytes()));
        self.object(Method::PATCH, path.to_string(), String::new(), body)
    }

    /// Reads a part of a list: at most `limit` objects, from the beginning or
    /// from where the former part ended.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] when `continue_token` is too old: begin anew.
    pub fn list(
        &self,
        selection: &Selection,
        limit: u32,
        continue_token: Option<&str>,
    ) -> Result<List, ApiError> {
        let mut query = format!("?limit={limit}{}", selection.query());
        if let Some(token) = continue_token {
            query.push_str("&continue=");
            query.push_str(&escaped(token));
        }
        let limits = self.0.limits;
        let call = Call {
            answer_bytes: limits.answer_bytes,
            ..self.call(Method::GET, selection.path(), query)
        };
        let answer = self.run(&call)?;
        List::parse(&answer.body).map_err(|error| call.malformed(&error))
    }

    /// Begins to watch a selection from a version on. The server ends the
    /// watch after `duration`.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] when the version is too old: list anew.
    pub fn watch(
        &self,
        selection: &Selection,
        resource_version: &str,
        duration: Duration,
        limits: &WatchLimits,
    ) -> Result<EventStream, ApiError> {
        let query = format!(
            "?watch=1&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}{}",
            escaped(resource_version),
            duration.as_secs().max(1),
            selection.query()
        );
        let call = Call {
            body_deadline: duration + limits.slack,
            ..self.call(Method::GET, selection.path(), query)
        };
        let opened = self.open(&call)?;
        Ok(EventStream::new(opened, call.path, limits.event_bytes))
    }

    fn object(
        &self,
        method: Method,
        path: String,
        query: String,
        body: Option<(&'static str, &[u8])>,
    ) -> Result<Object, ApiError> {
        let call = Call { body, ..self.call(method, path, query) };
        let answer = self.run(&call)?;
        Object::parse(&answer.body).map_err(|error| call.malformed(&error))
    }

    fn call<'c>(&self, method: Method, path: String, query: String) -> Call<'c> {
        Call {
            method,
            path,
            query,
            body: None,
            answer_bytes: OBJECT_BYTES_MAX,
            body_deadline: self.0.limits.body,
        }
    }

    /// Sends a request and reads the whole answer, which is a good one.
    fn run(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        self.open(call)?.finish().map_err(|error| call.failed(error))
    }

    /// Sends a request; the status of the answer is a good one.
    ///
    /// One refused for its credentials is sent once more if these have changed
    /// meanwhile: it was refused before anything was done.
    fn open(&self, call: &Call<'_>) -> Result<Opened, ApiError> {
        let session = self.session();
        let mut opened = session.open(call).map_err(|error| call.failed(error))?;
        if opened.status == 401 {
            let again = self.session();
            if again.differs(&session) {
                opened = again.open(call).map_err(|error| call.failed(error))?;
            }
        }
        if (200..300).contains(&opened.status) {
            return Ok(opened);
        }
        let answer = opened.finish().map_err(|error| call.failed(error))?;
        Err(call.error(ErrorKind::from_answer(&answer)))
    }
}

impl Session {
    fn open(&self, call: &Call<'_>) -> Result<Opened, ClientError> {
        let token = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers = vec![("accept", JSON)];
        headers.extend(token.as_deref().map(|token| ("authorization", token)));
        headers.extend(call.body.map(|(media_type, _)| ("content-type", media_type)));
        self.client.open(&Request {
            method: &call.method,
            path: &format!("{}{}", call.path, call.query),
            headers: &headers,
            body: call.body.map(|(_, body)| body),
            answer_bytes: call.answer_bytes,
            body_deadline: call.body_deadline,
        })
    }

    fn differs(&self, other: &Self) -> bool {
        self.token != other.token || !std::sync::Arc::ptr_eq(&self.client, &other.client)
    }
}

impl Call<'_> {
    fn error(&self, kind: ErrorKind) -> ApiError {
        ApiError { method: self.method.clone(), path: self.path.as_str().into(), kind }
    }

    fn failed(&self, error: ClientError) -> ApiError {
        self.error(error.into())
    }

    fn malformed(&self, error: &serde_json::Error) -> ApiError {
        self.error(ErrorKind::Malformed(error.to_string()))
    }
}
