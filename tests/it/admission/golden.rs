//! Golden files: compared, or written with `UPDATE_GOLDEN=1`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bumpalo::Bump;
use detour::admission;
use detour::mapping::Mapping;
use serde_json::{Value, json};

use super::support::mapping;
use crate::oracle;

const RULES: &str = include_str!("../../golden/rules.yaml");

pub(super) fn golden_mapping() -> Mapping {
    mapping(RULES)
}

pub(super) fn path_of(inner: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(inner)
}

/// Compares what was found, by file name, with the files of a directory of
/// golden files; a file too many is as wrong as one too few.
pub(super) fn compare(directory: &str, found: &[(String, Value)]) {
    let directory = path_of(&format!("golden/{directory}"));
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some();
    if is_update {
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).expect("a directory");
    }
    let mut different = Vec::new();
    for (name, value) in found {
        let text = format!("{value:#}\n");
        let path = directory.join(name);
        if is_update {
            fs::write(&path, &text).expect("a file");
        }
        if fs::read_to_string(&path).unwrap_or_default() != text {
            different.push(format!("{}: {text}", path.display()));
        }
    }
    let hint = "look at them, then run UPDATE_GOLDEN=1 cargo test golden and review the difference";
    assert!(different.is_empty(), "{hint}\n{}", different.join("\n"));
    let expected: BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(expected.len(), found.len(), "every name once");
    let there = names(&directory);
    let there: BTreeSet<&str> = there.iter().map(String::as_str).collect();
    assert_eq!(there, expected, "no file without a test");
}

pub(super) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("UTF-8");
    let mut names: Vec<String> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort();
    names
}

/// The body that a golden file stands for: sorted keys, no blanks, the patch
/// in base64.
fn raw(golden: &Value) -> Vec<u8> {
    let mut review = golden.clone();
    if let Some(patch) = golden["response"].get("patch") {
        review["response"]["patch"] = json!(STANDARD.encode(patch.to_string()));
    }
    review.to_string().into_bytes()
}

#[test]
fn every_recorded_review_has_its_golden_answer() {
    let mapping = golden_mapping();
    let directory = path_of("data/reviews");
    let mut found = Vec::new();
    for name in names(&directory) {
        let body = fs::read(directory.join(&name)).expect("a file");
        let sent: Value = serde_json::from_slice(&body).expect("JSON");
        let answer = oracle::answer(&body, &sent, &mapping).expect("a review");
        oracle::check_only_ours_differs(&sent["request"]["object"], &answer.after, None);
        let again = oracle::asked_again(&sent, &answer.after);
        let second = oracle::answer(again.to_string().as_bytes(), &again, &mapping);
        assert_eq!(second.expect("a review").patch, [] as [Value; 0], "{name}");
        let arena = Bump::new();
        let admitted = admission::admit(&body, &mapping, &arena).expect("a review");
        assert_eq!(raw(&answer.review), admitted.body, "{name}: the file is the answer");
        found.push((name, answer.review));
    }
    assert_eq!(found.len(), 30);
    compare("reviews", &found);
}

#[test]
fn there_are_no_other_golden_files() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return;
    }
    assert_eq!(names(&path_of("golden")), ["cells", "reviews", "rules.yaml"]);
}
