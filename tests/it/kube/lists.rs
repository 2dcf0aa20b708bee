//! Lists in parts, before and during a watch; its end.

use std::time::Duration;

use detour::client::Limits;
use detour::kube::limits::WatchLimits;
use detour::kube::watch::{Observer, Stop, run};
use detour::kube::{ApiError, ErrorKind, Objects};
use serde_json::Value;

use super::followed::{QUICK, follow};
use super::script::{Part, Reply, Server};
use super::{Account, LIMITS, all, config_map, event, list, status};

/// A part of a list; `token` asks for the next one.
fn part(version: u64, items: &[Value], token: &str) -> Reply {
    let mut list = list(version, items);
    list["metadata"]["continue"] = token.into();
    Reply::json(200, &list)
}

fn one() -> Value {
    config_map("one", 1)
}

fn two() -> Value {
    config_map("two", 2)
}

#[test]
fn a_list_in_parts_is_told_once_and_whole() {
    let server = Server::start(vec![part(5, &[one()], "a/b+="), part(5, &[two()], "")]);
    follow(&server, WatchLimits { page_objects: 1, ..QUICK }, |watch| {
        assert_eq!(watch.objects(), "one:1 two:2");
        assert!(server.lines()[0].ends_with("?limit=1"));
        assert!(server.lines()[1].ends_with("?limit=1&continue=a%2Fb%2B%3D"));
    });
}

#[test]
fn a_continuation_that_expired_begins_anew() {
    let expired =
        Reply::json(410, &status(410, "Expired", "the provided continue parameter is too old"));
    let three = config_map("three", 3);
    let server = Server::start(vec![
        part(5, &[one()], "x"),
        expired,
        part(6, &[three], "y"),
        part(6, &[two()], ""),
    ]);
    follow(&server, QUICK, |watch| {
        assert!(matches!(watch.failure().0.kind, ErrorKind::Gone(_)));
        assert_eq!(watch.objects(), "three:3 two:2", "nothing of the first attempt");
        let lines = server.lines();
        assert!(lines[1].ends_with("&continue=x") && lines[2].ends_with("?limit=100"), "{lines:?}");
    });
}

#[test]
fn an_empty_list_is_told_as_well() {
    let mut null = list(1, &[]);
    null["items"] = Value::Null;
    for empty in [list(1, &[]), null] {
        let server = Server::start(vec![Reply::json(200, &empty)]);
        follow(&server, QUICK, |watch| assert_eq!(watch.objects(), ""));
    }
}

#[test]
fn less_is_asked_for_after_an_answer_too_large() {
    let large = Reply::Answer(200, String::new(), vec![b' '; 2000]);
    let larger = Reply::Answer(200, String::new(), vec![b' '; 2000]);
    let server = Server::start(vec![large, larger, part(5, &[one()], "")]);
    let account = Account::new(&server.pair.certificate);
    let api = account.api(&server, Limits { answer_bytes: 1000, ..LIMITS });
    run_until_synced(&api, QUICK);
    let limits: Vec<String> =
        server.lines().iter().map(|line| line.rsplit('=').next().unwrap().to_owned()).collect();
    assert_eq!(limits[..3], ["100", "25", "6"]);
}

/// Stops when it is told objects.
struct Once(Stop);

impl Observer for Once {
    fn changed(&mut self, _: &Objects) {
        self.0.stop();
    }

    fn in_touch(&mut self) {}

    fn failed(&mut self, _: ApiError, _: Duration) {}
}

fn run_until_synced(api: &detour::kube::Api, limits: WatchLimits) {
    let stop = Stop::default();
    run(api, &all(), limits, &stop, &mut Once(stop.clone()));
}

#[test]
fn all_objects_together_have_a_largest_size() {
    let set_bytes = one().to_string().len() + two().to_string().len() - 1;
    let limits = WatchLimits { set_bytes, ..QUICK };
    let (first, second) = (list(5, &[one(), two()]), list(6, &[one()]));
    let added = event("ADDED", &config_map("three", 7));
    let server = Server::start(vec![
        Reply::json(200, &first),
        Reply::json(200, &second),
        Reply::Stream(vec![Part::text(added)]),
        Reply::json(200, &list(8, &[two()])),
    ]);
    follow(&server, limits, |watch| {
        assert!(matches!(watch.failure().0.kind, ErrorKind::Overfull(_)));
        assert_eq!(watch.objects(), "one:1");
        watch.until("two:2");
        assert!(server.lines()[1].ends_with("?limit=100"), "not a matter of its parts");
    });
}

#[test]
fn a_kind_that_is_not_installed_yet_is_waited_for() {
    let refusals = [(404, "NotFound"), (403, "Forbidden"), (401, "Unauthorized")];
    for (code, reason) in refusals {
        let refusal = || Reply::json(code, &status(code, reason, "no"));
        let installed = Reply::json(200, &list(5, &[one()]));
        let server = Server::start(vec![refusal(), refusal(), installed]);
        follow(&server, QUICK, |watch| {
            for _ in 0..2 {
                assert!(watch.failure().0.to_string().ends_with(": no"));
            }
            assert_eq!(watch.objects(), "one:1");
        });
    }
}

#[test]
fn the_server_is_left_alone_as_long_as_it_asks() {
    let limits = WatchLimits { slow_delay_max: Duration::from_secs(600), ..QUICK };
    let head = "Retry-After: 500\r\n".to_owned();
    let server = Server::start(vec![Reply::Answer(429, head, Vec::new())]);
    follow(&server, limits, |watch| {
        let (error, delay) = watch.failure();
        assert!(matches!(error.kind, ErrorKind::TooManyRequests { .. }), "{error:?}");
        assert!((500..=501).contains(&delay.as_secs()), "{delay:?}");
        // And the end does not wait for it.
    });
}

#[test]
fn a_token_that_was_renewed_goes_on_with_the_watch() {
    let unauthorized = || Reply::json(401, &status(401, "Unauthorized", "no"));
    let (open, gate) = Part::gate();
    let server = Server::start(vec![
        Reply::json(200, &list(1, &[one()])),
        Reply::Stream(vec![gate]),
        unauthorized(),
        Reply::Stream(vec![Part::text(event("ADDED", &two()))]),
    ]);
    follow(&server, QUICK, |watch| {
        assert_eq!(watch.objects(), "one:1");
        server.wait_for_requests(2);
        watch.account.write("token", "second");
        open.send(()).unwrap();
        watch.until("one:1 two:2");
        let token =
            |index: usize| server.received()[index].header("authorization").unwrap().to_owned();
        assert_eq!(
            [token(1), token(2), token(3)],
            ["Bearer first", "Bearer second", "Bearer second"]
        );
    });
}

#[test]
fn a_relist_that_lacks_an_object_deletes_it_and_an_equal_one_tells_nothing() {
    let expired = || Reply::json(410, &status(410, "Expired", "old"));
    let server = Server::start(vec![
        Reply::json(200, &list(5, &[one(), two()])),
        expired(),
        Reply::json(200, &list(6, &[one(), two()])),
        expired(),
        Reply::json(200, &list(7, &[two()])),
    ]);
    follow(&server, QUICK, |watch| {
        assert_eq!(watch.objects(), "one:1 two:2");
        watch.failure();
        watch.failure();
        assert_eq!(watch.objects(), "two:2");
    });
}
