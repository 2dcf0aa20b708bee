//! `k8s-proxy-image-swapper`: Docker Hub goes to one registry, but for the
//! images of a list.

use serde_json::json;

use super::draft::{Draft, Matcher, Rule};
use super::input::{self, Document, File, Setting, get, items, plain};
use super::report::{Origin, Verdict};
use super::target::Base;
use super::{MigrateError, System};
use crate::reference::{DEFAULT_REGISTRY, LEGACY_REGISTRY, OFFICIAL_NAMESPACE, Reference};
use crate::rules::node::{Field, Value};

/// Docker Hub under the name of its own service, which no old system but one
/// takes for it.
pub(super) const SERVICE_REGISTRY: &str = "registry-1.docker.io";

const DIFFERENCES: &[&str] = &[
    "localhost, names with a port and IPv6 hosts are registries of their own, not paths on Docker Hub",
    "index.docker.io and registry-1.docker.io are Docker Hub",
    "an image of the list is kept with a digest too, and its text stays as it is written",
    "an image of another registry is left alone: no :latest is written out",
    "ephemeral containers and image volumes are rewritten too, and updates of pods",
    "kube-system is left alone: see exemptNamespaces",
    "a text that is no image reference is left alone",
    "the label of patched pods is only put on pods that are really rewritten, and never rejects one",
];

pub(super) fn read(files: &[File]) -> Result<Draft, MigrateError> {
    let mut draft = Draft::new(DIFFERENCES);
    let documents = input::documents(files)?;
    let mut registry = None;
    let mut ignored = Vec::new();
    for document in &documents {
        let is_chart =
            ["registryUrl", "config"].iter().any(|name| get(&document.node, name).is_some());
        match is_chart {
            true => read_values(&mut draft, document, &mut registry, &mut ignored),
            false => {
                read_config(&mut draft, document.file, input::fields(&document.node), &mut ignored);
            }
        }
    }
    for setting in input::variables(files) {
        read_variable(&mut draft, setting, &mut registry);
    }
    let missing = MigrateError::Missing {
        what: "no REGISTRY_URL, and no registryUrl: where Docker Hub's images go is not known"
            .into(),
        hint: "name the file with the environment as well (env or NAME.env), or the chart's values",
    };
    let registry = registry.filter(|setting| !setting.value.is_empty()).ok_or(missing)?;
    let base = Base::parse(&registry.value).map_err(|reason| MigrateError::Unreadable {
        file: registry.origin.file.clone(),
        line: registry.origin.line,
        reason,
    })?;
    for note in &base.notes {
        draft.tell(&registry.origin, Verdict::Differs, note);
    }
    let mut rules: Vec<Rule> = Vec::new();
    for (image, origin) in ignored {
        ignore(&mut draft, &mut rules, &image, &origin);
    }
    for hub in [DEFAULT_REGISTRY, SERVICE_REGISTRY] {
        let matcher = Matcher::Prefix(hub.to_owned());
        rules.push(Rule::to(matcher, &base.text, &registry.origin));
    }
    draft.set_quietly(&["podLabel"], json!("k8s-proxy-image-swapper=patched-image"));
    draft.cluster_map(System::ProxyImageSwapper.as_str(), rules, None);
    Ok(draft)
}

type Ignored = Vec<(String, Origin)>;

fn read_values(
    draft: &mut Draft,
    document: &Document<'_>,
    registry: &mut Option<Setting>,
    ignored: &mut Ignored,
) {
    for field in input::fields(&document.node) {
        let origin = origin_of(document.file, field);
        let value = plain(&field.node).unwrap_or_default();
        match &*field.name {
            "registryUrl" => {
                *registry = Some(Setting { name: field.name.to_string(), value, origin });
            }
            "config" => read_config(draft, document.file, input::fields(&field.node), ignored),
            "replicaCount" => draft.set(&origin, &["replicas"], input::json(&field.node)),
            "resources" => draft.set(&origin, &["resources"], input::json(&field.node)),
            "enableDebug" if value == "true" => {
                draft.set(&origin, &["server", "logLevel"], "debug");
            }
            "image" => draft.tell(
                &origin,
                Verdict::NoEqual,
                "Detour has an image of its own: see the chart's image",
            ),
            "caBundle" | "tlsdirpath" => certificate(draft, &origin),
            "enableMutatingWebhook" if value == "false" => {
                draft.set(&origin, &["webhook", "create"], false);
            }
            "enableDebug" | "enableMutatingWebhook" | "securityContext" => {
                draft.tell(&origin, Verdict::Dropped, "that is how the chart is anyway");
            }
            _ => draft.tell(&origin, Verdict::Dropped, "the system does not know it"),
        }
    }
}

