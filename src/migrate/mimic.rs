//! `kubernetes-mimic`: a ConfigMap of registries and their mirrors, and what
//! Harbor's proxy projects amount to.

use super::draft::{Draft, Matcher, Rule};
use super::input::{self, ConfigMap, File, Setting};
use super::proxy_swapper::SERVICE_REGISTRY;
use super::report::Verdict;
use super::target::Base;
use super::{MigrateError, System};
use crate::reference::{DEFAULT_REGISTRY, LEGACY_REGISTRY, is_registry, looks_like_registry};

/// The ConfigMap that is read unless the environment names another.
const CONFIG_MAP: &str = "mimic-mirrors";
/// The Secret of the chart's release that Harbor's account and authority are
/// put into.
const ACCOUNT_SECRET: &str = "detour-harbor";

const DIFFERENCES: &[&str] = &[
    "a container without a mirror does not keep the others from theirs",
    "init containers, ephemeral containers and image volumes are rewritten too",
    "registry-1.docker.io is Docker Hub where docker.io has a mirror",
    "a tag beside a digest is kept",
    "an image with a scheme (https://…) is no image reference, and left alone",
    "a text that cannot be parsed is left alone; the system gives no answer to it",
    "the ConfigMap comes before Harbor where both have a registry; there it is left to chance",
    "Harbor is asked again and again, over HTTPS, for all pages, with the robot account",
    "kube-system is left alone: see exemptNamespaces",
];

pub(super) fn read(files: &[File]) -> Result<Draft, MigrateError> {
    let mut draft = Draft::new(DIFFERENCES);
    let variables = input::variables(files);
    let documents = input::documents(files)?;
    let maps = input::config_maps(&documents);
    let named = value(&variables, "MIMIC_KUBERNETES_CONFIGMAP").unwrap_or(CONFIG_MAP);
    let asks_harbor = is_on(value(&variables, "MIMIC_HARBOR_ENABLED"));
    let chosen = maps.iter().find(|map| map.name == named).or(match &maps[..] {
        [only] => Some(only),
        _ => None,
    });
    if chosen.is_none() && !asks_harbor {
        return Err(MigrateError::Missing {
            what: format!("the ConfigMap {named} is not among the files"),
            hint: "name its manifest as well, and the file with the environment (env or NAME.env)",
        });
    }
    for other in
        maps.iter().filter(|map| Some(map.name.as_str()) != chosen.map(|map| map.name.as_str()))
    {
        for setting in &other.data {
            let text = format!("the system reads the ConfigMap {named}, not {}", other.name);
            draft.tell(&setting.origin, Verdict::Dropped, text);
        }
    }
    let rules = chosen.map(|map| rules(&mut draft, map)).unwrap_or_default();
    if let Some(ConfigMap { name, namespace, data }) = chosen
        && let Some(first) = data.first()
    {
        let text =
            format!("the pairs can stay where they are: --source configmap:{namespace}/{name}");
        draft.tell(&first.origin, Verdict::Becomes, text);
    }
    for setting in &variables {
        read_variable(&mut draft, setting, &variables);
    }
    draft.cluster_map(System::Mimic.as_str(), rules, None);
    Ok(draft)
}

/// The last value of this variable; an empty one is unset there.
fn value<'s>(variables: &'s [Setting], name: &str) -> Option<&'s str> {
    let found = variables.iter().rev().find(|setting| setting.name == name)?;
    Some(found.value.as_str()).filter(|value| !value.is_empty())
}

