//! Who we are, and to whom that is told.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use detour::client::Origin;

use serde_json::json;

use super::site::{Fake, PASSWORD, USERNAME, page, project, refusal};
use super::{Files, Followed, INTERVAL};
use crate::kube::script::{Pair, Reply};

/// A public project and a private one.
fn two() -> Fake {
    let fake = Fake::new();
    fake.site().add(1, "quay", "quay", "https://quay.io");
    fake.site().add(2, "ghcr", "github-ghcr", "https://ghcr.io");
    fake.site().projects.get_mut("ghcr").unwrap()["metadata"]["public"] = "false".into();
    fake
}

const QUAY: &str = "quay.io harbor.corp.example/quay";
const GHCR: &str = "ghcr.io harbor.corp.example/ghcr";

#[test]
fn an_account_sees_private_projects_and_everybody_the_public_ones() {
    let fake = two();
    let mut known = Followed::new(&fake);
    known.refresh();
    assert_eq!(known.rules(), [GHCR, QUAY]);
    let mut anonymous = Followed::with(&fake, super::BOUNDS, |settings| {
        settings.access.account = None;
        settings.registry = Some("harbor.corp.example".to_owned());
    });
    anonymous.refresh();
    assert_eq!(anonymous.rules(), [QUAY]);
    let received = fake.server.received();
    assert_eq!(received.last().unwrap().header("authorization"), None);
}

#[test]
fn the_registry_is_told_or_set() {
    let fake = two();
    fake.site().registry_url = "harbor-core.harbor.svc".to_owned();
    let mut set = Followed::with(&fake, super::BOUNDS, |settings| {
        settings.registry = Some("registry.corp.example:30002".to_owned());
    });
    set.refresh();
    assert_eq!(set.rules()[1], "quay.io registry.corp.example:30002/quay");
    let mut nobody =
        Followed::with(&fake, super::BOUNDS, |settings| settings.access.account = None);
    nobody.refresh();
    assert!(
        nobody.faults()[0].contains("write --harbor-registry HOST[:PORT]"),
        "{:?}",
        nobody.faults()
    );
    // One that has no such path, with a registry that is set.
    fake.site().breaks("/systeminfo", || refusal(404, "NOT_FOUND", "no"));
    set.refresh();
    assert!(!set.is_failing());
}

#[test]
fn a_wrong_password_takes_no_private_project_away() {
    let fake = two();
    let mut followed = Followed::new(&fake);
    followed.refresh();
    fake.site().password = "changed".to_owned();
    let delay = followed.refresh();
    assert!(delay < INTERVAL);
    assert_eq!(followed.rules(), [GHCR, QUAY], "Harbor answers 200 with the public ones");
    assert!(followed.faults()[0].starts_with("source harbor: Harbor does not know the account"));
    followed.files.write("password", "changed");
    followed.refresh();
    assert!(!followed.is_failing());
    let refused = || refusal(401, "UNAUTHORIZED", "unauthorized");
    fake.site().breaks("/systeminfo", refused);
    followed.refresh();
    let fault = "source harbor: GET /systeminfo: status 401: UNAUTHORIZED unauthorized";
    assert_eq!((followed.faults(), followed.rules().len()), (vec![fault.to_owned()], 2));
    assert!(!fake.server.received().is_empty());
}

#[test]
fn a_password_that_changes_within_a_refresh_takes_no_project_away() {
    let fake = two();
    let mut followed = Followed::new(&fake);
    followed.refresh();
    let mut asked = 0;
    fake.site().hook = Box::new(move |path| match path {
        "/projects?page=1&page_size=100" => Some(page(1, &json!([project(1, "quay")]))),
        "/systeminfo" => {
            asked += 1;
            (asked > 1).then(|| Reply::json(200, &json!({"auth_mode": "db_auth"})))
        }
        _ => None,
    });
    followed.refresh();
    assert_eq!(followed.rules(), [GHCR, QUAY]);
    assert!(followed.faults()[0].starts_with("source harbor: Harbor does not know the account"));
}

#[test]
fn files_that_cannot_be_used_are_named_and_their_content_is_not() {
    let fake = two();
    let mut followed = Followed::new(&fake);
    for (file, text) in [
        ("username", "robot:secret"),
        ("username", "secret\nsecret"),
        ("username", ""),
        ("password", "\n"),
        ("password", &"secret".repeat(1_000)),
        ("ca.crt", "secret"),
    ] {
        let files = Files::new(&fake);
        for name in ["username", "password", "ca.crt"] {
            let text = std::fs::read_to_string(files.0.join(name)).unwrap();
            followed.files.write(name, &text);
        }
        followed.files.write(file, text);
        followed.refresh();
        let told = followed.faults().concat();
        assert!(told.contains(&format!("{file} ")) && !told.contains("secret"), "{told}");
    }
    std::fs::remove_file(followed.files.0.join("username")).unwrap();
    followed.refresh();
    assert!(followed.faults()[0].contains("cannot read "), "{:?}", followed.faults());
    assert_eq!(fake.server.connections(), 0);
}

