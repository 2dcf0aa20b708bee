//! Single decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use detour::certs::own::change::{Change, Workshop};
use detour::certs::own::material::Material;
use detour::certs::own::plan::{Anchor, Bundle, Memory, Plan, Secret, Step, View};
use detour::certs::own::{Clock, GRACE, NAMES_DELAY, POLL, POLL_PENDING, SETTLE, Timing};

use super::model::Numbers;

const TIMING: Timing = Timing { leaf_life: Duration::from_secs(90 * 86_400) };
const BEGIN: Duration = Duration::from_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(86_400);
const SECOND: Duration = Duration::from_secs(1);

/// One process; time passes for both of its clocks.
struct Process {
    memory: Memory,
    mint: Numbers,
    passed: Duration,
}

impl Process {
    fn new() -> Self {
        Self { memory: Memory::default(), mint: Numbers::default(), passed: Duration::ZERO }
    }

    fn clock(&self) -> Clock {
        Clock { now: BEGIN + self.passed, ticks: Duration::from_secs(3_600) + self.passed }
    }

    fn make(&self, change: Change, found: Option<&Material>) -> Material {
        let (mint, now) = (&self.mint, self.clock().now);
        let workshop = Workshop { mint, timing: TIMING, now, held: None, served: None };
        workshop.apply(change, found, &[]).unwrap()
    }

    /// Looks, and serves what the plan says.
    fn look(&mut self, secret: &Secret, bundle: &Bundle) -> Plan {
        let clock = self.clock();
        self.memory.observe(secret, bundle, TIMING, clock);
        let view = View { secret, bundle, memory: &self.memory, timing: TIMING, clock };
        let plan = view.plan();
        if let (true, Secret::Whole(material)) = (plan.serve, secret) {
            self.memory.served = material.leaf.clone().map(|leaf| (leaf, material.signer.clone()));
        }
        plan
    }

    fn step(&mut self, secret: &Secret, bundle: &Bundle) -> Step {
        self.look(secret, bundle).step
    }
}

fn whole(material: &Material) -> Secret {
    Secret::Whole(Box::new(material.clone()))
}

fn holding(materials: &[&Material]) -> Bundle {
    let authorities = materials.iter().flat_map(|material| material.authorities());
    let anchor = authorities.map(|each| {
        (each.id, Anchor { ends: each.span.ends, certificate: each.certificate.clone() })
    });
    let detours: BTreeMap<_, _> = anchor.collect();
    let ids: BTreeSet<_> = detours.keys().copied().collect();
    Bundle::Held { common: ids.clone(), detours, exactly: Some(ids) }
}

#[test]
fn the_life_of_an_authority_is_as_documented() {
    let mut process = Process::new();
    let material = process.make(Change::New, None);
    let bundle = holding(&[&material]);
    assert_eq!(process.step(&whole(&material), &bundle), Step::Rest);
    process.passed = DAY * 60 - Duration::from_secs(1);
    assert_eq!(process.step(&whole(&material), &bundle), Step::Rest);
    process.passed = DAY * 60;
    assert_eq!(process.step(&whole(&material), &bundle), Step::Write(Change::Renew));
    let renewed = process.make(Change::Renew, Some(&material));
    process.passed = DAY * 120;
    let renewed = process.make(Change::Renew, Some(&renewed));
    assert_eq!(process.step(&whole(&renewed), &bundle), Step::Rest);
    // 184.5 days before its end, and 10 min for wrong clocks.
    process.passed = DAY * 351 / 2;
    assert_eq!(process.step(&whole(&renewed), &bundle), Step::Write(Change::Introduce));
    let introduced = process.make(Change::Introduce, Some(&renewed));
    assert_eq!(process.step(&whole(&introduced), &bundle), Step::Publish(introduced.trusted()));
    let both = holding(&[&introduced]);
    assert_eq!(process.step(&whole(&introduced), &both), Step::Rest);
    process.passed += DAY * 9 / 2 - Duration::from_secs(1);
    assert_eq!(process.step(&whole(&introduced), &both), Step::Rest);
    process.passed += Duration::from_secs(1);
    assert_eq!(process.step(&whole(&introduced), &both), Step::Write(Change::Promote));
    let promoted = process.make(Change::Promote, Some(&introduced));
    assert_eq!(process.step(&whole(&promoted), &both), Step::Rest);
    process.passed = promoted.until - BEGIN + TIMING.skew() - SECOND;
    let renewed = process.make(Change::Renew, Some(&promoted));
    assert_eq!(process.step(&whole(&renewed), &both), Step::Rest);
    process.passed += SECOND;
    assert_eq!(process.step(&whole(&renewed), &both), Step::Write(Change::Retire));
    let retired = process.make(Change::Retire, Some(&renewed));
    assert_eq!(process.step(&whole(&retired), &both), Step::Publish(retired.trusted()));
}

