//! What parsing a reference and deciding on an image cost.
//!
//! Without arguments it prints wall times. `parse SHAPE BYTES` and
//! `decide TARGETS RULES` run one case for `benches/instructions.sh`, which counts the
//! instructions inside [`measured_parse`] and [`measured_decide`].
#![allow(clippy::print_stdout, clippy::panic, clippy::expect_used, reason = "a benchmark")]

use std::hint::black_box;
use std::time::Instant;

use bumpalo::Bump;
use detour::admission::admit;
use detour::mapping::Mapping;
use detour::mapping::policy::Policy;
use detour::mapping::scope::Pod;
use detour::reference::Reference;
use detour::rules::merge::merge;
use detour::rules::target::Target;
use detour::rules::{Action, ImageMap, Matcher, Rule, Source, Text, load};

const SHAPES: [&str; 3] = ["host", "path", "hyphens"];
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
const RULES: [usize; 3] = [10, 1_000, 100_000];
/// What the rules' targets are: a path each, or a template for all.
const TARGETS: [&str; 2] = ["literal", "template"];
/// Registries that the rules are for.
const REGISTRIES: usize = 200;
/// Images decided on in one round.
const LOOK_UPS: usize = 4_000;
/// Runs that a wall time is the fastest of.
const ROUNDS: usize = 50;
/// Rules of one map; a document has at most 8,192.
const RULES_PER_MAP: usize = 5_000;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse().expect("a number");
    match words[..] {
        [] => print_wall_times(),
        ["parse", shape, bytes] => measured_parse(&text(shape, number(bytes))),
        ["decide", targets, rules] => {
            let rules = number(rules);
            measured_decide(&mapping(targets, rules), &images(rules));
        }
        ["admit", path] => admit_warm(&std::fs::read(path).expect("a review"), &one_rule()),
        _ => panic!("usage: instructions [parse SHAPE BYTES | decide TARGETS RULES | admit FILE]"),
    }
}

fn print_wall_times() {
    for shape in SHAPES {
        for bytes in SIZES {
            let text = text(shape, bytes);
            let nanoseconds = fastest(|| measured_parse(&text)) / bytes as f64;
            println!("parse {shape:8} {bytes:7} bytes: {nanoseconds:6.2} ns/byte");
        }
    }
    for (targets, rules) in TARGETS.into_iter().flat_map(|t| RULES.map(|rules| (t, rules))) {
        let (mapping, images) = (mapping(targets, rules), images(rules));
        let nanoseconds = fastest(|| measured_decide(&mapping, &images)) / LOOK_UPS as f64;
        println!("decide {targets:8} {rules:7} rules: {nanoseconds:6.0} ns/decide");
    }
}

/// Nanoseconds of the fastest of many runs: what a busy machine adds is not
/// the code's.
fn fastest(run: impl Fn()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_nanos() as f64
    };
    (0..ROUNDS).map(time).fold(f64::INFINITY, f64::min)
}

#[inline(never)]
fn measured_parse(text: &str) {
    let _ = black_box(Reference::parse(black_box(text)));
}

#[inline(never)]
fn measured_decide(mapping: &Mapping, images: &[String]) {
    let mut arena = Bump::new();
    let pod = Pod { namespace: "web", ..Pod::default() };
    for image in images {
        black_box(mapping.decide(black_box(image), &pod, &arena));
        arena.reset();
    }
}

#[inline(never)]
fn measured_admit(review: &[u8], mapping: &Mapping, arena: &Bump) {
    let _ = black_box(admit(black_box(review), mapping, arena));
}

/// Admits as a connection does that has admitted the same before.
fn admit_warm(review: &[u8], mapping: &Mapping) {
    let mut arena = Bump::new();
    let _ = black_box(admit(review, mapping, &arena));
    arena.reset();
    measured_admit(review, mapping, &arena);
}

/// All of Docker Hub goes to a mirror.
fn one_rule() -> Mapping {
    let text = "apiVersion: detour.dev/v1alpha1\nkind: ClusterImageMap\nmetadata: {name: m}\n\
                spec: {rules: [{prefix: docker.io, to: mirror.example.com/dockerhub}]}\n";
    let text = Text { name: "rules.yaml".to_owned(), content: text.to_owned() };
    Mapping::new(merge(load(Source::File, &[text]).maps), Policy::default())
}

/// A text of this many bytes that the parser has to read to its end.
fn text(shape: &str, bytes: usize) -> String {
    let fill = |start: &str, filler: &str, end: &str| {
        let middle = bytes - start.len() - end.len();
        let filler = filler.repeat(middle / filler.len() + 1);
        format!("{start}{}{end}", &filler[..middle])
    };
    match shape {
        "host" => fill("", "abc.", "x.io/a"),
        // Wrong in its last byte only.
        "path" => fill("a.io/", "abc/", "/x_"),
        "hyphens" => fill("a.io/a", "-", "_"),
        _ => panic!("unknown shape {shape:?}"),
    }
}

/// `count` prefix rules over the registries.
fn mapping(targets: &str, count: usize) -> Mapping {
    // The rule is there for its template.
    let text = "apiVersion: detour.dev/v1alpha1\nkind: ClusterImageMap\nmetadata: {name: m}\n\
                spec: {rules: [{prefix: a.io, to: \"{registry}/mirror/{repository}\"}]}\n";
    let text = Text { name: "rules.yaml".to_owned(), content: text.to_owned() };
    let sample = load(Source::File, &[text]).maps.pop().expect("one map");
    let target = |index| match targets {
        "literal" => Action::To([Target::Below(literal_target(index))].into()),
        _ => sample.rules[0].action.clone(),
    };
    let rules: Vec<Rule> = (0..count).map(|index| rule(index, target(index))).collect();
    let maps = rules.chunks(RULES_PER_MAP).enumerate().map(|(index, rules)| {
        let mut map: ImageMap = sample.clone();
        map.id.name = format!("m{index}");
        map.rules = rules.into();
        map
    });
    let merged = merge(maps.collect());
    assert!(merged.out_of_force.is_empty());
    Mapping::new(merged, Policy::default())
}

fn rule(index: usize, action: Action) -> Rule {
    let matcher = Matcher::Prefix(prefix(index));
    Rule { name: format!("r{index}"), line: 0, matcher, action }
}

fn literal_target(index: usize) -> String {
    format!("mirror.example.com/m{:03}/{index:06}", index % REGISTRIES)
}

fn prefix(index: usize) -> String {
    format!("r{:03}.example.com/team{index:06}", index % REGISTRIES)
}

/// Images in random order: half of them match a rule, the others are of a
/// registry that no rule names, below one that rules name, or below a mirror.
fn images(rules: usize) -> Vec<String> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut image = |_| {
        let index = random(rules);
        match random(6) {
            0 => format!("x{}/app:1.27.3", &prefix(index)[1..]),
            1 => format!("{}/app:1.27.3", prefix(index).replace("/team", "/none")),
            2 => format!("{}/app:1.27.3", literal_target(index).replace("/m", "/x")),
            _ => format!("{}/app:1.27.3", prefix(index)),
        }
    };
    (0..LOOK_UPS).map(&mut image).collect()
}
