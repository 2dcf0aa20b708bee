//! What a line becomes, system by system.

mod imageswap;
mod mapper;
mod others;
mod settings;

use detour::migrate::{System, Verdict};

use super::{answer, mapping, of_text, pulled};

/// Checks what the rules make of images, in the namespace `default`.
fn check(system: System, name: &str, text: &str, cases: &[(&str, &str)]) {
    let migration = of_text(system, name, text);
    let mapping = mapping(&migration);
    for (image, expected) in cases {
        let own = answer(&mapping, image, "default");
        assert_eq!(pulled(&own), pulled(expected), "{image} by\n{text}\n{}", migration.documents);
    }
}

/// The verdicts on a line, with what is told.
fn told(system: System, name: &str, text: &str, line: u64) -> Vec<(Verdict, String)> {
    let report = of_text(system, name, text).report.into_iter().filter(|entry| entry.line == line);
    report.map(|entry| (entry.verdict, entry.text)).collect()
}

#[track_caller]
fn tells(system: System, name: &str, text: &str, line: u64, verdict: Verdict, words: &str) {
    let told = told(system, name, text, line);
    assert!(
        told.iter().any(|(found, text)| *found == verdict && text.contains(words)),
        "{told:#?}"
    );
}

fn digest(digit: &str) -> String {
    format!("sha256:{}", digit.repeat(64))
}
