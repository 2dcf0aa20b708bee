//! Clients that go away in the middle, by an end or by a reset.

use super::records::{RECORD, Wire, request, unfinished};
use super::*;
use rustix::net::sockopt::set_socket_linger;
use rustls::version::{TLS12, TLS13};
use std::sync::atomic::Ordering;

/// Leaves a connection as far as it got.
type Begin = fn(&Fixture) -> TcpStream;

fn hello(fixture: &Fixture, bytes: usize) -> TcpStream {
    let config = client_config(fixture.certificate.as_deref().unwrap());
    let (mut tls, mut socket) = client_stream(fixture.server.address(), config).into_parts();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    socket.write_all(&hello[..bytes.min(hello.len())]).unwrap();
    socket
}

/// With this much of a record of a request.
fn sent(fixture: &Fixture, request: &[u8], missing: usize) -> TcpStream {
    let mut wire = Wire::connect(fixture, &TLS13);
    let sealed = wire.sealed(request, RECORD);
    wire.put(&sealed[..sealed.len() - missing]);
    wire.socket
}

const STATES: [(&str, Begin); 13] = [
    ("nothing", |fixture| connect(fixture.server.address())),
    ("the header of a record", |fixture| hello(fixture, 5)),
    ("half of a ClientHello", |fixture| hello(fixture, 100)),
    ("a ClientHello", |fixture| hello(fixture, usize::MAX)),
    ("a handshake without its end", |fixture| unfinished(fixture).socket),
    ("a handshake of TLS 1.3", |fixture| Wire::connect(fixture, &TLS13).socket),
    ("a handshake of TLS 1.2", |fixture| Wire::connect(fixture, &TLS12).socket),
    ("half of a record", |fixture| sent(fixture, &request("/echo", 3), 20)),
    ("half of a head", |fixture| sent(fixture, b"POST /echo HTTP/1.1\r\nHo", 0)),
    ("half of a body", |fixture| sent(fixture, post_head("/echo", 3).as_bytes(), 0)),
    ("a body to be asked for", |fixture| {
        let head = post_head("/echo", 3).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
        sent(fixture, head.as_bytes(), 0)
    }),
    ("a request in work", |fixture| {
        let socket = sent(fixture, &request("/gate", 0), 0);
        fixture.entered.recv_timeout(GUARD).unwrap();
        fixture.gate.send(()).unwrap();
        socket
    }),
    ("an answer that is sent", |fixture| {
        let mut socket = sent(fixture, &request("/large", 0), 0);
        socket.read_exact(&mut [0; 5]).unwrap();
        socket
    }),
];

#[test]
fn a_client_may_leave_in_any_state() {
    let fixture = start(LIMITS);
    let server = &fixture.server;
    for (state, begin) in STATES {
        for resets in [false, true] {
            let socket = begin(&fixture);
            if resets {
                set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
            }
            drop(socket);
            eventually(state, || server.open_connections() == 0);
            fixture.serves();
            eventually("that one is gone too", || server.open_connections() == 0);
        }
    }
    assert_eq!(server.counters().panics.load(Ordering::Relaxed), 0);
}