#[test]
fn a_certificate_for_other_names_is_renewed_after_a_while() {
    let mut process = Process::new();
    let mut material = process.make(Change::New, None);
    material.leaf.as_mut().unwrap().has_names = false;
    let bundle = holding(&[&material]);
    process.passed = NAMES_DELAY - SECOND;
    assert_eq!(process.step(&whole(&material), &bundle), Step::Rest);
    process.passed = NAMES_DELAY;
    assert_eq!(process.step(&whole(&material), &bundle), Step::Write(Change::Renew));
}

/// Its authority ends so much after it would sign nothing that ends later.
fn ending_together(process: &mut Process, more: Duration) -> Material {
    let mut material = process.make(Change::New, None);
    let leaf_ends = material.leaf.as_ref().unwrap().span.ends;
    material.signer.span.ends = leaf_ends + TIMING.skew() + more;
    material
}

#[test]
fn a_certificate_that_ends_with_its_authority_is_not_renewed() {
    for (more, change) in [(Duration::ZERO, Change::Introduce), (SECOND, Change::Renew)] {
        let mut process = Process::new();
        let material = ending_together(&mut process, more);
        process.passed = DAY * 89;
        assert_eq!(process.step(&whole(&material), &holding(&[&material])), Step::Write(change));
    }
}

#[test]
fn an_authority_that_comes_late_signs_as_soon_as_it_has_settled() {
    let mut process = Process::new();
    let material = process.make(Change::New, None);
    let late = material.signer.span.ends - BEGIN - TIMING.leaf_life / 2 - TIMING.skew();
    process.passed = late - SETTLE - SECOND;
    let renewed = process.make(Change::Renew, Some(&material));
    let introduced = process.make(Change::Introduce, Some(&renewed));
    let (secret, both) = (whole(&introduced), holding(&[&introduced]));
    assert_eq!(process.step(&secret, &both), Step::Rest);
    process.passed = late - SECOND;
    assert_eq!(process.step(&secret, &both), Step::Rest);
    process.passed = late;
    assert_eq!(process.step(&secret, &both), Step::Write(Change::Promote));
}

#[test]
fn an_authority_that_ends_before_what_it_signed_is_not_used() {
    for (more, change) in [(Duration::ZERO, Change::Replace), (SECOND, Change::Promote)] {
        let mut process = Process::new();
        let material = process.make(Change::New, None);
        let mut introduced = process.make(Change::Introduce, Some(&material));
        process.passed = DAY * 360;
        let ends = process.clock().now + TIMING.leaf_life + more;
        introduced.next.as_mut().unwrap().span.ends = ends;
        let step = process.step(&whole(&introduced), &holding(&[&introduced]));
        assert_eq!(step, Step::Write(change));
    }
}

