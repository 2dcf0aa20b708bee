//! The built command as a process: `detour serve` over real TLS.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rcgen::KeyPair;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::directory;
use crate::program::program;
use crate::server::{Client, Response, client_config, client_stream, connect, connect_tls};

pub(crate) const REVIEW: &str =
    include_str!("../data/reviews/005-create-pods-web-6c8b655648-replicaset.json");
pub(crate) const RULES: &str = include_str!("../../examples/rules.yaml");

/// A directory with a certificate and rules; removed at the end.
pub(crate) struct Directory {
    path: directory::Directory,
    pub(crate) certificate: String,
    pub(crate) key: KeyPair,
}

impl Directory {
    fn new(rules: &str) -> Self {
        let path = directory::Directory::new();
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = pair.cert.pem();
        fs::write(path.join("tls.crt"), &certificate).unwrap();
        fs::write(path.join("tls.key"), pair.signing_key.serialize_pem()).unwrap();
        fs::write(path.join("rules.yaml"), rules).unwrap();
        Self { path, certificate, key: pair.signing_key }
    }

    /// Puts another file into the place of one.
    pub(crate) fn replace(&self, name: &str, content: &str) {
        fs::write(self.path.join("new"), content).unwrap();
        fs::rename(self.path.join("new"), self.path.join(name)).unwrap();
    }

    fn command(&self, more: &[&str]) -> Command {
        self.command_of(&program(), more)
    }

