//! From proxy projects to prefix rules.

use std::collections::BTreeMap;

use super::answers::{Project, Registry};
use super::upstream::{self, NAME_BYTES_MAX, prefixes};
use crate::reference;

/// A proxy project and the registry that it is one of, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The project.
    pub project: Project,
    /// Its registry, when it was read last.
    pub registry: Option<Registry>,
}

/// What decides beside the projects.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'t> {
    /// Where images are pulled from.
    pub registry: &'t str,
    /// Further names of this Harbor.
    pub aliases: &'t [String],
    /// Whether registries that Harbor cannot reach are left out.
    pub skips_unhealthy: bool,
}

/// The rules, and what an operator should know of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Prefix and target, by prefix.
    pub pairs: BTreeMap<String, String>,
    /// A line each.
    pub notes: Vec<String>,
}

/// Makes the rules. `proxies` come in the order of their numbers: of two for one
/// upstream the older is used, so that a new one changes nothing.
pub fn plan<'p>(proxies: impl Iterator<Item = &'p Proxy>, terms: Terms<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut owners: BTreeMap<String, &'p Project> = BTreeMap::new();
    for Proxy { project, registry } in proxies {
        let Some(registry) = registry else { continue };
        let prefixes = match usable(project, registry, terms) {
            Ok(prefixes) => prefixes,
            Err(why) => {
                plan.notes.push(format!("project {:?} gives no rule: {why}", project.name));
                continue;
            }
        };
        if registry.is_unhealthy() {
            plan.notes.push(format!(
                "project {:?}: Harbor cannot reach {} and serves only what it has",
                project.name, prefixes[0]
            ));
        }
        for prefix in prefixes {
            match owners.get(&prefix) {
                Some(other) => plan.notes.push(format!(
                    "projects {:?} and {:?} are both proxies of {prefix}: {:?} is used, which is \
                     older",
                    other.name, project.name, other.name
                )),
                None => {
                    let target = format!("{}/{}", terms.registry, project.name);
                    plan.pairs.insert(prefix.clone(), target);
                    owners.insert(prefix, project);
                }
            }
        }
    }
    plan
}

/// Whether a project can be the place of images: a segment of their names.
pub fn is_place(project: &Project) -> bool {
    let name = &project.name;
    name.len() <= NAME_BYTES_MAX && reference::is_repository(name) && !name.contains('/')
}

fn usable(project: &Project, registry: &Registry, terms: Terms<'_>) -> Result<Vec<String>, String> {
    if project.is_filtered {
        return Err("it serves only some repositories; write rules for them in a file".to_owned());
    }
    let prefixes =
        prefixes(&registry.kind, &registry.url).map_err(|why| why.as_str().to_owned())?;
    let bare = |name: &str| upstream::without_default_port(name).to_owned();
    let own = [terms.registry].into_iter().chain(terms.aliases.iter().map(String::as_str));
    let own: Vec<String> = own.map(bare).collect();
    let host = |prefix: &String| bare(prefix.split('/').next().unwrap_or_default());
    if let Some(prefix) = prefixes.iter().find(|prefix| own.contains(&host(prefix))) {
        return Err(format!("it is a proxy of {prefix}, this Harbor itself"));
    }
    if registry.is_unhealthy() && terms.skips_unhealthy {
        return Err(format!("Harbor cannot reach {}", prefixes[0]));
    }
    Ok(prefixes)
}
