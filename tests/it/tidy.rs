//! What the tree promises of itself: its rooms, its sizes, its pages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const PURE: [&str; 6] = ["arena", "reference", "rules", "mapping", "admission", "migrate"];
const PURE_ATTRIBUTE: &str = "#![deny(clippy::disallowed_methods, clippy::disallowed_types)]";
const LINES_MAX: usize = 350;
/// What other programs write, and git's own.
const NOT_OURS: [&str; 6] = [".git", "target", "corpus", "artifacts", "coverage", "node_modules"];

type Edges = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !NOT_OURS.contains(&name) {
            files.extend(files_below(&path));
        } else if path.is_file() && !NOT_OURS.contains(&name) {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn rust_files(directory: &str) -> Vec<PathBuf> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files_below(&root().join(directory)).into_iter().filter(is_rust).collect()
}

/// The code of a file, without lines that are comments.
fn code_of(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("UTF-8");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<&str>>().join("\n")
}

/// The modules that a file is in, its own last: `mapping`, `decide`.
fn modules_of(path: &Path) -> Vec<String> {
    let inner = path.strip_prefix(root().join("src")).expect("below src").with_extension("");
    let parts = inner.iter().map(|part| part.to_str().expect("UTF-8").to_owned());
    parts.filter(|part| part != "mod").collect()
}

/// The first names of the paths that follow each `marker`, those of a group
/// in braces as well.
fn first_names(code: &str, marker: &str) -> Vec<String> {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let mut names = Vec::new();
    for (at, _) in code.match_indices(marker) {
        if code[..at].ends_with(is_name) {
            continue;
        }
        let rest = &code[at + marker.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.push(rest.chars().take_while(|character| is_name(*character)).collect());
            continue;
        };
        let mut depth = 0;
        let mut is_start = true;
        for (index, character) in group.char_indices() {
            match character {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => is_start = true,
                _ if is_start && is_name(character) => {
                    is_start = false;
                    let name = group[index..].chars().take_while(|character| is_name(*character));
                    names.push(name.collect());
                }
                _ => {}
            }
        }
    }
    names
}

/// The edges between rooms that the code has.
fn edges_of_code() -> Edges {
    let files = rust_files("src");
    let rooms: BTreeSet<String> = files.iter().map(|path| modules_of(path)[0].clone()).collect();
    let mut edges = Edges::new();
    for path in files.iter().filter(|path| !path.ends_with("src/lib.rs")) {
        let modules = modules_of(path);
        let code = code_of(path);
        let mut used = first_names(&code, "crate::");
        if modules == ["main"] {
            used.extend(first_names(&code, "detour::"));
        }
        // From here on `super` leaves the room; one more in a module of tests.
        for count in [modules.len(), modules.len() + 1] {
            used.extend(first_names(&code, &"super::".repeat(count)));
        }
        let others = used.into_iter().filter(|name| rooms.contains(name) && *name != modules[0]);
        edges.entry(modules[0].clone()).or_default().extend(others);
    }
    edges
}

/// The edges that ARCHITECTURE.md allows.
fn edges_of_page() -> Edges {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let (_, block) = page.split_once("```edges\n").expect("a block of edges");
    let (block, _) = block.split_once("```").expect("its end");
    let edge = |line: &str| {
        let (room, others) = line.split_once("->").expect("room -> room room");
        let others = others.split_whitespace().map(str::to_owned).collect();
        (room.trim().to_owned(), others)
    };
    block.lines().map(edge).collect()
}

#[test]
fn the_rooms_use_each_other_as_the_page_says() {
    assert_eq!(edges_of_code(), edges_of_page(), "left: the code; right: ARCHITECTURE.md");
}

#[test]
fn paths_are_found_in_every_form() {
    let code = "use crate::a::B;\nuse crate::{b, c::{d, e}, f as g};\nxcrate::no; crate::h::i()";
    assert_eq!(first_names(code, "crate::"), ["a", "b", "c", "f", "h"]);
    assert_eq!(first_names("super::super::x::y", "super::super::"), ["x"]);
}

