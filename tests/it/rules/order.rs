//! The order of the maps in force: layer, priority, age.

use detour::rules::merge::{Layer, merge};
use detour::rules::{ImageMap, Source, load};

use super::{cluster_map, image_map, named};

const SPEC: &str = "rules:\n- {prefix: quay.io, to: m.example}";

fn maps(source: Source, texts: &[String]) -> Vec<ImageMap> {
    let texts: Vec<_> =
        texts.iter().enumerate().map(|(n, text)| named(&format!("{n}.yaml"), text)).collect();
    let loaded = load(source, &texts);
    assert_eq!(loaded.report.faults, []);
    loaded.maps
}

fn created(name: &str, timestamp: &str) -> String {
    let stamp = format!("{{creationTimestamp: {timestamp:?}, name:");
    cluster_map(name, SPEC).replacen("{name:", &stamp, 1)
}

fn names(maps: Vec<ImageMap>) -> Vec<String> {
    merge(maps).in_force.into_iter().map(|map| map.id.name).collect()
}

#[test]
fn maps_are_in_the_order_of_layers_whatever_the_order_in_which_they_came() {
    let mut all = maps(Source::Harbor, &[cluster_map("harbor", SPEC)]);
    all.extend(maps(Source::ConfigMap, &[cluster_map("configmap", SPEC)]));
    all.extend(maps(Source::File, &[cluster_map("file", SPEC)]));
    all.extend(maps(Source::Api, &[cluster_map("cluster", SPEC), image_map("web", "own", SPEC)]));
    all.extend(maps(Source::Api, &[cluster_map("final", &format!("final: true\n{SPEC}"))]));
    let expected = ["final", "own", "cluster", "file", "configmap", "harbor"];
    assert_eq!(names(all.clone()), expected);
    all.reverse();
    assert_eq!(names(all.clone()), expected);
    let layers: Vec<Layer> = merge(all).in_force.iter().map(ImageMap::layer).collect();
    assert!(layers.is_sorted());
}

#[test]
fn in_a_layer_priority_comes_before_age() {
    let text =
        |name: &str, priority: i32| cluster_map(name, &format!("priority: {priority}\n{SPEC}"));
    let all = maps(Source::File, &[text("a", -1), text("b", 0), text("c", 5), text("d", 5)]);
    assert_eq!(names(all), ["c", "d", "b", "a"]);
}

#[test]
fn objects_of_the_api_server_are_ordered_by_creation_then_name() {
    let texts = [
        created("young", "2026-03-01T00:00:00Z"),
        created("z-old", "2026-01-01T00:00:00Z"),
        created("b-same", "2026-02-01T00:00:00Z"),
        created("a-same", "2026-02-01T00:00:00Z"),
    ];
    let expected = ["z-old", "a-same", "b-same", "young"];
    assert_eq!(names(maps(Source::Api, &texts)), expected);
    let mut reversed = texts;
    reversed.reverse();
    assert_eq!(names(maps(Source::Api, &reversed)), expected);
}

#[test]
fn documents_of_files_are_ordered_by_their_place_alone() {
    let texts = [
        cluster_map("z", SPEC) + &created("y", "2026-03-01T00:00:00Z"),
        created("x", "2026-01-01T00:00:00Z") + &cluster_map("w", SPEC),
    ];
    assert_eq!(names(maps(Source::File, &texts)), ["z", "y", "x", "w"]);
    assert_eq!(names(maps(Source::ConfigMap, &texts)), ["z", "y", "x", "w"]);
}