    fn command_of(&self, program: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(&*self.path).arg("serve");
        command.args(["--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0", "--log-format=json"]);
        command.args(more).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// A running webhook.
pub(crate) struct Running {
    pub(crate) directory: Directory,
    pub(crate) process: Child,
    pub(crate) log: Box<dyn Iterator<Item = Value>>,
    admission: SocketAddr,
    operations: SocketAddr,
}

impl Running {
    pub(crate) fn start(rules: &str, more: &[&str]) -> Self {
        Self::start_as(None, rules, more)
    }

    /// As this user, which only root can ask for.
    pub(crate) fn start_as(user: Option<u32>, rules: &str, more: &[&str]) -> Self {
        let directory = Directory::new(rules);
        let tls = ["--tls=files", "--tls-cert=tls.crt", "--tls-key=tls.key", "--rules=rules.yaml"];
        // Where the program is, the user may not be able to go.
        let program = user.map_or_else(program, |_| directory.path.copy_of(&program()));
        let mut command = directory.command_of(&program, &[&tls, more].concat());
        user.map(|user| command.uid(user));
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut log = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        let line: Value =
            log.find(|line: &Value| message(line).starts_with("admission on")).unwrap();
        let address = |before: &str| {
            let (_, after) = message(&line).split_once(before).unwrap();
            let end = after.find(['/', ',']).unwrap_or(after.len());
            after[..end].parse().unwrap()
        };
        let (admission, operations) = (address("https://"), address("http://"));
        Self { directory, process, log: Box::new(log), admission, operations }
    }

    pub(crate) fn connect(&self) -> Client {
        connect_tls(self.admission, &self.directory.certificate)
    }

    /// Where reviews are sent, and the certificate to trust.
    pub(crate) fn reach(&self) -> (SocketAddr, String) {
        (self.admission, self.directory.certificate.clone())
    }

    /// A connection of the operations port.
    pub(crate) fn connect_operations(&self) -> Client {
        Client { stream: Box::new(connect(self.operations)) }
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        get(&mut self.connect_operations(), path)
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Asks it to end, and waits until it is about to.
    pub(crate) fn begin_drain(&mut self) {
        self.signal(Signal::TERM);
        self.log.find(|line| message(line).starts_with("draining")).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone where the test ended it.
        self.process.kill().ok();
        self.process.wait().unwrap();
    }
}

pub(crate) fn message(line: &Value) -> &str {
    line["message"].as_str().unwrap()
}

pub(crate) fn get(client: &mut Client, path: &str) -> Response {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client.receive()
}

pub(crate) fn posting(body: &str) -> String {
    let bytes = body.len();
    format!(
        "POST /mutate?timeout=5s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
         Content-Length: {bytes}\r\n\r\n{body}"
    )
}

pub(crate) fn post(client: &mut Client, body: &str) -> Response {
    client.send(posting(body));
    client.receive()
}

#[test]
fn a_review_is_answered_and_every_image_logged_in_one_line() {
    let mut running = Running::start(RULES, &[]);
    let mut client = running.connect();
    for _ in 0..2 {
        let response = post(&mut client, REVIEW);
        assert_eq!(response.status, 200);
        let answer: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(answer["response"]["allowed"], true);
        assert_eq!(answer["response"]["uid"], "5a5e9479-0ff3-4c93-b386-db98edd8051a");
        assert_eq!(answer["response"]["patchType"], "JSONPatch");
    }
    let line = running.log.find(|line| line["uid"].is_string()).unwrap();
    assert_eq!(message(&line), "patched: 5 of 5 images changed");
    assert_eq!((&line["namespace"], &line["name"]), (&"shop".into(), &"web-6c8b655648-".into()));
    assert_eq!(line["images"].as_array().unwrap().len(), 5);
    let web = &line["images"][0];
    assert_eq!(web["field"], "containers/web");
    assert_eq!((&web["old"], &web["reason"]), (&"nginx:1.27".into(), &"rewritten".into()));
    assert_eq!(web["new"], "mirror.example.com/official/nginx:1.27");
    assert_eq!(web["rule"], "ClusterImageMap/sample#official");
    let metrics = running.get("/metrics").body;
    let admissions = "detour_admissions_total{operation=\"CREATE\",outcome=\"patched\"} 2\n";
    assert!(metrics.contains(admissions), "{metrics}");
    let images = "detour_images_total{map=\"ClusterImageMap/sample\",reason=\"rewritten\"} 10\n";
    assert!(metrics.contains(images), "{metrics}");
    assert!(metrics.contains("detour_rules 5\n"), "{metrics}");
}

#[test]
fn a_malformed_body_is_refused_in_one_line_and_the_next_is_answered() {
    let running = Running::start(RULES, &[]);
    let mut client = running.connect();
    for body in ["{", "[]", "null", "\"text\"", "{\"kind\":\"AdmissionReview\"}"] {
        let response = post(&mut client, body);
        assert_eq!(response.status, 400, "{body}");
        assert_eq!(response.body.lines().count(), 1, "{}", response.body);
        assert_eq!(post(&mut client, REVIEW).status, 200);
    }
}

#[test]
fn an_odd_handshake_is_no_line_of_the_log() {
    let mut running = Running::start(RULES, &[]);
    let (address, certificate) = running.reach();
    let odd = client_stream(address, client_config(&certificate));
    let (mut session, mut socket) = odd.into_parts();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    // An address is no name, so rustls warns, and would each time.
    let name = hello.windows(9).position(|bytes| bytes == b"localhost").unwrap();
    hello[name..name + 9].copy_from_slice(b"127.0.0.1");
    socket.write_all(&hello).unwrap();
    socket.read_exact(&mut [0]).unwrap();
    assert_eq!(post(&mut running.connect(), REVIEW).status, 200);
    let until = running.log.by_ref().take_while(|line| !line["uid"].is_string());
    let targets: Vec<String> = until.map(|line| line["target"].to_string()).collect();
    assert!(targets.iter().all(|target| !target.contains("rustls")), "{targets:?}");
}

#[test]
fn an_instance_with_rules_is_ready_and_tells_its_version() {
    let running = Running::start(RULES, &[]);
    for (path, body) in [
        ("/readyz", "ok\n"),
        ("/livez", "ok\n"),
        ("/version", concat!("detour ", env!("CARGO_PKG_VERSION"), "\n")),
    ] {
        let response = running.get(path);
        assert_eq!((response.status, response.body.as_str()), (200, body), "{path}");
    }
    assert_eq!(running.get("/mutate").status, 404);
}

#[test]
fn faulty_rules_keep_an_instance_unready_and_every_fault_is_named() {
    let faulty = RULES.replace("prefix: quay.io", "prefixx: quay.io").replace("ghcr.io", "ghcr");
    let running = Running::start(&faulty, &[]);
    let response = running.get("/readyz");
    assert_eq!(response.status, 503);
    let lines: Vec<&str> = response.body.lines().collect();
    assert_eq!(lines[0], "missing: source file");
    assert!(lines.iter().any(|line| line.starts_with("source: file: not synced yet, for ")));
    for fault in ["unknown field \"prefixx\"", "prefix \"ghcr\" does not start with a registry"] {
        assert!(
            lines.iter().any(|line| line.starts_with("fault: rules.yaml:") && line.contains(fault))
        );
    }
    assert_eq!(running.get("/livez").status, 200);
    let response = post(&mut running.connect(), REVIEW);
    let answer: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(answer["response"]["allowed"], true);
    assert_eq!(answer["response"]["patch"], Value::Null);
}

#[test]
fn sigterm_drains_and_ends_well() {
    let mut running = Running::start(RULES, &["--drain=1"]);
    let mut client = running.connect();
    assert!(!post(&mut client, REVIEW).head.contains("Connection: close"));
    running.begin_drain();
    assert_eq!(running.get("/readyz").body, "missing: the process is about to end\n");
    let response = post(&mut client, REVIEW);
    assert_eq!(response.status, 200);
    assert!(response.head.contains("\r\nConnection: close\r\n"), "{}", response.head);
    assert!(running.process.wait().unwrap().success());
}

#[test]
fn a_second_signal_ends_at_once() {
    for second in [Signal::INT, Signal::TERM] {
        let mut running = Running::start(RULES, &["--drain=600"]);
        let mut busy = running.connect();
        busy.send("POST /mutate HTTP/1.1\r\n");
        running.begin_drain();
        running.signal(second);
        assert_eq!(running.process.wait().unwrap().code(), Some(1));
    }
}

#[test]
fn a_missing_certificate_is_a_usage_error() {
    let directory = Directory::new(RULES);
    let tls = ["--tls=files", "--tls-cert=none.crt", "--tls-key=tls.key", "--rules=rules.yaml"];
    let output = directory.command(&tls).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("error: cannot read none.crt: No such file"), "{text}");
    assert!(text.ends_with("\nhint: check --tls-cert and --tls-key\n"), "{text}");
}

#[test]
fn a_source_that_nobody_can_reach_is_a_usage_error() {
    let directory = Directory::new(RULES);
    let tls = ["--tls=files", "--tls-cert=tls.crt", "--tls-key=tls.key"];
    let text = |more: &[&str]| {
        let output = directory.command(&[&tls, more].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let outside = text(&["--source=api"]);
    assert!(outside.contains("error: this is no pod of a cluster"), "{outside}");
    let none = text(&["--source=configmap:a/b", "--kubeconfig=none"]);
    assert!(none.contains("error: cannot read none"), "{none}");
    assert!(
        none.ends_with(
            "hint: run it in a pod with a service account, or write --kubeconfig PATH\n"
        )
    );
}

#[test]
fn the_sources_are_told_to_whom_asks() {
    let running = Running::start(RULES, &[]);
    let begin = "ok\nsource: file: 5 rules in force, in order ";
    for path in ["/readyz?verbose", "/readyz?a&verbose=1"] {
        let body = running.get(path).body;
        assert!(body.starts_with(begin), "{body}");
    }
    assert_eq!(running.get("/readyz?verbosely").body, "ok\n");
}

#[test]
fn the_rules_in_force_are_listed_to_whom_asks() {
    let running = Running::start(RULES, &[]);
    let page = running.get("/rules").body;
    assert!(page.starts_with("# 5 rules in force\nnumber\tlayer\t"), "{page}");
    let row = "\n0\tfile\tEnforce\t0\tClusterImageMap/sample#hub\tprefix docker.io\tmirror.example.com/dockerhub\n";
    assert!(page.contains(row), "{page}");
    let last: Vec<String> = running.get("/rules?from=4").body.lines().map(str::to_owned).collect();
    assert_eq!((last.len(), last.last().map(String::as_str)), (3, page.lines().last()));
    for query in ["from=", "from=-1", "from=a", "from=99999999999999999999"] {
        let response = running.get(&format!("/rules?{query}"));
        let told = "write the number of a rule, such as ?from=0\n";
        assert_eq!((response.status, response.body.as_str()), (400, told), "{query}");
    }
}

#[test]
fn trying_out_needs_no_rules_and_prints_a_line_to_paste() {
    let directory = Directory::new("");
    let mut process = directory.command(&["--tls=dev"]).spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "rules in force:");
    let rule = "  ClusterImageMap/sample#hub: prefix docker.io -> mirror.example.com/dockerhub";
    assert_eq!(lines.next().unwrap(), rule);
    let paste = lines.find(|line| line.starts_with("  curl ")).unwrap();
    assert!(paste.starts_with("  curl -sk https://127.0.0.1:"), "{paste}");
    process.kill().unwrap();
    process.wait().unwrap();
}
