//! Certificates and rules that are exchanged while requests come in: every
//! handshake ends well, and every answer is by the rules of one moment.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use detour::certs::files::{self, Files};
use detour::mapping::policy::Policy;
use detour::metrics::Metrics;
use detour::server::routes::Admission;
use detour::server::{Server, TlsSlot, Transport};
use detour::snapshot::{Published, Snapshot};
use detour::sources::board::{Listed, Place, Sinks, board};
use detour::sources::{Update, file};
use detour::supervise::supervisor;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;

use crate::directory::Directory;
use crate::serve::post;
use crate::server::{LIMITS, connect_tls, eventually, loopback};

const EXCHANGES: usize = 100;
const CLIENTS: usize = 3;
const REST: Duration = Duration::from_millis(1);
const REVIEW: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","kind":{"group":"","version":"v1","kind":"Pod"},"namespace":"default","operation":"CREATE","object":{"metadata":{"name":"web"},"spec":{"containers":[{"name":"a","image":"nginx:1"},{"name":"b","image":"quay.io/b/b:1"}]}}}}"#;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for localhost and its key.
fn pair(authority: &Authority) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

/// The rules of one registry, that tell their generation.
fn map(name: &str, registry: &str, generation: usize) -> String {
    format!(
        "apiVersion: detour.dev/v1alpha1\nkind: ClusterImageMap\nmetadata: {{name: {name}}}\n\
         spec: {{rules: [{{prefix: {registry}, to: mirror.example.com/g{generation}/{name}}}]}}\n"
    )
}

/// The generation by whose rules an answer was made.
fn generation(body: &str) -> usize {
    let answer: Value = serde_json::from_str(body).unwrap();
    let patch = answer["response"]["patch"].as_str().unwrap();
    let patch: Value = serde_json::from_slice(&BASE64_STANDARD.decode(patch).unwrap()).unwrap();
    let images = patch.as_array().unwrap().iter().filter_map(|operation| {
        let (_, rest) = operation["value"].as_str()?.split_once("mirror.example.com/g")?;
        rest.split_once('/')?.0.parse().ok()
    });
    let generations: Vec<usize> = images.collect();
    assert!(generations.len() == 2 && generations[0] == generations[1], "{generations:?}: {patch}");
    generations[0]
}

/// Ends the threads of a test, also when one of them fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A webhook with rules and a certificate from files, under load.
struct Scene {
    directory: Directory,
    authority: Authority,
    address: SocketAddr,
    place: Place,
    metrics: Arc<Metrics>,
    slot: Arc<TlsSlot>,
    /// How many answers there were, and the newest generation among them.
    answers: AtomicUsize,
    newest: AtomicUsize,
    /// Certificates that came into use.
    certificates: AtomicUsize,
    /// Certificates that could not.
    refused: AtomicUsize,
    is_over: AtomicBool,
}

