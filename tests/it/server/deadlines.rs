use super::*;
use detour::server::{HandshakeFailure, Limit};

const SHORT: Duration = Duration::from_millis(200);
/// A tick that is never over: only what comes can show that it is too late.
const NO_TICK: Limits = Limits { tick: GUARD, ..LIMITS };

#[test]
fn a_request_that_trickles_is_cut_at_its_deadline() {
    let fixture = start_plain(Limits { request: SHORT, ..NO_TICK });
    let mut client = fixture.connect();
    let bytes = 2_000_000;
    client.send(post_head("/echo", bytes));
    // Never silent for long, so a time-out of single reads would not fire.
    let sent = (0..bytes).take_while(|_| client.stream.write_all(b" ").is_ok()).count();
    assert!(sent < bytes, "all of it was taken");
    eventually("the connection is gone", || fixture.server.open_connections() == 0);
    fixture.serves();
}

#[test]
fn a_head_that_trickles_is_cut_at_its_deadline() {
    for start in [start_plain, start] {
        let fixture = start(Limits { request: SHORT, ..NO_TICK });
        let mut client = fixture.connect();
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nA: ");
        let sent_end = Instant::now() + GUARD;
        // Slowly enough that the deadline comes before the limit of bytes.
        while client.stream.write_all(b"a").and_then(|()| client.stream.flush()).is_ok() {
            assert!(Instant::now() < sent_end, "it is never cut");
            thread::park_timeout(Duration::from_millis(1));
        }
        let hits = || fixture.server.counters().hits(Limit::RequestTime);
        eventually("it was counted", || hits() == 1);
        fixture.serves();
    }
}

#[test]
fn a_request_that_stops_is_cut_at_its_deadline() {
    let fixture = start(Limits { request: SHORT, ..LIMITS });
    for begin in ["POST /echo HTTP/1.1\r\nHo".to_owned(), post_head("/echo", 3) + "ab"] {
        let mut client = fixture.connect();
        client.send(begin);
        assert!(client.ends());
        fixture.serves();
    }
}

#[test]
fn an_idle_connection_is_closed_in_the_end() {
    let fixture = start(Limits { idle: SHORT, ..LIMITS });
    assert!(fixture.connect_and_ask("/echo").ends());
}

#[test]
fn a_first_request_that_does_not_come_is_cut_sooner() {
    let fixture = start(Limits { request: SHORT, idle: GUARD * 2, ..LIMITS });
    let mut used = fixture.connect_and_ask("/echo");
    let mut unused = fixture.connect();
    assert!(unused.ends());
    assert_eq!(used.post("/echo", b"").status, 200, "the other one is idle for longer");
}

#[test]
fn a_connection_serves_after_it_was_idle_for_a_while() {
    for fixture in [start(LIMITS), start_plain(LIMITS)] {
        let mut client = fixture.connect_and_ask("/echo");
        let begun = Instant::now();
        // What an idle connection holds is given back after a tick.
        while begun.elapsed() < LIMITS.tick * 3 {
            thread::yield_now();
        }
        assert_eq!(client.post("/echo", &[b' '; 100_000]).body, "POST /echo 100000");
        assert_eq!(client.post("/echo", b"").status, 200);
    }
}

#[test]
fn a_handshake_that_does_not_come_is_cut() {
    let fixture = start(Limits { handshake: SHORT, ..LIMITS });
    let mut client = connect(fixture.server.address());
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    let counters = fixture.server.counters();
    eventually("it was counted", || counters.handshake_failures(HandshakeFailure::Timeout) == 1);
    fixture.serves();
}

#[test]
fn a_handshake_that_trickles_is_cut() {
    let fixture = start(Limits { handshake: SHORT, ..NO_TICK });
    let mut client = connect(fixture.server.address());
    // A record of 16 KiB, a byte at a time, never silent for long.
    client.write_all(&[22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc]).unwrap();
    let sent_end = Instant::now() + GUARD;
    while client.write_all(&[3]).is_ok() {
        assert!(Instant::now() < sent_end, "it is never cut");
        thread::park_timeout(Duration::from_millis(1));
    }
    let counters = fixture.server.counters();
    eventually("it was counted", || counters.handshake_failures(HandshakeFailure::Timeout) == 1);
    fixture.serves();
}

#[test]
fn a_large_answer_that_nobody_reads_is_cut() {
    for start in [start_plain, start] {
        let fixture = start(Limits { request: SHORT, ..LIMITS });
        let mut client = fixture.connect();
        client.send(post_head("/large", 0));
        eventually("it came in", || fixture.server.busy_connections() == 1);
        eventually("the connection is gone", || fixture.server.open_connections() == 0);
        assert_eq!(fixture.server.counters().hits(Limit::RequestTime), 1);
        fixture.serves();
    }
}

#[test]
fn a_large_answer_that_is_read_slowly_is_cut() {
    let fixture = start_plain(Limits { request: SHORT, ..LIMITS });
    let mut client = fixture.connect();
    client.send(post_head("/large", 0));
    let mut read = 0;
    while matches!(client.stream.read(&mut [0]), Ok(1)) {
        read += 1;
    }
    assert!(read < LARGE, "all of it was sent");
    fixture.serves();
}

#[test]
fn a_large_answer_that_is_read_is_sent_whole() {
    for start in [start_plain, start] {
        let mut client = start(LIMITS).connect();
        assert_eq!(client.post("/large", b"").body.len(), LARGE);
        assert_eq!(client.post("/echo", b"").status, 200, "the connection goes on");
    }
}

#[test]
fn slow_requests_at_the_cap_make_room_at_their_deadline() {
    let limits = Limits { connections: 2, newcomer: GUARD, request: SHORT, ..LIMITS };
    let fixture = start(limits);
    let slow = [(); 2].map(|()| {
        let mut client = fixture.connect();
        client.send("POST /echo HTTP/1.1\r\n");
        client
    });
    eventually("all are busy", || fixture.server.busy_connections() == 2);
    assert_eq!(fixture.connect().post("/echo", b"").status, 200);
    drop(slow);
}

#[test]
fn a_client_that_does_not_read_its_answers_is_cut() {
    let fixture = start_plain(Limits { request: SHORT, ..LIMITS });
    let mut client = fixture.connect();
    let request = post_head("/echo", 0).repeat(1000);
    let requests_end = Instant::now() + GUARD;
    while client.stream.write_all(request.as_bytes()).is_ok() {
        assert!(Instant::now() < requests_end, "it is never cut");
    }
    eventually("the connection is gone", || fixture.server.open_connections() == 0);
    fixture.serves();
}
