//! Whether the server is alive, asked through its own port.

use super::*;
use detour::metrics::server::ProbeMetrics;
use detour::server::probe::{self, Timing};
use detour::server::{Life, Limit, Served};
use rustix::net::{Shutdown, listen, shutdown};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use std::sync::atomic::Ordering;

/// Under which nobody is taken for dead.
const PATIENT: Timing =
    Timing { interval: Duration::from_millis(10), deadline: GUARD, silence: GUARD };
/// Under which death is soon seen.
const HASTY: Timing = Timing {
    interval: Duration::from_millis(10),
    deadline: Duration::from_secs(1),
    silence: Duration::from_millis(1100),
};

/// A server, the slot of its certificate, and its listening socket.
struct Probed {
    fixture: Fixture,
    slot: Arc<TlsSlot>,
    listener: TcpListener,
}

impl Probed {
    fn new(limits: Limits) -> Self {
        let slot = Arc::new(TlsSlot::empty());
        // A port that was asked for by number is kept while nobody listens; an
        // address of its own, so that no other test has it, but for what is
        // left of former probes.
        let by_number = || {
            let port = loopback().local_addr().unwrap().port();
            TcpListener::bind(("127.77.0.1", port)).ok()
        };
        let listener = (0..100).find_map(|_| by_number()).unwrap();
        let handle = listener.try_clone().unwrap();
        let fixture = start_with(listener, Transport::Tls(Arc::clone(&slot)), limits);
        Self { fixture, slot, listener: handle }
    }

    /// With a certificate that clients of the fixture trust.
    fn certified(limits: Limits) -> Self {
        let mut probed = Self::new(limits);
        let development = dev::generate().unwrap();
        probed.slot.set(development.served);
        probed.fixture.certificate = Some(development.certificate_pem);
        probed
    }

    fn ask(&self, path: &str, timing: Timing) -> Arc<Life> {
        let Fixture { server, supervisor, .. } = &self.fixture;
        probe::start(server, Arc::clone(&self.slot), path, timing, supervisor).unwrap()
    }

    fn is_not_listened_to(&self) {
        shutdown(&self.listener, Shutdown::Both).unwrap();
    }
}

/// Waits for an answer to a probe that begins after this.
fn is_answered(life: &Life) {
    let before = life.metrics().answered;
    eventually("two probes are answered", || life.metrics().answered > before + 1);
}

fn counts(life: &Life) -> (bool, u64, u64) {
    let ProbeMetrics { answered, busy, failed, .. } = life.metrics();
    (answered > 0, busy, failed)
}

/// Waits until it is taken for dead, for a reason that contains this.
fn dies(life: &Life, reason: &str) {
    eventually(reason, || life.fault().is_some_and(|fault| fault.contains(reason)));
    eventually("it is taken for dead", || life.death().is_some());
}

