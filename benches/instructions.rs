//! One case, so many times, for `benches/instructions.sh` to count: it takes
//! what one run costs less from what many cost, so that neither the start nor
//! what a first run alone does is counted, and no symbol is needed.
#![allow(clippy::panic, clippy::expect_used, reason = "a benchmark")]

#[allow(dead_code, reason = "each benchmark uses some")]
mod cases;

use std::hint::black_box;

use bumpalo::Bump;
use detour::reference::Reference;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse().expect("a number");
    let mut arena = Bump::new();
    match words[..] {
        [runs, "parse", shape, bytes] => {
            let text = cases::text(shape, number(bytes));
            for _ in 0..number(runs) {
                let _ = black_box(Reference::parse(black_box(&text)));
            }
        }
        [runs, "decide", targets, rules] => {
            let rules = number(rules);
            let (mapping, images) = (cases::mapping(targets, rules), cases::images(rules));
            for _ in 0..number(runs) {
                cases::decide_all(&mapping, &images, &mut arena);
            }
        }
        [runs, handling @ ("admit" | "settled" | "exempt"), path] => {
            let review = std::fs::read(path).expect("a review");
            let (review, mapping) = match handling {
                "settled" => (cases::patched(&review), cases::one_rule()),
                "exempt" => (review, cases::exempt_everywhere()),
                _ => (review, cases::one_rule()),
            };
            for _ in 0..number(runs) {
                cases::admit_one(&review, &mapping, &mut arena);
            }
        }
        // What `cargo test --benches` does.
        [] | ["--test"] => {}
        _ => panic!(
            "usage: instructions RUNS \
             parse SHAPE BYTES | decide TARGETS RULES | admit FILE | settled FILE | exempt FILE"
        ),
    }
}
