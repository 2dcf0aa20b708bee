//! `k8s-image-replacer`: Docker Hub by `docker_registry`, the rest by the keys
//! of `replace_policy` that the image's text begins with.

use serde_json::json;

use super::draft::{Draft, Matcher, Rule};
use super::input::{self, File, fields, plain};
use super::proxy_swapper::SERVICE_REGISTRY;
use super::report::{Origin, Verdict};
use super::target::Base;
use super::{MigrateError, System};
use crate::reference::{
    DEFAULT_REGISTRY, LEGACY_REGISTRY, is_registry, is_repository, looks_like_registry,
};
use crate::rules::node::Value;

const DIFFERENCES: &[&str] = &[
    "an image with one slash goes by its registry: host/name is not taken for Docker Hub",
    "docker.io, index.docker.io and paths of three and more segments are Docker Hub",
    "of several keys that fit, the longest counts; the system takes any",
    "init containers, ephemeral containers and image volumes are rewritten too",
    "a text that is no image reference is left alone",
    "failurePolicy is Ignore: a pod is never refused because Detour is away",
];

/// A key of `replace_policy`, or `docker_registry`, with a usable target.
struct Policy {
    key: String,
    target: Target,
    origin: Origin,
}

/// Where images go; none when they stay.
#[derive(Clone, PartialEq)]
struct Target(Option<String>);

impl Target {
    fn rule(&self, matcher: Matcher, end: &str, origin: &Origin) -> Rule {
        match &self.0 {
            Some(base) => Rule::to(matcher, format!("{base}{end}"), origin),
            None => Rule::keep(matcher, origin),
        }
    }
}

pub(super) fn read(files: &[File]) -> Result<Draft, MigrateError> {
    let mut draft = Draft::new(DIFFERENCES);
    let documents = input::documents(files)?;
    if documents.is_empty() {
        return Err(MigrateError::Missing {
            what: "no configuration among the files".to_owned(),
            hint: "name the system's config.yaml",
        });
    }
    let mut hub = None;
    let mut policies = Vec::new();
    for document in &documents {
        for field in fields(&document.node) {
            let value = plain(&field.node).unwrap_or_default();
            let origin = document.file.origin(field.line, format!("{}: {value}", field.name));
            match &*field.name {
                "docker_registry" if value.is_empty() => {
                    draft.tell(&origin, Verdict::Dropped, "empty: Docker Hub has no mirror");
                }
                "docker_registry" => hub = Some(policy(&mut draft, "", &value, &origin)),
                "replace_policy" if matches!(field.node.value, Value::Null | Value::Table(_)) => {
                    for field in fields(&field.node) {
                        let value = plain(&field.node).unwrap_or_default();
                        let old = format!("{}: {value}", field.name);
                        let origin = document.file.origin(field.line, old);
                        // The longest first: of several that fit it says most.
                        let is_shorter = |other: &Policy| other.key.len() < field.name.len();
                        let at = policies.iter().position(is_shorter).unwrap_or(policies.len());
                        policies.insert(at, policy(&mut draft, &field.name, &value, &origin));
                    }
                }
                "replace_policy" => {
                    let text = "it is no table, and the system does not start with it";
                    draft.tell(&origin, Verdict::Dropped, text);
                }
                "tls_crt_file" | "tls_key_file" => draft.tell(
                    &origin,
                    Verdict::NoEqual,
                    "the chart's tls says where the certificate comes from",
                ),
                _ => draft.tell(&origin, Verdict::Dropped, "the system does not know it"),
            }
        }
    }
    let label = json!({"matchLabels": {"k8s-image-replacer": "enabled"}});
    draft.set_quietly(&["webhook", "objectSelector"], label);
    let rules = rules(&mut draft, hub.as_ref(), &policies);
    draft.cluster_map(System::ImageReplacer.as_str(), rules, None);
    Ok(draft)
}

fn policy(draft: &mut Draft, key: &str, value: &str, origin: &Origin) -> Policy {
    let target = match Base::parse(value) {
        Ok(base) => {
            base.notes.iter().for_each(|note| draft.tell(origin, Verdict::Differs, note));
            Some(base.text)
        }
        Err(reason) => {
            draft.tell(origin, Verdict::Differs, format!("{reason}: such images stay as they are"));
            None
        }
    };
    Policy { key: key.to_owned(), target: Target(target), origin: origin.clone() }
}

