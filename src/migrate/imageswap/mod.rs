//! `imageswap-webhook`: a map file of registries, exact images, patterns, a
//! default and exceptions from it; or, as it was once, a prefix.

mod exact;
mod fnmatch;
mod legacy;
mod map_file;
mod place;
mod registries;
mod replace;
mod spared;

use serde_json::json;

use super::draft::{Draft, Rule};
use super::input::{self, File, Setting};
use super::report::{Origin, Verdict};
use super::{MigrateError, System};
use map_file::MapFile;

const DIFFERENCES: &[&str] = &[
    "all spellings of an image go where the shortest of them that was rewritten went: \
     nginx, library/nginx and docker.io/library/nginx are one image",
    "localhost, names with a port and IPv6 hosts are registries of their own, not paths on Docker Hub",
    "index.docker.io, and registry-1.docker.io where docker.io has an entry, are Docker Hub",
    "an image that is where a line sends images stays: no noswap_wildcards are needed for that",
    "a key is replaced where it is the registry, not inside the path",
    "noswap_wildcards are looked for in registry and path, not in the tag",
    "a result that is no image reference is never written",
    "ephemeral containers and image volumes are rewritten too",
    "failurePolicy is Ignore: a pod is never refused because Detour is away",
    "kube-system is left alone: see exemptNamespaces",
];

/// The label that opts a pod out, and a namespace in.
const LABEL: &str = "k8s.twr.io/imageswap";

/// What the files hold.
#[derive(Default)]
struct Config {
    map: MapFile,
    has_map: bool,
    mode: Option<Setting>,
    prefix: Option<Setting>,
    label: Option<String>,
}

pub(super) fn read(files: &[File]) -> Result<Draft, MigrateError> {
    let mut draft = Draft::new(DIFFERENCES);
    let mut config = Config::default();
    let documents = input::documents(files)?;
    for setting in input::variables(files) {
        read_variable(&mut draft, &mut config, setting);
    }
    for map in input::config_maps(&documents) {
        for setting in map.data {
            match setting.name.as_str() {
                "maps" => read_map_in(&mut draft, &mut config, &setting),
                _ => read_variable(&mut draft, &mut config, setting),
            }
        }
    }
    // A directory may hold other texts; a file that is the only one is the map.
    let is_text = |file: &&File| !file.is_environment() && !file.is_yaml();
    let is_named_map = |file: &File| [".conf", "maps"].iter().any(|end| file.name.ends_with(end));
    let has_named_map = files.iter().filter(is_text).any(is_named_map);
    for file in files.iter().filter(is_text) {
        if has_named_map && !is_named_map(file) {
            let first = file.text.lines().next().unwrap_or_default();
            let text = "no map file: that is another one, which is called *.conf or maps";
            draft.tell(&file.origin(1, first), Verdict::Dropped, text);
            continue;
        }
        config.has_map = true;
        config.map.read(&mut draft, &file.text, |line, text| file.origin(line, text));
    }
    let label = config.label.clone().unwrap_or_else(|| LABEL.to_owned());
    draft.set_quietly(&["optOutKeys"], json!([label]));
    draft.set_quietly(&["optInNamespaceLabel"], json!(LABEL));
    let is_legacy = is_legacy(&mut draft, &config);
    let name = System::Imageswap.as_str();
    let (rules, default) = match (is_legacy, &config.prefix) {
        (true, Some(prefix)) => legacy::rules(&mut draft, prefix),
        (true, None) => {
            return Err(MigrateError::Missing {
                what: "IMAGESWAP_MODE is not MAPS, and there is no IMAGE_PREFIX".to_owned(),
                hint: "name the file or ConfigMap with IMAGE_PREFIX as well",
            });
        }
        (false, _) if !config.has_map => {
            return Err(MigrateError::Missing {
                what: "there is no map file among the files".to_owned(),
                hint: "name imageswap-maps.conf, or the ConfigMap with the key maps; \
                       a file with the environment is called env or NAME.env",
            });
        }
        (false, _) => of_map(&mut draft, &config.map),
    };
    draft.cluster_map(name, rules, default);
    Ok(draft)
}

