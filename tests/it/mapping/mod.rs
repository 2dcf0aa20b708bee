//! `mapping` from rule documents and an image to the decision.

mod matching;
mod exact;
mod target;
mod template;
mod version;
mod already_there;
mod backwards;
mod layers;
mod transparent;
mod observe;
mod rollout;
mod left_alone;
mod listed;
mod fix_point;

use bumpalo::Bump;
use detour::mapping::Mapping;
use detour::mapping::policy::Policy;
use detour::mapping::scope::Pod;
use detour::rules::merge::merge;
use detour::rules::{ImageMap, Source, load};

use crate::rules::{cluster_map, named};

/// Compiles the documents of each source, none of which may have a fault.
fn mapping(sources: &[(Source, &str)]) -> Mapping {
    let maps = sources.iter().flat_map(|(source, documents)| maps(*source, documents));
    let merged = merge(maps.collect());
    assert_eq!(merged.out_of_force, []);
    Mapping::new(merged, Policy::default())
}

fn maps(source: Source, documents: &str) -> Vec<ImageMap> {
    let loaded = load(source, &[named("rules.yaml", documents)]);
    let faults: Vec<String> = loaded.report.faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{faults:#?}\n{documents}");
    loaded.maps
}

/// A mapping of one `ClusterImageMap`, `default`, with these rules; each is
/// a flow mapping without its braces.
fn of_rules(rules: &[&str]) -> Mapping {
    let rules: Vec<String> = rules.iter().map(|rule| format!("- {{{rule}}}\n")).collect();
    let spec = format!("rules:\n{}", rules.concat());
    mapping(&[(Source::File, &cluster_map("default", &spec))])
}

/// A pod of this namespace with nothing else to it.
fn pod_in(namespace: &str) -> Pod<'_> {
    Pod { namespace, ..Pod::default() }
}

/// A decision in short: `REASON MAP#RULE RESULT`, with `-` for what there is
/// none of and without the words that every rule id of a cluster map starts
/// with.
fn outcome(mapping: &Mapping, image: &str, pod: &Pod<'_>) -> String {
    let arena = Bump::new();
    let decision = mapping.decide(image, pod, &arena);
    let rule = decision.rule.map_or("-".to_owned(), |rule| rule.to_string());
    let rule = rule.strip_prefix("ClusterImageMap/").unwrap_or(&rule);
    let result = decision.image.map_or("-".to_owned(), |image| image.to_string());
    format!("{} {rule} {result}", decision.reason)
}

/// Checks the outcome for each image, for a pod in namespace `web`.
fn check(mapping: &Mapping, cases: &[(&str, &str)]) {
    check_for(mapping, &pod_in("web"), cases);
}

fn check_for(mapping: &Mapping, pod: &Pod<'_>, cases: &[(&str, &str)]) {
    for (image, expected) in cases {
        assert_eq!(outcome(mapping, image, pod), *expected, "{image} in {:?}", pod.namespace);
    }
}

/// Checks the result for each image with a mapping of one unnamed rule; `-`
/// stands for a text left alone, followed by the reason.
fn check_rule(rule: &str, cases: &[(&str, &str)]) {
    let mapping = of_rules(&[rule]);
    for (image, expected) in cases {
        let arena = Bump::new();
        let decision = mapping.decide(image, &pod_in("web"), &arena);
        let result = match decision.image {
            Some(image) => image.to_string(),
            None => format!("- {}", decision.reason),
        };
        assert_eq!(result, *expected, "{image} by {rule}");
    }
}

/// A digest in the hexadecimal digits of `digit`.
fn digest(digit: char) -> String {
    format!("sha256:{}", String::from(digit).repeat(64))
}
