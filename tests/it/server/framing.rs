use super::*;
use std::net::Shutdown;
use std::sync::atomic::Ordering;

#[test]
fn one_connection_serves_many_requests() {
    let fixture = start(LIMITS);
    let mut client = fixture.connect();
    for body in [&b"12"[..], b"", b"1234"] {
        let response = client.post("/echo", body);
        assert_eq!(response.status, 200);
        assert_eq!(response.body, format!("POST /echo {}", body.len()));
        assert!(!response.closes());
    }
    assert_eq!(fixture.server.counters().accepted.load(Ordering::Relaxed), 1);
    assert_eq!(fixture.server.open_connections(), 1);
}

#[test]
fn requests_sent_together_are_answered_in_order() {
    let mut client = start(LIMITS).connect();
    client.send(format!("{}ab{}{}c", post_head("/1", 2), post_head("/2", 0), post_head("/3", 1)));
    for expected in ["POST /1 2", "POST /2 0", "POST /3 1"] {
        assert_eq!(client.receive().body, expected);
    }
}

#[test]
fn a_request_may_come_in_any_pieces() {
    let mut client = start_plain(LIMITS).connect();
    for byte in format!("{}abc", post_head("/echo", 3)).bytes() {
        client.send([byte]);
    }
    assert_eq!(client.receive().body, "POST /echo 3");
}

#[test]
fn a_body_is_taken_up_to_the_limit() {
    let fixture = start(LIMITS);
    let mut client = fixture.connect();
    let response = client.post("/echo", &vec![b' '; LIMITS.body_bytes]);
    assert_eq!(response.body, format!("POST /echo {}", LIMITS.body_bytes));
    assert_eq!(client.post("/echo", b"").status, 200, "the connection goes on");
}

#[test]
fn a_body_over_the_limit_is_refused_readably() {
    for fixture in [start(LIMITS), start_plain(LIMITS)] {
        let mut client = fixture.connect();
        // Writes all of it before it reads: fails when the server just closes.
        let response = client.post("/echo", &vec![b' '; LIMITS.body_bytes + 1]);
        assert_eq!(response.status, 413);
        assert!(response.closes());
    }
}

#[test]
fn bad_requests_are_refused_and_the_next_connection_is_served() {
    let fixture = start(LIMITS);
    let cases = [
        ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", 411),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400),
        ("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 400),
        ("nonsense\r\n\r\n", 400),
    ];
    for (request, status) in cases {
        let mut client = fixture.connect();
        client.send(request);
        let response = client.receive();
        assert_eq!(response.status, status, "{request:?}");
        assert!(response.closes());
        assert!(client.ends());
    }
    assert_eq!(fixture.server.counters().refused.load(Ordering::Relaxed), cases.len() as u64);
    fixture.connect_and_ask("/echo");
}

#[test]
fn the_service_refuses_before_the_body_comes() {
    let fixture = start(LIMITS);
    let mut client = fixture.connect();
    client.send(post_head("/missing", 5));
    let response = client.receive();
    assert_eq!(response.status, 404);
    assert!(response.closes());
    assert!(client.ends());
}

#[test]
fn a_refused_request_that_is_whole_keeps_its_connection() {
    let mut client = start(LIMITS).connect();
    client.send("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = client.receive();
    assert_eq!(response.status, 405);
    assert!(response.head.contains("\r\nAllow: POST\r\n"));
    assert!(!response.closes());
    assert_eq!(client.post("/echo", b"").status, 200);
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let mut client = start(LIMITS).connect();
    client.send("GET /old HTTP/1.0\r\n\r\n");
    let response = client.receive();
    assert_eq!(response.body, "GET /old 0");
    assert!(response.closes());
    assert!(client.ends());
}

#[test]
fn head_has_no_body_in_its_answer() {
    let mut client = start(LIMITS).connect();
    client.send("HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.receive_head().contains("\r\nContent-Length: 12\r\n"));
    assert_eq!(
        client.post("/echo", b"").body,
        "POST /echo 0",
        "the next bytes are the next answer"
    );
}

fn expecting_head(path: &str, bytes: usize) -> String {
    post_head(path, bytes).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n")
}

#[test]
fn a_client_that_waits_is_told_to_continue() {
    let mut client = start(LIMITS).connect();
    client.send(expecting_head("/echo", 3));
    assert_eq!(client.receive_head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    assert_eq!(client.receive().body, "POST /echo 3");
}

#[test]
fn a_client_that_waits_is_told_not_to_continue() {
    let fixture = start(LIMITS);
    for (path, bytes, status) in [("/echo", LIMITS.body_bytes + 1, 413), ("/missing", 3, 404)] {
        let mut client = fixture.connect();
        client.send(expecting_head(path, bytes));
        assert_eq!(client.receive().status, status);
        assert!(client.ends());
    }
}

#[test]
fn a_panic_is_answered_by_the_service_and_the_server_lives_on() {
    let fixture = start(LIMITS);
    let mut client = fixture.connect();
    let response = client.post("/panic", b"abc");
    assert_eq!((response.status, response.body.as_str()), (200, "survived 3"));
    assert!(response.closes());
    assert!(client.ends());
    fixture.connect_and_ask("/echo");
}

#[test]
fn a_client_that_half_closes_is_still_answered() {
    let fixture = start_plain(LIMITS);
    let stream = connect(fixture.server.address());
    let mut client = Client { stream: Box::new(stream.try_clone().unwrap()) };
    client.send(post_head("/echo", 0));
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.receive().body, "POST /echo 0");
    assert!(client.ends());
}
