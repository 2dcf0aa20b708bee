//! Configurations and images of all kinds: the rules against the oracles.
//!
//! What a system makes of an image is compared where it is no defect of that
//! system: the image and the result are references, the image is not where a
//! rule sends images, and its registry is one that the system can tell.

use std::fmt::Write;

use detour::migrate::System;
use detour::reference::Reference;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::oracle::{self, Answer, imageswap, replacer, swapper, wanted};
use super::{answer, mapping, of_text, pulled};

const REGISTRIES: [&str; 9] = [
    "",
    "docker.io/",
    "index.docker.io/",
    "quay.io/",
    "quay.io:443/",
    "gcr.io/",
    "reg.example:5000/",
    "reg.example/",
    "GHCR.IO/",
];
const PATHS: [&str; 12] = [
    "nginx",
    "library/nginx",
    "tool-box",
    "acme/app",
    "acme/tool-box",
    "library/a/b",
    "a/b/c",
    "team/quay/app",
    "my.app",
    "prometheus/prometheus",
    "spare/app",
    "acme/spared",
];
const VERSIONS: [&str; 6] = ["", ":latest", ":1.25", ":spare", "@D", ":1.25@D"];

fn image() -> impl Strategy<Value = String> {
    (select(&REGISTRIES[..]), select(&PATHS[..]), select(&VERSIONS[..])).prop_map(
        |(registry, path, version)| {
            let digest = format!("sha256:{}", "0a".repeat(32));
            format!("{registry}{path}{}", version.replace('D', &digest))
        },
    )
}

/// All images at once: a configuration costs more than an image.
fn images() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(image(), 40)
}

fn place() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "m.example",
            "m.example/hub",
            "m.example:8443",
            "m.example:8443/x",
            "n.example/hub-",
            "org",
        ][..],
    )
}

/// Lines of a map file, in any order.
///
/// An empty line of official images without one of Docker Hub is left out: the
/// system fails on its other images.
fn map_file() -> impl Strategy<Value = String> {
    let keys = subsequence(
        &[
            "docker.io",
            "docker.io/library",
            "quay.io",
            "quay.io:443",
            "gcr.io",
            "reg.example:5000",
            "reg.example",
        ][..],
        0..=7,
    );
    let value = prop_oneof![4 => place(), 1 => Just("")];
    let registries = (keys, prop::collection::vec(value.clone(), 7));
    let wildcards = prop::option::of(subsequence(
        &["spare", "io", "lib", "/app", "ngi", "m.example"][..],
        1..=2,
    ));
    let globs = subsequence(
        &["tool-*", "*/tool-*", "quay.io/*/app", "*:1.2?", "[a-c]/*", "docker.io/acme/*"][..],
        0..=2,
    );
    let exact =
        subsequence(&["nginx", "acme/app:1.25", "quay.io/my.app", "library/nginx:1.25"][..], 0..=2);
    let default = prop::option::weighted(0.9, value);
    (default, registries, wildcards, globs, exact).prop_map(
        |(default, (keys, values), wildcards, globs, exact)| {
            let mut text = String::new();
            let has_hub = keys.contains(&"docker.io");
            let usable = |(key, value): &(&&str, &str)| {
                **key != "docker.io/library" || has_hub || !value.is_empty()
            };
            for (key, value) in keys.iter().zip(values).filter(usable) {
                writeln!(text, "{key}::{value}").unwrap();
            }
            for (index, glob) in globs.iter().enumerate() {
                writeln!(text, "[REPLACE]{glob}::p{index}.example/r").unwrap();
            }
            for (index, image) in exact.iter().enumerate() {
                writeln!(text, "[EXACT]{image}::e.example/e:{index}").unwrap();
            }
            if let Some(default) = default {
                writeln!(text, "default::{default}").unwrap();
            }
            if let Some(wildcards) = wildcards {
                writeln!(text, "noswap_wildcards::{}", wildcards.join(",")).unwrap();
            }
            text
        },
    )
}

/// The answer, where the system's way to it is no defect.
fn sound(image: &str, answer: Answer) -> Answer {
    let before = Reference::parse(image).ok()?;
    let answer = answer?;
    let after = Reference::parse(&answer).ok()?;
    let has_digest = before.digest() == after.digest();
    (has_digest && !after.registry().is_empty()).then_some(answer)
}

