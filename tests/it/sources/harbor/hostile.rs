//! A Harbor that is not one, or wants something else than to be asked.

use std::time::Duration;

use detour::client::Limits;
use detour::rules::{self, Source, Text};
use detour::sources::harbor::answers::{self, Page, Registry};
use detour::sources::harbor::{HarborLimits, upstream};
use proptest::prelude::*;
use serde_json::json;

use super::site::{Fake, page, project};
use super::{BOUNDS, Followed};
use crate::kube::script::{Part, Reply, Server};

fn quay() -> Fake {
    let fake = Fake::new();
    fake.site().add(1, "quay", "quay", "https://quay.io");
    fake
}

#[test]
fn redirects_and_links_to_other_hosts_are_not_followed() {
    let other = Server::start(Vec::new());
    let fake = quay();
    let mut followed = Followed::new(&fake);
    followed.refresh();
    let elsewhere = format!("https://{}/api/v2.0", other.address);
    for path in ["/systeminfo", "/projects?page=1&page_size=100", "/projects/quay/summary"] {
        let head = format!("Location: {elsewhere}{path}\r\n");
        fake.site().breaks(path, move || Reply::Answer(302, head.clone(), Vec::new()));
        followed.refresh();
        assert_eq!(followed.rules(), ["quay.io harbor.corp.example/quay"], "{path}");
        let told = followed.faults().concat();
        assert!(
            told.contains("status 302: a redirect to ") && told.contains("not followed"),
            "{told}"
        );
    }
    let links =
        format!("Link: <{elsewhere}/projects?page=2>; rel=\"next\"\r\nX-Total-Count: 101\r\n");
    let items: Vec<_> = (1..=100).map(|id| project(id, &format!("p{id}"))).collect();
    let items = json!(items).to_string();
    fake.site().breaks("/projects?page=1&page_size=100", move || {
        Reply::Answer(200, links.clone(), items.clone().into_bytes())
    });
    followed.refresh();
    assert!(fake.count("/projects?page=2&page_size=100") > 0, "the page is asked of Harbor itself");
    assert_eq!(other.connections(), 0);
}

#[test]
fn answers_have_bounds() {
    let fake = quay();
    let limits = HarborLimits { page_bytes: 2_000, answer_bytes: 1_000, ..BOUNDS };
    let mut followed = Followed::with(&fake, limits, |_| ());
    followed.refresh();
    for (path, bytes) in [
        ("/systeminfo", 1_000),
        ("/projects?page=1&page_size=100", 2_000),
        ("/projects/quay/summary", 1_000),
    ] {
        fake.site().breaks(path, || Reply::Stream(vec![Part::Drip(b' ')]));
        followed.refresh();
        assert_eq!(followed.rules(), ["quay.io harbor.corp.example/quay"], "{path}");
        let told = followed.faults().concat();
        assert!(
            told.contains(&format!("{path}: the answer is larger than {bytes} bytes")),
            "{told}"
        );
    }
}

#[test]
fn a_page_has_a_bounded_number_of_entries() {
    let fake = quay();
    let limits = HarborLimits { page_projects: 2, lists: 1, ..BOUNDS };
    fake.site().hook = Box::new(|path| {
        path.starts_with("/projects?page=").then(|| {
            let items: Vec<_> = (1..=1_000).map(|id| project(id, "quay")).collect();
            page(1_000, &json!(items))
        })
    });
    let mut followed = Followed::with(&fake, limits, |_| ());
    followed.refresh();
    let fault = "source harbor: page 1 holds what is no project: it has more than 20 entries";
    assert_eq!(followed.faults()[0], fault);
}

#[test]
fn silence_has_an_end_and_so_has_a_refresh() {
    let fake = Fake::new();
    for number in 1..=9 {
        let url = format!("https://r{number}.example");
        fake.site().add(number, &format!("p{number}"), "docker-registry", &url);
    }
    let soon = Duration::from_millis(100);
    let client = Limits { head: soon, body: soon, ..BOUNDS.client };
    let limits = HarborLimits { client, silences: 2, ..BOUNDS };
    let mut followed = Followed::with(&fake, limits, |_| ());
    fake.site().hook = Box::new(|path| path.ends_with("/summary").then_some(Reply::Silence));
    followed.refresh();
    let faults = followed.faults();
    assert!(
        faults[0].ends_with("waiting for the answer took too long; it has no rule yet"),
        "{faults:?}"
    );
    assert_eq!(faults[2..], ["source harbor: 7 more proxy projects were not asked for after that"]);

    fake.site().hook = Box::new(|_| None);
    let limits = HarborLimits { refresh: Duration::ZERO, ..BOUNDS };
    let mut late = Followed::with(&fake, limits, |_| ());
    late.refresh();
    assert!(late.faults()[0].contains("took too long"), "{:?}", late.faults());
}

