//! The built command where the system gives no more: it goes on, and all is
//! well again when the system gives again.

use std::fs;
use std::path::Path;

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

/// Address space that the process has, in bytes.
fn address_space(running: &Running) -> u64 {
    let status = Path::new("/proc").join(running.process.id().to_string()).join("status");
    let text = fs::read_to_string(status).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn without_threads_newcomers_are_closed_and_the_others_are_served() {
    let running = Running::start(RULES, &[]);
    let mut client = running.connect();
    assert_eq!(post(&mut client, REVIEW).status, 200);
    let mut operations = running.connect_operations();
    assert_eq!(accept_errors(&mut operations), 0);
    // Room for a few allocations, not for the stack of a thread.
    let room = address_space(&running) + 128 * 1024;
    limit(&running, Resource::As, Some(room));
    let mut newcomers = Vec::new();
    eventually("a thread is refused", || {
        // The first ones may get the stacks of threads that have ended.
        newcomers.push(running.connect());
        accept_errors(&mut operations) > 0
    });
    assert_eq!(post(&mut client, REVIEW).status, 200);
    limit(&running, Resource::As, None);
    assert_eq!(post(&mut running.connect(), REVIEW).status, 200);
    assert_eq!(running.get("/livez").status, 200);
}