fn rules(draft: &mut Draft, hub: Option<&Policy>, policies: &[Policy]) -> Vec<Rule> {
    let mut patterns = Vec::new();
    let mut prefixes = Vec::new();
    let mut whole = hub;
    let mut deep = Vec::new();
    for policy in policies {
        let (registry, path) = match policy.key.split_once('/') {
            Some((registry, path)) => (registry, Some(path)),
            None => (policy.key.as_str(), None),
        };
        let is_path = path.is_none_or(is_repository);
        let is_host = looks_like_registry(registry) && is_registry(registry);
        match (is_host, registry) {
            _ if !is_path || (!is_host && !is_repository(registry)) => {
                draft.tell(&policy.origin, Verdict::Dropped, "no image begins with it");
            }
            (true, DEFAULT_REGISTRY | LEGACY_REGISTRY) => deep.push((registry, path, policy)),
            (true, SERVICE_REGISTRY) if hub.is_some() => {
                let text = "never asked there: docker_registry counts for registry-1.docker.io";
                draft.tell(&policy.origin, Verdict::Dropped, text);
            }
            (true, _) => of_registry(policy, policies, &mut prefixes),
            // Without a registry only images of three and more segments are looked up.
            (false, _) => {
                let key = regex::escape(&policy.key);
                let rest = if path.is_some() { ".+" } else { "[^/]+/.+" };
                let matcher = Matcher::Name(format!("docker\\.io/{key}/({rest})"));
                patterns.push(policy.target.rule(matcher, "/{1}", &policy.origin));
            }
        }
    }
    // What is spelled docker.io comes before what is spelled index.docker.io.
    for spelling in [DEFAULT_REGISTRY, LEGACY_REGISTRY] {
        for (registry, path, policy) in deep.iter().filter(|(registry, ..)| *registry == spelling) {
            of_hub(draft, &mut whole, hub, (registry, *path), policy, &mut patterns);
        }
    }
    if let Some(policy) = whole {
        let registries = match hub {
            Some(_) => &[DEFAULT_REGISTRY, SERVICE_REGISTRY][..],
            None => &[DEFAULT_REGISTRY],
        };
        for registry in registries {
            let matcher = Matcher::Prefix((*registry).to_owned());
            prefixes.push(policy.target.rule(matcher, "", &policy.origin));
        }
    }
    patterns.append(&mut prefixes);
    patterns
}

/// A key of another registry. It counts for what is below it, so a repository
/// of its very name goes by the next shorter key.
fn of_registry(policy: &Policy, policies: &[Policy], rules: &mut Vec<Rule>) {
    let matcher = Matcher::Prefix(policy.key.clone());
    rules.push(policy.target.rule(matcher, "", &policy.origin));
    if !policy.key.contains('/') {
        return;
    }
    let matcher = Matcher::Exact(policy.key.clone());
    let above = policies.iter().find_map(|other| {
        let rest = policy.key.strip_prefix(&other.key)?.strip_prefix('/')?;
        Some((other, rest))
    });
    rules.push(match above {
        Some((other, rest)) => other.target.rule(matcher, &format!("/{rest}"), &policy.origin),
        None => Rule::keep(matcher, &policy.origin),
    });
}

/// A key of Docker Hub. Where `docker_registry` is set, that counts for names
/// of one and two segments, however they are spelled, and the key for longer
/// ones; otherwise the key counts for all.
fn of_hub<'p>(
    draft: &mut Draft,
    whole: &mut Option<&'p Policy>,
    hub: Option<&Policy>,
    (registry, path): (&str, Option<&str>),
    policy: &'p Policy,
    patterns: &mut Vec<Rule>,
) {
    let key = path.map(|path| format!("{}/", regex::escape(path))).unwrap_or_default();
    let segments = path.map_or(0, |path| path.split('/').count());
    let rest = match (hub, segments) {
        (Some(_), 0) => "[^/]+/[^/]+/.+",
        (Some(_), 1) => "[^/]+/.+",
        _ => ".+",
    };
    let matcher = Matcher::Name(format!("docker\\.io/{key}({rest})"));
    let is_taken = patterns.iter().any(|rule| rule.matcher == matcher);
    match (whole.as_ref(), path) {
        (Some(other), None) if other.target == policy.target => {
            draft.tell(&policy.origin, Verdict::Dropped, "all of Docker Hub goes there already");
        }
        (None, None) => *whole = Some(policy),
        _ if is_taken || (hub.is_none() && path.is_none()) => draft.tell(
            &policy.origin,
            Verdict::Differs,
            format!("{registry} and docker.io are one registry, which has a key already"),
        ),
        _ => patterns.push(policy.target.rule(matcher, "/{1}", &policy.origin)),
    }
}
