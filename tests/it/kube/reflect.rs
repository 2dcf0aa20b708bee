//! The state machine of a list that is kept up to date, without a server.

use std::time::Duration;

use detour::client::ClientError;
use detour::kube::limits::WatchLimits;
use detour::kube::reflect::{Reflector, Step};
use detour::kube::{ErrorKind, Event, List, Status};

use super::model::{error, object};

const LIMITS: WatchLimits = WatchLimits::standard();

fn list(version: &str) -> List {
    let items = vec![object("one", "1", "uid")];
    List { resource_version: version.to_owned(), continue_token: None, items }
}

fn watching() -> Reflector {
    let mut reflector = Reflector::new(LIMITS);
    reflector.listed(list("5")).unwrap();
    assert_eq!(reflector.changed().unwrap().len(), 1);
    assert!(matches!(reflector.step(Duration::ZERO), Step::Watch { .. }));
    reflector
}

const AWAY: ErrorKind = ErrorKind::Unreachable(ClientError::NoAddress);

#[test]
fn delays_double_up_to_a_bound_and_begin_anew_after_a_calm() {
    let mut reflector = watching();
    let mut now = Duration::ZERO;
    let mut delays = Vec::new();
    for _ in 0..8 {
        let delay = reflector.failed(&AWAY, now, 0.5);
        assert_eq!(reflector.step(now), Step::Wait(delay));
        delays.push(delay.as_millis());
        now += delay;
        assert!(matches!(reflector.step(now), Step::Watch { .. }));
    }
    assert_eq!(delays, [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
    now += LIMITS.calm - LIMITS.delay_max;
    assert_eq!(reflector.failed(&AWAY, now, 0.5).as_millis(), 30_000);
    now += LIMITS.calm + Duration::from_millis(1);
    assert_eq!(reflector.failed(&AWAY, now, 0.5).as_millis(), 800);
    for _ in 0..100 {
        assert!(reflector.failed(&AWAY, now, 0.999).as_secs() <= 45);
    }
}

#[test]
fn who_is_back_and_wants_a_list_is_asked_for_it_soon() {
    let mut reflector = watching();
    let mut now = Duration::ZERO;
    let unready = ErrorKind::Unavailable { status: 503, message: String::new(), retry_after: None };
    for error in [AWAY, AWAY, AWAY, AWAY, AWAY, AWAY, unready] {
        now += reflector.failed(&error, now, 0.5);
        assert!(matches!(reflector.step(now), Step::Watch { .. }));
    }
    let gone = || ErrorKind::Gone("too old".to_owned());
    let delay = reflector.failed(&gone(), now, 0.5);
    assert_eq!(delay.as_millis(), 800);
    now += delay;
    assert!(matches!(reflector.step(now), Step::List { .. }));
    // Once: who says so again and again is asked more and more rarely.
    let delays = [0, 1, 2].map(|_| {
        reflector.listed(list("5")).unwrap();
        assert!(matches!(reflector.step(now), Step::Watch { .. }));
        let delay = reflector.failed(&gone(), now, 0.5);
        now += delay;
        assert!(matches!(reflector.step(now), Step::List { .. }));
        delay.as_millis()
    });
    assert_eq!(delays, [1_600, 3_200, 6_400]);
}

#[test]
fn delays_differ_from_replica_to_replica() {
    let delay = |random| watching().failed(&AWAY, Duration::ZERO, random).as_millis();
    assert_eq!([delay(0.0), delay(0.25), delay(0.75)], [400, 600, 1_000]);
}

#[test]
fn somebody_who_must_act_is_waited_for_longer() {
    for number in [0, 1] {
        let mut reflector = watching();
        let mut delays = Vec::new();
        for _ in 0..6 {
            delays.push(reflector.failed(&error(number), Duration::ZERO, 0.5).as_secs());
        }
        assert_eq!(delays, [5, 10, 20, 40, 60, 60]);
    }
}

#[test]
fn the_server_is_obeyed_within_bounds() {
    let delay = |seconds, random| {
        let retry_after = Some(Duration::from_secs(seconds));
        let error = ErrorKind::TooManyRequests { retry_after, message: String::new() };
        watching().failed(&error, Duration::ZERO, random).as_millis()
    };
    assert_eq!([delay(5, 0.0), delay(5, 0.5), delay(0, 0.5)], [5_000, 5_400, 800]);
    assert_eq!(delay(100_000, 0.0), 60_000);
}

#[test]
fn a_watch_that_ends_at_once_and_told_nothing_failed() {
    let mut reflector = watching();
    let now = Duration::from_millis(999);
    assert_eq!(reflector.ended(now, 0.5), Some(LIMITS.delay));
    assert_eq!(reflector.step(now), Step::Wait(LIMITS.delay));
    let mut reflector = watching();
    assert_eq!(reflector.ended(Duration::from_secs(1), 0.5), None);
    let mut reflector = watching();
    reflector.received(Event::Bookmark("6".to_owned())).unwrap();
    assert_eq!(reflector.ended(now, 0.5), None);
    assert_eq!(reflector.step(now), Step::Watch { resource_version: "6".to_owned() });
}

#[test]
fn watches_that_fail_silently_lead_to_a_list_at_last() {
    let mut reflector = watching();
    for failure in 1..=3 {
        assert!(matches!(reflector.step(Duration::MAX), Step::Watch { .. }), "{failure}");
        reflector.failed(&error(6), Duration::ZERO, 0.5);
    }
    assert!(matches!(reflector.step(Duration::MAX), Step::List { continue_token: None, .. }));
    let mut reflector = watching();
    for _ in 0..100 {
        reflector.failed(&AWAY, Duration::ZERO, 0.5);
    }
    assert!(matches!(reflector.step(Duration::MAX), Step::Watch { .. }), "nobody was reached");
}

#[test]
fn a_watch_that_told_something_is_believed_again() {
    let mut reflector = watching();
    for version in ["6", "7"] {
        reflector.failed(&error(6), Duration::ZERO, 0.5);
        reflector.failed(&error(6), Duration::ZERO, 0.5);
        assert!(matches!(reflector.step(Duration::MAX), Step::Watch { .. }));
        reflector.received(Event::Bookmark(version.to_owned())).unwrap();
        reflector.failed(&AWAY, Duration::ZERO, 0.5);
        assert!(matches!(reflector.step(Duration::MAX), Step::Watch { .. }));
    }
}

#[test]
fn a_watch_that_told_something_did_not_fail_silently() {
    let mut reflector = watching();
    reflector.received(Event::Bookmark("6".to_owned())).unwrap();
    reflector.failed(&error(6), Duration::ZERO, 0.5);
    for _ in 0..3 {
        assert!(matches!(reflector.step(Duration::MAX), Step::Watch { .. }));
        reflector.failed(&error(6), Duration::ZERO, 0.5);
    }
    assert!(matches!(reflector.step(Duration::MAX), Step::List { .. }));
}

#[test]
fn what_was_replaced_or_deleted_takes_no_room() {
    let set_bytes = 3 * object("one", "1", "uid").json().len();
    let mut reflector = Reflector::new(WatchLimits { set_bytes, ..LIMITS });
    reflector.listed(list("5")).unwrap();
    for version in 10..99 {
        let version = version.to_string();
        reflector.received(Event::Stored(object("one", &version, "uid"))).unwrap();
        reflector.received(Event::Stored(object("two", &version, "uid"))).unwrap();
        reflector.received(Event::Deleted(object("two", &version, "uid"))).unwrap();
    }
    assert_eq!(reflector.changed().unwrap().len(), 1);
}

#[test]
fn a_version_that_means_anything_is_refused() {
    for version in ["", "0"] {
        let mut reflector = Reflector::new(LIMITS);
        assert!(matches!(reflector.listed(list(version)), Err(ErrorKind::Malformed(_))));
        assert!(reflector.changed().is_none());
        let mut reflector = watching();
        let events = [
            Event::Bookmark(version.to_owned()),
            Event::Stored(object("one", version, "uid")),
            Event::Deleted(object("", "7", "uid")),
        ];
        for event in events {
            assert!(matches!(reflector.received(event), Err(ErrorKind::Malformed(_))));
        }
        assert!(reflector.changed().is_none());
    }
}

#[test]
fn an_object_of_the_same_name_is_another_one() {
    let mut reflector = watching();
    reflector.received(Event::Deleted(object("one", "6", "uid"))).unwrap();
    assert_eq!(reflector.changed().unwrap().len(), 0);
    reflector.received(Event::Stored(object("one", "7", "other"))).unwrap();
    let uids = reflector.changed().unwrap().values().map(|object| object.metadata.uid.clone());
    assert_eq!(uids.collect::<Vec<_>>(), ["other"]);
    assert!(reflector.changed().is_none(), "told once");
}

#[test]
fn a_failure_that_the_watch_tells_is_a_failure() {
    let mut status = Status::default();
    status.code = 410;
    let error = watching().received(Event::Failed(status.clone())).unwrap_err();
    assert!(matches!(error, ErrorKind::Gone(_)));
    status.code = 500;
    let error = watching().received(Event::Failed(status)).unwrap_err();
    assert!(matches!(error, ErrorKind::Unavailable { status: 500, .. }));
}

#[test]
fn objects_that_just_fit_are_taken() {
    let one = object("one", "1", "uid").json().len();
    let limits = |set_bytes| WatchLimits { set_bytes, ..LIMITS };
    Reflector::new(limits(one)).listed(list("5")).unwrap();
    assert!(matches!(
        Reflector::new(limits(one - 1)).listed(list("5")),
        Err(ErrorKind::Overfull(_))
    ));
    let mut reflector = Reflector::new(limits(3 * one));
    reflector.listed(list("5")).unwrap();
    let mut stored = |name| reflector.received(Event::Stored(object(name, "6", "uid")));
    stored("two").unwrap();
    stored("ten").unwrap();
    reflector.received(Event::Deleted(object("ten", "7", "uid"))).unwrap();
    let mut stored = |name| reflector.received(Event::Stored(object(name, "8", "uid")));
    stored("six").unwrap();
    assert!(matches!(stored("few"), Err(ErrorKind::Overfull(_))));
}