#[test]
fn what_is_not_harbor_is_told_as_such() {
    let fake = quay();
    let mut followed = Followed::new(&fake);
    followed.refresh();
    for body in
        ["<html>sign in</html>", "{}", "7", "\"x\"", "[{}]", "{\"registry_url\": 7}", "\u{ff}"]
    {
        for path in ["/systeminfo", "/projects?page=1&page_size=100"] {
            let bytes = body.as_bytes().to_vec();
            fake.site().breaks(path, move || Reply::Answer(200, String::new(), bytes.clone()));
            followed.refresh();
            assert_eq!(followed.rules(), ["quay.io harbor.corp.example/quay"], "{path} {body}");
            assert!(followed.is_failing(), "{path} {body}");
        }
    }
    for registry in ["harbor", "harbor.corp.example/path", "", "a b.example", "{registry}"] {
        fake.site().hook = Box::new(|_| None);
        fake.site().registry_url = registry.to_owned();
        followed.refresh();
        assert_eq!(followed.rules(), ["quay.io harbor.corp.example/quay"], "{registry}");
        assert!(followed.is_failing(), "{registry}");
    }
}

#[test]
fn names_that_no_image_has_are_never_asked_for() {
    let long = "a".repeat(256);
    let odd = [
        long.as_str(),
        "",
        "../secret",
        "a/b",
        "A",
        "a b",
        "{name}",
        "a:1",
        "a@b",
        "a?x=1",
        "ü",
        "-a",
        "a\r\nX: y",
    ];
    let fake = quay();
    let items: Vec<_> = odd.iter().zip(2..).map(|(name, id)| project(id, name)).collect();
    let items: Vec<_> = items.into_iter().chain([project(1, "quay")]).collect();
    let items = json!(items);
    let total = odd.len() + 1;
    fake.site().breaks("/projects?page=1&page_size=100", move || page(total, &items));
    let mut followed = Followed::new(&fake);
    followed.refresh();
    assert_eq!(followed.rules(), ["quay.io harbor.corp.example/quay"]);
    assert_eq!(followed.faults().len(), odd.len());
    let end = "cannot be part of an image name";
    assert!(followed.faults().iter().all(|fault| fault.ends_with(end)), "{:?}", followed.faults());
    assert_eq!(fake.server.lines().len(), 3);
}

#[test]
fn an_endpoint_of_any_length_spoils_no_other() {
    let fake = quay();
    let long = format!("https://{}.example", "a".repeat(600));
    fake.site().add(2, "long", "docker-registry", &long);
    let path = format!("https://b.example/artifactory/api/docker/{}", "a".repeat(300));
    fake.site().add(3, "path", "docker-registry", &path);
    let longest = format!("https://{}.example:5000", "b".repeat(242));
    fake.site().add(4, &"p".repeat(255), "docker-registry", &longest);
    let mut followed = Followed::new(&fake);
    followed.refresh();
    assert_eq!((followed.rules().len(), followed.notes().len()), (2, 2), "{:?}", followed.notes());
    assert!(!followed.is_failing(), "{:?}", followed.faults());
}

#[test]
fn what_is_kept_of_an_answer_is_short() {
    let long = "a".repeat(100_000);
    let items = json!([
        {"project_id": 1, "name": long, "registry_id": 1},
        {"project_id": long, "name": "a"},
    ]);
    let page = Page::parse(items.to_string().as_bytes(), None, 100).unwrap();
    assert!(page.projects[0].name.capacity() <= 255, "{}", page.projects[0].name.capacity());
    assert!(page.faults[0].capacity() <= 1024, "{}", page.faults[0].capacity());
    let info = json!({"registry_url": long}).to_string();
    let told = answers::registry_url(info.as_bytes()).unwrap().unwrap();
    assert!(told.capacity() <= 1024, "{}", told.capacity());
    let url = format!("https://r.example/{long}");
    for field in ["type", "url", "status"] {
        let mut registry = json!({"type": "quay", "url": url, "status": "healthy"});
        registry[field] = format!("https://{long}").into();
        let body = json!({"registry": registry}).to_string();
        let Registry { kind, url, status } =
            answers::registry_of_summary(body.as_bytes()).unwrap().unwrap();
        for text in [&kind, &url, &status] {
            assert!(text.capacity() <= 1024, "{field}: {}", text.capacity());
        }
        assert!(upstream::prefixes(&kind, &url).is_err(), "{field}");
    }
}

proptest! {
    #[test]
    fn what_an_endpoint_gives_is_what_a_rule_takes(
        endpoint in "(https?://)?([a-zA-Z0-9.@:_-]{0,20}|\\PC{0,20})(:[0-9]{0,6})?(/\\PC{0,10})?",
    ) {
        for prefix in upstream::prefixes("docker-registry", &endpoint).unwrap_or_default() {
            let document = json!({
                "apiVersion": "detour.dev/v1alpha1", "kind": "ClusterImageMap", "metadata": {"name": "a"},
                "spec": {"rules": [{"prefix": prefix, "to": "harbor.corp.example/a"}]},
            });
            let text = Text { name: "a".to_owned(), content: document.to_string() };
            let faults = rules::load(Source::Harbor, &[text]).report.faults;
            prop_assert!(faults.is_empty(), "{endpoint:?}: {faults:?}");
        }
    }
}
