//! The shell around an election: what is sent, and when it is over.

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use detour::kube::lease::elector::Timing;
use detour::kube::lease::{Candidate, Leadership, Leave, identity};
use serde_json::{Value, json};

use super::script::{Reply, Server};
use super::{Account, GUARD, LIMITS, status, wait_until};

const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/detour/leases/detour";
/// So short that a test need not wait, and long enough for one call.
const TIMING: Timing = Timing {
    lease: GUARD,
    renew: GUARD,
    retry: Duration::from_millis(5),
    retry_max: Duration::from_millis(20),
};

struct Run {
    server: Server,
    _account: Account,
    changes: Receiver<bool>,
    leadership: Leadership,
    leave: Leave,
}

fn run(replies: Vec<Reply>, timing: Timing) -> Run {
    let server = Server::start(replies);
    let account = Account::new(&server.pair.certificate);
    let (sender, changes) = mpsc::channel();
    let on_change = Box::new(move |leads| sender.send(leads).unwrap_or_default());
    let names = ("detour".to_owned(), "detour".to_owned());
    let api = account.api(&server, LIMITS);
    let (candidate, leadership, leave) =
        Candidate::new(api, names, "me".to_owned(), timing, on_change);
    thread::spawn(move || candidate.run());
    Run { server, _account: account, changes, leadership, leave }
}

fn lease(version: u64, holder: &str) -> Value {
    json!({"metadata": {"name": "detour", "resourceVersion": version.to_string()},
           "spec": {"holderIdentity": holder, "leaseDurationSeconds": 1,
                    "leaseTransitions": 4, "renewTime": "2026-01-01T00:00:00.000000Z"}})
}

fn missing() -> Reply {
    Reply::json(404, &status(404, "NotFound", "leases \"detour\" not found"))
}

fn stored(version: u64) -> Reply {
    Reply::json(200, &lease(version, "me"))
}

fn body(server: &Server, index: usize) -> Value {
    serde_json::from_str(&server.received()[index].body).unwrap()
}

#[test]
fn it_is_created_renewed_and_given_back() {
    let replies = vec![missing(), stored(1), stored(2), stored(3), stored(4), stored(5)];
    let run = run(replies, TIMING);
    assert!(run.changes.recv_timeout(GUARD).unwrap());
    assert!(run.leadership.holds());
    wait_until("it is renewed", || run.server.lines().len() >= 4);
    run.leave.leave(GUARD);
    assert!(!run.leadership.holds());
    assert!(!run.changes.recv_timeout(GUARD).unwrap());

    let lines = run.server.lines();
    assert_eq!(lines[0], format!("GET {PATH}"));
    // Without force: of two that create at once one fails.
    assert_eq!(lines[1], format!("PATCH {PATH}?fieldManager=me&force=false"));
    assert!(lines[2..].iter().all(|line| *line == format!("PUT {PATH}")), "{lines:?}");
    let created = body(&run.server, 1);
    assert_eq!(created["kind"], "Lease");
    assert_eq!(created["metadata"], json!({"name": "detour", "namespace": "detour"}));
    assert_eq!(created["spec"]["holderIdentity"], "me");
    assert_eq!(created["spec"]["leaseDurationSeconds"], GUARD.as_secs());
    let renewed = body(&run.server, 2);
    assert_eq!(renewed["metadata"]["resourceVersion"], "1");
    assert_eq!(renewed["spec"]["acquireTime"], created["spec"]["acquireTime"]);
    assert_ne!(renewed["spec"]["renewTime"], created["spec"]["renewTime"]);
    let left = body(&run.server, lines.len() - 1);
    assert_eq!(left["spec"]["holderIdentity"], "");
    assert_eq!(left["spec"]["leaseDurationSeconds"], 1);
}

#[test]
fn one_that_nobody_holds_is_taken() {
    let run = run(vec![Reply::json(200, &lease(7, "")), stored(8)], TIMING);
    assert!(run.changes.recv_timeout(GUARD).unwrap());
    let taken = body(&run.server, 1);
    assert_eq!(taken["metadata"]["resourceVersion"], "7");
    assert_eq!(taken["spec"]["leaseTransitions"], 5);
}

#[test]
fn who_comes_second_waits() {
    let conflict = || Reply::json(409, &status(409, "Conflict", "another was quicker"));
    let other = |version| Reply::json(200, &lease(version, "other"));
    let replies = vec![missing(), conflict(), other(3), other(3), other(4)];
    let run = run(replies, TIMING);
    wait_until("it looks again and again", || run.server.lines().len() >= 6);
    let lines = run.server.lines();
    assert!(lines[2..].iter().all(|line| line.starts_with("GET ")), "{lines:?}");
    assert!(run.changes.try_recv().is_err() && !run.leadership.holds());
}

#[test]
fn a_leader_whose_renewal_hangs_stops_leading_by_itself() {
    let renew = Duration::from_millis(300);
    let run = run(vec![missing(), stored(1), Reply::Silence], Timing { renew, ..TIMING });
    assert!(run.changes.recv_timeout(GUARD).unwrap());
    // The call hangs for as long as the test: nobody tells, and yet it is over.
    wait_until("it is over", || !run.leadership.holds());
}

#[test]
fn what_cannot_be_reached_is_asked_again() {
    let forbidden = || Reply::json(403, &status(403, "Forbidden", "no"));
    let replies = vec![forbidden(), Reply::Close, forbidden(), missing(), stored(1)];
    let run = run(replies, TIMING);
    assert!(run.changes.recv_timeout(GUARD).unwrap());
}

#[test]
fn no_two_processes_have_one_name() {
    let (one, other) = (identity("pod-1"), identity("pod-1"));
    assert_ne!(one, other);
    assert!(one.starts_with("pod-1_"), "{one}");
    assert!(identity(&"é\n".repeat(300)).len() <= 128);
    assert!(identity(&"x".repeat(300)).len() <= 128);
}
