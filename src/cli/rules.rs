//! Rules for the commands: loaded, merged, compiled, and what is said of them.

use std::path::PathBuf;

use crate::mapping::Mapping;
use crate::mapping::policy::Policy;
use crate::rules::Loaded;
use crate::rules::fault::Fault;
use crate::rules::merge::{self, Obstacle};
use crate::sources::file;

/// The rules of some documents, compiled, and what an operator must know.
#[derive(Debug)]
pub struct Compiled {
    /// The rules in force.
    pub mapping: Mapping,
    /// One line each: allowed, but probably not what was meant.
    pub warnings: Vec<String>,
    /// One line each: maps that are out of force.
    pub out_of_force: Vec<String>,
}

/// Loads the rules of files and directories.
///
/// # Errors
/// All faults, none of which leaves the rules usable.
pub fn from_paths(paths: &[PathBuf], policy: &Policy) -> Result<Compiled, Vec<Fault>> {
    compile(file::load(paths), policy)
}

/// Merges and compiles documents that were loaded.
///
/// # Errors
/// All faults that were found in them.
pub fn compile(loaded: Loaded, policy: &Policy) -> Result<Compiled, Vec<Fault>> {
    if !loaded.report.faults.is_empty() {
        return Err(loaded.report.faults);
    }
    let merged = merge::merge(loaded.maps);
    let out_of_force = merged.out_of_force.iter().map(|(map, obstacle)| {
        let reason = match obstacle {
            Obstacle::Conflict { .. } => "Conflict",
            Obstacle::Limit { .. } => "Limit",
        };
        format!(
            "{}:{}: {} is out of force, {reason}: {obstacle}",
            map.place.file, map.place.line, map.id
        )
    });
    Ok(Compiled {
        warnings: loaded.report.warnings.iter().map(ToString::to_string).collect(),
        out_of_force: out_of_force.collect(),
        mapping: Mapping::new(merged, policy.clone()),
    })
}
