//! The state machine of a list that is kept up to date, without a server.

use std::time::Duration;

use detour::client::{ClientError, Phase};
use detour::kube::limits::WatchLimits;
use detour::kube::reflect::{Reflector, Step};
use detour::kube::{ErrorKind, Event, List, Status};
use proptest::prelude::*;

use super::model::{Model, State, object, state};

const LIMITS: WatchLimits = WatchLimits::standard();

/// What happens between server and client.
#[derive(Debug, Clone)]
enum Act {
    Store(u8),
    Delete(u8),
    /// Deleted and created again under the same name.
    Replace(u8),
    Compact,
    /// The client does its next step, and this comes of it.
    Step(Fate),
}

/// How a list or a watch goes.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// A part of the list; a watch that tells so many events at most, perhaps
    /// with a bookmark, and ends well.
    Well { events: usize, is_marked: bool },
    /// The same, but the watch ends badly, and the list not at all.
    Badly { events: usize, error: u8 },
}

fn error(number: u8) -> ErrorKind {
    let message = String::new();
    match number % 12 {
        0 => ErrorKind::NotFound(message),
        1 => ErrorKind::Forbidden(message),
        2 => ErrorKind::Unauthorized(message),
        3 => ErrorKind::Gone(message),
        4 => ErrorKind::Invalid(message),
        5 => ErrorKind::TooManyRequests { retry_after: Some(Duration::from_secs(5)), message },
        6 => ErrorKind::Unavailable { status: 504, retry_after: None, message },
        7 => ErrorKind::Unreachable(ClientError::Deadline(Phase::Body)),
        8 => ErrorKind::Unreachable(ClientError::NoAddress),
        9 => ErrorKind::TooLarge(1),
        10 => ErrorKind::Malformed(message),
        _ => ErrorKind::Refused { status: 302, message },
    }
}

fn act() -> impl Strategy<Value = Act> {
    let fate = prop_oneof![
        3 => (0..5_usize, any::<bool>())
            .prop_map(|(events, is_marked)| Fate::Well { events, is_marked }),
        2 => (0..5_usize, any::<u8>()).prop_map(|(events, error)| Fate::Badly { events, error }),
    ];
    prop_oneof![
        4 => (0..6_u8).prop_map(Act::Store),
        2 => (0..6_u8).prop_map(Act::Delete),
        1 => (0..6_u8).prop_map(Act::Replace),
        1 => Just(Act::Compact),
        8 => fate.prop_map(Act::Step),
    ]
}

/// A client of the model, and what it told.
struct Client {
    reflector: Reflector,
    now: Duration,
    random: f64,
    /// The version that the objects must be of; none before the first list.
    version: Option<u64>,
    /// Versions of the objects that were told.
    told: Option<State>,
}

impl Client {
    fn new(random: f64) -> Self {
        let limits = WatchLimits { page_objects: 2, ..LIMITS };
        let reflector = Reflector::new(limits);
        Self { reflector, now: Duration::ZERO, random, version: None, told: None }
    }

    /// Does a step that is no waiting.
    fn step(&mut self, model: &Model, fate: Fate) {
        let step = match self.reflector.step(self.now) {
            Step::Wait(wait) => {
                let longest = LIMITS.slow_delay_max.mul_f64(1.5) + LIMITS.delay;
                assert!(!wait.is_zero() && wait <= longest, "{wait:?}");
                self.now += wait;
                self.reflector.step(self.now)
            }
            step => step,
        };
        let done = match step {
            Step::Wait(_) => panic!("it waited already"),
            Step::List { limit, continue_token } => {
                self.list(model, fate, limit, continue_token.as_deref())
            }
            Step::Watch { resource_version } => self.watch(model, fate, &resource_version),
        };
        if let Err(error) = done {
            self.reflector.failed(&error, self.now, self.random);
        }
        self.check(model);
    }

    fn list(
        &mut self,
        model: &Model,
        fate: Fate,
        limit: u32,
        token: Option<&str>,
    ) -> Result<(), ErrorKind> {
        if let Fate::Badly { error: number, .. } = fate {
            return Err(error(number));
        }
        let list = model.list(limit, token)?;
        let version = list.resource_version.parse().unwrap();
        let is_whole = list.continue_token.is_none();
        self.reflector.listed(list)?;
        if is_whole {
            self.version = Some(version);
        }
        Ok(())
    }

    fn watch(&mut self, model: &Model, fate: Fate, version: &str) -> Result<(), ErrorKind> {
        let from: u64 = version.parse().unwrap();
        assert_eq!(Some(from), self.version, "the watch goes on exactly where it was");
        let (events, is_marked) = match fate {
            Fate::Well { events, is_marked } => (events, is_marked),
            Fate::Badly { events, .. } => (events, false),
        };
        let all = model.watch(from)?;
        let tells_all = events >= all.len();
        for event in all.into_iter().take(events) {
            let (Event::Stored(object) | Event::Deleted(object)) = &event else { continue };
            self.version = Some(object.metadata.resource_version.parse().unwrap());
            self.reflector.received(event)?;
            self.check(model);
        }
        if is_marked && tells_all {
            self.version = Some(model.version());
            self.reflector.received(Event::Bookmark(model.version().to_string()))?;
        }
        if let Fate::Badly { error: number, .. } = fate {
            return Err(error(number));
        }
        self.now += Duration::from_secs(1);
        self.reflector.ended(self.now, self.random);
        Ok(())
    }

    /// What is told is what the server had at the version that was reached.
    fn check(&mut self, model: &Model) {
        if let Some(objects) = self.reflector.changed() {
            let version = self.version.expect("nothing is told before the first whole list");
            self.told = Some(state(objects));
            assert_eq!(self.told, Some(model.state(version)));
        }
        if let Some(version) = self.version {
            assert_eq!(self.told, Some(model.state(version)), "every change is told");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_objects_become_those_of_the_server(
        acts in prop::collection::vec(act(), 0..80),
        random in 0.0..1.0_f64,
    ) {
        let mut model = Model::default();
        let mut client = Client::new(random);
        for act in acts {
            let name = |number: u8| format!("object-{number}");
            match act {
                Act::Store(number) => model.store(&name(number)),
                Act::Delete(number) => model.delete(&name(number)),
                Act::Replace(number) => {
                    model.delete(&name(number));
                    model.store(&name(number));
                }
                Act::Compact => model.compact(),
                Act::Step(fate) => client.step(&model, fate),
            }
        }
        // Nothing happens any more, and nothing fails: parts of a list, then a watch.
        for _ in 0..8 {
            client.step(&model, Fate::Well { events: usize::MAX, is_marked: false });
        }
        prop_assert_eq!(client.told, Some(model.state(model.version())));
    }
}

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
