//! A running Detour, and a Harbor that grows, breaks and changes under it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Files;
use super::site::{Fake, PASSWORD, refusal};
use crate::kube::script::Reply;
use crate::serve::{Running, post};

const RULES: &str = "apiVersion: detour.dev/v1alpha1\nkind: ClusterImageMap\nmetadata: {name: own}\n\
                     spec: {rules: [{prefix: registry.k8s.io, to: mirror.example.com/k8s}]}\n";
/// Ends a test that hangs.
const GUARD: Duration = Duration::from_secs(30);

fn start(url: &str, files: &Files) -> Running {
    let path = |name: &str| files.0.join(name).display().to_string();
    Running::start(
        RULES,
        &[
            "--source=file",
            "--source=harbor",
            "--harbor-refresh=1s",
            "--log-level=trace",
            &format!("--harbor-url={url}"),
            &format!("--harbor-ca={}", path("ca.crt")),
            &format!("--harbor-username-file={}", path("username")),
            &format!("--harbor-password-file={}", path("password")),
        ],
    )
}

/// Waits until `/readyz?verbose` says so.
fn wait_for(running: &Running, text: &str) -> String {
    let begin = Instant::now();
    loop {
        let response = running.get("/readyz?verbose");
        assert_eq!(response.status, 200, "Harbor makes nobody unready: {}", response.body);
        if response.body.contains(text) {
            return response.body;
        }
        assert!(begin.elapsed() < GUARD, "no {text:?} in {}", response.body);
        std::thread::yield_now();
    }
}

/// What becomes of an image.
fn image(running: &Running, image: &str) -> String {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "1", "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "namespace": "shop", "operation": "CREATE",
            "object": {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": image}]}},
        },
    });
    let answer: Value =
        serde_json::from_str(&post(&mut running.connect(), &review.to_string()).body).unwrap();
    let Some(patch) = answer["response"]["patch"].as_str() else { return image.to_owned() };
    use base64::Engine;
    let patch = base64::engine::general_purpose::STANDARD.decode(patch).unwrap();
    let patch: Vec<Value> = serde_json::from_slice(&patch).unwrap();
    let operation = patch.iter().find(|one| one["path"] == "/spec/containers/0/image").unwrap();
    operation["value"].as_str().unwrap().to_owned()
}

#[test]
fn a_running_instance_follows_a_harbor_that_grows_breaks_and_changes() {
    let fake = Fake::new();
    fake.site().add(1, "quay", "quay", "https://quay.io");
    let files = Files::new(&fake);
    let mut running = start(&fake.url(), &files);
    wait_for(&running, "source: harbor: 1 rules in force");
    assert_eq!(image(&running, "quay.io/a/b:1"), "harbor.corp.example/quay/a/b:1");
    assert_eq!(image(&running, "registry.k8s.io/pause:3.9"), "mirror.example.com/k8s/pause:3.9");

    for number in 2..=120 {
        let url = format!("https://r{number}.example");
        fake.site().add(number, &format!("p{number}"), "docker-registry", &url);
    }
    fake.site().add(121, "hub", "docker-hub", "https://hub.docker.com");
    fake.site().add(122, "hub-again", "docker-hub", "https://hub.docker.com");
    let told = wait_for(&running, "source: harbor: 123 rules in force");
    let note = "note: source harbor: projects \"hub\" and \"hub-again\" are both proxies of docker.io: \"hub\" is used";
    assert!(told.contains(note), "{told}");
    assert_eq!(image(&running, "nginx"), "harbor.corp.example/hub/library/nginx");

    fake.site().hook = Box::new(|path| match path {
        "/projects/p7/summary" => Some(refusal(500, "UNKNOWN", "broken")),
        _ => None,
    });
    wait_for(
        &running,
        "fault: source harbor: project \"p7\": GET /projects/p7/summary: status 500",
    );
    fake.site().hook = Box::new(|_| Some(Reply::Close));
    wait_for(&running, "fault: source harbor: GET /systeminfo: ");
    let metrics = running.get("/metrics").body;
    assert!(metrics.contains("detour_source_failing{source=\"harbor\"} 1\n"), "{metrics}");
    assert!(metrics.contains("detour_source_rules{source=\"harbor\"} 123\n"), "{metrics}");
    assert_eq!(image(&running, "r7.example/a"), "harbor.corp.example/p7/a");

    fake.site().hook = Box::new(|_| None);
    fake.site().password = "rotated-secret".to_owned();
    wait_for(&running, "fault: source harbor: Harbor does not know the account");
    fake.site().projects.retain(|name, _| name == "quay" || name == "hub-again");
    files.write("password", "rotated-secret");
    let told = wait_for(&running, "source: harbor: 4 rules in force");
    assert!(!told.contains("fault: "), "{told}");
    assert_eq!(image(&running, "nginx"), "harbor.corp.example/hub-again/library/nginx");
    assert_eq!(image(&running, "r7.example/a"), "r7.example/a");

    running.process.kill().unwrap();
    let lines: Vec<Value> = running.log.by_ref().collect();
    // What libraries log of a call in pieces holds its secrets in pieces.
    let is_own = |line: &&Value| line["target"].as_str().is_some_and(|at| at.starts_with("detour"));
    assert_eq!(lines.iter().find(|line| !is_own(line)), None);
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    assert!(lines.iter().any(|line| line.contains("are both proxies of docker.io")));
    let secrets = [PASSWORD, "rotated-secret", "Basic "];
    assert!(!lines.iter().any(|line| secrets.iter().any(|secret| line.contains(secret))));
}

#[test]
fn an_instance_is_ready_without_harbor() {
    let fake = Fake::new();
    let files = Files::new(&fake);
    let url =
        format!("https://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let running = start(&url, &files);
    let told = wait_for(&running, "fault: source harbor: GET /systeminfo: the connection failed");
    assert!(told.contains("source: harbor: not synced yet"), "{told}");
    assert_eq!(image(&running, "registry.k8s.io/pause:3.9"), "mirror.example.com/k8s/pause:3.9");
}
