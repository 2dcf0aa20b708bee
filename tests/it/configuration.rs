//! `docs/configuration.md` names what there is, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use detour::metrics::Metrics;
use detour::metrics::server::{ProbeMetrics, ServerMetrics};
use detour::metrics::sources::SourceMetrics;
use detour::rules::Kind;
use detour::rules::schema::schema;
use serde_json::Value;

use crate::program::program;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The rows below a heading: the names in their first cell, and the row.
fn rows(heading: &str) -> Vec<(String, String)> {
    let page = read("docs/configuration.md");
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let name = |row: &str| row.strip_prefix("| `")?.split('`').next().map(str::to_owned);
    section.lines().filter_map(|row| Some((name(row)?, row.to_owned()))).collect()
}

fn names(heading: &str) -> BTreeSet<String> {
    let rows = rows(heading);
    let names: BTreeSet<String> = rows.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), rows.len(), "{heading} has a name twice");
    names
}

#[test]
fn every_flag_and_variable() {
    let help = Command::new(program()).arg("help").output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let flag = |line: &str| line.strip_prefix("  --")?.split([' ', ',']).next().map(str::to_owned);
    let flags: BTreeSet<String> =
        help.lines().filter_map(flag).map(|flag| format!("--{flag}")).collect();
    let flags: BTreeSet<String> =
        flags.into_iter().filter(|flag| flag != "--version" && flag != "--help").collect();
    assert!(flags.len() > 10, "{flags:?}");
    assert_eq!(names("Flags and variables"), flags);
    for (flag, row) in rows("Flags and variables") {
        let variable = flag.trim_start_matches('-').replace('-', "_").to_uppercase();
        assert!(row.contains(&format!("| `DETOUR_{variable}`")), "{row}");
    }
}

/// The paths of all values below a schema; a list's end in `[]`.
fn paths(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        let dot = if path.is_empty() { "" } else { "." };
        for (name, schema) in properties {
            paths(schema, &format!("{path}{dot}{name}"), found);
        }
    } else if schema["items"]["properties"].is_object() {
        paths(&schema["items"], &format!("{path}[]"), found);
    } else {
        found.insert(path.to_owned());
    }
}

#[test]
fn every_field_of_a_map() {
    let mut fields = BTreeSet::new();
    let spec = &schema(Kind::ClusterImageMap)["properties"]["spec"];
    paths(spec, "", &mut fields);
    assert_eq!(names("Fields of a map"), fields);
}

#[test]
fn every_reason() {
    let source = read("src/mapping/reason.rs");
    let word = |line: &str| line.split_once(" => \"")?.1.split('"').next().map(str::to_owned);
    let reasons: BTreeSet<String> = source.lines().filter_map(word).collect();
    assert!(reasons.len() > 10, "{reasons:?}");
    assert_eq!(names("Reasons"), reasons);
}

#[test]
fn every_metric() {
    let metrics = Metrics::default();
    metrics.admission("CREATE", "patched", Duration::ZERO);
    metrics.image(Some(&"a".into()), "keep");
    metrics.observed(&"a".into(), "keep");
    let server = ServerMetrics {
        handshake_failures: vec![("not-tls", 1)],
        limits: vec![("head", 1)],
        ..ServerMetrics::default()
    };
    metrics.server.set(&server);
    metrics.server.set_probe(ProbeMetrics::default());
    metrics.sources.set("file", &SourceMetrics::default());
    metrics.certificates.rotation("new");
    metrics.write_back.status_written("written");
    metrics.write_back.event("sent");
    metrics.write_back.set_outdated("imagemaps.detour.dev", false);
    let text = metrics.encode().unwrap();
    let name = |line: &str| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        Some(match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        })
    };
    let found: BTreeSet<String> = text.lines().filter_map(name).collect();
    assert_eq!(names("Metrics"), found, "{text}");
}