impl Scene {
    fn new() -> Self {
        let published = Arc::new(Published::new(Snapshot::default()));
        let (metrics, slot): (Arc<Metrics>, Arc<TlsSlot>) = (Arc::default(), Arc::default());
        let sinks = Sinks {
            published: Arc::clone(&published),
            metrics: Arc::clone(&metrics),
            verdicts: Arc::default(),
            seen: Arc::default(),
            policy: Policy::default(),
        };
        let listed = Listed { name: "file".to_owned(), is_required: true };
        let service = Arc::new(Admission { published, metrics: Arc::clone(&metrics) });
        let transport = Transport::Tls(Arc::clone(&slot));
        let (supervisor, _events) = supervisor();
        let server = Server::start("reload", loopback(), transport, LIMITS, service, &supervisor);
        Self {
            directory: Directory::new(),
            authority: authority(),
            address: server.unwrap().address(),
            place: board(vec![listed], sinks).remove(0),
            metrics,
            slot,
            answers: AtomicUsize::new(0),
            newest: AtomicUsize::new(0),
            certificates: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    fn certificate_watcher(&self) -> files::Watcher {
        let path = |name| self.directory.join(name);
        let files = Files { certificate: path("tls.crt"), key: path("tls.key") };
        files::Watcher::start(files, Arc::clone(&self.slot)).unwrap().with_rest(REST)
    }

    /// Exchanges everything by `put`, again and again, under load.
    fn play(&self, rules: Vec<PathBuf>, put: impl Fn(usize)) {
        put(0);
        let (rules, loaded) = file::Watcher::start(rules);
        self.place.update(Update::of_documents(loaded));
        let certificates = self.certificate_watcher();
        let rules = rules.with_rest(REST);
        thread::scope(|scope| {
            let _end = End(&self.is_over);
            (0..CLIENTS).for_each(|_| drop(scope.spawn(|| self.ask())));
            scope.spawn(|| self.follow_rules(rules));
            scope.spawn(|| self.follow_certificates(certificates));
            for generation in 1..=EXCHANGES {
                put(generation);
                let newest = || self.newest.load(Ordering::Relaxed);
                eventually(&format!("an answer by rules {generation}"), || {
                    self.ended() || newest() == generation
                });
                let served = || self.certificates.load(Ordering::Relaxed);
                eventually(&format!("certificate {generation}"), || {
                    self.ended() || served() == generation
                });
            }
        });
    }

    fn ended(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// A client: two requests on each connection, each answered.
    fn ask(&self) {
        let _end = End(&self.is_over);
        let certificate = self.authority.pem();
        while !self.ended() {
            let mut client = connect_tls(self.address, &certificate);
            for _ in 0..2 {
                let answer = post(&mut client, REVIEW);
                assert_eq!(answer.status, 200);
                self.newest.fetch_max(generation(&answer.body), Ordering::Relaxed);
                self.answers.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn follow_rules(&self, mut watcher: file::Watcher) {
        let _end = End(&self.is_over);
        while !self.ended() {
            let Some(loaded) = watcher.poll() else { continue };
            assert_eq!(loaded.report.faults, []);
            self.place.update(Update::of_documents(loaded));
            // Were these half of the rules, somebody would be answered by them.
            let enough = self.answers.load(Ordering::Relaxed) + 2 * CLIENTS;
            let answered = || self.answers.load(Ordering::Relaxed) > enough;
            eventually("answers", || self.ended() || answered());
        }
    }

    fn follow_certificates(&self, mut watcher: files::Watcher) {
        let _end = End(&self.is_over);
        while !self.ended() {
            match watcher.poll() {
                Ok(false) => {}
                Ok(true) => drop(self.certificates.fetch_add(1, Ordering::Relaxed)),
                Err(_) => drop(self.refused.fetch_add(1, Ordering::Relaxed)),
            }
        }
    }
}

#[test]
fn volumes_are_swapped_under_load() {
    let scene = Scene::new();
    let directory = &scene.directory;
    scene.play(vec![directory.to_path_buf()], |generation| {
        let (certificate, key) = pair(&scene.authority);
        let (a, b) = (map("a", "docker.io", generation), map("b", "quay.io", generation));
        let files = [("a.yaml", &*a), ("b.yaml", &b), ("tls.crt", &certificate), ("tls.key", &key)];
        directory.generation(&format!("..{generation}"), &files);
        directory.swap(&format!("..{generation}"));
        // As the kubelet does it, whoever may still read there.
        if let Some(former) = generation.checked_sub(1) {
            fs::remove_dir_all(directory.join(format!("..{former}"))).unwrap();
        }
    });
    assert_eq!(scene.refused.load(Ordering::Relaxed), 0, "each pair fits");
    let failing = "detour_source_failing{source=\"file\"} 0\n";
    assert!(scene.metrics.encode().unwrap().contains(failing));
}

#[test]
fn files_are_renamed_under_load() {
    let scene = Scene::new();
    let directory = &scene.directory;
    scene.play(vec![directory.join("rules.yaml")], |generation| {
        let (certificate, key) = pair(&scene.authority);
        let rules = map("a", "docker.io", generation) + "---\n" + &map("b", "quay.io", generation);
        for (file, text) in [("tls.crt", &certificate), ("tls.key", &key), ("rules.yaml", &rules)] {
            fs::write(directory.join("next"), text).unwrap();
            fs::rename(directory.join("next"), directory.join(file)).unwrap();
        }
    });
}
