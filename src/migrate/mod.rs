//! The configuration of five other systems as rules of Detour: files in,
//! documents, chart values and a report out.
//!
//! Each system has a file here that knows how it reads its configuration and
//! decides; what it sends to a place, the rules send there. Where it has a
//! defect, or sends the spellings of one image to different places, the report
//! says what Detour does instead. `finish` checks the documents by the same
//! reader that `detour serve` uses.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod draft;
mod finish;
mod image_mapper;
mod image_replacer;
mod imageswap;
mod input;
mod mimic;
mod proxy_swapper;
mod report;
mod target;
mod yaml;

use std::fmt;

pub use input::File;
pub use report::{Entry, Verdict};

use crate::rules::fault::Fault;

/// The systems whose configuration can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// `Polyconseil/k8s-proxy-image-swapper`
    ProxyImageSwapper,
    /// `wuhan005/k8s-image-replacer`
    ImageReplacer,
    /// `pivotal/kubernetes-image-mapper`
    ImageMapper,
    /// `cryptk/kubernetes-mimic`
    Mimic,
    /// `phenixblue/imageswap-webhook`
    Imageswap,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ProxyImageSwapper,
        Self::ImageReplacer,
        Self::ImageMapper,
        Self::Mimic,
        Self::Imageswap,
    ];

    /// The name of its repository.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProxyImageSwapper => "k8s-proxy-image-swapper",
            Self::ImageReplacer => "k8s-image-replacer",
            Self::ImageMapper => "kubernetes-image-mapper",
            Self::Mimic => "kubernetes-mimic",
            Self::Imageswap => "imageswap-webhook",
        }
    }

    /// The system of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.as_str() == name)
    }
}

/// What an old configuration became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Rules documents, which load without a fault.
    pub documents: String,
    /// Values of the chart, the documents among them.
    pub values: String,
    /// What became of each line, in the order of the files.
    pub report: Vec<Entry>,
    /// What Detour does differently from this system, whatever its settings.
    pub differences: &'static [&'static str],
}

/// Why a configuration cannot be migrated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrateError {
    /// A file is not what it has to be.
    Unreadable {
        /// The file's name.
        file: String,
        /// The line; 0 when unknown.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// None of the files holds what the system cannot do without.
    Missing {
        /// What is missing.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// The documents go beyond a limit of Detour.
    Refused(Box<Fault>),
}

impl MigrateError {
    /// What to do about it; one line.
    pub fn hint(&self) -> &str {
        match self {
            Self::Unreadable { .. } => "mend the file; nothing was written",
            Self::Missing { hint, .. } => hint,
            Self::Refused(fault) => &fault.hint,
        }
    }
}

impl fmt::Display for MigrateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, line: 0, reason } => write!(f, "{file}: {reason}"),
            Self::Unreadable { file, line, reason } => write!(f, "{file}:{line}: {reason}"),
            Self::Missing { what, .. } => f.write_str(what),
            Self::Refused(fault) => write!(f, "the rules cannot be loaded: {}", fault.statement()),
        }
    }
}

impl std::error::Error for MigrateError {}

/// Reads the configuration of `system` out of `files`, which are those that
/// its administrator has, in their order. `namespace` is that of objects which
/// name none.
///
/// # Errors
/// [`MigrateError`] when a file is broken or one that is needed is not there.
/// A line that the system itself skips is no error but stands in the report.
pub fn migrate(system: System, files: &[File], namespace: &str) -> Result<Migration, MigrateError> {
    let draft = match system {
        System::ProxyImageSwapper => proxy_swapper::read(files),
        System::ImageReplacer => image_replacer::read(files),
        System::ImageMapper => image_mapper::read(files, namespace),
        System::Mimic => mimic::read(files),
        System::Imageswap => imageswap::read(files),
    }?;
    finish::finish(draft)
}
