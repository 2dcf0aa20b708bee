//! The server of Detour with an answer that is always the same and reads
//! nothing of what was asked: what is left of a request's cost without
//! admission. `benches/load.py` compares with it.
//!
//! usage: constant ADDRESS CERTIFICATE KEY
#![allow(clippy::panic, clippy::expect_used, reason = "a benchmark")]

use std::sync::Arc;

use bumpalo::Bump;
use detour::certs::files::{Files, Watcher};
use detour::server::{self, Answer, Head, Limits, Server, Service, Status, TlsSlot, Transport};
use detour::supervise::supervisor;

/// As long as what Detour answers to `benches/data/review.json`.
const BODY: &[u8] = &[b' '; 1024];

struct Constant;

impl Service for Constant {
    fn check(&self, _: &Head<'_>) -> Result<(), Answer> {
        Ok(())
    }

    fn answer(&self, _: &Head<'_>, _: &[u8], _: &Bump) -> Answer {
        Answer::new(Status::Ok, "application/json", BODY.to_vec())
    }

    fn panicked(&self, _: &Head<'_>, _: &[u8]) -> Answer {
        Answer::refusal(Status::InternalServerError)
    }
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [address, certificate, key] = &arguments[..] else {
        // `cargo test` and `cargo bench` start every benchmark.
        return;
    };
    let files = Files { certificate: certificate.into(), key: key.into() };
    let slot = Arc::new(TlsSlot::empty());
    Watcher::start(files, Arc::clone(&slot)).expect("a certificate and its key");
    let socket = server::bind(address.parse().expect("an address")).expect("a free port");
    let (supervisor, events) = supervisor();
    let limits = Limits::admission();
    let transport = Transport::Tls(slot);
    let _server =
        Server::start("constant", socket, transport, limits, Arc::new(Constant), &supervisor)
            .expect("a server");
    panic!("{:?}", events.wait());
}
