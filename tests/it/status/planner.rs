//! Which writes are due, and that there are never more.

use std::time::Duration;

use detour::sources::verdict::Verdict;
use detour::status::planner::{PAUSE, PAUSE_MAX, Plan, Planner, WRITES_MAX, Write};
use detour::status::present::Presence;
use serde_json::Value;

use super::{conflict, in_force, object, presence};

const WALL: &str = "2026-01-01T00:00:00Z";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn plan(planner: &mut Planner, verdicts: &[Verdict], presence: &Presence, now: u64) -> Plan {
    planner.plan(verdicts, presence, seconds(now), WALL)
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.writes.iter().map(|write| write.id.name.as_str()).collect()
}

fn bare(names: &[&str]) -> Presence {
    presence(names.iter().map(|name| object(name, 5, 1, &Value::Null)).collect())
}

fn only(plan: Plan) -> Write {
    let [write] = <[Write; 1]>::try_from(plan.writes).unwrap();
    write
}

#[test]
fn what_was_written_counts_before_the_watch_tells_it() {
    let (mut planner, verdicts) = (Planner::default(), [in_force("m", 1)]);
    let write = only(plan(&mut planner, &verdicts, &bare(&["m"]), 0));
    let status = write.status.json();
    planner.succeeded(write, "9".to_owned(), seconds(0));
    assert_eq!(plan(&mut planner, &verdicts, &bare(&["m"]), 60), Plan::default());
    // An older version that the watch tells late is not believed either.
    let late = presence(vec![object("m", 8, 1, &Value::Null)]);
    assert_eq!(plan(&mut planner, &verdicts, &late, 60), Plan::default());
    let after = presence(vec![object("m", 9, 1, &status)]);
    assert_eq!(plan(&mut planner, &verdicts, &after, 60), Plan::default());
    // Somebody took it away.
    let broken = presence(vec![object("m", 10, 1, &Value::Null)]);
    assert_eq!(names(&plan(&mut planner, &verdicts, &broken, 60)), ["m"]);
}

#[test]
fn who_fights_for_the_status_does_not_make_us_write_without_end() {
    let (mut planner, verdicts) = (Planner::default(), [in_force("m", 1)]);
    let mut writes = 0;
    for tenth in 0..600 {
        let broken = presence(vec![object("m", 2 * tenth + 5, 1, &Value::Null)]);
        let now = Duration::from_millis(tenth * 100);
        for write in planner.plan(&verdicts, &broken, now, WALL).writes {
            writes += 1;
            planner.succeeded(write, (2 * tenth + 6).to_string(), now);
        }
    }
    assert_eq!(writes, 60);
}

#[test]
fn a_failure_is_repeated_more_and_more_rarely_and_others_go_on() {
    let (mut planner, verdicts) = (Planner::default(), [in_force("m", 1), in_force("o", 1)]);
    let there = bare(&["m", "o"]);
    let mut now = 0;
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        let first = plan(&mut planner, &verdicts, &there, now);
        let failing = &first.writes[0];
        assert_eq!(failing.id.name, "m");
        planner.failed(failing, None, seconds(now));
        let others = plan(&mut planner, &verdicts, &there, now + pause - 1);
        assert_eq!(names(&others), ["o"]);
        assert_eq!(others.next, Some(seconds(now + pause)));
        now += pause;
    }
    let write = plan(&mut planner, &verdicts, &there, now).writes.remove(0);
    planner.failed(&write, Some(seconds(3_600)), seconds(now));
    let next = plan(&mut planner, &verdicts, &there, now).next;
    assert_eq!(next, Some(seconds(now) + PAUSE_MAX));
    planner.succeeded(write, "6".to_owned(), seconds(now));
    let broken = presence(vec![object("m", 7, 1, &Value::Null), object("o", 5, 1, &Value::Null)]);
    let next = plan(&mut planner, &verdicts, &broken, now).next;
    assert_eq!(next, Some(seconds(now) + PAUSE));
}

#[test]
fn a_plan_is_bounded_and_the_rest_is_due_at_once() {
    let many: Vec<String> = (0..WRITES_MAX + 1).map(|number| format!("m-{number:04}")).collect();
    let verdicts: Vec<Verdict> = many.iter().map(|name| in_force(name, 1)).collect();
    let there = bare(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let mut planner = Planner::default();
    let first = plan(&mut planner, &verdicts, &there, 3);
    assert_eq!((first.writes.len(), first.next), (WRITES_MAX, Some(seconds(3))));
    for (number, write) in first.writes.into_iter().enumerate() {
        planner.succeeded(write, (100 + number).to_string(), seconds(3));
    }
    let second = plan(&mut planner, &verdicts, &there, 3);
    assert_eq!((names(&second), second.next), (vec!["m-0100"], None));
}

#[test]
fn what_is_not_there_is_not_written() {
    let mut planner = Planner::default();
    let verdicts = [in_force("gone", 1), in_force("m", 1)];
    assert_eq!(names(&plan(&mut planner, &verdicts, &bare(&["m"]), 0)), ["m"]);
}

#[test]
fn a_map_that_was_not_edited_is_not_told_of_anothers_edit() {
    for (generation, expected) in [(1, vec!["younger"]), (2, vec!["younger", "elder"])] {
        let mut planner = Planner::default();
        let verdicts = [in_force("elder", 1), in_force("younger", 1)];
        let first = plan(&mut planner, &verdicts, &bare(&["elder", "younger"]), 0);
        for write in first.writes {
            planner.succeeded(write, "10".to_owned(), seconds(0));
        }
        // The younger was edited, and the elder perhaps as well.
        let verdicts = [in_force("elder", generation), conflict("younger", 2, &["elder"])];
        let elder = object("elder", 9, generation, &Value::Null);
        let there = presence(vec![elder, object("younger", 9, 2, &Value::Null)]);
        let second = plan(&mut planner, &verdicts, &there, 9);
        let notes = second.writes.iter().flat_map(|write| &write.notes);
        let told: Vec<&str> = notes.map(|note| note.regarding.name.as_str()).collect();
        assert_eq!(told, expected);
    }
}

#[test]
fn the_map_whose_edit_caused_a_conflict_is_told() {
    let mut planner = Planner::default();
    let verdicts = [in_force("elder", 1), in_force("younger", 1)];
    let first = plan(&mut planner, &verdicts, &bare(&["elder", "younger"]), 0);
    for (number, write) in first.writes.into_iter().enumerate() {
        planner.succeeded(write, (10 + number).to_string(), seconds(0));
    }
    // The elder was edited; the younger was not.
    let verdicts = [in_force("elder", 2), conflict("younger", 1, &["elder"])];
    let younger = object("younger", 5, 1, &Value::Null);
    let there = presence(vec![object("elder", 9, 2, &Value::Null), younger]);
    let second = plan(&mut planner, &verdicts, &there, 9);
    assert_eq!(names(&second), ["elder", "younger"]);
    assert_eq!(second.writes[0].notes, []);
    let told: Vec<&str> =
        second.writes[1].notes.iter().map(|note| note.regarding.name.as_str()).collect();
    assert_eq!(told, ["younger", "elder"]);
}
