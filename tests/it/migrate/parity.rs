//! Every recorded row.
//!
//! Rows that a system left as they are or rewrote as asked have to come out
//! the same. What stands in `tests/data/migrate/answers` is the answer to all other
//! rows; UPDATE_GOLDEN=1 refreshes it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use detour::migrate::System;

use super::oracle::{self, Answer};
use super::{Case, Row, answer, cases, mapping, pulled};

type Oracle = Box<dyn Fn(&str) -> Answer>;

/// The system of a case as a function; none where it is asked by other means.
fn oracle_of(case: &Case) -> Option<Oracle> {
    let text = |name: &str| fs::read_to_string(case.directory.join("config").join(name)).ok();
    let setting = |name: &str, text: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        line.map(|value| value.trim().trim_matches('"').to_owned()).unwrap_or_default()
    };
    Some(match case.system {
        System::Imageswap => {
            if let Some(env) = text("env").filter(|env| env.contains("IMAGE_PREFIX=")) {
                let prefix = setting("IMAGE_PREFIX=", &env);
                return Some(Box::new(move |image| {
                    Some(oracle::imageswap::prefixed(&prefix, image))
                }));
            }
            let map = text("imageswap-maps.conf").or_else(|| {
                let object = text("imageswap-maps.configmap.yaml")?;
                Some(object.split_once("maps: |\n")?.1.replace("\n    ", "\n"))
            });
            let map = oracle::imageswap::Map::read(&map?);
            Box::new(move |image| map.swap(image))
        }
        System::ImageReplacer => {
            let text = text("config.yaml")?;
            let pairs = text.lines().filter_map(|line| line.strip_prefix("  ")?.rsplit_once(": "));
            let policy =
                pairs.map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned()));
            let hub = setting("docker_registry:", &text);
            let config = oracle::replacer::Config { hub, policy: policy.collect() };
            Box::new(move |image| Some(config.replace(image)))
        }
        System::ProxyImageSwapper => {
            let config = text("values.yaml").or_else(|| text("config.yaml"))?;
            let registry = match text("env") {
                Some(env) => setting("REGISTRY_URL=", &env),
                None => setting("registryUrl:", &config),
            };
            let ignored = config.lines().filter_map(|line| line.trim().strip_prefix("- "));
            let ignored: Vec<String> = ignored.map(str::to_owned).collect();
            Box::new(move |image| Some(oracle::swapper::swap(&registry, &ignored, image)))
        }
        System::Mimic => {
            let mirrors = fs::read_to_string(case.directory.join("mirrors.tsv")).ok()?;
            let pairs = mirrors.lines().skip(1).filter_map(|line| line.split_once('\t'));
            let mirrors: Vec<(String, String)> =
                pairs.map(|(registry, mirror)| (registry.to_owned(), mirror.to_owned())).collect();
            Box::new(move |image| oracle::mimic::mirror(&mirrors, image))
        }
        System::ImageMapper => return None,
    })
}

fn is_asked_for(row: &Row) -> bool {
    matches!(row.note.as_str(), "rewritten" | "same")
}

#[test]
fn the_oracles_give_the_recorded_answers() {
    for case in cases() {
        let Some(system) = oracle_of(&case) else { continue };
        // A second mark in a comment, and schemes, are not modelled.
        let is_modelled =
            |row: &&Row| !row.note.contains("comment-leaks") && !row.input.contains("://");
        for row in case.rows().iter().filter(is_modelled) {
            let own = system(&row.input).unwrap_or_default();
            assert_eq!(own, row.output, "{} in {}", row.input, case.label());
        }
    }
}

/// Rows of `case` that are not answered as recorded.
fn others(case: &Case) -> Vec<(Row, String)> {
    let mapping = mapping(&case.migration());
    let rows = case.rows().into_iter().filter(is_asked_for);
    let rows = rows.map(|row| (answer(&mapping, &row.input, &case.namespace), row));
    rows.filter(|(own, row)| pulled(own) != pulled(&row.output))
        .map(|(own, row)| (row, own))
        .collect()
}

