//! What a scrape reads, beyond what the rooms say of themselves.

use std::sync::Arc;

use detour::metrics::Metrics;

/// The value of the metric's only line.
fn value(text: &str, metric: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {metric}: {text}")).parse().expect("a number")
}

#[test]
fn at_most_two_hundred_maps_are_told_apart() {
    let metrics = Metrics::default();
    for number in 0..300 {
        let map: Arc<str> = format!("ClusterImageMap/m{number}").into();
        for _ in 0..2 {
            metrics.image(Some(&map), "keep");
            metrics.observed(&map, "keep");
        }
    }
    metrics.image(None, "no-rule");
    let text = metrics.encode().unwrap();
    let of = |family: &str| text.lines().filter(|line| line.starts_with(family)).count();
    assert_eq!((of("detour_images_total{"), of("detour_observed_images_total{")), (202, 201));
    let others = "detour_images_total{map=\"other\",reason=\"keep\"}";
    assert_eq!(value(&text, others), 200.0);
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(text.matches("# EOF").count(), 1);
}

#[test]
fn the_process_tells_of_itself() {
    let text = Metrics::default().encode().unwrap();
    let value = |metric: &str| value(&text, metric);
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
    assert!(value("process_open_fds") >= 3.0);
    assert!(value("process_max_fds") >= value("process_open_fds"));
    assert!(value("process_threads") >= 1.0);
    assert!(value("process_cpu_seconds_total") >= 0.0);
    let start = value("process_start_time_seconds");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!((now - 3_600.0..=now + 1.0).contains(&start), "{start} and now {now}");
}