#[test]
fn a_former_authority_is_trusted_as_long_as_what_it_signed() {
    let mut process = Process::new();
    // By a clock that is ahead, within what is allowed for or beyond it.
    for ahead in [Duration::ZERO, DAY] {
        process.passed = DAY + ahead;
        let material = process.make(Change::New, None);
        process.passed = DAY;
        let introduced = process.make(Change::Introduce, Some(&material));
        let promoted = process.make(Change::Promote, Some(&introduced));
        let ends = process.clock().now + ahead + TIMING.leaf_life;
        assert_eq!(promoted.until, ends + TIMING.skew());
    }
}

#[test]
fn an_interruption_begins_the_wait_anew() {
    let mut process = Process::new();
    let material = process.make(Change::New, None);
    let introduced = process.make(Change::Introduce, Some(&material));
    let (secret, both) = (whole(&introduced), holding(&[&introduced]));
    process.step(&secret, &both);
    process.passed += DAY * 4;
    assert_eq!(process.step(&secret, &holding(&[])), Step::Publish(introduced.trusted()));
    process.passed += DAY;
    assert_eq!(process.step(&secret, &both), Step::Rest, "five days, but not in a row");
    process.passed += DAY * 5;
    assert_eq!(process.step(&secret, &both), Step::Write(Change::Promote));
}

#[test]
fn what_a_new_authority_signed_is_served_when_it_has_settled() {
    let mut process = Process::new();
    let (old, new) = (process.make(Change::New, None), process.make(Change::New, None));
    assert!(process.look(&whole(&old), &holding(&[&old])).serve, "nothing else is there");
    let secret = whole(&new);
    let plan = process.look(&secret, &holding(&[&old]));
    assert_eq!((plan.serve, plan.step), (false, Step::Write(Change::Keep)));
    let both = holding(&[&old, &new]);
    assert!(!process.look(&secret, &both).serve);
    process.passed += SETTLE;
    assert!(process.look(&secret, &both).serve);
    assert!(!process.look(&secret, &both).serve, "it is served already");
}

#[test]
fn what_is_no_less_trusted_is_served_at_once() {
    let mut process = Process::new();
    let material = process.make(Change::New, None);
    let unpublished = holding(&[]);
    assert!(process.look(&whole(&material), &unpublished).serve);
    let renewed = process.make(Change::Renew, Some(&material));
    assert!(process.look(&whole(&renewed), &unpublished).serve, "the same authority signed it");
    let other = process.make(Change::New, None);
    assert!(!process.look(&whole(&other), &unpublished).serve);
    assert!(process.look(&whole(&other), &Bundle::Absent).serve, "nobody calls");
}

#[test]
fn an_authority_that_was_not_there_at_first_has_to_settle_however_old_it_is() {
    let mut process = Process::new();
    let material = process.make(Change::New, None);
    process.passed = DAY * 30;
    let (secret, bundle) = (whole(&material), holding(&[&material]));
    assert_eq!(process.step(&secret, &holding(&[])), Step::Publish(material.trusted()));
    assert_eq!(process.look(&secret, &bundle).look_again, POLL_PENDING);
    process.passed += SETTLE;
    assert_eq!(process.look(&secret, &bundle).look_again, POLL);

    let mut newcomer = Process { passed: process.passed, ..Process::new() };
    assert!(newcomer.look(&secret, &bundle).serve);
    assert_eq!(newcomer.look(&secret, &bundle).look_again, POLL, "it found it there");
}

#[test]
fn a_bundle_that_somebody_else_sees_to_need_not_settle() {
    let mut process = Process::new();
    let material = process.make(Change::New, None);
    assert!(process.look(&whole(&material), &Bundle::Unmanaged).serve);
    assert_eq!(process.look(&whole(&material), &Bundle::Unmanaged).look_again, POLL);
}

