//! What holds for every object and all rules: see `oracle` and `fuzzed` for
//! what is checked of each answer.

use std::fs;
use std::sync::LazyLock;

use detour::mapping::Mapping;
use detour::mapping::policy::Policy;
use detour::rules::{Source, Text, load, merge::merge};
use proptest::prelude::*;
use proptest::sample::Index;

use super::generated::{any_review, any_rules};
use super::golden::{golden_mapping, names, path_of};
use crate::fuzzed::check_answer;

const CASES: u32 = 300;

static RECORDED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let directory = path_of("data/reviews");
    let read = |name: &String| fs::read(directory.join(name)).expect("a file");
    names(&directory).iter().map(read).collect()
});
static GOLDEN: LazyLock<Mapping> = LazyLock::new(golden_mapping);

/// None when the rules have a fault: then they are never in force.
fn compiled(rules: &str) -> Option<Mapping> {
    let loaded = load(Source::File, &[Text { name: "f".to_owned(), content: rules.to_owned() }]);
    let label = Some(("patched".to_owned(), "yes".to_owned()));
    let policy = Policy { label, warnings: true, ..Policy::default() };
    loaded.report.faults.is_empty().then(|| Mapping::new(merge(loaded.maps), policy))
}

/// One change of a review's bytes.
#[derive(Debug, Clone)]
enum Change {
    Flip(u8),
    Remove(u8),
    Insert(&'static str),
    Copy(Index, u8),
}

fn any_change() -> impl Strategy<Value = Change> {
    let tokens = [
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "0",
        "-1e999",
        "\\u0000",
        "\\ud800",
        "{}",
        "[]",
        "\"image\":\"nginx\",",
        "\"name\":\"c\",",
        "\"spec\":null,",
        "null,",
        "\"\",",
        "\"containers\":[],",
        "\u{2028}",
        "\"uid\":\"x\",",
    ];
    prop_oneof![
        any::<u8>().prop_map(Change::Flip),
        any::<u8>().prop_map(Change::Remove),
        proptest::sample::select(tokens.to_vec()).prop_map(Change::Insert),
        (any::<Index>(), any::<u8>()).prop_map(|(from, length)| Change::Copy(from, length)),
    ]
}

fn change(body: &mut Vec<u8>, at: Index, change: &Change) {
    if body.is_empty() {
        return;
    }
    let at = at.index(body.len());
    let end = |from: usize, length: u8| (from + usize::from(length)).min(body.len());
    match change {
        Change::Flip(mask) => body[at] ^= mask,
        Change::Remove(length) => drop(body.drain(at..end(at, *length))),
        Change::Insert(text) => drop(body.splice(at..at, text.bytes())),
        Change::Copy(from, length) => {
            let from = from.index(body.len());
            let copy = body[from..end(from, *length)].to_vec();
            body.splice(at..at, copy);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        max_global_rejects: 4 * CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn answers_to_any_object_by_any_rules_are_sound(review in any_review(), rules in any_rules()) {
        let mapping = compiled(&rules);
        prop_assume!(mapping.is_some());
        let mapping = mapping.expect("rules without a fault");
        prop_assert!(check_answer(review.to_string().as_bytes(), &mapping));
    }

    #[test]
    fn answers_to_broken_reviews_are_sound(
        recorded in any::<Index>(),
        changes in proptest::collection::vec((any::<Index>(), any_change()), 1..4),
    ) {
        let mut body = recorded.get(&RECORDED).clone();
        for (at, what) in &changes {
            change(&mut body, *at, what);
        }
        // Whether it is a review at all is not foreseen; that it does not
        // panic and what the answer is, if any, is checked within.
        check_answer(&body, &GOLDEN);
    }
}