#[test]
fn the_rooms_form_no_circle() {
    let mut left = edges_of_page();
    while !left.is_empty() {
        let free: Vec<String> = left
            .iter()
            .filter(|(_, uses)| uses.iter().all(|room| !left.contains_key(room)))
            .map(|(room, _)| room.clone())
            .collect();
        assert!(!free.is_empty(), "a circle among {:?}", left.keys());
        left.retain(|room, _| !free.contains(room));
    }
}

#[test]
fn the_pure_rooms_are_pure() {
    let edges = edges_of_page();
    for room in PURE {
        let impure: Vec<&String> =
            edges[room].iter().filter(|other| !PURE.contains(&other.as_str())).collect();
        assert_eq!(impure, [] as [&String; 0], "{room}");
    }
    let forbidden = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "std::io",
        "log::",
        "Instant",
        "SystemTime",
        "println!",
    ];
    let files = rust_files("src").into_iter();
    for path in files.filter(|path| PURE.contains(&modules_of(path)[0].as_str())) {
        let code = code_of(&path);
        for word in forbidden {
            assert!(!code.contains(word), "{} uses {word}", path.display());
        }
        if modules_of(&path).len() == 1 {
            assert!(code.contains(PURE_ATTRIBUTE), "{} has no {PURE_ATTRIBUTE}", path.display());
        }
    }
}

/// Without its tests.
fn own_code_of(path: &Path) -> String {
    let code = code_of(path);
    code.split_once("#[cfg(test)]").map_or(code.clone(), |(code, _)| code.to_owned())
}

#[test]
fn one_file_alone_starts_threads() {
    for path in rust_files("src") {
        let code = own_code_of(&path);
        // By any of these a thread is started, or a name for it imported.
        let found = ["thread::spawn", "thread::scope", "thread::Builder", "thread::{"]
            .into_iter()
            .filter(|word| code.contains(word));
        let own = path.ends_with("src/supervise.rs").then_some("thread::Builder");
        assert_eq!(found.collect::<Vec<_>>(), own.as_slice(), "{}", path.display());
    }
}

#[test]
fn threads_that_may_end_are_few() {
    let files = rust_files("src").into_iter();
    let files = files.filter(|path| own_code_of(path).contains("supervise::spawn("));
    let files: Vec<String> = files.map(|path| modules_of(&path).join("/")).collect();
    // A connection closes with its thread; who asked the resolver has a deadline.
    assert_eq!(files, ["client/resolve", "server/listener"]);
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    for path in ["src", "tests", "fuzz"].into_iter().flat_map(rust_files) {
        let lines = fs::read_to_string(&path).expect("UTF-8").lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
    }
}

#[test]
fn the_changelog_has_the_version() {
    let page = fs::read_to_string(root().join("CHANGELOG.md")).expect("CHANGELOG.md");
    let version = env!("CARGO_PKG_VERSION");
    let is_heading = |line: &str| {
        line.strip_prefix("## ").is_some_and(|heading| {
            heading.trim_start_matches('[').split([' ', ']']).next() == Some(version)
        })
    };
    assert!(page.lines().any(is_heading), "no heading for {version}");
}

#[test]
fn nothing_is_left_to_be_done_or_bound_to_one_machine() {
    // In pieces, so that this file does not hold them.
    let marks = [["TO", "DO"], ["FIX", "ME"], ["/wo", "rk/"], ["/ho", "me/"], ["../sha", "red"]];
    let marks: Vec<String> = marks.iter().map(|pieces| pieces.concat()).collect();
    for path in files_below(root()) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        // The check of this project's own machines finds their tools beside the checkout.
        let own_check = path.ends_with(".ci/run");
        for mark in &marks[..marks.len() - usize::from(own_check)] {
            assert!(!text.contains(mark.as_str()), "{} holds {mark:?}", path.display());
        }
    }
}
