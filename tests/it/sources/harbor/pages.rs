//! Many pages, and pages that do not fit together.

use std::collections::BTreeSet;

use detour::sources::harbor::HarborLimits;
use serde_json::{Value, json};

use super::site::{Fake, page, project, refusal};
use super::{BOUNDS, Followed};
use crate::kube::script::Reply;

fn many(count: i64) -> Fake {
    let fake = Fake::new();
    for number in 1..=count {
        let name = format!("proxy-{number}");
        fake.site().add(number, &name, "docker-registry", &format!("https://r{number}.example"));
    }
    fake
}

/// The numbers of the rules in force.
fn numbers(followed: &Followed) -> BTreeSet<i64> {
    let number = |rule: String| {
        let (prefix, target) = rule.split_once(' ').unwrap();
        let number = prefix.strip_prefix('r').unwrap().strip_suffix(".example").unwrap();
        assert_eq!(target, format!("harbor.corp.example/proxy-{number}"));
        number.parse().unwrap()
    };
    followed.rules().into_iter().map(number).collect()
}

fn up_to(count: i64) -> BTreeSet<i64> {
    (1..=count).collect()
}

#[test]
fn two_hundred_thirty_seven_projects_three_of_them_broken() {
    let fake = many(237);
    fake.site().hook = Box::new(|path| match path {
        "/projects/proxy-7/summary" => Some(refusal(500, "UNKNOWN", "internal server error")),
        "/projects/proxy-119/summary" => Some(Reply::Close),
        "/projects/proxy-237/summary" => {
            Some(Reply::Answer(200, String::new(), b"<html>".to_vec()))
        }
        _ => None,
    });
    let mut followed = Followed::new(&fake);
    followed.refresh();
    let mut expected = up_to(237);
    expected.retain(|number| ![7, 119, 237].contains(number));
    assert_eq!(numbers(&followed), expected);
    let faults = followed.faults();
    assert_eq!(faults.len(), 3, "{faults:?}");
    for (fault, name) in faults.iter().zip(["proxy-7", "proxy-119", "proxy-237"]) {
        assert!(fault.starts_with(&format!("source harbor: project {name:?}: GET ")), "{fault}");
    }
    for page in 1..=3 {
        assert_eq!(fake.count(&format!("/projects?page={page}&page_size=100")), 1);
    }
    assert_eq!(followed.served.metric("detour_source_rules{source=\"harbor\"}"), "234");
    fake.site().hook = Box::new(|_| None);
    followed.refresh();
    assert_eq!((numbers(&followed), followed.is_failing()), (up_to(237), false));
}

#[test]
fn a_list_that_fails_on_a_late_page_changes_nothing() {
    let fake = many(150);
    let mut followed = Followed::new(&fake);
    followed.refresh();
    fake.site().breaks("/projects?page=2&page_size=100", || refusal(502, "BAD_GATEWAY", "no"));
    followed.refresh();
    assert_eq!(numbers(&followed), up_to(150));
    let fault = "source harbor: GET /projects?page=2&page_size=100: status 502: BAD_GATEWAY no";
    assert_eq!(followed.faults(), [fault]);
}

#[test]
fn a_harbor_that_grows_and_shrinks_while_it_is_listed_loses_nobody() {
    let fake = many(150);
    let mut followed = Followed::new(&fake);
    followed.refresh();
    // The first of page 1 goes once page 1 was read: the first of page 2 is on no page.
    let mut lists = 0;
    fake.site().hook = Box::new(move |path| {
        lists += usize::from(path == "/projects?page=1&page_size=100");
        let items = |range: std::ops::Range<i64>| -> Value {
            range.map(|number| project(number, &format!("proxy-{number}"))).collect()
        };
        match path {
            "/projects?page=1&page_size=100" if lists < 3 => Some(page(150, &items(1..101))),
            "/projects?page=2&page_size=100" if lists < 3 => Some(page(149, &items(102..151))),
            "/projects?page=1&page_size=100" => Some(page(149, &items(2..102))),
            "/projects?page=2&page_size=100" => Some(page(149, &items(102..151))),
            _ => None,
        }
    });
    followed.refresh();
    let mut left = up_to(150);
    left.remove(&1);
    assert_eq!(
        (numbers(&followed), followed.is_failing()),
        (left, false),
        "the third list was whole"
    );
}