#[test]
fn only_the_authority_that_was_named_is_trusted() {
    let fake = two();
    let mut followed = Followed::new(&fake);
    followed.files.write("ca.crt", &Pair::new(&["127.0.0.1"]).certificate);
    followed.refresh();
    assert!(followed.faults()[0].contains("is not to be trusted: "), "{:?}", followed.faults());
    assert_eq!(fake.server.received().len(), 0);
    followed.files.write("ca.crt", &fake.server.pair.certificate);
    followed.refresh();
    assert_eq!(followed.rules(), [GHCR, QUAY]);
}

#[test]
fn too_many_requests_are_not_repeated_before_their_time() {
    let fake = two();
    let mut followed = Followed::new(&fake);
    let limited = |seconds: &'static str| {
        move || Reply::Answer(429, format!("Retry-After: {seconds}\r\n"), b"slow down".to_vec())
    };
    fake.site().breaks("/projects?page=1&page_size=100", limited("77"));
    assert_eq!(followed.refresh(), Duration::from_secs(77));
    assert_eq!(followed.faults().len(), 1);
    fake.site().breaks("/projects?page=1&page_size=100", limited("100000"));
    assert_eq!(followed.refresh(), Duration::from_secs(600), "at most");
    fake.site().breaks("/systeminfo", || refusal(503, "UNAVAILABLE", "upgrading"));
    let delays: Vec<u64> = (0..8).map(|_| followed.refresh().as_secs()).collect();
    assert_eq!(delays, [20, 40, 80, 160, 300, 300, 300, 300], "the third failure and on");
    fake.site().hook = Box::new(|_| None);
    assert_eq!(followed.harbor.refresh(1.0).1, Duration::from_secs(225), "jitter");
    fake.site().breaks("/systeminfo", || refusal(503, "UNAVAILABLE", "upgrading"));
    assert_eq!(followed.refresh(), Duration::from_secs(5), "anew");
}

#[test]
fn plain_http_is_spoken_only_to_an_origin_that_was_asked_to_be_plain() {
    assert!(Origin::parse("http://harbor.corp.example").is_err());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, heads) = mpsc::channel();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let lines = BufReader::new(socket.try_clone().unwrap()).lines().map(Result::unwrap);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        sender.send(head).unwrap();
        socket.write_all(b"HTTP/1.1 418 -\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let fake = two();
    let mut followed = Followed::with(&fake, super::BOUNDS, |settings| {
        settings.access.origin = Origin::parse_insecure(&url).unwrap();
        settings.access.authority = "/nonexistent".into();
    });
    followed.refresh();
    let head = heads.recv().unwrap();
    assert_eq!(head[0], "GET /api/v2.0/systeminfo HTTP/1.1");
    assert!(head.iter().any(|line| line.to_ascii_lowercase().starts_with("authorization: basic ")));
    assert!(followed.faults()[0].contains("status 418"), "{:?}", followed.faults());
}

#[test]
fn a_message_is_not_cut_within_a_secret() {
    let fake = two();
    let mut followed = Followed::new(&fake);
    let encoded = STANDARD.encode(format!("{USERNAME}:{PASSWORD}"));
    for secret in [encoded.as_str(), PASSWORD] {
        for filler in 250..320 {
            let echo = format!("{} {secret} after", "a".repeat(filler));
            fake.site().breaks("/systeminfo", move || refusal(500, "UNKNOWN", &echo));
            followed.refresh();
            let told = followed.faults().concat();
            assert!(told.contains("status 500"), "{told}");
            assert!(!told.contains(&secret[..4]), "{filler}: {told}");
        }
    }
}

#[test]
fn nothing_that_is_told_holds_the_password() {
    let fake = two();
    let mut followed = Followed::new(&fake);
    let encoded = STANDARD.encode(format!("{USERNAME}:{PASSWORD}"));
    for path in ["/projects/quay/summary", "/systeminfo"] {
        let echo = format!("Authorization: Basic {encoded} password={PASSWORD}");
        fake.site().breaks(path, move || refusal(500, "UNKNOWN", &echo));
        followed.refresh();
        let snapshot = followed.served.published.load();
        let told = format!("{:?} {:?}", snapshot.faults, snapshot.sources);
        assert!(told.contains("Basic (redacted) password=(redacted)"), "{told}");
        assert!(!told.contains(PASSWORD) && !told.contains(&encoded), "{told}");
    }
}
