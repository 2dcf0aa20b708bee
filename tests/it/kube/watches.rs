//! Watches over a connection at its worst.

use std::time::Duration;

use detour::client::{ClientError, Phase};
use detour::kube::ErrorKind;
use detour::kube::limits::WatchLimits;

use super::followed::{QUICK, follow};
use super::script::{Part, Reply, Server};
use super::{bookmark, config_map, event, list, status};

const SHORT: Duration = Duration::from_millis(50);
const PATH: &str = "/api/v1/namespaces/a/configmaps";

/// A watch that tells these lines and ends well.
fn told(lines: &[String]) -> Reply {
    Reply::Stream(lines.iter().map(Part::text).collect())
}

/// A list of `one` at the version 1.
fn one() -> Reply {
    Reply::json(200, &list(1, &[config_map("one", 1)]))
}

fn stored(name: &str, version: u64) -> String {
    event("MODIFIED", &config_map(name, version))
}

/// The versions that watches began with, and `list` for lists.
fn asked(server: &Server) -> Vec<String> {
    let lines = server.lines().into_iter();
    let kind = |line: String| match line.split_once("resourceVersion=") {
        Some((_, rest)) => rest.split('&').next().unwrap().to_owned(),
        None => "list".to_owned(),
    };
    lines.map(kind).collect()
}

#[test]
fn a_watch_goes_on_where_the_list_ended() {
    let deleted = event("DELETED", &config_map("one", 4));
    let server = Server::start(vec![
        one(),
        told(&[event("ADDED", &config_map("two", 2))]),
        told(&[stored("one", 3)]),
        told(&[deleted]),
    ]);
    follow(&server, QUICK, |watch| {
        assert_eq!(watch.objects(), "one:1");
        assert_eq!(watch.objects(), "one:1 two:2");
        assert_eq!(watch.objects(), "one:3 two:2");
        assert_eq!(watch.objects(), "two:2");
        let lines = server.lines();
        assert_eq!(lines[0], format!("GET {PATH}?limit=100"));
        let begin = format!(
            "GET {PATH}?watch=1&allowWatchBookmarks=true&resourceVersion=1&timeoutSeconds="
        );
        let seconds: u64 = lines[1].strip_prefix(&begin).expect(&lines[1]).parse().unwrap();
        assert!((15..=20).contains(&seconds), "{seconds}");
        assert_eq!(asked(&server)[..4], ["list", "1", "2", "3"]);
    });
}

#[test]
fn events_may_be_cut_at_any_byte() {
    let mut accented = config_map("two", 2);
    accented["data"]["text"] = "é \n \u{1f980} \\ \"".into();
    let lines =
        [event("ADDED", &accented), bookmark(3), "\n".to_owned(), stored("one", 4)].concat();
    for size in (1..40).chain([64, 100, 1000]) {
        let chunks = lines.as_bytes().chunks(size).map(|chunk| Part::Bytes(chunk.to_vec()));
        let server = Server::start(vec![one(), Reply::Stream(chunks.collect())]);
        follow(&server, QUICK, |watch| watch.until("one:4 two:2"));
    }
}

#[test]
fn the_last_event_need_not_end_its_line() {
    let server = Server::start(vec![one(), told(&[stored("one", 2).trim_end().to_owned()])]);
    follow(&server, QUICK, |watch| watch.until("one:2"));
}

#[test]
fn a_watch_that_breaks_off_goes_on_after_the_last_whole_event() {
    let line = stored("one", 3);
    let half = Part::text(&line[..line.len() / 2]);
    let server = Server::start(vec![
        one(),
        Reply::Stream(vec![Part::text(stored("one", 2)), half, Part::Cut]),
        told(&[line]),
    ]);
    follow(&server, QUICK, |watch| {
        watch.until("one:2");
        let (error, _) = watch.failure();
        assert!(
            matches!(error.kind, ErrorKind::Unreachable(ClientError::Connection(_))),
            "{error:?}"
        );
        watch.until("one:3");
        assert_eq!(asked(&server)[..3], ["list", "1", "2"]);
    });
}

#[test]
fn a_bookmark_moves_on_without_a_change() {
    let server = Server::start(vec![one(), told(&[bookmark(9)]), told(&[stored("one", 10)])]);
    follow(&server, QUICK, |watch| {
        assert_eq!(watch.objects(), "one:1");
        assert_eq!(watch.objects(), "one:10");
        assert_eq!(asked(&server)[..3], ["list", "1", "9"]);
    });
}

#[test]
fn an_unknown_type_of_event_is_passed_over() {
    let unknown = event("SHUFFLED", &config_map("one", 2));
    let server = Server::start(vec![one(), told(&[unknown, stored("one", 3)])]);
    follow(&server, QUICK, |watch| {
        assert_eq!(watch.objects(), "one:1");
        assert_eq!(watch.objects(), "one:3");
    });
}

