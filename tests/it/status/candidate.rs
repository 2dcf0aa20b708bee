//! Single steps of one candidate, without a network.

use std::time::{Duration, SystemTime};

use detour::kube::lease::elector::{Elector, Record, Step, Timing};

const TIMING: Timing = Timing::STANDARD;
const SECOND: Duration = Duration::from_secs(1);

fn candidate() -> Elector {
    Elector::new("a".to_owned(), TIMING)
}

fn leader() -> Elector {
    let mut elector = candidate();
    elector.read(None, Duration::ZERO);
    written(&mut elector, 0, 1);
    elector
}

fn held_by(holder: &str) -> Option<(Record, String)> {
    let record = Record { holder: holder.to_owned(), seconds: 15, ..Record::default() };
    Some((record, "7".to_owned()))
}

fn step(elector: &mut Elector, seconds: u64) -> Step {
    elector.step(SECOND * seconds as u32, SystemTime::UNIX_EPOCH, 0.0)
}

/// Writes what it wants to, and succeeds.
fn written(elector: &mut Elector, seconds: u64, version: u64) -> Record {
    let now = Duration::from_secs(seconds);
    match elector.step(now, SystemTime::UNIX_EPOCH + now, 0.0) {
        Step::Write { record, .. } => {
            elector.written(version.to_string(), now, 0.0);
            record
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_record_says_who_leads_since_when_and_how_often_that_changed() {
    let mut elector = candidate();
    let strangers = Record { holder: String::new(), transitions: 6, ..Record::default() };
    elector.read(Some((strangers, "1".to_owned())), Duration::ZERO);
    let first = written(&mut elector, 0, 2);
    let time = |second: u64| format!("1970-01-01T00:00:{second:02}.000000Z");
    let expected = Record {
        holder: "a".to_owned(),
        seconds: 15,
        acquired: time(0),
        renewed: time(0),
        transitions: 7,
    };
    assert_eq!(first, expected);
    assert_eq!(written(&mut elector, 2, 3), Record { renewed: time(2), ..expected.clone() });
    elector.leave();
    let left = Record { holder: String::new(), seconds: 1, renewed: time(3), ..expected };
    assert_eq!(written(&mut elector, 3, 4), left);
    let now = Duration::from_secs(9);
    assert_eq!(elector.step(now, SystemTime::UNIX_EPOCH, 0.0), Step::Done);
}

#[test]
fn an_answer_that_comes_late_does_not_make_a_leader_longer() {
    let mut elector = candidate();
    elector.read(None, Duration::ZERO);
    let step = elector.step(Duration::ZERO, SystemTime::UNIX_EPOCH, 0.0);
    assert!(matches!(step, Step::Write { .. }), "{step:?}");
    elector.written("1".to_owned(), Duration::from_secs(9), 0.0);
    assert!(elector.leads(Duration::from_secs(9)));
    assert!(!elector.leads(Duration::from_secs(10)));
}

#[test]
fn a_leader_that_cannot_renew_gives_up_before_the_lease_ends() {
    let mut elector = candidate();
    elector.read(None, Duration::ZERO);
    written(&mut elector, 0, 1);
    for second in 1..10 {
        let now = Duration::from_secs(second);
        if !matches!(elector.step(now, SystemTime::UNIX_EPOCH, 0.0), Step::Wait(_)) {
            elector.failed(now, 0.0);
        }
        assert!(elector.leads(now));
    }
    assert!(!elector.leads(Duration::from_secs(10)));
}

#[test]
fn who_has_nothing_to_do_waits_for_just_as_long() {
    assert_eq!(step(&mut leader(), 0), Step::Wait(TIMING.retry));
    assert_eq!(step(&mut leader(), 1), Step::Wait(TIMING.retry - SECOND));
}

#[test]
fn pauses_double_up_to_a_bound_and_are_up_to_a_fifth_longer() {
    let mut elector = candidate();
    for seconds in [2, 4, 8, 15, 15] {
        elector.failed(Duration::ZERO, 0.0);
        assert_eq!(step(&mut elector, 0), Step::Wait(SECOND * seconds));
    }
    for (random, millis) in [(0.0, 2_000), (0.5, 2_200), (1.0, 2_400)] {
        let mut elector = candidate();
        elector.failed(Duration::ZERO, random);
        assert_eq!(step(&mut elector, 0), Step::Wait(Duration::from_millis(millis)));
    }
}

#[test]
fn a_leader_that_finds_its_own_record_leads_on() {
    let now = SECOND * 5;
    for (holder, leads) in [("a", true), ("b", false), ("", false)] {
        let mut elector = leader();
        elector.failed(SECOND, 0.0);
        assert_eq!(step(&mut elector, 5), Step::Read);
        elector.read(held_by(holder), now);
        assert_eq!(elector.leads(now), leads, "{holder:?}");
    }
}

#[test]
fn who_leaves_what_is_anothers_is_done_without_a_look() {
    let mut elector = candidate();
    elector.read(held_by("b"), Duration::ZERO);
    assert!(matches!(step(&mut elector, 0), Step::Wait(_)));
    elector.leave();
    assert_eq!(step(&mut elector, 0), Step::Done);
}

#[test]
fn who_leaves_and_does_not_know_whether_it_wrote_looks_first() {
    for found in [None, held_by("")] {
        let mut elector = candidate();
        elector.read(found, Duration::ZERO);
        assert!(matches!(step(&mut elector, 0), Step::Write { .. }));
        elector.failed(Duration::ZERO, 0.0);
        elector.leave();
        assert_eq!(step(&mut elector, 0), Step::Read);
        elector.read(held_by("a"), Duration::ZERO);
        assert_eq!(written(&mut elector, 0, 8).holder, "");
    }
    let mut elector = leader();
    elector.failed(SECOND, 0.0);
    elector.leave();
    assert_eq!(step(&mut elector, 1), Step::Read);
}

#[test]
fn a_write_that_succeeds_after_it_left_makes_no_leader() {
    let mut elector = candidate();
    elector.read(None, Duration::ZERO);
    assert!(matches!(step(&mut elector, 0), Step::Write { .. }));
    elector.leave();
    elector.written("1".to_owned(), Duration::ZERO, 0.0);
    assert!(!elector.leads(Duration::ZERO));
    assert_eq!(written(&mut elector, 3, 2).holder, "");
}
