use super::*;
use detour::server::limits::HEADERS_MAX;
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
        fixture.serves();
    }
}

#[test]
fn bad_requests_are_refused_and_the_next_connection_is_served() {
    let fixture = start(LIMITS);
    let post = |fields: &str| format!("POST /echo HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let chunks = "Transfer-Encoding: chunked\r\n";
    let cases = [
        (post(""), 411),
        (post(chunks) + "0\r\n\r\n", 501),
        (post(&format!("Content-Length: 5\r\n{chunks}")) + "0\r\n\r\n", 400),
        (post("tRANSFER-eNCODING: cHUNKED\r\n") + "0\r\n\r\n", 501),
        (post("Transfer-Encoding: identity\r\n"), 501),
        (post("Transfer-Encoding:\r\n"), 501),
        (post("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n", 501),
        (post("Content-Length: 5\r\nTransfer-Encoding: identity\r\n") + "ab", 400),
        (post("Content-Length: 0\r\nTransfer-Encoding : chunked\r\n"), 400),
        (post("Content-Length: 0\r\nA: b\r\n\tTransfer-Encoding: chunked\r\n"), 400),
        (post("Content-Length: 1\r\nContent-Length: 2\r\n") + "ab", 400),
        (post("Content-Length: 1\r\nContent-Length: 1\r\n") + "a", 400),
        (post("Content-Length: 1, 1\r\n") + "a", 400),
        (post("Content-Length: +1\r\n") + "a", 400),
        (post("Content-Length: -1\r\n"), 400),
        (post("Content-Length: 0x1\r\n") + "a", 400),
        (post("Content-Length: \r\n"), 400),
        (post("Content-Length: 1 1\r\n") + "a", 400),
        (post("Content-Length: ,1\r\n") + "a", 400),
        (post("Content-Length: \"1\"\r\n") + "a", 400),
        (post("Content-Length: 1\x0b\r\n") + "a", 400),
        (post("Content-Length: 1\rA: b\r\n") + "a", 400),
        (post("Content-Length : 1\r\n") + "a", 400),
        (post("Content-Length: 1000000000000\r\n"), 413),
        (post("Content-Length: 99999999999999999999999\r\n"), 413),
        (post("Content-Length: 0\nA: b\r\n"), 400),
        (post("Content-Length: 0\r\nA: b\r\n c\r\n"), 400),
        (post("Content-Length: 0\r\nA: b\0\r\n"), 400),
        (post("Content-Length: 0\r\nHost: b\r\n"), 400),
        ("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n".to_owned(), 400),
        (post("Content-Length: 1\r\nExpect: 200-ok\r\n") + "a", 417),
        (post(&"A: b\r\n".repeat(HEADERS_MAX)), 431),
        (post(&format!("A: {}\r\n", "b".repeat(LIMITS.head_bytes))), 431),
        (get("http://a/echo"), 400),
        (get("a:80"), 400),
        (get("*"), 400),
        (get(&"/".repeat(LIMITS.head_bytes)), 431),
        ("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".to_owned(), 400),
        ("CONNECT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".to_owned(), 400),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n".to_owned(), 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505),
        ("nonsense\r\n\r\n".to_owned(), 400),
    ];
    let refused = &fixture.server.counters().refused;
    for (number, (request, status)) in cases.iter().enumerate() {
        let mut client = fixture.connect();
        // What follows in the same write must not be taken for a request.
        client.send(format!("{request}{}", post_head("/smuggled", 0)));
        let response = client.receive();
        assert_eq!(response.status, *status, "{request:?}");
        assert!(response.closes());
        assert!(client.ends(), "{request:?}");
        assert_eq!(refused.load(Ordering::Relaxed), number as u64 + 1);
        fixture.serves();
    }
}

#[test]
fn a_body_is_not_awaited_that_is_refused() {
    let fixture = start(LIMITS);
    for bytes in [LIMITS.body_bytes + 1, 1_000_000_000_000] {
        let mut client = fixture.connect();
        client.send(post_head("/echo", bytes));
        assert_eq!(client.receive().status, 413, "not a byte of it has come");
        assert!(client.ends());
        fixture.serves();
    }
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
fn a_body_is_never_taken_for_a_request() {
    let fixture = start(LIMITS);
    let mut client = fixture.connect();
    let body = post_head("/smuggled", 0);
    for method in ["GET", "DELETE", "POST"] {
        // Zeros in front mean nothing.
        let length = format!("Host: a\r\nContent-Length: 000{}\r\n\r\n", body.len());
        client.send(format!("{method} /echo HTTP/1.1\r\n{length}{body}"));
        let answer = client.receive();
        assert!(method == "DELETE" || answer.body == format!("{method} /echo {}", body.len()));
        assert_eq!(client.post("/next", b"").body, "POST /next 0", "{method}");
    }
}

#[test]
fn a_refused_request_among_others_ends_the_answers() {
    let fixture = start(LIMITS);
    let mut client = fixture.connect();
    let refused = "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let before = format!("{}ab{}", post_head("/1", 2), post_head("/2", 0));
    client.send(format!("{before}{refused}{}", post_head("/smuggled", 0)));
    assert_eq!(client.receive().body, "POST /1 2");
    assert_eq!(client.receive().body, "POST /2 0");
    assert_eq!(client.receive().status, 501);
    assert!(client.ends());
    fixture.serves();
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
fn a_client_that_does_not_wait_is_not_told_to_continue() {
    let mut client = start(LIMITS).connect();
    client.send(expecting_head("/echo", 3) + "abc" + &post_head("/next", 0));
    assert_eq!(client.receive().body, "POST /echo 3");
    assert_eq!(client.receive().body, "POST /next 0");
    let fixture = start(LIMITS);
    let mut old = fixture.connect();
    old.send(expecting_head("/echo", 3).replace("HTTP/1.1", "HTTP/1.0"));
    eventually("its head has come", || fixture.server.busy_connections() == 1);
    old.send("abc");
    assert_eq!(old.receive().body, "POST /echo 3", "HTTP/1.0 knows no 100");
    assert!(old.ends());
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
    fixture.serves();
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
