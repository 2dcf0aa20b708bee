//! What the engine counts, and what a scrape says of it.

use super::*;
use detour::metrics::Metrics;
use detour::server::{HandshakeFailure, Limit};

fn scraped(fixture: &Fixture) -> String {
    let metrics = Metrics::default();
    metrics.server.set(&fixture.server.metrics());
    metrics.encode().unwrap()
}

#[test]
fn handshakes_that_fail_are_told_apart() {
    let fixture = start(Limits { handshake: GUARD, ..LIMITS });
    let counters = fixture.server.counters();
    let counted = |kind| eventually("it is counted", || counters.handshake_failures(kind) == 1);
    let mut plain = connect(fixture.server.address());
    plain.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    counted(HandshakeFailure::NotTls);
    drop(connect(fixture.server.address()));
    counted(HandshakeFailure::Closed);
    let stranger = dev::generate().unwrap().certificate_pem;
    let config = client_config(&stranger);
    let mut distrusting = client_stream(fixture.server.address(), config);
    assert!(distrusting.write_all(b"x").is_err());
    counted(HandshakeFailure::Alert);
    let text = scraped(&fixture);
    for kind in ["not-tls", "closed", "alert"] {
        let line = format!("detour_tls_failures_total{{kind=\"{kind}\"}} 1");
        assert!(text.contains(&line), "{line}: {text}");
    }
    assert!(text.contains("detour_tls_failures_total{kind=\"timeout\"} 0"), "{text}");
}

#[test]
fn limits_that_are_hit_are_named() {
    let fixture = start_plain(Limits { request: Duration::from_millis(100), ..LIMITS });
    let counters = fixture.server.counters();
    let counted = |limit| eventually("it is counted", || counters.hits(limit) == 1);
    let long = format!("POST /echo HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    let mut client = fixture.connect();
    client.send(long);
    counted(Limit::Head);
    let mut client = fixture.connect();
    client.send(post_head("/echo", LIMITS.body_bytes + 1));
    counted(Limit::Body);
    let mut client = fixture.connect();
    client.send("POST /echo");
    counted(Limit::RequestTime);
    let text = scraped(&fixture);
    for limit in ["head", "body", "request-time"] {
        let line = format!("detour_limits_hit_total{{limit=\"{limit}\"}} 1");
        assert!(text.contains(&line), "{line}: {text}");
    }
}

#[test]
fn connections_and_bytes_are_counted() {
    let fixture = start_plain(LIMITS);
    let mut client = fixture.connect();
    let request = post_head("/echo", 3).to_string() + "abc";
    client.send(request.clone());
    assert_eq!(client.receive().status, 200);
    eventually("it is counted", || fixture.server.metrics().sent_bytes > 0);
    let seen = fixture.server.metrics();
    assert_eq!((seen.open, seen.accepted, seen.turned_away), (1, 1, 0));
    assert_eq!(seen.received_bytes, request.len() as u64);
    let text = scraped(&fixture);
    assert!(text.contains("detour_connections 1\n"), "{text}");
    assert!(text.contains("detour_connections_accepted_total 1\n"), "{text}");
    let line = format!("detour_http_bytes_total{{direction=\"received\"}} {}", request.len());
    assert!(text.contains(&line), "{text}");
}
