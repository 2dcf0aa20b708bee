//! The `ImageMap` document: text in, checked rules out.
//!
//! [`load`] reads the documents of one source and reports every fault at
//! once; [`merge`] says which of the maps of all sources are in force.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod document;
pub mod fault;
mod fields;
mod lint;
pub mod merge;
pub mod names;
pub(crate) mod node;
pub mod pattern;
mod rule;
pub mod schema;
mod scope;
pub mod selector;
pub mod target;

use std::fmt;
use std::sync::Arc;

pub use document::{Loaded, Text, load, unreadable};
pub use fields::{ITEMS_MAX, TEXT_BYTES_MAX};
pub use lint::overlaps;

use crate::reference::Reference;
use pattern::Pattern;
use selector::{Globs, Selector};
use target::Target;

/// The API group of the two kinds.
pub const API_GROUP: &str = "detour.dev";
/// The version of the documents that this version reads.
pub const API_VERSION: &str = "v1alpha1";
/// Most rules in one document.
pub const RULES_PER_DOCUMENT_MAX: usize = 8_192;

/// The two kinds of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// For every namespace that it names.
    ClusterImageMap,
    /// For its own namespace.
    ImageMap,
}

impl Kind {
    /// The name in a document's `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterImageMap => "ClusterImageMap",
            Self::ImageMap => "ImageMap",
        }
    }
}

/// What names a map: `ClusterImageMap/NAME` or `ImageMap/NAMESPACE/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapId {
    /// The document's kind.
    pub kind: Kind,
    /// The namespace of an `ImageMap`; empty for a `ClusterImageMap`.
    pub namespace: String,
    /// The document's name.
    pub name: String,
}

impl fmt::Display for MapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::ClusterImageMap => write!(f, "ClusterImageMap/{}", self.name),
            Kind::ImageMap => write!(f, "ImageMap/{}/{}", self.namespace, self.name),
        }
    }
}

/// Where a map came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The API server's objects.
    Api,
    /// `--rules`.
    File,
    /// A ConfigMap.
    ConfigMap,
    /// Harbor's proxy projects.
    Harbor,
}

impl Source {
    /// What a message calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "the API server",
            Self::File => "a file",
            Self::ConfigMap => "a ConfigMap",
            Self::Harbor => "Harbor",
        }
    }
}

/// The order of maps of equal priority: the smaller is the older.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age {
    /// `metadata.creationTimestamp`, RFC 3339 in UTC; of the API server's
    /// objects only, empty elsewhere.
    pub created: String,
    /// Place among the documents of the source: flag, file name, document; 0
    /// for the API server's objects.
    pub order: usize,
    /// The map's name.
    pub name: String,
}

/// Whether a map's decisions take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They do.
    Enforce,
    /// They are recorded only.
    Observe,
}

/// The share of owners that a map is for, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollout(u16);

impl Rollout {
    /// All owners.
    pub const ALL: Self = Self(10_000);

    /// A share in percent, from 0 to 100 with at most two decimals.
    pub fn from_percent(percent: f64) -> Option<Self> {
        let hundredths = percent * 100.0;
        let rounded = hundredths.round();
        let exact = (hundredths - rounded).abs() < 1e-6;
        (exact && (0.0..=10_000.0).contains(&rounded)).then_some(Self(rounded as u16))
    }

    /// Whether the owner with this place among 10,000 has its share.
    pub fn includes(self, place: u16) -> bool {
        place < self.0
    }
}

/// One checked document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageMap {
    /// Kind, namespace and name.
    pub id: MapId,
    /// Where it came from.
    pub source: Source,
    /// Its order among maps of equal priority.
    pub age: Age,
    /// File, document and line it was read from.
    pub place: fault::Fault,
    /// Whether its decisions take effect.
    pub mode: Mode,
    /// Higher is asked first among the maps of one layer.
    pub priority: i32,
    /// Asked before any `ImageMap`.
    pub is_final: bool,
    /// The share of owners that it is for.
    pub rollout: Rollout,
    /// The namespaces that it is for.
    pub namespaces: Globs,
    /// The namespaces that it is not for.
    pub exclude_namespaces: Globs,
    /// Owners, as `GROUP/KIND`, whose pods it is not for.
    pub exclude_owners: Globs,
    /// The pods that it is for.
    pub pod_selector: Selector,
    /// Secrets for pods that use its targets.
    pub pull_secrets: Vec<String>,
    /// Its rules in order, the default behind them. What is in force shares
    /// them with the source.
    pub rules: Arc<[Rule]>,
}

/// One rule of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The rule's name, `rules[INDEX]` when it has none, or `default`.
    pub name: String,
    /// Its line in the file; 0 when unknown.
    pub line: u64,
    /// The images that it matches.
    pub matcher: Matcher,
    /// What becomes of them.
    pub action: Action,
}

/// The images that a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher {
    /// One repository, tag or digest.
    Exact(Reference<'static>),
    /// A registry or path and all below it.
    Prefix(String),
    /// What the pattern matches.
    Pattern {
        /// How the operator wrote it.
        kind: PatternKind,
        /// The compiled pattern.
        pattern: Pattern,
        /// What it is matched on.
        on: Seen,
    },
    /// Every image.
    All,
}

/// The two languages of patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PatternKind {
    /// `glob:`
    Glob,
    /// `regex:`
    Regex,
}

/// The text that a pattern is matched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Seen {
    /// `registry/repository`
    Name,
    /// `registry/repository[:tag][@digest]`
    Reference,
}

/// What becomes of an image that a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It stays.
    Keep,
    /// It goes to the first of these; the others are not used by this version
    /// but count as places where an image may already be. Never empty.
    To(Box<[Target]>),
}

impl Action {
    /// All targets; none when the image is kept.
    pub fn targets(&self) -> &[Target] {
        match self {
            Self::Keep => &[],
            Self::To(targets) => targets,
        }
    }

    /// The target in use; none when the image is kept.
    pub fn target(&self) -> Option<&Target> {
        self.targets().first()
    }
}

/// What is the same of two rules for the same images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum MatcherKey<'m> {
    Exact(&'m str),
    Prefix(&'m str),
    Pattern(PatternKind, &'m str, Seen),
    All,
}

impl Matcher {
    fn key(&self) -> MatcherKey<'_> {
        match self {
            Self::Exact(reference) => MatcherKey::Exact(reference.as_str()),
            Self::Prefix(prefix) => MatcherKey::Prefix(prefix),
            Self::Pattern { kind, pattern, on } => {
                MatcherKey::Pattern(*kind, pattern.source(), *on)
            }
            Self::All => MatcherKey::All,
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(reference) => write!(f, "exact {reference}"),
            Self::Prefix(prefix) => write!(f, "prefix {prefix}"),
            Self::Pattern { kind, pattern, on } => {
                let kind = match kind {
                    PatternKind::Glob => "glob",
                    PatternKind::Regex => "regex",
                };
                let on = match on {
                    Seen::Name => "",
                    Seen::Reference => " on reference",
                };
                write!(f, "{kind} {}{on}", pattern.source())
            }
            Self::All => f.write_str("default"),
        }
    }
}
