//! Whatever happens between server and client, they come to agree.

use std::time::Duration;

use detour::kube::limits::WatchLimits;
use detour::kube::reflect::{Reflector, Step};
use detour::kube::{ErrorKind, Event};
use proptest::prelude::*;

use super::model::{Model, State, error, state};

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
