//! Whatever the sources tell in whatever order, what is served is what their
//! last good states amount to.

use std::sync::Arc;

use detour::rules::{self, ImageMap, Kind, Source, Text, merge};
use detour::sources::api::Checked;
use detour::sources::{Content, Update};
use proptest::prelude::*;
use serde_json::json;

use super::{Served, object};

const NAMES: [&str; 3] = ["file", "configmap:a/b", "api/clusterimagemaps"];
const REGISTRIES: [&str; 3] = ["docker.io", "quay.io", "nowhere"];

/// What a source may tell.
#[derive(Debug, Clone)]
enum Told {
    /// Maps, each: name, age, registry, target; wrong where the registry is.
    Maps(Vec<(u8, u32, usize, u8)>),
    Refused,
    Failed,
    InTouch,
    Absent,
}

fn told() -> impl Strategy<Value = Told> {
    let map = (0..4u8, 0..4u32, 0..REGISTRIES.len(), 0..2u8);
    prop_oneof![
        4 => prop::collection::vec(map, 0..4).prop_map(Told::Maps),
        1 => Just(Told::Refused),
        1 => Just(Told::Failed),
        1 => Just(Told::InTouch),
        1 => Just(Told::Absent),
    ]
}

/// One map of each name, as an object.
fn checked(maps: &[(u8, u32, usize, u8)]) -> Vec<Arc<Checked>> {
    let mut seen = std::collections::BTreeMap::new();
    for (name, age, registry, target) in maps {
        let spec = json!({"rules": [{"prefix": REGISTRIES[*registry], "to": format!("t{target}.example")}]});
        let object = object("ClusterImageMap", &format!("m{name}"), *age, &spec);
        seen.insert(*name, Arc::new(Checked::new(Kind::ClusterImageMap, &object)));
    }
    seen.into_values().collect()
}

fn documents(source: Source, maps: &[(u8, u32, usize, u8)]) -> rules::Loaded {
    let text = |(name, _, registry, target): &(u8, u32, usize, u8)| Text {
        name: format!("m{name}.yaml"),
        content: format!(
            "apiVersion: detour.dev/v1alpha1\nkind: ClusterImageMap\nmetadata: {{name: m{name}}}\n\
             spec: {{rules: [{{prefix: {}, to: t{target}.example}}]}}\n",
            REGISTRIES[*registry]
        ),
    };
    rules::load(source, &maps.iter().map(text).collect::<Vec<_>>())
}

/// The rules that the good states amount to, made afresh.
fn fresh(good: &[Option<Vec<ImageMap>>]) -> Vec<String> {
    let maps = good.iter().flatten().flatten().cloned().collect();
    let mapping = detour::mapping::Mapping::new(merge::merge(maps), Default::default());
    let rule = |(id, rule): (_, &rules::Rule)| {
        let target = rule.action.target().map_or("keep".to_owned(), ToString::to_string);
        format!("{id} {} {target}", rule.matcher)
    };
    mapping.rules().map(rule).collect()
}

proptest! {
    #[test]
    fn what_is_served_is_what_the_good_states_amount_to(
        history in prop::collection::vec((0..NAMES.len(), told()), 1..24)
    ) {
        let (served, places) = Served::new(&NAMES);
        let mut good: [Option<Vec<ImageMap>>; 3] = [None, None, None];
        for (source, told) in history {
            let update = match (source, &told) {
                (2, Told::Maps(maps)) => {
                    let objects = checked(maps);
                    let own = objects.iter().filter_map(|object| object.map().cloned());
                    good[2] = Some(own.collect());
                    Update::Read(Content::Objects(objects))
                }
                (_, Told::Maps(maps)) => {
                    let kind = [Source::File, Source::ConfigMap][source];
                    let loaded = documents(kind, maps);
                    if loaded.report.faults.is_empty() {
                        good[source] = Some(loaded.maps.clone());
                    }
                    Update::of_documents(loaded)
                }
                (_, Told::Refused) => Update::Refused(vec!["wrong".to_owned()]),
                (_, Told::Failed) => Update::Failed("away".to_owned()),
                (2, Told::Absent) => {
                    good[2] = Some(Vec::new());
                    Update::Absent("no such kind".to_owned())
                }
                (_, Told::InTouch | Told::Absent) => Update::InTouch,
            };
            places[source].update(update);
            prop_assert_eq!(served.rules(), fresh(&good));
            let snapshot = served.published.load();
            let missing: Vec<String> = NAMES.iter().zip(&good).filter(|(_, good)| good.is_none())
                .map(|(name, _)| format!("source {name}")).collect();
            prop_assert_eq!(&snapshot.missing, &missing);
            let latest = served.verdicts.latest();
            prop_assert_eq!(latest.number > 0, missing.is_empty());
            let counted: usize = snapshot.sources.iter().map(|source| source.rules).sum();
            prop_assert_eq!(counted, snapshot.mapping.rule_count());
        }
    }

    #[test]
    fn the_order_of_events_does_not_matter(
        maps in prop::collection::vec((0..4u8, 0..4u32, 0..REGISTRIES.len(), 0..2u8), 0..5),
        order in Just((0..4usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let (straight, places) = Served::new(&NAMES[2..]);
        let all = checked(&maps);
        places[0].update(Update::Read(Content::Objects(all.clone())));
        let (odd, places) = Served::new(&NAMES[2..]);
        let mut seen: Vec<Arc<Checked>> = Vec::new();
        for object in order.iter().filter_map(|index| all.get(*index)) {
            seen.push(Arc::clone(object));
            places[0].update(Update::Read(Content::Objects(seen.clone())));
        }
        places[0].update(Update::Read(Content::Objects(all)));
        prop_assert_eq!(straight.rules(), odd.rules());
        prop_assert_eq!(&straight.verdicts.latest().verdicts, &odd.verdicts.latest().verdicts);
    }
}