fn read_config(draft: &mut Draft, file: &File, config: &[Field], ignored: &mut Ignored) {
    for field in config {
        let origin = origin_of(file, field);
        match &*field.name {
            "port" => match plain(&field.node).and_then(|port| port.parse::<u16>().ok()) {
                Some(port) => draft.set(&origin, &["ports", "admission"], port),
                None => {
                    draft.tell(&origin, Verdict::NoEqual, "no port: the chart's default is used");
                }
            },
            "tlscertpath" | "tlskeypath" => certificate(draft, &origin),
            "ignoreimages" if !matches!(field.node.value, Value::Null | Value::List(_)) => {
                let text = "it is no list, and the system does not start with it";
                draft.tell(&origin, Verdict::Dropped, text);
            }
            "ignoreimages" => {
                for item in items(&field.node) {
                    let image = plain(item).unwrap_or_default();
                    ignored.push((image.clone(), file.origin(item.line, format!("- {image}"))));
                }
            }
            _ => draft.tell(&origin, Verdict::Dropped, "the system does not know it"),
        }
    }
}

fn read_variable(draft: &mut Draft, setting: Setting, registry: &mut Option<Setting>) {
    match setting.name.as_str() {
        "REGISTRY_URL" => *registry = Some(setting),
        "LOGLEVEL" if setting.value == "DEBUG" => {
            draft.set(&setting.origin, &["server", "logLevel"], "debug");
        }
        "LOGLEVEL" => {
            draft.tell(&setting.origin, Verdict::Dropped, "only DEBUG has a meaning there");
        }
        _ => draft.tell(&setting.origin, Verdict::Dropped, "the system does not read it"),
    }
}

fn certificate(draft: &mut Draft, origin: &Origin) {
    let text =
        "the chart's tls says where the certificate comes from: its Secret is no longer needed";
    draft.tell(origin, Verdict::NoEqual, text);
}

fn origin_of(file: &File, field: &Field) -> Origin {
    let value = plain(&field.node).map_or_else(String::new, |value| format!(" {value}"));
    file.origin(field.line, format!("{}:{value}", field.name))
}

/// An entry of the list keeps every tag of its repository. The system reads
/// the entry in its own way: `name@sha256` is a name, and `index.docker.io`
/// another registry, whose images it never rewrites.
fn ignore(draft: &mut Draft, rules: &mut Vec<Rule>, image: &str, origin: &Origin) {
    let (registry, path) = parse(image);
    let name = format!("{registry}/{path}");
    if registry == LEGACY_REGISTRY {
        let text = "the system never matches it: index.docker.io is another registry to it";
        return draft.tell(origin, Verdict::Dropped, text);
    }
    let (repository, digest) = match name.split_once('@') {
        Some((repository, algorithm)) => (repository, Some(algorithm)),
        None => (name.as_str(), None),
    };
    let is_image = Reference::parse(repository).is_ok_and(|image| image.name() == repository);
    if !is_image {
        let text = "Docker Hub has no image of this name, and Detour rewrites no other registry";
        return draft.tell(origin, Verdict::Dropped, text);
    }
    let matcher = match digest {
        None => Matcher::Exact(name),
        Some(algorithm) => {
            let name = regex::escape(repository);
            Matcher::Reference(format!("{name}@{}:.+", regex::escape(algorithm)))
        }
    };
    match rules.iter().any(|rule| rule.matcher == matcher) {
        true => draft.tell(origin, Verdict::Dropped, "the list has this image already"),
        false => {
            if let (Matcher::Exact(name), DEFAULT_REGISTRY) = (&matcher, registry) {
                let name = name.replacen(DEFAULT_REGISTRY, SERVICE_REGISTRY, 1);
                rules.push(Rule::keep(Matcher::Exact(name), origin));
            }
            rules.push(Rule::keep(matcher, origin));
        }
    }
}

/// Registry and path, as the system parses an image; the tag is of no account.
fn parse(image: &str) -> (&str, String) {
    let (path, last) = image.rsplit_once('/').unwrap_or(("", image));
    let name = last.split(':').next().unwrap_or_default();
    let (registry, namespace) = match path.split_once('/') {
        None if path.is_empty() || path == DEFAULT_REGISTRY => {
            (DEFAULT_REGISTRY, OFFICIAL_NAMESPACE)
        }
        None if path.contains('.') => (path, ""),
        Some((first, middle)) if first.contains('.') => (first, middle),
        _ => (DEFAULT_REGISTRY, path),
    };
    match namespace {
        "" => (registry, name.to_owned()),
        namespace => (registry, format!("{namespace}/{name}")),
    }
}
