use super::*;
use detour::server::{Limit, bind};
use rustix::net::{Shutdown, listen, shutdown};
use std::sync::atomic::Ordering;

/// Two connections; a newcomer waits as long as the test does.
const TWO: Limits = Limits { connections: 2, newcomer: GUARD, ..LIMITS };

#[test]
fn at_the_cap_the_longest_idle_connection_is_evicted() {
    let fixture = start(TWO);
    let mut first = fixture.connect_and_ask("/echo");
    let mut second = fixture.connect_and_ask("/echo");
    // Now the second has been idle for longer.
    fixture.ask(&mut first, "/echo");
    let mut third = fixture.connect_and_ask("/echo");
    assert!(second.ends());
    assert_eq!(first.post("/echo", b"").status, 200);
    assert_eq!(third.post("/echo", b"").status, 200);
    assert_eq!(fixture.server.counters().evicted.load(Ordering::Relaxed), 1);
    assert_eq!(fixture.server.open_connections(), 2);
}

#[test]
fn a_connection_of_value_is_evicted_last() {
    let fixture = start(TWO);
    let mut valued = fixture.connect_and_ask("/valued");
    let mut other = fixture.connect_and_ask("/echo");
    let _newcomer = fixture.connect_and_ask("/valued");
    assert!(other.ends());
    fixture.ask(&mut valued, "/valued");
    let mut last = fixture.connect_and_ask("/echo");
    assert_eq!(valued.post("/valued", b"").status, 200, "the newcomer was idle for longer");
    assert_eq!(last.post("/echo", b"").status, 200);
}

#[test]
fn a_busy_connection_is_never_evicted() {
    let limits = Limits { connections: 1, newcomer: Duration::from_millis(100), ..LIMITS };
    let fixture = start_plain(limits);
    let mut busy = fixture.connect_and_ask("/echo");
    busy.send(post_head("/gate", 0));
    fixture.entered.recv_timeout(GUARD).unwrap();
    assert!(fixture.connect().ends(), "the newcomer is closed");
    let turned_away = &fixture.server.counters().turned_away;
    eventually("it is counted", || turned_away.load(Ordering::Relaxed) == 1);
    fixture.gate.send(()).unwrap();
    assert_eq!(busy.receive().status, 200);
    assert_eq!(busy.post("/echo", b"").status, 200, "its connection goes on");
}

#[test]
fn a_newcomer_waits_for_a_place() {
    let fixture = start_plain(Limits { connections: 1, ..TWO });
    let mut busy = fixture.connect();
    busy.send(post_head("/gate", 0));
    fixture.entered.recv_timeout(GUARD).unwrap();
    let mut newcomer = fixture.connect();
    newcomer.send(post_head("/echo", 0));
    let accepted = &fixture.server.counters().accepted;
    eventually("the newcomer is accepted", || accepted.load(Ordering::Relaxed) == 2);
    eventually("it waits", || fixture.server.newcomer_waits());
    fixture.gate.send(()).unwrap();
    let last = busy.receive();
    assert_eq!(last.status, 200);
    assert!(last.closes(), "the place is wanted");
    let answer = newcomer.receive();
    assert_eq!(answer.status, 200);
    assert!(!answer.closes(), "nobody waits any more");
}

#[test]
fn a_silent_newcomer_makes_room_after_its_grace() {
    let limits = Limits { connections: 1, newcomer: Duration::from_millis(200), ..LIMITS };
    let fixture = start(limits);
    let mut silent = connect(fixture.server.address());
    eventually("it has its place", || fixture.server.open_connections() == 1);
    fixture.connect_and_ask("/echo");
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).unwrap();
}

#[test]
fn bodies_in_flight_are_bounded_together() {
    // A body of 40,000 takes about 7,000 beyond the connection's own buffer.
    let fixture = start(Limits { in_flight_bytes: 10_000, ..LIMITS });
    let body = [b' '; 40_000];
    let mut first = fixture.connect();
    first.send([post_head("/gate", body.len()).as_bytes(), &body].concat());
    fixture.entered.recv_timeout(GUARD).unwrap();
    let refused = fixture.connect().post("/echo", &body);
    assert_eq!(refused.status, 503);
    assert!(refused.head.contains("\r\nRetry-After: 1\r\n"));
    assert!(refused.closes());
    assert_eq!(fixture.server.counters().hits(Limit::InFlight), 1);
    assert_eq!(fixture.connect().post("/echo", b"small").status, 200);
    fixture.gate.send(()).unwrap();
    assert_eq!(first.receive().status, 200);
    assert_eq!(fixture.connect().post("/echo", &body).status, 200);
}

#[test]
fn a_place_is_free_again_however_its_connection_ends() {
    let fixture = start_plain(Limits { connections: 1, ..TWO });
    fixture.connect().send(post_head("/panic-in-check", 0));
    drop(fixture.connect_and_ask("/echo"));
    fixture.connect().send("broken\r\n\r\n");
    fixture.connect_and_ask("/echo");
    eventually("all are gone", || fixture.server.open_connections() == 0);
}

#[test]
fn every_address_takes_ipv4_too() {
    let listener = bind("[::]:0".parse().unwrap()).unwrap();
    let port = listener.local_addr().unwrap().port();
    let fixture = start_with(listener, Transport::Plain, LIMITS);
    let stream = connect(([127, 0, 0, 1], port).into());
    assert_eq!(Client { stream: Box::new(stream) }.post("/echo", b"").status, 200);
    drop(fixture);
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let address = loopback();
    let address = (address.local_addr().unwrap(), address);
    let error = bind(address.0).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {}", address.0));
}

#[test]
fn accept_errors_do_not_end_the_loop() {
    let listener = loopback();
    let handle = listener.try_clone().unwrap();
    let fixture = start_with(listener, Transport::Plain, LIMITS);
    let errors = &fixture.server.counters().accept_errors;
    // accept(2) fails with EINVAL on a socket that does not listen.
    shutdown(&handle, Shutdown::Both).unwrap();
    eventually("accept fails twice", || errors.load(Ordering::Relaxed) >= 2);
    listen(&handle, 16).unwrap();
    let stream = connect(handle.local_addr().unwrap());
    assert_eq!(Client { stream: Box::new(stream) }.post("/echo", b"").status, 200);
}

#[test]
fn a_thread_that_cannot_be_had_costs_a_connection_and_nothing_else() {
    // More than there are addresses.
    let fixture = start_plain(Limits { stack_bytes: usize::MAX / 4, connections: 1, ..LIMITS });
    let errors = &fixture.server.counters().accept_errors;
    for number in 1..=3 {
        assert!(matches!(connect(fixture.server.address()).read(&mut [0]), Ok(0)));
        eventually("it is counted", || errors.load(Ordering::Relaxed) == number);
        eventually("its place is free", || fixture.server.open_connections() == 0);
    }
}
