//! Elections: several candidates with clocks of their own, a server, and a
//! network that delays, loses and reorders.

use std::time::{Duration, SystemTime};

use detour::kube::lease::elector::{Elector, Record, Step, Timing};
use proptest::collection::vec;
use proptest::prelude::*;

const TIMING: Timing = Timing::STANDARD;

/// A candidate, and how its clock goes.
struct Candidate {
    elector: Elector,
    rate: f64,
    begin: Duration,
    is_busy: bool,
}

impl Candidate {
    fn new(name: String, rate: f64, begin: Duration) -> Self {
        Self { elector: Elector::new(name, TIMING), rate, begin, is_busy: false }
    }

    /// What its clock shows.
    fn clock(&self, now: Duration) -> Duration {
        now.saturating_sub(self.begin).mul_f64(self.rate)
    }

    fn leads(&self, now: Duration) -> bool {
        self.elector.leads(self.clock(now))
    }
}

/// A request under way.
struct Flight {
    candidate: usize,
    step: Step,
    answer: Option<Answer>,
    /// The candidate has given up, or is no more.
    is_lost: bool,
}

enum Answer {
    Found(Option<(Record, String)>),
    Written(String),
    Refused,
}

#[derive(Default)]
struct World {
    now: Duration,
    stored: Option<(Record, u64)>,
    version: u64,
    candidates: Vec<Candidate>,
    flights: Vec<Flight>,
    /// Does nothing for a while, and hears nothing.
    halted: Option<usize>,
    born: usize,
}

impl World {
    fn new(rates: &[f64], stored: Option<Record>) -> Self {
        let mut world =
            Self { stored: stored.map(|record| (record, 1)), version: 1, ..Self::default() };
        for rate in rates {
            let name = world.name();
            world.candidates.push(Candidate::new(name, *rate, Duration::ZERO));
        }
        world
    }

    fn name(&mut self) -> String {
        self.born += 1;
        format!("candidate-{}", self.born)
    }

    fn tick(&mut self, index: usize) {
        // Wall clocks are wrong by as much as they like.
        let wall =
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 * index as u64) + self.now / 3;
        let now = self.now;
        let candidate = &mut self.candidates[index];
        if candidate.is_busy || self.halted == Some(index) {
            return;
        }
        let clock = candidate.clock(now);
        match candidate.elector.step(clock, wall, 0.5) {
            Step::Wait(_) | Step::Done => {}
            step => {
                candidate.is_busy = true;
                let flight = Flight { candidate: index, step, answer: None, is_lost: false };
                self.flights.push(flight);
            }
        }
    }

    fn serve(&mut self, flight: usize) {
        if self.flights[flight].answer.is_some() {
            return;
        }
        let answer = match &self.flights[flight].step {
            Step::Read => Answer::Found(
                self.stored.clone().map(|(record, version)| (record, version.to_string())),
            ),
            Step::Write { record, version } => {
                let there = self.stored.as_ref().map(|(_, version)| version.to_string());
                if there == *version {
                    self.version += 1;
                    self.stored = Some((record.clone(), self.version));
                    Answer::Written(self.version.to_string())
                } else {
                    Answer::Refused
                }
            }
            other => panic!("{other:?}"),
        };
        self.flights[flight].answer = Some(answer);
    }

    fn deliver(&mut self, flight: usize) {
        let Flight { candidate, answer, .. } = &self.flights[flight];
        if answer.is_none() || self.halted == Some(*candidate) {
            return;
        }
        let Flight { candidate, answer, is_lost, .. } = self.flights.remove(flight);
        if is_lost {
            return;
        }
        let candidate = &mut self.candidates[candidate];
        let clock = candidate.clock(self.now);
        candidate.is_busy = false;
        match answer {
            Some(Answer::Found(found)) => candidate.elector.read(found, clock),
            Some(Answer::Written(version)) => candidate.elector.written(version, clock, 0.5),
            Some(Answer::Refused) | None => candidate.elector.failed(clock, 0.5),
        }
    }

    /// The candidate hears nothing; the server may yet.
    fn lose(&mut self, flight: usize) {
        let flight = &mut self.flights[flight];
        if !std::mem::replace(&mut flight.is_lost, true) {
            let candidate = &mut self.candidates[flight.candidate];
            let clock = candidate.clock(self.now);
            candidate.is_busy = false;
            candidate.elector.failed(clock, 0.5);
        }
    }

    /// The process ends at once, and another starts.
    fn crash(&mut self, index: usize) {
        for flight in self.flights.iter_mut().filter(|flight| flight.candidate == index) {
            flight.is_lost = true;
        }
        let name = self.name();
        let rate = self.candidates[index].rate;
        self.candidates[index] = Candidate::new(name, rate, self.now);
    }

    fn act(&mut self, action: u8, who: usize, delay: u64) {
        self.now += Duration::from_millis(delay);
        let (index, flights) = (who % self.candidates.len(), self.flights.len());
        match action {
            0..=4 => self.tick(index),
            5..=8 if flights > 0 => self.serve(who % flights),
            9..=12 if flights > 0 => self.deliver(who % flights),
            13 if flights > 0 => self.lose(who % flights),
            14 if who.is_multiple_of(5) => self.crash(index),
            15 if who.is_multiple_of(5) => self.candidates[index].elector.leave(),
            16 => self.halted = who.checked_sub(20).map(|_| index),
            _ => {}
        }
    }

    fn leaders(&self) -> usize {
        self.candidates.iter().filter(|candidate| candidate.leads(self.now)).count()
    }

    /// Everything works for that long.
    fn calm(&mut self, seconds: u64) {
        for _ in 0..seconds * 4 {
            self.now += Duration::from_millis(250);
            for index in 0..self.candidates.len() {
                self.tick(index);
            }
            for flight in (0..self.flights.len()).rev() {
                self.serve(flight);
                self.deliver(flight);
            }
            assert!(self.leaders() <= 1);
        }
    }
}

