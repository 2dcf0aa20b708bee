//! What the fuzz targets do with arbitrary bytes; the tests run it over the
//! seeds, so that an input that once failed is tried for ever.

mod glob;
mod http_head;
mod review;
mod template;

use std::sync::LazyLock;

use bumpalo::Bump;
use detour::admission::Handling;
use detour::mapping::Mapping;
use detour::mapping::policy::Policy;
use detour::mapping::scope::Pod;
use detour::reference::Reference;
use detour::rules::{Source, Text, load, merge::merge};
use serde_json::Value;

pub(crate) use glob::fuzz_glob;
pub(crate) use http_head::fuzz_http_head;
pub(crate) use review::fuzz_review;
pub(crate) use template::fuzz_template;

use super::oracle;

const GOLDEN_RULES: &str = include_str!("../../golden/rules.yaml");
const IMAGES: [&str; 6] = [
    "nginx",
    "quay.io/a/b:1",
    "localhost/x",
    "registry.example.com:5000/a/b/c:v1",
    "ghcr.io/a@sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b",
    "[2001:db8::1]:5000/a:b@sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b",
];

static GOLDEN: LazyLock<Mapping> = LazyLock::new(|| {
    let policy = Policy {
        label: Some(("detour.dev/patched".to_owned(), "yes".to_owned())),
        warnings: true,
        ..Policy::default()
    };
    compiled(GOLDEN_RULES, policy).expect("the golden rules have no fault")
});

fn compiled(rules: &str, policy: Policy) -> Option<Mapping> {
    let loaded = load(Source::File, &[Text { name: "f".to_owned(), content: rules.to_owned() }]);
    for fault in loaded.report.faults.iter().chain(&loaded.report.warnings) {
        assert!(!fault.to_string().contains(char::is_control), "{fault:?}");
    }
    loaded.report.faults.is_empty().then(|| Mapping::new(merge(loaded.maps), policy))
}

/// Bytes that choose; without any more, the first of everything.
struct Choices<'b>(&'b [u8]);

impl Choices<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or_default()
    }

    fn of<'t, T>(&mut self, table: &'t [T]) -> &'t T {
        &table[usize::from(self.byte()) % table.len()]
    }
}

/// A parsed reference prints as itself.
pub(crate) fn fuzz_reference(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(reference) = Reference::parse(text) else { return };
    let printed = reference.to_string();
    assert_eq!(Reference::parse(&printed).as_ref(), Ok(&reference), "{text:?}");
    let mut joined = reference.repository().to_owned();
    if !reference.registry().is_empty() {
        joined = format!("{}/{joined}", reference.registry());
    }
    assert_eq!(joined, reference.name());
    joined.extend(reference.tag().into_iter().flat_map(|tag| [":", tag]));
    joined.extend(reference.digest().into_iter().flat_map(|digest| ["@", digest]));
    assert_eq!(joined, printed);
}

/// Every answer is well-formed, applies, and asks for nothing the second time.
pub(crate) fn fuzz_admit(bytes: &[u8]) {
    check_answer(bytes, &GOLDEN);
}

/// As [`fuzz_admit`], by other rules; whether the bytes are a review.
pub(crate) fn check_answer(bytes: &[u8], mapping: &Mapping) -> bool {
    let sent = match serde_json::from_slice::<Value>(bytes) {
        Ok(sent) => sent,
        Err(error) => {
            // Whatever another reader refuses is refused, but for 1e999.
            let told = oracle::told(bytes, mapping);
            let is_large = error.to_string().starts_with("number out of range");
            assert!(told.is_err() || is_large, "{error}: {}", String::from_utf8_lossy(bytes));
            return told.is_ok();
        }
    };
    let answer = match oracle::answer(bytes, &sent, mapping) {
        Ok(answer) => answer,
        Err(error) => {
            assert!(!error.to_string().contains("not JSON"), "{sent}");
            return false;
        }
    };
    let label = mapping.policy().label.as_ref().map(|(key, _)| key.as_str());
    oracle::check_only_ours_differs(&sent["request"]["object"], &answer.after, label);
    if answer.outcome.handling == Handling::NotUnderstood {
        // This oracle reads more: of a key that is there twice, the last.
        assert_eq!(answer.patch, [] as [Value; 0]);
        return true;
    }
    let again = oracle::asked_again(&sent, &answer.after);
    let second = oracle::answer(again.to_string().as_bytes(), &again, mapping).expect("a review");
    assert_eq!(second.patch, [] as [Value; 0], "after {:#?}", answer.patch);
    true
}

/// No text makes the rules panic, and rules without a fault decide: what they
/// make of an image is one, and stays where it is.
pub(crate) fn fuzz_rules(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(mapping) = compiled(text, Policy::default()) else { return };
    decide_on(&IMAGES, &mapping);
}

/// The first line is a pattern's kind and the pattern, the second a target,
/// the others are images.
pub(crate) fn fuzz_pattern_target(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.lines();
    let (Some(pattern), Some(target)) = (lines.next(), lines.next()) else { return };
    let Some((kind, pattern)) = pattern.split_once(' ') else { return };
    let rule = serde_json::json!({ kind: pattern, "to": target });
    let rules = serde_json::json!({
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "ClusterImageMap",
        "metadata": {"name": "fuzz"},
        "spec": {"rules": [rule]},
    });
    let Some(mapping) = compiled(&rules.to_string(), Policy::default()) else { return };
    let images: Vec<&str> = lines.chain(IMAGES).collect();
    decide_on(&images, &mapping);
}

fn decide_on(images: &[&str], mapping: &Mapping) {
    let pod = Pod { namespace: "shop", ..Pod::default() };
    for image in images {
        let arena = Bump::new();
        let decision = mapping.decide(image, &pod, &arena);
        if let Some(new) = decision.image {
            assert_ne!(new.to_string(), *image);
            let second = mapping.decide(new.as_str(), &pod, &arena);
            assert_eq!(second.image, None, "{image} became {new} by {:?}", decision.rule);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Tries what is in a directory; the number of inputs.
    fn each_of(directory: &str, try_it: fn(&[u8])) -> usize {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        let entries = fs::read_dir(directory).expect("a directory");
        let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        for path in &paths {
            try_it(&fs::read(path).expect("a file"));
        }
        paths.len()
    }

    #[test]
    fn every_seed_of_the_fuzz_targets_passes() {
        assert!(each_of("fuzz/seeds/glob", fuzz_glob) >= 20);
        assert!(each_of("fuzz/seeds/http_head", fuzz_http_head) >= 20);
        assert!(each_of("fuzz/seeds/pattern_target", fuzz_pattern_target) >= 5);
        assert!(each_of("fuzz/seeds/reference", fuzz_reference) >= 30);
        assert!(each_of("fuzz/seeds/review", fuzz_review) >= 20);
        assert!(each_of("fuzz/seeds/rules", fuzz_rules) >= 2);
        assert!(each_of("fuzz/seeds/template", fuzz_template) >= 20);
        assert_eq!(each_of("tests/data/reviews", fuzz_admit), 30);
    }

    #[test]
    fn every_reference_vector_passes() {
        let vectors = include_str!("../../data/references.tsv").lines();
        let inputs = vectors.filter_map(|line| line.split_once('\t')).map(|(input, _)| input);
        assert!(inputs.inspect(|input| fuzz_reference(input.as_bytes())).count() >= 400);
    }
}
