//! What a scrape reads, beyond what the rooms say of themselves.

use std::sync::Arc;

use detour::metrics::Metrics;
use rcgen::{CertificateParams, date_time_ymd};

use crate::serve::{REVIEW, RULES, Running, message, post};
use crate::server::eventually;

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

/// Waits for a line that begins with each of these, in any order.
fn wait_for_lines(running: &mut Running, beginnings: &[&str]) {
    let mut left = beginnings.to_vec();
    while !left.is_empty() {
        let line = running.log.next().expect("a line");
        left.retain(|beginning| !message(&line).starts_with(beginning));
    }
}

#[test]
fn what_is_exchanged_is_counted_once() {
    let mut running = Running::start(RULES, &[]);
    let reloads = |running: &Running| {
        let text = running.get("/metrics").body;
        [
            "detour_certificate_reloads_total{outcome=\"success\"} ",
            "detour_certificate_reloads_total{outcome=\"failure\"} ",
            "detour_source_reloads_total{source=\"file\",outcome=\"success\"} ",
            "detour_source_reloads_total{source=\"file\",outcome=\"failure\"} ",
            "detour_certificate_expiry_timestamp_seconds ",
        ]
        .map(|name| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value.unwrap_or_else(|| panic!("no {name}: {text}")).parse::<u64>().unwrap()
        })
    };
    let [.., ends] = reloads(&running);
    assert_eq!(reloads(&running)[..4], [0, 0, 0, 0]);

    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(2100, 3, 1);
    let certificate = params.self_signed(&running.directory.key).unwrap().pem();
    running.directory.replace("tls.crt", &certificate);
    running.directory.replace("rules.yaml", &RULES.replace("quay.io", "quay.example.com"));
    wait_for_lines(&mut running, &["now serving the certificate", "source file has changed"]);
    let new = [1, 0, 1, 0, 4_107_542_400];
    assert_ne!(ends, new[4]);
    eventually("both are counted", || reloads(&running) == new);
    running.directory.certificate = certificate;
    assert_eq!(post(&mut running.connect(), REVIEW).status, 200);

    running.directory.replace("tls.key", "no key");
    running.directory.replace("rules.yaml", "no rules");
    wait_for_lines(&mut running, &["still serving the former", "source file: these rules are not"]);
    eventually("both are counted", || reloads(&running) == [1, 1, 1, 1, new[4]]);
    assert_eq!(post(&mut running.connect(), REVIEW).status, 200);
    assert_eq!(running.get("/livez").body, "ok\n");
}
