//! A map for a share of the owners.

use detour::mapping::Mapping;
use detour::mapping::scope::{CountsAs, Pod};
use detour::rules::Source;

use super::{mapping, outcome, pod_in};
use crate::rules::{cluster_map, image_map};

const RULES: &str = "rules:\n- {name: r, prefix: quay.io, to: canary.example}";

/// A canary at `percent`, asked before a map for everyone.
fn canary(percent: &str) -> Mapping {
    let canary = format!("priority: 10\nrollout: {{percent: {percent}}}\n{RULES}");
    let wide = "rules:\n- {name: r, prefix: quay.io, to: wide.example}";
    let text = cluster_map("canary", &canary) + &cluster_map("wide", wide);
    mapping(&[(Source::File, &text)])
}

fn owned<'a>(kind: &'a str, name: &'a str) -> Pod<'a> {
    Pod { counts_as: CountsAs { kind, name }, ..pod_in("web") }
}

fn is_canary(mapping: &Mapping, pod: &Pod<'_>) -> bool {
    match outcome(mapping, "quay.io/x", pod).as_str() {
        "rewritten canary#r canary.example/x" => true,
        "rewritten wide#r wide.example/x" => false,
        other => panic!("neither map decided: {other}"),
    }
}

/// Places computed by
/// `printf %s TEXT | sha256sum | cut -c1-8`, modulo 10,000.
#[test]
fn the_place_among_ten_thousand_is_that_of_sha256sum() {
    // ClusterImageMap//canary/web/ReplicaSet/shop: 08968cbc, 4156
    let shop = owned("ReplicaSet", "shop");
    assert!(!is_canary(&canary("41.56"), &shop));
    assert!(is_canary(&canary("41.57"), &shop));
    // ClusterImageMap//canary/web/Job/report: 4c84162f, 4847
    let report = owned("Job", "report");
    assert!(!is_canary(&canary("48.47"), &report));
    assert!(is_canary(&canary("48.48"), &report));
}

#[test]
fn the_place_holds_the_kind_and_namespace_of_the_map() {
    // ImageMap/web/own/web//solo-pod: 8976b21c, 7436
    let solo = owned("", "solo-pod");
    for (percent, expected) in [("74.36", "no-rule - -"), ("74.37", "canary.example/x")] {
        let spec = format!("rollout: {{percent: {percent}}}\n{RULES}");
        let mapping = mapping(&[(Source::Api, &image_map("web", "own", &spec))]);
        let outcome = outcome(&mapping, "quay.io/x", &solo);
        assert!(outcome.ends_with(expected), "{percent}: {outcome}");
    }
}

#[test]
fn nobody_at_zero_percent_and_everybody_at_a_hundred() {
    let (none, all) = (canary("0"), canary("100"));
    for index in 0..500 {
        let name = format!("shop-{index}");
        let pod = owned("ReplicaSet", &name);
        assert!(!is_canary(&none, &pod), "{name}");
        assert!(is_canary(&all, &pod), "{name}");
    }
}

#[test]
fn an_owner_that_is_in_stays_in_as_the_percentage_grows() {
    let percents = ["0.5", "1", "5", "20", "50", "80", "99.99"];
    let steps: Vec<Mapping> = percents.iter().map(|percent| canary(percent)).collect();
    let mut counts = [0; 7];
    for index in 0..1_000 {
        let name = format!("shop-{index}");
        let pod = owned("ReplicaSet", &name);
        let is_in: Vec<bool> = steps.iter().map(|step| is_canary(step, &pod)).collect();
        assert!(is_in.is_sorted(), "{name}: {is_in:?}");
        for (count, is_in) in counts.iter_mut().zip(is_in) {
            *count += usize::from(is_in);
        }
    }
    assert!((100..300).contains(&counts[3]), "about a fifth, not {}", counts[3]);
    assert!((400..600).contains(&counts[4]), "about a half, not {}", counts[4]);
}

#[test]
fn an_owner_has_one_fate_and_another_owner_another() {
    let mapping = canary("50");
    let fate = |pod: &Pod<'_>| is_canary(&mapping, pod);
    let names: Vec<String> = (0..50).map(|index| format!("shop-{index}")).collect();
    let differs = |change: &dyn Fn(&mut Pod<'_>)| {
        names.iter().any(|name| {
            let mut other = owned("ReplicaSet", name);
            change(&mut other);
            fate(&owned("ReplicaSet", name)) != fate(&other)
        })
    };
    assert!(differs(&|pod| pod.namespace = "ops"));
    assert!(differs(&|pod| pod.counts_as.kind = "StatefulSet"));
    assert!(differs(&|pod| pod.counts_as.name = "other"));
    // Nothing else of the pod moves it.
    assert!(!differs(&|pod| pod.labels = &[("app", "x")]));
    assert!(!differs(&|pod| pod.annotations = &[("app", "x")]));
}

#[test]
fn the_images_of_a_canary_stay_when_its_owner_is_out() {
    let mapping = canary("0");
    let there = outcome(&mapping, "canary.example/x", &owned("ReplicaSet", "shop"));
    assert_eq!(there, "already-there canary#r -");
}

#[test]
fn versions_and_runs_of_a_workload_count_as_one() {
    let cases = [
        ("ReplicaSet", "shop-6d4cf56db6", Some("6d4cf56db6"), "shop"),
        ("ReplicaSet", "shop-6d4cf56db6", Some("7799cf56db"), "shop-6d4cf56db6"),
        ("ReplicaSet", "shop-6d4cf56db6", None, "shop-6d4cf56db6"),
        ("ReplicaSet", "shop6d4cf56db6", Some("6d4cf56db6"), "shop6d4cf56db6"),
        ("ReplicaSet", "shop-12345678", None, "shop-12345678"),
        ("Job", "report-28345670", None, "report"),
        ("Job", "report-2834567012", None, "report"),
        ("Job", "report-2834567", None, "report-2834567"),
        ("Job", "report-2834567x", None, "report-2834567x"),
        ("Job", "report", None, "report"),
        ("Job", "a-b-28345670", None, "a-b"),
        ("StatefulSet", "db", Some(""), "db"),
    ];
    for (kind, name, hash, expected) in cases {
        let counts_as = CountsAs::new(kind, name, hash);
        assert_eq!(counts_as, CountsAs { kind, name: expected }, "{name} {hash:?}");
    }
}
