//! `docs/comparison.md` names tests, steps and files that are there.

use std::fs;
use std::path::{Path, PathBuf};

/// The words of Detour's column.
const WORDS: [&str; 4] = ["yes", "rule", "better", "no"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The texts between backticks of a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The last two cells of a row of one of the comparing tables: Detour's
/// column, and what shows it.
fn claim(line: &str) -> Option<(&str, &str)> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = inner.split('|').map(str::trim).collect();
    let [.., detour, shown] = cells[..] else { return None };
    let is_head = detour == "Detour" || detour.starts_with('-');
    (cells.len() > 2 && !is_head).then_some((detour, shown))
}

/// Where a test may be: `a::b::c` in `a/b.rs` or `a/b/mod.rs`.
fn files(modules: &[&str]) -> Vec<PathBuf> {
    let path = modules.iter().filter(|module| **module != "tests").collect::<PathBuf>();
    let rooms = ["tests/it", "tests/cluster", "src"].map(|room| root().join(room).join(&path));
    rooms.iter().flat_map(|path| [path.with_extension("rs"), path.join("mod.rs")]).collect()
}

fn has_test(name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    let Some((function, modules)) = parts.split_last() else { return false };
    let found = files(modules).into_iter().filter_map(|path| fs::read_to_string(path).ok());
    let begin = format!("fn {function}(");
    found.into_iter().any(|text| match function.is_empty() {
        // `cargo test mapping::` runs all of a module.
        true => text.contains("\nmod "),
        false => {
            text.match_indices(&begin).any(|(at, _)| text[..at].trim_end().ends_with("#[test]"))
        }
    })
}

#[test]
fn every_test_step_and_file_that_is_named_is_there() {
    let (mut tests, mut steps) = (0, 0);
    for line in read("docs/comparison.md").lines().filter(|line| line.starts_with('|')) {
        for text in quoted(line) {
            let text = text.strip_prefix("cargo test ").unwrap_or(text);
            if text.contains("::") && !text.contains(' ') && !text.starts_with('[') {
                tests += 1;
                assert!(has_test(text), "there is no test {text}");
            } else if text.starts_with("tests/") {
                let (path, step) = text.split_once(": ").unwrap_or((text, ""));
                assert!(root().join(path).is_file(), "there is no {path}");
                let has_step = read(path).contains(&format!("\nstep \"{step}\"\n"));
                assert!(step.is_empty() || has_step, "{path} has no step {step:?}");
                steps += 1;
            }
        }
    }
    assert!(tests > 100 && steps > 20, "{tests} tests, {steps} steps and files");
}

#[test]
fn every_yes_is_shown_and_every_no_has_a_reason() {
    let page = read("docs/comparison.md");
    let claims: Vec<(&str, &str)> = page.lines().filter_map(claim).collect();
    assert!(claims.len() > 180, "{}", claims.len());
    for (word, shown) in claims {
        assert!(WORDS.contains(&word) && !shown.is_empty(), "{word}: {shown}");
        let is_shown = quoted(shown).next().is_some() || shown == "the same test";
        assert!(word != "yes" || is_shown, "nothing shows {shown:?}");
    }
}
