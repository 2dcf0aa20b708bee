//! What becomes of projects that come, change, break and go.

use bumpalo::Bump;
use detour::sources::harbor::HarborLimits;
use serde_json::json;

use super::site::{Fake, refusal};
use super::{BOUNDS, Followed, INTERVAL};
use crate::kube::script::Reply;

/// Docker Hub, Quay and a registry on a port.
fn three() -> Fake {
    let fake = Fake::new();
    {
        let mut site = fake.site();
        site.add(2, "hub", "docker-hub", "https://hub.docker.com");
        site.add(3, "quay", "quay", "https://quay.io");
        site.add(4, "lan", "docker-registry", "http://registry.lan.example:5000");
        site.projects.insert("library".to_owned(), json!({"project_id": 1, "name": "library"}));
    }
    fake
}

const LAN: &str = "registry.lan.example:5000 harbor.corp.example/lan";
const QUAY: &str = "quay.io harbor.corp.example/quay";
const HUB: [&str; 3] = [
    "docker.io harbor.corp.example/hub",
    "hub.docker.com harbor.corp.example/hub",
    "registry-1.docker.io harbor.corp.example/hub",
];

fn all_three() -> Vec<&'static str> {
    vec![HUB[0], HUB[1], QUAY, HUB[2], LAN]
}

#[test]
fn proxy_projects_are_prefix_rules() {
    let fake = three();
    let mut followed = Followed::new(&fake);
    assert_eq!(followed.served.published.load().missing, [""; 0], "nobody waits for Harbor");
    assert_eq!(followed.refresh(), INTERVAL);
    assert_eq!(followed.rules(), all_three());
    assert_eq!((followed.faults(), followed.notes()), (vec![], vec![]));
    let ids = followed.served.rules();
    assert!(ids[0].starts_with("ClusterImageMap/harbor#docker.io prefix"), "{ids:?}");
    assert_eq!(fake.count("/projects/library/summary"), 0, "it is no proxy");
    assert_eq!(fake.server.connections(), 1);
    let before = followed.served.published.load();
    followed.refresh();
    let after = followed.served.published.load();
    assert!(std::sync::Arc::ptr_eq(&before.mapping, &after.mapping), "nothing changed");
}

#[test]
fn images_go_to_their_projects_and_are_left_alone_there() {
    let mut followed = Followed::with(&three(), BOUNDS, |settings| {
        settings.pull_secrets = vec!["harbor".to_owned()];
    });
    followed.refresh();
    let snapshot = followed.served.published.load();
    let decide = |image: &str| {
        let pod = detour::mapping::scope::Pod { namespace: "shop", ..Default::default() };
        let arena = Bump::new();
        let decision = snapshot.mapping.decide(image, &pod, &arena);
        (decision.image.map(|image| image.to_string()), decision.pull_secrets.to_vec())
    };
    for image in
        ["nginx", "library/nginx", "docker.io/library/nginx", "registry-1.docker.io/library/nginx"]
    {
        let (result, secrets) = decide(image);
        assert_eq!(result.as_deref(), Some("harbor.corp.example/hub/library/nginx"), "{image}");
        assert_eq!(secrets, ["harbor"]);
    }
    for image in
        ["harbor.corp.example/hub/library/nginx", "harbor.corp.example/team/app:1", "gcr.io/a"]
    {
        assert_eq!(decide(image).0, None, "{image}");
    }
}

#[test]
fn a_project_that_breaks_keeps_its_rule_and_spoils_no_other() {
    let fake = three();
    let mut followed = Followed::new(&fake);
    fake.site()
        .breaks("/projects/quay/summary", || refusal(500, "UNKNOWN", "internal\nserver error"));
    let delay = followed.refresh();
    assert!(delay < INTERVAL, "{delay:?}");
    assert_eq!(followed.rules(), [HUB[0], HUB[1], HUB[2], LAN], "never read");
    assert_eq!(
        followed.faults(),
        ["source harbor: project \"quay\": GET /projects/quay/summary: status 500: UNKNOWN \
          internal server error; it has no rule yet"]
    );
    assert!(followed.is_failing());
    fake.site().hook = Box::new(|_| None);
    assert_eq!(followed.refresh(), INTERVAL);
    assert_eq!(
        (followed.rules(), followed.is_failing()),
        (all_three().iter().map(ToString::to_string).collect(), false)
    );
    for broken in ["{\"registry\": {\"url\": 7}}", "[", "", "null", "\"x\""] {
        let body = broken.as_bytes().to_vec();
        fake.site().breaks("/projects/quay/summary", move || {
            Reply::Answer(200, String::new(), body.clone())
        });
        followed.refresh();
        assert_eq!(followed.rules(), all_three(), "{broken}");
        assert!(
            followed.faults()[0].ends_with("its last rules stay in force"),
            "{broken}: {:?}",
            followed.faults()
        );
    }
}

#[test]
fn a_project_that_goes_takes_its_rule_along_and_another_one_comes() {
    let fake = three();
    let mut followed = Followed::new(&fake);
    followed.refresh();
    fake.site().projects.remove("quay");
    fake.site().add(9, "ghcr", "github-ghcr", "https://ghcr.io");
    followed.refresh();
    let ghcr = "ghcr.io harbor.corp.example/ghcr";
    assert_eq!(followed.rules(), [HUB[0], ghcr, HUB[1], HUB[2], LAN]);
    fake.site().projects.clear();
    followed.refresh();
    assert_eq!((followed.rules(), followed.is_failing()), (vec![], false));
}

