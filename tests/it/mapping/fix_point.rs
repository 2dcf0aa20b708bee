//! Deciding twice changes nothing the second time, for random rule sets of
//! every kind; and a result never loses a digest nor gives it another tag.

use bumpalo::Bump;
use detour::mapping::Mapping;
use detour::mapping::policy::Policy;
use detour::mapping::reason::Reason;
use detour::mapping::scope::{CountsAs, Pod};
use detour::reference::{Reference, looks_like_registry};
use detour::rules::merge::merge;
use detour::rules::{Source, load};
use proptest::prelude::*;
use proptest::sample::select;

use super::{digest, pod_in};
use crate::rules::{cluster_map, image_map, named};

// Few names, so that rules meet each other's targets.
const REGISTRIES: [&str; 5] = ["docker.io", "quay.io", "m.example", "m.example:5000", "localhost"];
const PATHS: [&str; 8] = ["a", "b", "a/b", "library", "library/a", "nginx", "quay.io/a", "a/a/b"];
const TAGS: [&str; 3] = ["1", "latest", "own"];
const GLOBS: [&str; 8] =
    ["**", "docker.io/**", "*/a/*", "quay.io/**/b", "m.example/**", "**/nginx", "*.*/*", "**a*"];
const GLOBS_ON_REFERENCE: [&str; 3] = ["**:*", "**@sha256:*", "*/*:1"];
const REGEXES: [&str; 4] =
    ["([^/]+)/(.+)", "(?<project>[^./]+)[.]io/(?<path>.+)", "(.*)a(.*)", "quay[.]io/(?<name>.+)"];
const REGEXES_ON_REFERENCE: [&str; 3] =
    ["(.+?)/([^:@]+)(?::([^@]+))?(?:@(.+))?", "[^/]+/(.+)", "([^/]+)/(.+?)(@.+)?"];
const HEADS: [&str; 8] = [
    "m.example/",
    "docker.io/",
    "index.docker.io/",
    "{registry}/",
    "m.example:5000/a/",
    "localhost/",
    "docker.io/library/",
    "{registry}/a/",
];
const PIECES: [&str; 14] = [
    "{repository}",
    "{short}",
    "{name}",
    "{rest}",
    "{1}",
    "{2}",
    "{path}",
    "{project}",
    "a",
    "/",
    "-x",
    "{registry}",
    "{tag}",
    "b/",
];
const ENDS: [&str; 14] = [
    "",
    "",
    "",
    "",
    ":{tag}",
    "@{digest}",
    ":{tag}@{digest}",
    ":own",
    ":{1}",
    ":x-{tag}",
    ":{3}",
    ":{3}@{4}",
    ":own@{4}",
    "{3}",
];
/// The digest that only targets have.
const OWN: char = 'f';

fn version(
    tags: &'static [&'static str],
    digits: &'static [char],
) -> impl Strategy<Value = String> {
    let tag = prop_oneof![Just(None), select(tags).prop_map(Some)];
    let digits = prop_oneof![3 => Just(None), 1 => select(digits).prop_map(Some)];
    (tag, digits).prop_map(|(tag, digit)| {
        let tag = tag.map_or(String::new(), |tag| format!(":{tag}"));
        tag + &digit.map_or(String::new(), |digit| format!("@{}", digest(digit)))
    })
}

fn name() -> impl Strategy<Value = String> {
    (select(&REGISTRIES), select(&PATHS)).prop_map(|(registry, path)| format!("{registry}/{path}"))
}

fn image() -> impl Strategy<Value = String> {
    let mirrored = (select(&REGISTRIES), name()).prop_map(|(at, name)| format!("{at}/{name}"));
    let short = select(&PATHS).prop_map(str::to_owned);
    (prop_oneof![3 => name(), 1 => mirrored, 1 => short], version(&TAGS, &['a', 'b']))
        .prop_map(|(name, version)| name + &version)
}

fn place() -> impl Strategy<Value = String> {
    prop_oneof![name(), select(&REGISTRIES).prop_map(str::to_owned)]
}

fn template() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(select(&PIECES), 1..4);
    let own = prop_oneof![9 => Just(String::new()), 1 => Just(format!("@{}", digest(OWN)))];
    (select(&HEADS), pieces, select(&ENDS), own)
        .prop_map(|(head, pieces, end, own)| format!("{head}{}{end}{own}", pieces.concat()))
}

