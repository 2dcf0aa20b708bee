//! Where objects are: kinds, namespaces, names, as paths of the API.

use std::fmt::{self, Write};

/// A kind of objects, as the API server's paths name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The version in it, such as `v1`.
    pub version: &'static str,
    /// The plural, such as `configmaps`.
    pub plural: &'static str,
}

/// ConfigMaps.
pub const CONFIG_MAPS: Resource = Resource { group: "", version: "v1", plural: "configmaps" };
/// Secrets.
pub const SECRETS: Resource = Resource { group: "", version: "v1", plural: "secrets" };
/// Leases.
pub const LEASES: Resource =
    Resource { group: "coordination.k8s.io", version: "v1", plural: "leases" };
/// Events of the new kind.
pub const EVENTS: Resource = Resource { group: "events.k8s.io", version: "v1", plural: "events" };
/// Registrations of mutating webhooks.
pub const MUTATING_WEBHOOKS: Resource = Resource {
    group: "admissionregistration.k8s.io",
    version: "v1",
    plural: "mutatingwebhookconfigurations",
};

/// The objects of one kind: of one namespace, or of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    resource: Resource,
    namespace: Option<String>,
}

impl Collection {
    /// Those of every namespace; also those of a kind that is in none.
    pub fn everywhere(resource: Resource) -> Self {
        Self { resource, namespace: None }
    }

    /// Those of one namespace.
    pub fn within(resource: Resource, namespace: impl Into<String>) -> Self {
        Self { resource, namespace: Some(namespace.into()) }
    }

    /// The object of that name.
    pub fn object(&self, name: impl Into<String>) -> ObjectPath {
        ObjectPath { collection: self.clone(), name: name.into(), subresource: None }
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Resource { group, version, plural } = self.resource;
        match group {
            "" => write!(f, "/api/{version}")?,
            group => write!(f, "/apis/{group}/{version}")?,
        }
        if let Some(namespace) = &self.namespace {
            write!(f, "/namespaces/{}", escaped(namespace))?;
        }
        write!(f, "/{plural}")
    }
}

/// One object, or a part of it that has a path of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPath {
    collection: Collection,
    name: String,
    subresource: Option<&'static str>,
}

impl ObjectPath {
    /// A part of the object, such as `status`.
    pub fn subresource(self, name: &'static str) -> Self {
        Self { subresource: Some(name), ..self }
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.collection, escaped(&self.name))?;
        match self.subresource {
            Some(subresource) => write!(f, "/{subresource}"),
            None => Ok(()),
        }
    }
}

/// What a list or a watch is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    collection: Collection,
    query: String,
}

impl Selection {
    /// All objects of a collection.
    pub fn all(collection: Collection) -> Self {
        Self { collection, query: String::new() }
    }

    /// The object of that name, whether it is there or not. A role that allows
    /// only objects of this name allows to list and to watch it.
    pub fn one(collection: Collection, name: &str) -> Self {
        Self { collection, query: format!("&fieldSelector=metadata.name%3D{}", escaped(name)) }
    }

    /// Those of them that have these labels, in the language of `kubectl -l`.
    pub fn labelled(mut self, selector: &str) -> Self {
        self.query.push_str("&labelSelector=");
        self.query.push_str(&escaped(selector));
        self
    }

    /// The path, without a query.
    pub(super) fn path(&self) -> String {
        self.collection.to_string()
    }

    /// What follows a first parameter, from the `&` on.
    pub(super) fn query(&self) -> &str {
        &self.query
    }
}

/// A text as a part of a path or a query: all but the unreserved characters of
/// RFC 3986 §2.3 are escaped.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into());
            }
            // Writing to a String cannot fail.
            _ => write!(out, "%{byte:02X}").unwrap_or_default(),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        let core = Collection::within(CONFIG_MAPS, "detour");
        let lease = Collection::within(LEASES, "detour").object("leader");
        let webhooks = Collection::everywhere(MUTATING_WEBHOOKS);
        let cases = [
            (core.to_string(), "/api/v1/namespaces/detour/configmaps"),
            (Collection::everywhere(CONFIG_MAPS).to_string(), "/api/v1/configmaps"),
            (lease.to_string(), "/apis/coordination.k8s.io/v1/namespaces/detour/leases/leader"),
            (
                webhooks.object("a").subresource("status").to_string(),
                "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/a/status",
            ),
            (core.object("../a?b").to_string(), "/api/v1/namespaces/detour/configmaps/..%2Fa%3Fb"),
        ];
        for (path, expected) in cases {
            assert_eq!(path, expected);
        }
    }

    #[test]
    fn selections_are_queries() {
        let all = || Selection::all(Collection::everywhere(CONFIG_MAPS));
        assert_eq!(all().query(), "");
        assert_eq!(all().labelled("a in (b, c)").query(), "&labelSelector=a%20in%20%28b%2C%20c%29");
        let one = Selection::one(Collection::everywhere(CONFIG_MAPS), "rules");
        assert_eq!(one.query(), "&fieldSelector=metadata.name%3Drules");
    }
}