#[test]
fn a_version_too_old_leads_to_a_new_list() {
    let expired = || status(410, "Expired", "too old resource version");
    for reply in [told(&[event("ERROR", &expired())]), Reply::json(410, &expired())] {
        let again = Reply::json(200, &list(8, &[config_map("two", 7)]));
        let server = Server::start(vec![one(), reply, again]);
        follow(&server, QUICK, |watch| {
            assert_eq!(watch.objects(), "one:1");
            assert!(matches!(watch.failure().0.kind, ErrorKind::Gone(_)));
            assert_eq!(watch.objects(), "two:7");
            assert_eq!(asked(&server)[..3], ["list", "1", "list"]);
        });
    }
}

#[test]
fn what_is_not_understood_leads_to_a_new_list() {
    let garbage = ["{\"type\":\n", "no JSON\n", "{\"type\":\"ADDED\",\"object\":{}}\n", "[]\n"];
    for garbage in garbage.map(str::to_owned) {
        let again = Reply::json(200, &list(3, &[config_map("one", 3)]));
        let server = Server::start(vec![one(), told(&[stored("one", 2), garbage]), again]);
        follow(&server, QUICK, |watch| {
            watch.until("one:2");
            let (error, _) = watch.failure();
            assert!(matches!(error.kind, ErrorKind::Malformed(_)), "{error:?}");
            assert_eq!(watch.objects(), "one:3");
        });
    }
}

#[test]
fn an_event_has_a_largest_size() {
    let limits = WatchLimits { event_bytes: 1000, ..QUICK };
    let mut large = config_map("two", 2);
    large["data"]["text"] = "x".repeat(1000).into();
    let endless = Reply::Stream(vec![Part::Drip(b'x')]);
    for reply in [told(&[event("ADDED", &large)]), endless] {
        let again = Reply::json(200, &list(2, &[large.clone()]));
        let server = Server::start(vec![one(), reply, again]);
        follow(&server, limits, |watch| {
            assert_eq!(watch.objects(), "one:1");
            let (error, _) = watch.failure();
            assert!(matches!(error.kind, ErrorKind::TooLarge(1000)), "{error:?}");
            assert_eq!(watch.objects(), "two:2");
        });
    }
}

#[test]
fn silence_and_a_drip_end_the_watch_but_not_what_it_knows() {
    let limits = WatchLimits { watch: SHORT, slack: SHORT, ..QUICK };
    let blank = Reply::Stream(vec![Part::Drip(b'\n')]);
    for reply in [Reply::Stream(vec![Part::Silence]), blank] {
        let server = Server::start(vec![one(), reply, told(&[stored("one", 2)])]);
        follow(&server, limits, |watch| {
            assert_eq!(watch.objects(), "one:1");
            let (error, _) = watch.failure();
            let is_silence =
                |kind| matches!(kind, ErrorKind::Unreachable(ClientError::Deadline(Phase::Body)));
            assert!(is_silence(error.kind));
            assert_eq!(watch.objects(), "one:2");
            assert_eq!(asked(&server)[..3], ["list", "1", "1"]);
        });
    }
}

#[test]
fn a_watch_that_never_tells_anything_is_not_believed_for_ever() {
    let limits = WatchLimits { watch: SHORT, slack: Duration::ZERO, ..QUICK };
    let silence = || Reply::Stream(vec![Part::Silence]);
    let again = Reply::json(200, &list(5, &[config_map("two", 5)]));
    let server = Server::start(vec![one(), silence(), silence(), silence(), again]);
    follow(&server, limits, |watch| {
        watch.until("two:5");
        assert_eq!(asked(&server)[..5], ["list", "1", "1", "1", "list"]);
    });
}

#[test]
fn a_watch_that_is_refused_keeps_its_version_and_then_lists_anew() {
    let refusals = [(401, "Unauthorized"), (403, "Forbidden"), (404, "NotFound"), (504, "Timeout")];
    for (code, reason) in refusals {
        let refusal = || Reply::json(code, &status(code, reason, "no"));
        let again = Reply::json(200, &list(5, &[config_map("two", 5)]));
        let twice = told(&[stored("one", 2)]);
        let mut replies = vec![one(), refusal(), refusal(), twice];
        replies.extend([refusal(), refusal(), refusal(), again]);
        let server = Server::start(replies);
        follow(&server, QUICK, |watch| {
            watch.until("one:2");
            watch.until("two:5");
            assert_eq!(asked(&server)[..8], ["list", "1", "1", "1", "2", "2", "2", "list"]);
        });
    }
}

#[test]
fn what_is_known_stays_while_the_server_is_away() {
    let server = Server::start(vec![
        one(),
        Reply::Close,
        Reply::Close,
        Reply::Close,
        Reply::Close,
        Reply::Close,
        told(&[stored("one", 2)]),
    ]);
    follow(&server, QUICK, |watch| {
        assert_eq!(watch.objects(), "one:1");
        for _ in 0..5 {
            let (error, _) = watch.failure();
            assert!(matches!(error.kind, ErrorKind::Unreachable(_)), "{error:?}");
        }
        assert_eq!(watch.objects(), "one:2");
        assert_eq!(asked(&server)[1..7], ["1"; 6]);
    });
}
