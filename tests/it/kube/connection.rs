//! The connection: whom it trusts, and that every part of it ends.

use std::io::Read;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use detour::client::{ClientError, Limits, Phase};
use detour::kube::limits::OBJECT_BYTES_MAX;
use detour::kube::{Api, ErrorKind};

use super::script::{Pair, Part, Reply, Server};
use super::{Account, GUARD, LIMITS, config_map, named};

const SHORT: Duration = Duration::from_millis(50);

fn failure(api: &Api) -> ClientError {
    let error = api.get(&named("rules")).unwrap_err();
    match error.kind {
        ErrorKind::Unreachable(error) => error,
        kind => panic!("{kind:?}"),
    }
}

/// What a request fails with under these limits.
fn failure_of(reply: Reply, limits: Limits) -> ClientError {
    let server = Server::start(vec![reply]);
    let account = Account::new(&server.pair.certificate);
    failure(&account.api(&server, limits))
}

fn deadline(error: ClientError) -> Phase {
    match error {
        ClientError::Deadline(phase) => phase,
        error => panic!("{error:?}"),
    }
}

#[test]
fn only_the_given_authority_is_trusted() {
    let server = Server::start(vec![]);
    let account = Account::new(&Pair::new(&["127.0.0.1"]).certificate);
    let error = failure(&account.api(&server, LIMITS));
    assert!(matches!(error, ClientError::Untrusted(_)), "{error:?}");
    assert!(server.lines().is_empty());
}

#[test]
fn the_certificate_must_be_for_the_address() {
    let server = Server::start_with(Pair::new(&["other.example"]), None, vec![]);
    let account = Account::new(&server.pair.certificate);
    let error = failure(&account.api(&server, LIMITS));
    assert!(matches!(error, ClientError::Untrusted(_)), "{error:?}");
}

#[test]
fn nobody_there_is_no_connection() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let account = Account::new(&Pair::new(&["127.0.0.1"]).certificate);
    let api = account.api_at("127.0.0.1", free.port(), LIMITS).unwrap();
    assert!(matches!(failure(&api), ClientError::Connection(_)));
    let api = account.api_at("name.invalid", free.port(), LIMITS).unwrap();
    assert!(matches!(failure(&api), ClientError::NoAddress));
}

#[test]
fn a_server_that_says_nothing_ends_the_handshake_at_its_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let account = Account::new(&Pair::new(&["127.0.0.1"]).certificate);
    let port = listener.local_addr().unwrap().port();
    for limits in [Limits { handshake: SHORT, ..LIMITS }, Limits { connect: SHORT, ..LIMITS }] {
        let begin = Instant::now();
        let api = account.api_at("127.0.0.1", port, limits).unwrap();
        assert_eq!(deadline(failure(&api)), Phase::Handshake);
        assert!(begin.elapsed() < GUARD, "the other deadline");
    }
}

#[test]
fn a_server_without_tls_is_no_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut socket, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        socket.read_to_end(&mut Vec::new()).ok();
    });
    let account = Account::new(&Pair::new(&["127.0.0.1"]).certificate);
    let error = failure(&account.api_at("127.0.0.1", port, LIMITS).unwrap());
    assert!(matches!(error, ClientError::Tls(_)), "{error:?}");
}

#[test]
fn a_server_that_does_not_answer_ends_at_the_deadline_of_the_head() {
    let limits = Limits { head: SHORT, ..LIMITS };
    assert_eq!(deadline(failure_of(Reply::Silence, limits)), Phase::Head);
}

#[test]
fn a_body_that_stops_or_drips_ends_at_its_deadline() {
    let limits = Limits { body: SHORT, ..LIMITS };
    for parts in [vec![Part::text("{"), Part::Silence], vec![Part::Drip(b' ')]] {
        assert_eq!(deadline(failure_of(Reply::Stream(parts), limits)), Phase::Body);
    }
}

#[test]
fn a_body_that_breaks_off_is_no_answer() {
    let cut = Reply::Stream(vec![Part::text(config_map("rules", 1).to_string()), Part::Cut]);
    assert!(matches!(failure_of(cut, LIMITS), ClientError::Connection(_)));
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}".to_vec();
    assert!(matches!(failure_of(Reply::Raw(short), LIMITS), ClientError::Connection(_)));
    assert!(matches!(failure_of(Reply::Close, LIMITS), ClientError::Connection(_)));
}

#[test]
fn garbage_is_no_answer() {
    let error = failure_of(Reply::Raw(b"\0\0garbage\r\n\r\n".to_vec()), LIMITS);
    assert!(matches!(error, ClientError::Protocol(_)), "{error:?}");
}

#[test]
fn an_answer_has_a_largest_size() {
    let endless = || Reply::Stream(vec![Part::Drip(b' ')]);
    let large = || {
        let head = format!("X: {}\r\n", "x".repeat(LIMITS.head_bytes));
        Reply::Answer(200, head, Vec::new())
    };
    let server = Server::start(vec![
        Reply::Answer(200, String::new(), vec![b' '; OBJECT_BYTES_MAX + 1]),
        large(),
        endless(),
    ]);
    let account = Account::new(&server.pair.certificate);
    let api = account.api(&server, LIMITS);
    let limit = |api: &Api| match api.get(&named("rules")).unwrap_err().kind {
        ErrorKind::TooLarge(limit) => limit,
        kind => panic!("{kind:?}"),
    };
    assert_eq!(limit(&api), OBJECT_BYTES_MAX);
    assert_eq!(limit(&api), LIMITS.head_bytes);
}

#[test]
fn a_connection_is_used_again_and_replaced_when_it_was_closed() {
    let reply = || Reply::json(200, &config_map("rules", 1));
    let last = || Reply::Raw(b"HTTP/1.1 404 -\r\nContent-Length: 0\r\n\r\n".to_vec());
    let server = Server::start(vec![reply(), reply(), last(), reply()]);
    let account = Account::new(&server.pair.certificate);
    let api = account.api(&server, LIMITS);
    for _ in 0..2 {
        api.get(&named("rules")).unwrap();
    }
    assert_eq!(server.connections(), 1);
    assert!(matches!(api.get(&named("rules")).unwrap_err().kind, ErrorKind::NotFound(_)));
    server.wait_for_an_end();
    api.get(&named("rules")).unwrap();
    assert_eq!(server.connections(), 2);
}

#[test]
fn shutting_down_ends_a_call_that_waits() {
    let server = Server::start(vec![]);
    let account = Account::new(&server.pair.certificate);
    let api = account.api(&server, LIMITS);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| failure(&api));
        server.wait_for_requests(1);
        api.shutdown();
        assert!(matches!(waiting.join().unwrap(), ClientError::ShutDown));
    });
    assert!(matches!(failure(&api), ClientError::ShutDown));
}