/// What is recorded of an image depends on which of its spellings were tried:
/// `library/redis` alone counts as rewritten where `nginx`, asked for as well,
/// shows that the short spelling goes elsewhere. Rules see one image, so these
/// rows get the place of the shortest spelling, tried or not.
#[test]
fn every_row_that_was_asked_for() {
    let mut spelled = BTreeMap::new();
    let mut inexpressible = BTreeMap::new();
    for case in cases().iter().filter(|case| !case.asks_harbor()) {
        for (row, own) in others(case) {
            let system =
                oracle_of(case).unwrap_or_else(|| panic!("{} in {}", row.input, case.label()));
            let wanted = oracle::wanted(&row.input, &*system);
            let counts =
                if pulled(&own) == pulled(&wanted) { &mut spelled } else { &mut inexpressible };
            *counts.entry(case.label()).or_insert(0) += 1;
            assert!(
                pulled(&own) == pulled(&wanted) || own == row.input,
                "{} in {}",
                row.input,
                case.label()
            );
        }
    }
    let counted = |counts: BTreeMap<String, usize>| -> Vec<String> {
        counts.iter().map(|(case, rows)| format!("{case} {rows}")).collect()
    };
    assert_eq!(counted(spelled), OTHER_SPELLINGS);
    assert_eq!(counted(inexpressible), INEXPRESSIBLE);
}

/// How many rows of a case that is.
const OTHER_SPELLINGS: [&str; 14] = [
    "imageswap-webhook/all-but-some 2",
    "imageswap-webhook/comments-and-old-separator 2",
    "imageswap-webhook/default-only 2",
    "imageswap-webhook/exact 2",
    "imageswap-webhook/legacy-prefix-dash 3",
    "imageswap-webhook/nested-default 2",
    "imageswap-webhook/nested-default-no-wildcard 2",
    "imageswap-webhook/per-registry 2",
    "imageswap-webhook/per-registry-with-default 2",
    "imageswap-webhook/ports 2",
    "imageswap-webhook/trailing-dash 2",
    "imageswap-webhook/trailing-dash-per-registry 2",
    "imageswap-webhook/wildcards 2",
    "k8s-image-replacer/no-hub-target 9",
];

/// Rows that no rule can have: such images stay where they are.
const INEXPRESSIBLE: [&str; 0] = [];

/// What Harbor's projects add is tested with the Harbor source; the rest of
/// these cases is here.
#[test]
fn what_harbor_does_not_decide() {
    for case in cases().iter().filter(|case| case.asks_harbor()) {
        let values = super::values(&case.migration());
        assert!(values["sources"]["harbor"]["url"].is_string(), "{values}");
        let by_harbor = |output: &str| {
            ["harbor.corp.example/", "registry.corp.example:30002/"]
                .iter()
                .any(|place| output.starts_with(place))
        };
        for (row, own) in others(case) {
            assert!(by_harbor(&row.output), "{} in {}: {own}", row.input, case.label());
        }
    }
}

#[test]
fn every_row_that_was_not() {
    for system in System::ALL {
        let mut text = "case\tinput\tnote\trecorded\tdetour\n".to_owned();
        for case in cases().iter().filter(|case| case.system == system && !case.asks_harbor()) {
            let mapping = mapping(&case.migration());
            for row in case.rows().iter().filter(|row| !is_asked_for(row)) {
                let Row { input, output, note } = row;
                let own = answer(&mapping, input, &case.namespace);
                writeln!(text, "{}\t{input}\t{note}\t{output}\t{own}", case.name).unwrap();
            }
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/migrate/answers");
        let path = path.join(format!("{}.tsv", system.as_str()));
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        assert_eq!(text, fs::read_to_string(&path).unwrap(), "{}", path.display());
    }
}

/// `defect:spelling-dependent`: all spellings go to the place of the shortest
/// one that was rewritten.
#[test]
fn spellings_go_to_one_place() {
    for case in cases() {
        let Some(system) = oracle_of(&case) else { continue };
        let mapping = mapping(&case.migration());
        for row in case.rows().iter().filter(|row| row.note == "defect:spelling-dependent") {
            let own = answer(&mapping, &row.input, &case.namespace);
            let wanted = oracle::wanted(&row.input, &*system);
            assert_eq!(pulled(&own), pulled(&wanted), "{} in {}", row.input, case.label());
        }
    }
}

#[test]
fn what_is_no_image_is_left_alone() {
    for case in cases() {
        let mapping = mapping(&case.migration());
        for row in case.rows() {
            let is_invalid = detour::reference::Reference::parse(&row.input).is_err();
            assert!(
                !(is_invalid && answer(&mapping, &row.input, &case.namespace) != row.input),
                "{} in {}",
                row.input,
                case.label()
            );
        }
    }
}
