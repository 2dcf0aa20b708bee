//! The built command where the system gives no more: it goes on, and all is
//! well again when the system gives again.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Uid, getrlimit, getuid, prlimit};
use rustix::thread::set_thread_res_uid;

use crate::serve::{REVIEW, RULES, Running, get, post};
use crate::server::{Client, connect, eventually};

/// Without privileges, on most systems.
const NOBODY: u32 = 65534;

/// Changes a limit of the process, or with `None` makes it ours again, as it
/// was at its start.
fn limit(process: Pid, resource: Resource, current: Option<u64>) {
    let ours = getrlimit(resource);
    let limit = Rlimit { current: current.or(ours.current), ..ours };
    prlimit(Some(process), resource, limit).unwrap();
}

/// How many threads its user may have; of a process of another user, this
/// thread has to be that user to say so.
fn limit_threads(process: Pid, current: Option<u64>) {
    thread::scope(|scope| {
        scope.spawn(|| {
            if getuid().is_root() {
                set_thread_res_uid(Uid::from_raw(NOBODY), Uid::ROOT, Uid::ROOT).unwrap();
            }
            limit(process, Resource::Nproc, current);
        });
    });
}

fn accept_errors(operations: &mut Client) -> u64 {
    let metrics = get(operations, "/metrics").body;
    let line = metrics.lines().find_map(|line| line.strip_prefix("detour_accept_errors_total "));
    line.unwrap().parse().unwrap()
}

/// All is well: a newcomer is answered within a second.
fn serves(running: &Running) {
    let begin = Instant::now();
    assert_eq!(post(&mut running.connect(), REVIEW).status, 200);
    let taken = begin.elapsed();
    assert!(taken < Duration::from_secs(1), "{taken:?}");
    assert_eq!(running.get("/livez").status, 200);
}

#[test]
fn without_descriptors_newcomers_wait_and_the_others_are_served() {
    let running = Running::start(RULES, &[]);
    let mut client = running.connect();
    assert_eq!(post(&mut client, REVIEW).status, 200);
    let mut operations = running.connect_operations();
    assert_eq!(accept_errors(&mut operations), 0);
    limit(running.pid(), Resource::Nofile, Some(1));
    let mut newcomer = running.connect();
    eventually("accept fails twice", || accept_errors(&mut operations) >= 2);
    assert_eq!(post(&mut client, REVIEW).status, 200);
    limit(running.pid(), Resource::Nofile, None);
    assert_eq!(post(&mut newcomer, REVIEW).status, 200);
    serves(&running);
}

#[test]
fn without_threads_newcomers_are_closed_and_the_others_are_served() {
    // No limit of processes holds root.
    let running = Running::start_as(getuid().is_root().then_some(NOBODY), RULES, &[]);
    let mut client = running.connect();
    assert_eq!(post(&mut client, REVIEW).status, 200);
    let mut operations = running.connect_operations();
    assert_eq!(accept_errors(&mut operations), 0);
    limit_threads(running.pid(), Some(0));
    for _ in 0..3 {
        assert!(matches!(connect(running.reach().0).read(&mut [0]), Ok(0)), "it is closed");
    }
    eventually("all are counted", || accept_errors(&mut operations) >= 3);
    assert_eq!(post(&mut client, REVIEW).status, 200);
    limit_threads(running.pid(), None);
    serves(&running);
}
