//! `detour migrate`: what five systems did is what the rules do.
//!
//! `tests/data/migrate` holds configurations of those systems and what their
//! own code made of images and pods, one directory a case.

mod cli;
mod lines;
mod oracle;
mod parity;
mod pods;
mod properties;
mod systems;

use bumpalo::Bump;
use std::fs;
use std::path::{Path, PathBuf};

use detour::mapping::Mapping;
use detour::mapping::policy::{OptOut, Policy};
use detour::mapping::scope::Pod;
use detour::migrate::{self, File, Migration, System};
use detour::reference::Reference;
use detour::rules::merge::merge;
use detour::rules::selector::Globs;
use detour::rules::{Source, Text, load};
use serde_json::Value;

/// A recorded configuration.
struct Case {
    system: System,
    name: String,
    directory: PathBuf,
    /// The namespace of its pods.
    namespace: String,
}

/// What a system made of an image.
struct Row {
    input: String,
    output: String,
    note: String,
}

impl Case {
    fn files(&self) -> Vec<File> {
        files_in(&self.directory.join("config"))
    }

    fn migration(&self) -> Migration {
        migrated(self.system, &self.files())
    }

    fn rows(&self) -> Vec<Row> {
        let text = fs::read_to_string(self.directory.join("cases.tsv")).unwrap();
        let row = |line: &str| {
            let [input, output, note] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            Row { input: input.to_owned(), output: output.to_owned(), note: note.to_owned() }
        };
        text.lines().skip(1).map(row).collect()
    }

    fn label(&self) -> String {
        format!("{}/{}", self.system.as_str(), self.name)
    }

    /// Whether proxy projects of Harbor had a part in the answers.
    fn asks_harbor(&self) -> bool {
        self.directory.join("config/harbor").exists()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/migrate")
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// The files that stand in a directory, named without it.
fn files_in(directory: &Path) -> Vec<File> {
    let files = entries(directory).into_iter().filter(|path| path.is_file());
    files
        .map(|path| File { name: file_name(&path), text: fs::read_to_string(&path).unwrap() })
        .collect()
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for system in System::ALL {
        for directory in entries(&root().join(system.as_str())) {
            let namespace = fs::read_to_string(directory.join("namespace"));
            let namespace = namespace.map_or("shop".to_owned(), |text| text.trim().to_owned());
            cases.push(Case { system, name: file_name(&directory), directory, namespace });
        }
    }
    assert_eq!(cases.len(), 47);
    cases
}

fn migrated(system: System, files: &[File]) -> Migration {
    migrate::migrate(system, files, "default").unwrap_or_else(|error| panic!("{error}"))
}

/// The migration of one file of this name.
fn of_text(system: System, name: &str, text: &str) -> Migration {
    migrated(system, &[File { name: name.to_owned(), text: text.to_owned() }])
}

/// The rules of a migration in force, with the opt-out keys of its values.
fn mapping(migration: &Migration) -> Mapping {
    let text = Text { name: "rules.yaml".to_owned(), content: migration.documents.clone() };
    let loaded = load(Source::File, &[text]);
    assert_eq!(loaded.report.faults, [], "{}", migration.documents);
    let merged = merge(loaded.maps);
    assert_eq!(merged.out_of_force, [], "{}", migration.documents);
    let keys = values(migration)["optOutKeys"].as_array().cloned().unwrap_or_default();
    let policy = Policy {
        exempt_namespaces: Globs::new(["kube-system"]).unwrap(),
        opt_outs: keys.iter().map(|key| opt_out(key.as_str().unwrap())).collect(),
        ..Policy::default()
    };
    Mapping::new(merged, policy)
}

fn opt_out(key: &str) -> OptOut {
    OptOut { key: key.to_owned(), value: "disabled".to_owned() }
}

fn values(migration: &Migration) -> Value {
    serde_saphyr::from_str(&migration.values).unwrap_or_else(|error| panic!("{error}"))
}

/// What the rules make of an image: a text, the same one if it stays.
fn answer(mapping: &Mapping, image: &str, namespace: &str) -> String {
    let pod = Pod { namespace, ..Pod::default() };
    let arena = Bump::new();
    let decision = mapping.decide(image, &pod, &arena);
    decision.image.map_or_else(|| image.to_owned(), |image| image.to_string())
}

/// What a kubelet would pull; the text itself when it is no image.
fn pulled(image: &str) -> String {
    let Ok(reference) = Reference::parse(image) else { return image.to_owned() };
    match (reference.tag(), reference.digest()) {
        (None, None) => format!("{reference}:latest"),
        _ => reference.to_string(),
    }
}
