//! The built command where the system gives no more: it goes on, and all is
//! well again when the system gives again.

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

use crate::serve::{REVIEW, RULES, Running, get, post};
use crate::server::{Client, eventually};

/// Changes a limit of the process, or with `None` makes it ours again, as it
/// was at its start.
fn limit(running: &Running, resource: Resource, current: Option<u64>) {
    let ours = getrlimit(resource);
    let limit = Rlimit { current: current.or(ours.current), ..ours };
    prlimit(Some(running.pid()), resource, limit).unwrap();
}

fn accept_errors(operations: &mut Client) -> u64 {
    let metrics = get(operations, "/metrics").body;
    let line = metrics.lines().find_map(|line| line.strip_prefix("detour_accept_errors_total "));
    line.unwrap().parse().unwrap()
}

#[test]
fn without_descriptors_newcomers_wait_and_the_others_are_served() {
    let running = Running::start(RULES, &[]);
    let mut client = running.connect();
    assert_eq!(post(&mut client, REVIEW).status, 200);
    let mut operations = running.connect_operations();
    assert_eq!(accept_errors(&mut operations), 0);
    limit(&running, Resource::Nofile, Some(1));
    let mut newcomer = running.connect();
    eventually("accept fails twice", || accept_errors(&mut operations) >= 2);
    assert_eq!(post(&mut client, REVIEW).status, 200);
    limit(&running, Resource::Nofile, None);
    assert_eq!(post(&mut newcomer, REVIEW).status, 200);
    assert_eq!(running.get("/livez").status, 200);
}