/// The words of Go's `strconv.ParseBool`.
fn is_on(value: Option<&str>) -> bool {
    value.is_some_and(|value| matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True"))
}

fn rules(draft: &mut Draft, map: &ConfigMap) -> Vec<Rule> {
    let has_service = map.data.iter().any(|setting| setting.name == SERVICE_REGISTRY);
    let mut rules = Vec::new();
    for Setting { name, value, origin } in &map.data {
        if name == LEGACY_REGISTRY {
            let text = "never matched there: index.docker.io is read as docker.io";
            draft.tell(origin, Verdict::Dropped, text);
            continue;
        }
        if !looks_like_registry(name) || !is_registry(name) {
            draft.tell(origin, Verdict::Dropped, "never matched there: no image has this registry");
            continue;
        }
        let base = match Base::parse(value) {
            Ok(base) => base,
            Err(reason) => {
                let text = format!("{reason}: images of {name} stay as they are");
                draft.tell(origin, Verdict::Differs, text);
                continue;
            }
        };
        base.notes.iter().for_each(|note| draft.tell(origin, Verdict::Differs, note));
        rules.push(Rule::to(Matcher::Prefix(name.clone()), &base.text, origin));
        if name == DEFAULT_REGISTRY && !has_service {
            let matcher = Matcher::Prefix(SERVICE_REGISTRY.to_owned());
            rules.push(Rule::to(matcher, &base.text, origin));
        }
    }
    rules
}

fn read_variable(draft: &mut Draft, setting: &Setting, all: &[Setting]) {
    let Setting { name, value, origin } = setting;
    let Some(name) = name.strip_prefix("MIMIC_") else {
        return draft.tell(origin, Verdict::Dropped, "the system does not read it");
    };
    if value.is_empty() {
        return draft.tell(origin, Verdict::Dropped, "empty is unset there");
    }
    let asks_harbor = is_on(self::value(all, "MIMIC_HARBOR_ENABLED"));
    match name {
        "LISTENPORT" => match value.parse::<u16>() {
            Ok(port) => draft.set(origin, &["ports", "admission"], port),
            Err(_) => draft.tell(origin, Verdict::NoEqual, "no port: the chart's default is used"),
        },
        "LISTENHOST" => {
            draft.tell(origin, Verdict::NoEqual, "the chart listens on all addresses of the pod");
        }
        "LOGLEVEL" => {
            let level = match value.to_ascii_lowercase().as_str() {
                "trace" => "trace",
                "debug" => "debug",
                "warn" | "warning" => "warn",
                "error" | "fatal" | "panic" => "error",
                _ => "info",
            };
            draft.set(origin, &["server", "logLevel"], level);
        }
        "LOGFORMAT" => {
            let format = if value == "json" { "json" } else { "text" };
            draft.set(origin, &["server", "logFormat"], format);
        }
        "CERTIFICATE_SOURCE" | "KUBERNETES_CERTSECRET" => {
            let text = "the chart's tls says where the certificate comes from";
            draft.tell(origin, Verdict::NoEqual, text);
        }
        "WATCHMIRRORS" | "KUBERNETES_WATCH" if !is_on(Some(value)) => {
            draft.tell(origin, Verdict::Differs, "rules are always followed, without a restart");
        }
        "WATCHMIRRORS" | "KUBERNETES_WATCH" => {
            draft.tell(origin, Verdict::Becomes, "what Detour does anyway");
        }
        "KUBERNETES_ENABLED" if !is_on(Some(value)) => {
            draft.tell(
                origin,
                Verdict::Differs,
                "the system does not start so; the rules are written",
            );
        }
        "KUBERNETES_ENABLED" | "KUBERNETES_CONFIGMAP" | "KUBERNETES_NAMESPACE" => {
            draft.tell(origin, Verdict::Becomes, "which ConfigMap is read here");
        }
        _ if name.starts_with("HARBOR_") && !asks_harbor => {
            draft.tell(origin, Verdict::Dropped, "MIMIC_HARBOR_ENABLED is off");
        }
        "HARBOR_ENABLED" => harbor(draft, setting, all),
        "HARBOR_API_HOST"
        | "HARBOR_REGISTRYURL"
        | "HARBOR_ROBOT_USERNAME"
        | "HARBOR_ROBOT_PASSWORD" => {}
        _ => draft.tell(origin, Verdict::Dropped, "the system does not know it"),
    }
}

/// The chart's values for the Harbor source; each stands for a flag.
fn harbor(draft: &mut Draft, setting: &Setting, all: &[Setting]) {
    let find = |name: &str| all.iter().rev().find(|setting| setting.name == name);
    let Some(host) = find("MIMIC_HARBOR_API_HOST") else {
        let text = "MIMIC_HARBOR_API_HOST is missing: set sources.harbor.url (--harbor-url)";
        return draft.tell(&setting.origin, Verdict::NoEqual, text);
    };
    draft.tell(&setting.origin, Verdict::Becomes, "--source=harbor, by the values below");
    let url = format!("https://{}", host.value);
    draft.set(&host.origin, &["sources", "harbor", "url"], url);
    let text = format!(
        "over HTTPS: the authority of its certificate is the key ca.crt of the Secret \
         {ACCOUNT_SECRET} (sources.harbor.ca); plain HTTP, as there, takes http:// and \
         sources.harbor.insecure (--harbor-insecure) instead"
    );
    draft.tell(&host.origin, Verdict::Differs, text);
    // The system does not start without an account, wherever it has it from.
    draft.set_quietly(&["sources", "harbor", "existingSecret"], ACCOUNT_SECRET.into());
    draft.set_quietly(&["sources", "harbor", "ca", "secret"], ACCOUNT_SECRET.into());
    if let Some(registry) = find("MIMIC_HARBOR_REGISTRYURL") {
        let path = ["sources", "harbor", "registry"];
        draft.set(&registry.origin, &path, registry.value.as_str());
    }
    for (variable, key) in [("USERNAME", "username"), ("PASSWORD", "password")] {
        let Some(setting) = find(&format!("MIMIC_HARBOR_ROBOT_{variable}")) else { continue };
        let text = format!(
            "the key {key} of the Secret {ACCOUNT_SECRET} (sources.harbor.existingSecret), which \
             you make yourself"
        );
        draft.tell(&setting.origin, Verdict::Becomes, text);
    }
}