#[test]
fn whatever_is_answered_is_alive() {
    for path in ["/echo", "/missing", "/panic"] {
        let probed = Probed::certified(LIMITS);
        let life = probed.ask(path, PATIENT);
        is_answered(&life);
        assert_eq!(counts(&life), (true, 0, 0), "{path}");
        assert_eq!(life.death(), None);
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        assert!((now - 60..=now).contains(&life.metrics().last_success));
        assert_eq!(probed.fixture.server.counters().accepted.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn every_address_is_asked_at_home() {
    for address in ["[::]:0", "0.0.0.0:0", "127.0.0.3:0"] {
        let slot = Arc::new(TlsSlot::empty());
        slot.set(dev::generate().unwrap().served);
        let listener = detour::server::bind(address.parse().unwrap()).unwrap();
        let fixture = start_with(listener, Transport::Tls(Arc::clone(&slot)), LIMITS);
        let probed = Probed { fixture, slot, listener: loopback() };
        let life = probed.ask("/echo", PATIENT);
        is_answered(&life);
        assert_eq!(counts(&life), (true, 0, 0), "{address}");
    }
}

#[test]
fn at_the_cap_nobody_leaves_for_the_probe() {
    let limits = Limits { connections: 2, newcomer: GUARD, ..LIMITS };
    let probed = Probed::certified(limits);
    let mut idle = probed.fixture.connect_and_ask("/echo");
    let mut busy = probed.fixture.connect();
    busy.send(post_head("/gate", 0));
    probed.fixture.entered.recv_timeout(GUARD).unwrap();
    let life = probed.ask("/echo", PATIENT);
    is_answered(&life);
    assert_eq!(counts(&life), (true, 0, 0));
    let server = &probed.fixture.server;
    assert_eq!((server.open_connections(), server.busy_connections()), (2, 1));
    assert_eq!(server.counters().evicted.load(Ordering::Relaxed), 0);
    assert!(!idle.post("/echo", b"").closes());
    probed.fixture.gate.send(()).unwrap();
    assert!(!busy.receive().closes());
}

#[test]
fn a_spent_budget_and_a_queue_of_newcomers_are_no_death() {
    let newcomer = Duration::from_millis(100);
    let limits = Limits { connections: 1, newcomer, in_flight_bytes: 30_000, ..LIMITS };
    let probed = Probed::certified(limits);
    let body = [b' '; 40_000];
    let mut busy = probed.fixture.connect();
    busy.send([post_head("/gate", body.len()).as_bytes(), &body].concat());
    probed.fixture.entered.recv_timeout(GUARD).unwrap();
    let address = probed.fixture.server.address();
    let _queue: Vec<TcpStream> = (0..40).map(|_| connect(address)).collect();
    // Its turn comes after four seconds.
    let timing = Timing { deadline: Duration::from_millis(1500), ..PATIENT };
    let life = probed.ask("/echo", timing);
    is_answered(&life);
    let (_, busy_probes, failed) = counts(&life);
    assert!(busy_probes > 0 && failed == 0, "{:?}", life.metrics());
    assert_eq!(probed.fixture.server.counters().hits(Limit::InFlight), 0);
    probed.fixture.gate.send(()).unwrap();
    assert_eq!(busy.receive().status, 200);
}

#[test]
fn whoever_answers_others_meanwhile_is_slow_and_alive() {
    let probed = Probed::certified(LIMITS);
    let mut other = probed.fixture.connect_and_ask("/echo");
    let life = probed.ask("/gate", Timing { deadline: Duration::from_secs(3), ..HASTY });
    probed.fixture.entered.recv_timeout(GUARD).unwrap();
    eventually("it ends", || {
        assert_eq!(other.post("/echo", b"").status, 200);
        counts(&life) != (false, 0, 0)
    });
    assert_eq!(counts(&life), (false, 1, 0), "{:?}", life.fault());
    probed.fixture.gate.send(()).unwrap();
}

#[test]
fn want_of_threads_is_no_death() {
    let probed = Probed::certified(Limits { stack_bytes: usize::MAX / 4, ..LIMITS });
    let life = probed.ask("/echo", PATIENT);
    eventually("it is refused", || life.metrics().busy > 1);
    assert_eq!(counts(&life).2, 0, "{:?}", life.fault());
    assert!(probed.fixture.server.counters().accept_errors.load(Ordering::Relaxed) > 1);
}

#[test]
fn a_certificate_asked_of_the_probe_is_no_death() {
    let probed = Probed::new(LIMITS);
    let mut roots = RootCertStore::empty();
    roots.add(dev::generate().unwrap().served.leaf).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let leaf = pair.cert.der().clone();
    let key = PrivateKeyDer::try_from(pair.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![leaf.clone()], key)
        .unwrap();
    probed.slot.set(Served { config, leaf });
    let life = probed.ask("/echo", PATIENT);
    eventually("it is refused", || life.metrics().busy > 1);
    assert_eq!(counts(&life), (false, life.metrics().busy, 0), "{:?}", life.fault());
    let panics = &probed.fixture.server.counters().panics;
    assert_eq!(panics.load(Ordering::Relaxed), 0, "what came after the fault is let be");
}

#[test]
fn without_a_certificate_there_is_nothing_to_ask() {
    let probed = Probed::new(LIMITS);
    let life = probed.ask("/echo", Timing { silence: Duration::ZERO, ..PATIENT });
    let begin = Instant::now();
    eventually("some turns pass", || begin.elapsed() > PATIENT.interval * 20);
    assert_eq!(counts(&life), (false, 0, 0), "{:?}", life.fault());
    probed.slot.set(dev::generate().unwrap().served);
    is_answered(&life);
}

#[test]
fn draining_is_no_death() {
    let probed = Probed::certified(LIMITS);
    let life = probed.ask("/echo", HASTY);
    is_answered(&life);
    probed.fixture.server.begin_drain();
    probed.is_not_listened_to();
    let begin = Instant::now();
    eventually("some turns pass", || begin.elapsed() > HASTY.silence * 2);
    assert_eq!((life.death(), life.fault()), (None, None));
}

#[test]
fn a_port_that_accepts_nobody_is_dead_until_it_does() {
    let probed = Probed::certified(LIMITS);
    let life = probed.ask("/echo", HASTY);
    is_answered(&life);
    probed.is_not_listened_to();
    dies(&life, "no connection to it: Connection refused");
    listen(&probed.listener, 16).unwrap();
    eventually("it is alive again", || life.death().is_none());
    assert_eq!(life.fault(), None);
}

#[test]
fn a_service_that_never_returns_is_dead() {
    let probed = Probed::certified(LIMITS);
    let life = probed.ask("/gate", HASTY);
    probed.fixture.entered.recv_timeout(GUARD).unwrap();
    dies(&life, "no answer: timed out");
    dies(&life, "the request of an earlier probe hangs");
    eventually("several probes failed", || life.metrics().failed > 3);
    assert!(probed.fixture.entered.try_recv().is_err(), "threads must not pile up");
    probed.fixture.gate.send(()).unwrap();
    probed.fixture.entered.recv_timeout(GUARD).expect("the next probe");
}

#[test]
fn connections_that_all_hang_are_dead_though_the_probe_is_answered() {
    let probed = Probed::certified(Limits { connections: 1, ..LIMITS });
    let mut busy = probed.fixture.connect();
    busy.send(post_head("/gate", 0));
    probed.fixture.entered.recv_timeout(GUARD).unwrap();
    let life = probed.ask("/echo", HASTY);
    dies(&life, "every connection hangs in its request");
    probed.fixture.gate.send(()).unwrap();
    assert_eq!(busy.receive().status, 200);
    eventually("it is alive again", || life.death().is_none());
}

/// A certificate, served in another way.
fn changed(change: impl FnOnce(&mut ServerConfig)) -> Served {
    let mut served = dev::generate().unwrap().served;
    change(&mut served.config);
    served
}

/// Holds no certificate.
#[derive(Debug)]
struct Nothing;

impl ResolvesServerCert for Nothing {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

#[test]
fn tls_that_cannot_be_negotiated_is_dead_until_it_can() {
    let probed = Probed::certified(LIMITS);
    let life = probed.ask("/echo", HASTY);
    is_answered(&life);
    let other = dev::generate().unwrap().served;
    let breaks = [
        ("AccessDenied", changed(|config| config.cert_resolver = Arc::new(Nothing))),
        ("NoApplicationProtocol", changed(|config| config.alpn_protocols = vec![b"h2".into()])),
        ("ApplicationVerificationFailure", Served { leaf: other.leaf, ..changed(|_| {}) }),
    ];
    for (reason, broken) in breaks {
        probed.slot.set(broken);
        dies(&life, reason);
        assert!(life.death().unwrap().contains(": the TLS handshake failed: "));
        probed.slot.set(changed(|_| {}));
        eventually("it is alive again", || life.death().is_none());
    }
}