/// Whether imageswap's answer depends on one of its defects.
fn is_defect(map: &imageswap::Map, image: &str) -> bool {
    let value = |key: &str| map.keys.get(key).map_or("", String::as_str);
    let named = image.split_once('/').filter(|(head, _)| head.contains('.'));
    let (registry, path) = named.unwrap_or(("docker.io", image));
    let host = registry.split(':').next().unwrap();
    let has_port = registry.contains(':');
    let is_dashed = |key: &str| value(key).ends_with('-');
    // The registry twice, and the path cut at its last slash.
    let doubles = is_dashed("default") && named.is_some() && !map.keys.contains_key(host);
    let cuts = has_port && [registry, host].iter().any(|key| is_dashed(key)) && path.contains('/');
    // Texts to be spared are found in the tag.
    let name = &image[..image.len() - path.len() + path.find([':', '@']).unwrap_or(path.len())];
    let finds =
        |text: &str| value("noswap_wildcards").split(',').any(|spared| text.contains(spared));
    let in_tag = map.keys.contains_key("noswap_wildcards") && finds(image) && !finds(name);
    doubles || cuts || in_tag
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn imageswap_maps(text in map_file(), images in images()) {
        let migration = of_text(System::Imageswap, "maps.conf", &text);
        let rules = mapping(&migration);
        let map = imageswap::Map::read(&text);
        for image in &images {
            let spellings = oracle::spellings(image);
            // Another registry there: its line or the default says where it goes.
            let swap = |image: &str| match image.starts_with("index.") {
                true => Some(image.to_owned()),
                false => sound(image, map.swap(image)),
            };
            if spellings.iter().any(|spelling| is_defect(&map, spelling) || swap(spelling).is_none()) {
                continue;
            }
            // An exact line is for all spellings.
            let exact = spellings.iter().find_map(|spelling| map.exact.get(spelling).cloned());
            let expected = exact.unwrap_or_else(|| wanted(image, &swap));
            let own = answer(&rules, image, "default");
            // Spared in its shortest spelling, and the object of a pattern in a longer one.
            let is_spared = map.keys.contains_key("noswap_wildcards")
                && text.contains("[REPLACE]")
                && swap(&spellings[0]).is_some_and(|answer| pulled(&answer) == pulled(image));
            if is_spared {
                continue;
            }
            // A host made of text and the image's port is no target.
            let is_put_together = ["m.example:443/", "m.example:5000/", "org:443/", "org:5000/"].iter().any(|host| expected.starts_with(host));
            if !is_put_together {
                prop_assert_eq!(pulled(&own), pulled(&expected), "{} by\n{}\n{}", image, text, migration.documents);
            }
        }
    }

    #[test]
    fn imageswap_prefixes(prefix in select(&["m.example", "m.example/x", "m.example:1/x", "org", "io", "m.example/x-"][..]), images in images()) {
        let text = format!("IMAGESWAP_MODE=LEGACY\nIMAGE_PREFIX={prefix}\n");
        let migration = of_text(System::Imageswap, "env", &text);
        let rules = mapping(&migration);
        for image in &images {
            let swap = |image: &str| sound(image, Some(imageswap::prefixed(prefix, image)));
            if swap(image).is_none() {
                continue;
            }
            let own = answer(&rules, image, "default");
            prop_assert_eq!(pulled(&own), pulled(&wanted(image, &swap)), "{} by {}\n{}", image, prefix, migration.documents);
        }
    }

    #[test]
    fn replacer_policies(
        hub in select(&["", "m.example", "m.example/hub"][..]),
        keys in subsequence(&["docker.io", "index.docker.io", "quay.io", "quay.io/prometheus", "quay.io/a/b", "acme", "a/b", "docker.io/acme", "reg.example:5000"][..], 0..=6),
        images in images(),
    ) {
        let policy: Vec<(String, String)> =
            keys.iter().enumerate().map(|(at, key)| ((*key).to_owned(), format!("p{at}.example/p"))).collect();
        let mut text = format!("docker_registry: '{hub}'\nreplace_policy:\n");
        for (key, value) in &policy {
            writeln!(text, "  {key}: {value}").unwrap();
        }
        let migration = of_text(System::ImageReplacer, "config.yaml", &text);
        let rules = mapping(&migration);
        let config = replacer::Config { hub: hub.to_owned(), policy };
        for image in &images {
            let name = image.split(['@']).next().unwrap();
            let (head, path) = name.split_once('/').unwrap_or(("", name));
            // One slash counts as Docker Hub there, whatever the host, and none of
            // the keys for a path of three segments is asked about one.
            let is_host = head.contains('.');
            let on_hub = !is_host || head.ends_with("docker.io");
            if (is_host && !path.contains('/')) || (on_hub && hub.is_empty() && !keys.is_empty()) {
                continue;
            }
            if on_hub && path.matches('/').count() >= 1 && name.matches('/').count() >= 2 {
                continue;
            }
            let replace = |image: &str| match image.split_once('/') {
                Some((head, path)) if head.contains('.') && !path.contains('/') => None,
                _ => sound(image, Some(config.replace(image))),
            };
            let own = answer(&rules, image, "default");
            prop_assert_eq!(pulled(&own), pulled(&wanted(image, &replace)), "{} by\n{}\n{}", image, text, migration.documents);
        }
    }

    #[test]
    fn swapper_lists(
        registry in place().prop_filter("no dash", |place| !place.ends_with('-')),
        ignored in prop::collection::vec(image(), 0..4),
        images in images(),
    ) {
        let list: String = ignored.iter().map(|image| format!("  - '{image}'\n")).collect();
        let text = format!("registryUrl: {registry}\nconfig:\n  ignoreimages:\n{list}");
        let migration = of_text(System::ProxyImageSwapper, "values.yaml", &text);
        let rules = mapping(&migration);
        for image in &images {
            // A digest alone is missed by the list there, and another name of Docker Hub.
            let names_digest = image.contains('@') && !image.split('@').next().unwrap().rsplit('/').next().unwrap().contains(':');
            if (names_digest && !ignored.is_empty()) || image.starts_with("index.") {
                continue;
            }
            let swap = |image: &str| match image.starts_with("index.") {
                true => None,
                false => sound(image, Some(swapper::swap(registry, &ignored, image))),
            };
            let own = answer(&rules, image, "default");
            prop_assert_eq!(pulled(&own), pulled(&wanted(image, &swap)), "{} by\n{}\n{}", image, text, migration.documents);
        }
    }
}