#[test]
fn totals_that_lie_are_not_believed() {
    let fake = many(250);
    let mut followed = Followed::new(&fake);
    followed.refresh();
    // How many projects the site has is left as it is.
    for (told, is_told) in [(100, true), (0, true), (1_000, true), (250, false)] {
        let all: Vec<Value> =
            (1..=250).map(|number| project(number, &format!("proxy-{number}"))).collect();
        fake.site().hook = Box::new(move |path| {
            let number = path.strip_prefix("/projects?page=")?.strip_suffix("&page_size=100")?;
            let number: usize = number.parse().unwrap();
            let items: Vec<&Value> = all.iter().skip((number - 1) * 100).take(100).collect();
            Some(page(told, &json!(items)))
        });
        let mut fresh = Followed::new(&fake);
        fresh.refresh();
        followed.refresh();
        assert_eq!(numbers(&fresh), up_to(250), "{told}");
        assert_eq!((numbers(&followed), followed.is_failing()), (up_to(250), is_told), "{told}");
    }
}

#[test]
fn a_list_that_is_not_whole_takes_nobody_away() {
    let fake = many(3);
    let mut followed = Followed::new(&fake);
    followed.refresh();
    fake.site().breaks("/projects?page=1&page_size=100", || {
        page(3, &json!([project(1, "proxy-1"), project(1, "proxy-1"), project(2, "proxy-2")]))
    });
    followed.refresh();
    assert_eq!(numbers(&followed), up_to(3));
    let fault = "source harbor: the pages of projects do not fit together: 2 of 3 came; what is \
                 missing keeps its last rules";
    assert_eq!(followed.faults(), [fault]);
    fake.site().breaks("/projects?page=1&page_size=100", || {
        page(3, &json!([project(1, "proxy-1"), {"project_id": "two", "name": 2}, 3, null]))
    });
    followed.refresh();
    assert_eq!(numbers(&followed), up_to(3));
    assert_eq!(followed.faults().len(), 3, "{:?}", followed.faults());
    fake.site()
        .breaks("/projects?page=1&page_size=100", || page(1, &json!([project(1, "proxy-1")])));
    followed.refresh();
    assert_eq!((numbers(&followed), followed.is_failing()), (up_to(1), false));
}

#[test]
fn pages_without_end_do_end() {
    let fake = many(1);
    let mut same = Followed::new(&fake);
    fake.site().hook = Box::new(|path| {
        path.starts_with("/projects?").then(|| page(usize::MAX, &json!([project(1, "proxy-1")])))
    });
    same.refresh();
    assert_eq!(numbers(&same), up_to(1));
    assert!(same.faults()[0].contains("do not fit together"), "{:?}", same.faults());

    fake.site().hook = Box::new(|path| {
        let number = path.strip_prefix("/projects?page=")?.strip_suffix("&page_size=100")?;
        let first: i64 = number.parse().unwrap();
        let items: Vec<Value> = (first * 100..first * 100 + 100)
            .map(|id| json!({"project_id": id, "name": format!("ordinary-{id}")}))
            .collect();
        Some(page(usize::MAX, &json!(items)))
    });
    let limits = HarborLimits { pages: 5, lists: 1, ..BOUNDS };
    let mut endless = Followed::with(&fake, limits, |_| ());
    endless.refresh();
    assert!(endless.faults()[0].contains("more than 5 pages"), "{:?}", endless.faults());
    assert_eq!(fake.count("/projects?page=6&page_size=100"), 0);
}

#[test]
fn more_proxy_projects_than_count_are_told() {
    let fake = many(5);
    let mut followed = Followed::with(&fake, HarborLimits { proxies: 3, ..BOUNDS }, |_| ());
    followed.refresh();
    assert_eq!(numbers(&followed), up_to(3), "the oldest");
    let fault = "source harbor: there are more than 3 proxy projects: \"proxy-4\" is left out";
    assert_eq!(followed.faults()[0], fault);
}