/// Whether the prefix is read and not the map; the other one is told.
fn is_legacy(draft: &mut Draft, config: &Config) -> bool {
    let Config { map, has_map, mode, prefix, .. } = config;
    let is_legacy = match (mode, prefix) {
        (Some(mode), _) => !mode.value.eq_ignore_ascii_case("maps"),
        (None, Some(prefix)) if !has_map => {
            let text = "there is no map file: read as by the versions that had none";
            draft.tell(&prefix.origin, Verdict::Becomes, text);
            true
        }
        (None, _) => false,
    };
    if is_legacy {
        let text = "IMAGESWAP_MODE is not MAPS: the map file is not read there";
        map.lines().for_each(|line| draft.tell(&line.origin, Verdict::Dropped, text));
    } else if let Some(prefix) = prefix {
        let text = "IMAGESWAP_MODE is MAPS: only the map file is read there";
        draft.tell(&prefix.origin, Verdict::Dropped, text);
    }
    is_legacy
}

/// The map file inside a ConfigMap: its lines follow that of the key.
fn read_map_in(draft: &mut Draft, config: &mut Config, setting: &Setting) {
    config.has_map = true;
    let is_block = setting.value.contains('\n');
    config.map.read(draft, &setting.value, |line, text| Origin {
        file: setting.origin.file.clone(),
        line: setting.origin.line + if is_block { line } else { 0 },
        old: text.to_owned(),
    });
}

fn read_variable(draft: &mut Draft, config: &mut Config, setting: Setting) {
    let origin = setting.origin.clone();
    match setting.name.as_str() {
        "IMAGESWAP_MODE" => {
            draft.tell(&origin, Verdict::Becomes, "which of the two forms is read");
            config.mode = Some(setting);
        }
        "IMAGE_PREFIX" => config.prefix = Some(setting),
        "IMAGESWAP_DISABLE_LABEL" => {
            let text = format!("the chart's value optOutKeys: [{}]", setting.value);
            draft.tell(&origin, Verdict::Becomes, text);
            config.label = Some(setting.value);
        }
        "IMAGESWAP_LOG_LEVEL" => {
            let level = match setting.value.to_ascii_uppercase().as_str() {
                "DEBUG" => "debug",
                "WARNING" | "WARN" => "warn",
                "ERROR" | "CRITICAL" => "error",
                _ => "info",
            };
            draft.set(&origin, &["server", "logLevel"], level);
        }
        "IMAGESWAP_MAPS_FILE" => {
            draft.tell(&origin, Verdict::Becomes, "the file that is read here");
        }
        "IMAGESWAP_POD_NAME"
        | "IMAGESWAP_NAMESPACE_NAME"
        | "FLASK_ENV"
        | "PYTHONUNBUFFERED"
        | "IMAGESWAP_CLUSTER_NAME" => {
            draft.tell(&origin, Verdict::Dropped, "Detour does not need it");
        }
        "IMAGESWAP_DISABLE_AUTO_MWC" => {
            let text = "the chart owns the webhook configuration; where somebody else does, set \
                        webhook.create: false and tls.self.patchWebhook: false";
            draft.tell(&origin, Verdict::NoEqual, text);
        }
        "IMAGESWAP_CSR_SIGNER_NAME" | "imageswap_tls_secret_name" => {
            let text =
                "no certificate is asked of the cluster: the chart's tls says where it is from";
            draft.tell(&origin, Verdict::NoEqual, text);
        }
        _ => draft.tell(&origin, Verdict::Dropped, "the system does not read it"),
    }
}

/// The rules of a map file. Without a default only exact entries and patterns
/// are in force.
fn of_map(draft: &mut Draft, map: &MapFile) -> (Vec<Rule>, Option<Rule>) {
    let mut rules = exact::rules(draft, map);
    let replace = replace::Rules::new(draft, map);
    let Some(default) = &map.default else {
        for line in map.registries.iter().chain(&map.wildcards) {
            let text = "without a default line only [EXACT] and [REPLACE] are in force there";
            draft.tell(&line.origin, Verdict::Dropped, text);
        }
        rules.extend(replace.bare.into_iter().chain(replace.path).chain(replace.whole));
        return (rules, None);
    };
    let registries = registries::Registries::new(draft, map, default);
    let (more, default) = registries.rules(replace);
    rules.extend(more);
    (rules, default)
}
