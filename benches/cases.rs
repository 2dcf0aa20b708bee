//! What the benchmarks measure: texts, rules and reviews, always the same.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bumpalo::Bump;
use detour::admission::admit;
use detour::mapping::Mapping;
use detour::mapping::policy::Policy;
use detour::mapping::scope::Pod;
use detour::rules::merge::{Merged, merge};
use detour::rules::selector::Globs;
use detour::rules::target::Target;
use detour::rules::{Action, ImageMap, Matcher, Rule, Source, Text, load};
use json_patch::Patch;
use serde_json::{Value, json};

/// Images decided on in one round of [`decide_all`].
pub(crate) const LOOK_UPS: usize = 4_000;
/// Registries that the rules are for.
const REGISTRIES: usize = 200;
/// Rules of one map; a document has at most 8,192.
const RULES_PER_MAP: usize = 5_000;
/// A recorded review of a pod with four images, three of which change.
const REVIEW: &str = include_str!("data/review.json");

/// Decides on each image, as a connection does: in one arena.
pub(crate) fn decide_all(mapping: &Mapping, images: &[String], arena: &mut Bump) {
    let pod = Pod { namespace: "web", ..Pod::default() };
    for image in images {
        black_box(mapping.decide(black_box(image), &pod, arena));
        arena.reset();
    }
}

/// Answers a review, as a connection does: in one arena.
#[inline(never)]
pub(crate) fn admit_one(review: &[u8], mapping: &Mapping, arena: &mut Bump) {
    let _ = black_box(admit(black_box(review), mapping, arena));
    arena.reset();
}

/// The recorded review, or one made from it: `four`, `twenty` or
/// `five-hundred` images, or `large`, four images and 1 MiB of environment.
pub(crate) fn review(name: &str) -> Vec<u8> {
    let mut review: Value = serde_json::from_str(REVIEW).expect("JSON");
    let containers = review["request"]["object"]["spec"]["containers"].as_array_mut();
    let containers = containers.expect("an array");
    let mut fill = |images: usize| {
        // One more is an init container's.
        let named = (0..images - 1).map(|index| {
            let mut container = containers[index % containers.len()].clone();
            container["name"] = json!(format!("c{index}"));
            container
        });
        *containers = named.collect();
    };
    match name {
        "four" => return REVIEW.as_bytes().to_vec(),
        "twenty" => fill(20),
        "five-hundred" => fill(500),
        "large" => {
            let variables =
                (0..).map(|index| json!({"name": format!("E{index}"), "value": "x".repeat(40)}));
            let bytes =
                variables.clone().take(1).map(|one| one.to_string().len() + 1).sum::<usize>();
            containers[0]["env"] = variables.take((1 << 20) / bytes).collect();
        }
        _ => panic!("unknown review {name:?}"),
    }
    review.to_string().into_bytes()
}

/// The review with its own patch applied: a second admission, which changes
/// nothing.
pub(crate) fn patched(review: &[u8]) -> Vec<u8> {
    let (mapping, arena) = (one_rule(), Bump::new());
    let answer = admit(review, &mapping, &arena).expect("an answer");
    let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let mut review: Value = serde_json::from_slice(review).expect("JSON");
    if let Some(patch) = answer["response"]["patch"].as_str() {
        let patch = STANDARD.decode(patch).expect("base64");
        let patch: Patch = serde_json::from_slice(&patch).expect("a patch");
        json_patch::patch(&mut review["request"]["object"], &patch).expect("it applies");
    }
    review.to_string().into_bytes()
}

/// The same rule, and every namespace is left alone.
pub(crate) fn exempt_everywhere() -> Mapping {
    let exempt_namespaces = Globs::new(["*"]).expect("a glob");
    Mapping::new(docker_hub(), Policy { exempt_namespaces, ..Policy::default() })
}

/// All of Docker Hub goes to a mirror.
pub(crate) fn one_rule() -> Mapping {
    Mapping::new(docker_hub(), Policy::default())
}

fn docker_hub() -> Merged {
    let text = "apiVersion: detour.dev/v1alpha1\nkind: ClusterImageMap\nmetadata: {name: m}\n\
                spec: {rules: [{prefix: docker.io, to: mirror.example.com/dockerhub}]}\n";
    let text = Text { name: "rules.yaml".to_owned(), content: text.to_owned() };
    merge(load(Source::File, &[text]).maps)
}

/// A text of this many bytes that the parser has to read to its end.
pub(crate) fn text(shape: &str, bytes: usize) -> String {
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
pub(crate) fn mapping(targets: &str, count: usize) -> Mapping {
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
pub(crate) fn images(rules: usize) -> Vec<String> {
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
