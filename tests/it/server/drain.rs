use super::*;
use detour::supervise;

#[test]
fn draining_says_close_in_every_answer_and_serves_newcomers() {
    let fixture = start(LIMITS);
    let mut client = fixture.connect_and_ask("/echo");
    let address = fixture.server.address();
    let certificate = fixture.certificate.clone().unwrap();
    let supervisor = fixture.supervisor.clone();
    supervisor
        .spawn_last("drain", move || {
            fixture.server.drain(GUARD * 100);
        })
        .unwrap();
    eventually("an answer closes", || client.post("/echo", b"").closes());
    assert!(client.ends());
    let mut newcomer = connect_tls(address, &certificate);
    assert!(newcomer.post("/echo", b"").closes());
    assert!(newcomer.ends());
}

#[test]
fn draining_closes_the_idle_and_waits_for_the_busy() {
    let fixture = start(LIMITS);
    let mut idle = fixture.connect_and_ask("/echo");
    let mut busy = fixture.connect();
    busy.send(post_head("/gate", 0));
    fixture.entered.recv_timeout(GUARD).unwrap();
    let (drained, result) = mpsc::channel();
    let server = fixture.server;
    supervise::spawn("drain", 1 << 20, move || drained.send(server.drain(Duration::ZERO)).unwrap())
        .unwrap();
    assert!(idle.ends(), "with close_notify");
    assert!(result.try_recv().is_err(), "it waits for the busy one");
    fixture.gate.send(()).unwrap();
    let response = busy.receive();
    assert_eq!(response.body, "POST /gate 0");
    assert!(response.closes());
    assert!(busy.ends());
    drop(busy);
    assert_eq!(result.recv_timeout(GUARD), Ok(0));
}

#[test]
fn draining_gives_up_on_what_does_not_end() {
    let fixture = start(Limits { request: Duration::from_millis(100), ..LIMITS });
    let mut stuck = fixture.connect();
    stuck.send(post_head("/gate", 0));
    fixture.entered.recv_timeout(GUARD).unwrap();
    assert_eq!(fixture.server.drain(Duration::ZERO), 1);
}