fn actions() -> impl Strategy<Value = Vec<(u8, usize, u64)>> {
    vec((0u8..17, 0usize..60, prop_oneof![Just(0), 0u64..400, 0u64..4_000]), 1..400)
}

fn rates() -> impl Strategy<Value = Vec<f64>> {
    vec(0.9..1.1, 2..5)
}

fn strangers() -> impl Strategy<Value = Option<Record>> {
    let record =
        ("[ab]?", any::<u64>(), any::<u64>()).prop_map(|(holder, seconds, transitions)| Record {
            holder,
            seconds,
            transitions,
            ..Record::default()
        });
    proptest::option::of(record)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn never_do_two_lead_and_at_last_one_does(
        rates in rates(),
        stored in strangers(),
        actions in actions(),
    ) {
        let mut world = World::new(&rates, stored);
        for (action, who, delay) in actions {
            world.act(action, who, delay);
            prop_assert!(world.leaders() <= 1, "{} lead", world.leaders());
        }
        // Who left does not come back; one at least is there to lead.
        world.halted = None;
        world.crash(0);
        world.calm(120);
        prop_assert_eq!(world.leaders(), 1);
    }

    #[test]
    fn a_dead_leader_is_succeeded_within_the_lease(rates in rates()) {
        let mut world = World::new(&rates, None);
        world.calm(5);
        let leader = world.candidates.iter().position(|one| one.leads(world.now)).unwrap();
        world.candidates.remove(leader);
        world.flights.clear();
        // The lease and a retry, by the slowest clock.
        world.calm(20);
        prop_assert_eq!(world.leaders(), 1);
    }

    #[test]
    fn a_leader_that_leaves_is_succeeded_at_the_next_look(rates in rates()) {
        let mut world = World::new(&rates, None);
        world.calm(5);
        let leader = world.candidates.iter().position(|one| one.leads(world.now)).unwrap();
        world.candidates[leader].elector.leave();
        prop_assert_eq!(world.leaders(), 0);
        world.calm(4);
        prop_assert_eq!(world.leaders(), 1);
        prop_assert!(!world.candidates[leader].leads(world.now));
    }
}