#[test]
fn a_project_of_another_registry_forgets_the_former_one() {
    let fake = three();
    let mut followed = Followed::new(&fake);
    followed.refresh();
    fake.site().projects.get_mut("quay").unwrap()["registry_id"] = 77.into();
    followed.refresh();
    assert_eq!(followed.rules(), [HUB[0], HUB[1], HUB[2], LAN]);
    fake.site().projects.get_mut("lan").unwrap()["registry_id"] = 0.into();
    followed.refresh();
    assert_eq!(followed.rules(), HUB);
}

#[test]
fn of_two_projects_the_older_is_used_and_both_are_named() {
    let fake = three();
    fake.site().add(8, "another-quay", "quay", "https://QUAY.io/");
    let mut followed = Followed::new(&fake);
    followed.refresh();
    assert_eq!(followed.rules(), all_three());
    let note = "source harbor: projects \"quay\" and \"another-quay\" are both proxies of quay.io: \
                \"quay\" is used, which is older";
    assert_eq!((followed.notes(), followed.is_failing()), (vec![note.to_owned()], false));
    fake.site().projects.remove("quay");
    followed.refresh();
    assert!(followed.rules().contains(&"quay.io harbor.corp.example/another-quay".to_owned()));
    assert_eq!(followed.notes(), [""; 0]);
}

#[test]
fn unhealthy_registries_are_told_and_can_be_left_out() {
    let fake = three();
    fake.site().registries.get_mut(&3).unwrap()["status"] = "unhealthy".into();
    fake.site().add(8, "second-quay", "quay", "https://quay.io");
    let mut told = Followed::new(&fake);
    told.refresh();
    assert_eq!(told.rules(), all_three());
    assert!(
        told.notes()[0].contains("project \"quay\": Harbor cannot reach quay.io"),
        "{:?}",
        told.notes()
    );
    let mut left_out = Followed::with(&fake, BOUNDS, |settings| settings.skips_unhealthy = true);
    left_out.refresh();
    assert!(left_out.rules().contains(&"quay.io harbor.corp.example/second-quay".to_owned()));
    let note = "source harbor: project \"quay\" gives no rule: Harbor cannot reach quay.io";
    assert_eq!(left_out.notes(), [note]);
    assert!(!left_out.is_failing());
}

#[test]
fn what_would_be_a_loop_or_wrong_gives_no_rule_and_is_told() {
    let fake = three();
    {
        let mut site = fake.site();
        site.add(5, "itself", "harbor", "https://Harbor.Corp.Example:443/");
        site.add(6, "asked", "harbor", &fake.url());
        site.add(7, "ecr", "aws-ecr", "https://api.ecr.eu-west-1.amazonaws.com");
        site.add(8, "path", "docker-registry", "https://user:hidden@nexus.example/repository/hub");
        site.add(9, "part", "quay", "https://ghcr.io");
        site.projects.get_mut("part").unwrap()["metadata"]["proxy_cache_filter_pattern"] =
            "a/**".into();
    }
    let mut followed = Followed::new(&fake);
    followed.refresh();
    assert_eq!(followed.rules(), all_three());
    let notes = followed.notes();
    let address = fake.server.address;
    for (note, expected) in notes.iter().zip([
        "\"itself\" gives no rule: it is a proxy of harbor.corp.example, this Harbor itself"
            .to_owned(),
        format!("\"asked\" gives no rule: it is a proxy of {address}, this Harbor itself"),
        "\"ecr\" gives no rule: its endpoint does not tell the account".to_owned(),
        "\"path\" gives no rule: its endpoint has a path that no image name has".to_owned(),
        "\"part\" gives no rule: it serves only some repositories".to_owned(),
    ]) {
        assert!(note.starts_with(&format!("source harbor: project {expected}")), "{note}");
    }
    assert_eq!(notes.len(), 5);
    assert!(!format!("{notes:?}").contains("hidden"));
}

#[test]
fn the_registry_is_asked_for_where_the_summary_does_not_tell_it() {
    let fake = three();
    fake.site().breaks("/projects/quay/summary", || refusal(403, "FORBIDDEN", "forbidden"));
    let mut followed = Followed::new(&fake);
    followed.refresh();
    assert_eq!(followed.rules(), [HUB[0], HUB[1], HUB[2], LAN]);
    let fault = "project \"quay\": GET /projects/quay/summary: status 403";
    assert!(followed.faults()[0].contains(fault), "the right to give: {:?}", followed.faults());
    fake.site().has_system_rights = true;
    followed.refresh();
    assert_eq!(followed.rules(), all_three());
    assert_eq!(fake.count("/registries/2"), 0);
}

#[test]
fn what_was_not_read_for_longest_is_read_first() {
    let fake = Fake::new();
    for number in 1..=9 {
        fake.site().add(
            number,
            &format!("p{number}"),
            "docker-registry",
            &format!("https://r{number}.example"),
        );
    }
    let mut calls = 0;
    fake.site().hook = Box::new(move |path| {
        calls += usize::from(path.ends_with("/summary"));
        let is_much = path.ends_with("/summary") && calls % 4 == 0;
        is_much.then(|| {
            let body = "{\"errors\":[{\"code\":\"TOO_MANY_REQUEST\",\"message\":\"slow\"}]}";
            Reply::Answer(429, "Retry-After: 17\r\n".to_owned(), body.as_bytes().to_vec())
        })
    });
    let mut followed =
        Followed::with(&fake, HarborLimits { delay: std::time::Duration::ZERO, ..BOUNDS }, |_| ());
    for read in [3, 6, 9] {
        assert_eq!(followed.refresh().as_secs(), 17);
        assert_eq!(followed.rules().len(), read);
    }
    let rest = "source harbor: 5 more proxy projects were not asked for after that";
    assert_eq!(followed.faults()[1], rest, "the other rules stay: {:?}", followed.faults());
}
