use super::*;
use detour::server::HandshakeFailure;

const SHORT: Duration = Duration::from_millis(200);

#[test]
fn a_request_that_trickles_is_cut_at_its_deadline() {
    let fixture = start_plain(Limits { request: SHORT, ..LIMITS });
    let mut client = fixture.connect();
    let bytes = 2_000_000;
    client.send(post_head("/echo", bytes));
    // Never silent for long, so a time-out of single reads would not fire.
    let sent = (0..bytes).take_while(|_| client.stream.write_all(b" ").is_ok()).count();
    assert!(sent < bytes, "all of it was taken");
    eventually("the connection is gone", || fixture.server.open_connections() == 0);
}

#[test]
fn a_request_that_stops_is_cut_at_its_deadline() {
    let mut client = start(Limits { request: SHORT, ..LIMITS }).connect();
    client.send("POST /echo HTTP/1.1\r\nHo");
    assert!(client.ends());
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
}