/// A rule in flow style; not all of them can be loaded.
fn rule() -> impl Strategy<Value = String> {
    let named = (name(), version(&TAGS, &[OWN])).prop_map(|(name, version)| name + &version);
    let whole = prop_oneof![named, template()];
    let below = prop_oneof![place(), template()];
    let exact = (name(), version(&TAGS, &['a', 'b'])).prop_map(|(name, version)| name + &version);
    let patterns = prop_oneof![
        select(&GLOBS).prop_map(|glob| format!("glob: '{glob}'")),
        select(&GLOBS_ON_REFERENCE).prop_map(|glob| format!("glob: '{glob}', on: reference")),
    ];
    let regexes = prop_oneof![
        select(&REGEXES).prop_map(|regex| format!("regex: '{regex}'")),
        select(&REGEXES_ON_REFERENCE).prop_map(|regex| format!("regex: '{regex}', on: reference")),
    ];
    let below = below.boxed();
    let whole = whole.boxed();
    prop_oneof![
        (exact, whole.clone()).prop_map(|(exact, to)| format!("exact: '{exact}', to: '{to}'")),
        (place(), below.clone()).prop_map(|(prefix, to)| format!("prefix: '{prefix}', to: '{to}'")),
        (patterns, below.clone()).prop_map(|(pattern, to)| format!("{pattern}, to: '{to}'")),
        (regexes, whole).prop_map(|(regex, to)| format!("{regex}, to: '{to}'")),
        (place(), below.clone(), below)
            .prop_map(|(prefix, a, b)| format!("prefix: '{prefix}', to: ['{a}', '{b}']")),
        place().prop_map(|prefix| format!("prefix: '{prefix}', keep: true")),
    ]
}

fn spec() -> impl Strategy<Value = String> {
    let scope = select(&[
        "",
        "",
        "",
        "mode: Observe",
        "priority: 1",
        "rollout: {percent: 50}",
        "podSelector: {matchLabels: {app: web}}",
        "excludeOwners: ['*/*']",
    ]);
    let rules = prop::collection::vec(rule(), 0..3);
    let default = prop_oneof![3 => Just(None), 1 => template().prop_map(Some)];
    (scope, rules, default).prop_map(|(scope, rules, default)| {
        let rules: Vec<String> = rules.iter().map(|rule| format!("- {{{rule}}}\n")).collect();
        let default = default.map_or(String::new(), |to| format!("default: {{to: '{to}'}}\n"));
        format!("{scope}\nrules:\n{}{default}", rules.concat())
    })
}

/// A document for one of the layers, named by its place in the list.
type Document = (usize, String);

fn mapping(documents: &[Document]) -> Mapping {
    let maps = documents.iter().enumerate().flat_map(|(index, (layer, spec))| {
        let name = format!("m{index}");
        let (source, text) = match layer {
            0 => (Source::Api, cluster_map(&name, &format!("final: true\n{spec}"))),
            1 => (Source::Api, image_map("web", &name, spec)),
            2 => (Source::Api, image_map("ops", &name, spec)),
            3 => (Source::Api, cluster_map(&name, spec)),
            4 => (Source::File, cluster_map(&name, &format!("namespaces: [web]\n{spec}"))),
            _ => (Source::Harbor, cluster_map(&name, spec)),
        };
        load(source, &[named("rules.yaml", &text)]).maps
    });
    Mapping::new(merge(maps.collect()), Policy::default())
}

/// What every result must be, whatever the rules.
fn check_result(image: &Reference, result: &Reference) {
    let text = result.to_string();
    assert_eq!(Reference::parse(&text).as_ref(), Ok(result));
    let (head, _) = text.split_once('/').unwrap();
    assert!(looks_like_registry(head) && head == result.registry(), "{text}");
    if result.digest() == Some(digest(OWN).as_str()) {
        return;
    }
    assert_eq!(result.digest(), image.digest(), "{image} became {result}");
    if result.digest().is_some() {
        let same_tag = result.tag().is_none() || result.tag() == image.tag();
        assert!(same_tag, "{image} became {result}");
    }
}

proptest! {
    #[test]
    fn deciding_twice_changes_nothing_the_second_time(
        documents in prop::collection::vec((0..6_usize, spec()), 1..6),
        images in prop::collection::vec(image(), 12),
    ) {
        let mapping = mapping(&documents);
        let labelled = Pod {
            labels: &[("app", "web")],
            counts_as: CountsAs { kind: "ReplicaSet", name: "shop" },
            ..pod_in("web")
        };
        for (pod, image) in [labelled, pod_in("ops")].iter().flat_map(|pod| {
            images.iter().map(move |image| (pod, image))
        }) {
            let arena = Bump::new();
            let Some(result) = mapping.decide(image, pod, &arena).image else { continue };
            check_result(&Reference::parse(image).unwrap(), &result);
            let second = mapping.decide(result.as_str(), pod, &arena);
            prop_assert_eq!(second.image, None, "{} became {}", image, result);
            prop_assert_ne!(second.reason, Reason::Rewritten);
        }
    }
}

/// The property above is worth nothing if the random rules hardly ever load.
#[test]
fn most_random_rules_load_and_rewrite() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = (prop::collection::vec((3..4_usize, spec()), 4), image());
    let rewritten = (0..200).filter(|_| {
        let (documents, image) = strategy.new_tree(&mut runner).unwrap().current();
        mapping(&documents).decide(&image, &pod_in("web"), &Bump::new()).reason == Reason::Rewritten
    });
    let count = rewritten.count();
    assert!(count > 20, "only {count} of 200 images were rewritten");
}