#[test]
fn without_a_secret_who_remembers_goes_first() {
    let mut process = Process::new();
    let material = process.make(Change::New, None);
    let bundle = holding(&[&material]);
    for secret in [Secret::Absent, Secret::Damaged { reason: String::new(), remains: Vec::new() }] {
        let mut newcomer = Process::new();
        assert_eq!(newcomer.step(&secret, &bundle), Step::Rest);
        newcomer.passed += GRACE;
        assert_eq!(newcomer.step(&secret, &bundle), Step::Write(Change::New));
        assert_eq!(Process::new().step(&secret, &holding(&[])), Step::Write(Change::New));
        assert_eq!(Process::new().step(&secret, &Bundle::Unmanaged), Step::Write(Change::New));
        process.step(&whole(&material), &bundle);
        assert_eq!(process.step(&secret, &bundle), Step::Write(Change::Restore));
    }
    process.passed = DAY * 360;
    assert_eq!(process.step(&Secret::Absent, &bundle), Step::Write(Change::New), "it has expired");
}

#[test]
fn what_was_not_read_is_not_lost() {
    let mut process = Process::new();
    let bundle = holding(&[&process.make(Change::New, None)]);
    process.step(&Secret::Unread, &bundle);
    process.passed = GRACE;
    assert_eq!(process.step(&Secret::Absent, &bundle), Step::Rest);
    process.passed += GRACE;
    assert_eq!(process.step(&Secret::Absent, &bundle), Step::Write(Change::New));
}

#[test]
fn nobody_serves_what_an_authority_that_has_ended_signed() {
    let mut process = Process::new();
    let bundle = holding(&[&process.make(Change::New, None)]);
    process.passed = DAY * 360 - SECOND;
    assert_eq!(
        Process { passed: process.passed, ..Process::new() }.step(&Secret::Absent, &bundle),
        Step::Rest
    );
    process.passed += SECOND;
    assert_eq!(process.step(&Secret::Absent, &bundle), Step::Write(Change::New));
}

#[test]
fn memory_signs_nothing_that_ends_no_later() {
    for (more, step) in [(Duration::ZERO, Step::Rest), (SECOND, Step::Improvise)] {
        let mut process = Process::new();
        let material = ending_together(&mut process, more);
        process.step(&whole(&material), &holding(&[&material]));
        process.passed = DAY * 75;
        assert_eq!(process.step(&Secret::Unread, &holding(&[&material])), step);
    }
}

#[test]
fn without_the_secret_for_long_memory_signs() {
    for secret in [Secret::Unread, Secret::Foreign { reason: String::new() }] {
        let mut process = Process::new();
        let material = process.make(Change::New, None);
        let bundle = holding(&[&material]);
        process.step(&whole(&material), &bundle);
        process.passed = DAY * 74;
        assert_eq!(process.step(&secret, &bundle), Step::Rest);
        process.passed = DAY * 75;
        assert_eq!(process.step(&secret, &bundle), Step::Improvise);
    }
}

#[test]
fn an_expired_authority_is_replaced_at_once() {
    let mut process = Process::new();
    let material = process.make(Change::New, None);
    process.passed = DAY * 360;
    let plan = process.look(&whole(&material), &holding(&[&material]));
    assert_eq!((plan.serve, plan.step), (false, Step::Write(Change::Replace)));
    let replaced = process.make(Change::Replace, Some(&material));
    assert!(replaced.former.is_empty(), "nothing that it signed is valid");
    let plan = process.look(&whole(&replaced), &holding(&[&material]));
    assert_eq!((plan.serve, plan.step), (true, Step::Publish(replaced.trusted())));
}

#[test]
fn a_bundle_that_others_write_is_left_to_them_for_a_while() {
    let mut process = Process::new();
    let material = process.make(Change::New, None);
    let secret = whole(&material);
    assert_eq!(process.step(&secret, &holding(&[])), Step::Publish(material.trusted()));
    let clock = process.clock();
    process.memory.published(material.trusted(), clock);
    process.passed += Duration::from_secs(29);
    assert_eq!(process.step(&secret, &holding(&[])), Step::Contested);
    process.passed += Duration::from_secs(1);
    assert_eq!(process.step(&secret, &holding(&[])), Step::Publish(material.trusted()));
}
