//! The built command is told to end while it has much to do.

use std::io::Write;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::Signal;
use rustls::StreamOwned;

use crate::serve::{REVIEW, RULES, Running, post, posting};
use crate::server::{Client, Response, client_config, client_stream, connect, connect_tls};

const CLIENTS: usize = 6;
/// Requests of each client, on connections of their own, after the signal.
const LAST: usize = 10;

/// Answered, whole, by a connection that goes on or says that it ends.
fn answered(client: &mut Client) -> bool {
    closes(&post(client, REVIEW))
}

fn closes(answer: &Response) -> bool {
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("\"allowed\":true"), "{}", answer.body);
    answer.closes()
}

#[test]
fn no_request_is_lost_while_it_drains() {
    let mut running = Running::start(RULES, &["--drain=8"]);
    let (address, certificate) = running.reach();
    let (told, begun) = (AtomicBool::new(false), Barrier::new(CLIENTS + 1));
    let busy = || {
        let connect = || connect_tls(address, &certificate);
        let mut client = connect();
        assert!(!answered(&mut client));
        begun.wait();
        // Until an answer says so, the connection goes on.
        while !answered(&mut client) {}
        assert!(told.load(Ordering::Relaxed), "nobody has told it to end");
        assert!(client.ends());
        for _ in 0..LAST {
            let mut client = connect();
            assert!(answered(&mut client), "all say that they are the last");
            assert!(client.ends());
        }
    };
    thread::scope(|scope| {
        (0..CLIENTS).for_each(|_| drop(scope.spawn(busy)));
        begun.wait();
        told.store(true, Ordering::Relaxed);
        running.signal(Signal::TERM);
        // A process whose log nobody reads waits. This one ends.
        running.log.by_ref().for_each(drop);
    });
    assert!(running.process.wait().unwrap().success());
}

#[test]
fn a_handshake_that_the_signal_meets_is_finished_and_its_request_answered() {
    let mut running = Running::start(RULES, &["--drain=3"]);
    let (address, certificate) = running.reach();
    let half = client_stream(address, client_config(&certificate));
    let (mut session, mut socket) = half.into_parts();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    let (first, second) = hello.split_at(hello.len() / 2);
    socket.write_all(first).unwrap();
    let mut silent = running.connect();
    running.begin_drain();
    socket.write_all(second).unwrap();
    let mut half = Client { stream: Box::new(StreamOwned::new(session, socket)) };
    assert!(answered(&mut half));
    assert!(answered(&mut silent));
    assert!(running.process.wait().unwrap().success());
}

#[test]
fn a_request_that_the_signal_meets_half_way_is_answered() {
    let mut running = Running::start(RULES, &["--drain=3"]);
    let request = posting(REVIEW);
    let body = request.len() - REVIEW.len();
    let mut halves = [10, body - 2, body, body + 1, request.len() - 1].map(|end| {
        let mut client = running.connect();
        client.send(&request[..end]);
        (client, &request[end..])
    });
    let mut second = running.connect();
    second.send([&request, &request[..body + 1]].concat());
    assert!(!closes(&second.receive()));
    let mut asking = running.connect();
    asking.send(request[..body].replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"));
    asking.stream.read_exact(&mut [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()]).unwrap();
    // What never ends by itself holds nobody up.
    let mut broken = connect(running.reach().0);
    broken.write_all(&[22, 3, 1]).unwrap();
    let mut unread = running.connect();
    unread.send(request.repeat(3));
    running.begin_drain();
    let rests = halves.iter_mut().map(|(client, rest)| (client, *rest));
    let others = [(&mut second, &request[body + 1..]), (&mut asking, &request[body..])];
    for (client, rest) in rests.chain(others) {
        client.send(rest);
        assert!(closes(&client.receive()));
        assert!(client.ends());
    }
    assert!(running.process.wait().unwrap().success());
}
