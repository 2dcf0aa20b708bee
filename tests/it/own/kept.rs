//! The keeper, turn by turn, against a server that follows a script.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use detour::certs::own::change::{Change, Workshop};
use detour::certs::own::keeper::{Keeper, Settings};
use detour::certs::own::material::Material;
use detour::certs::own::mint::Names;
use detour::certs::own::{Timing, secret};
use detour::metrics::Metrics;
use detour::server::TlsSlot;
use serde_json::{Value, json};

use crate::kube::script::{Received, Reply, Server};
use crate::kube::{Account, LIMITS, status};

const TIMING: Timing = Timing { leaf_life: Duration::from_secs(24 * 3_600) };

struct Kept {
    server: Server,
    keeper: Keeper,
    slot: Arc<TlsSlot>,
    metrics: Arc<Metrics>,
    _account: Account,
}

impl Kept {
    /// A keeper whose requests are answered so, one after the other.
    fn new(replies: Vec<Reply>) -> Self {
        let server = Server::start(replies);
        let account = Account::new(&server.pair.certificate);
        let (slot, metrics) = (Arc::new(TlsSlot::empty()), Arc::new(Metrics::default()));
        let settings = Settings {
            namespace: "system".to_owned(),
            secret: "detour-tls".to_owned(),
            webhooks: Some("detour".to_owned()),
            names: names(),
            timing: TIMING,
        };
        let api = account.api(&server, LIMITS);
        let keeper = Keeper::new(api, settings, Arc::clone(&slot), Arc::clone(&metrics));
        Self { server, keeper, slot, metrics, _account: account }
    }

    fn last(&self) -> Received {
        self.server.received().pop().unwrap()
    }

    fn counts(&self, line: &str) -> bool {
        self.metrics.encode().unwrap().contains(&format!("{line}\n"))
    }

    fn missing(&self) -> String {
        self.slot.state().missing.clone().unwrap_or_default()
    }
}

fn names() -> Names {
    Names::new(["detour.system.svc".to_owned()]).unwrap()
}

/// Content that was made an hour ago.
fn material() -> Material {
    made(1)
}

fn made(hours: u64) -> Material {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap() - Duration::from_secs(hours * 3_600);
    let mint = names();
    let workshop = Workshop { mint: &mint, timing: TIMING, now, held: None, served: None };
    workshop.apply(Change::New, None, &[]).unwrap()
}

fn stored(material: &Material) -> Reply {
    let mut object = secret::write("detour-tls", "system", material, None);
    object["metadata"]["resourceVersion"] = "5".into();
    Reply::json(200, &object)
}

fn absent() -> Reply {
    Reply::json(404, &status(404, "NotFound", "not found"))
}

fn webhooks(bundle: &str) -> Reply {
    let service = json!({"name": "detour", "namespace": "system"});
    Reply::json(
        200,
        &json!({
            "metadata": {"name": "detour", "resourceVersion": "7"},
            "webhooks": [{"name": "pods.detour.dev", "clientConfig": {
                "service": service, "caBundle": STANDARD.encode(bundle)}}],
        }),
    )
}

fn object() -> Reply {
    Reply::json(200, &json!({"metadata": {"name": "a", "resourceVersion": "6"}}))
}

#[test]
fn an_absent_secret_is_applied_and_not_by_force() {
    let mut kept = Kept::new(vec![webhooks(""), absent(), object()]);
    assert_eq!(kept.missing(), "certificate");
    assert!(kept.counts("detour_certificate_rotations_total{change=\"new\"} 0"));
    assert_eq!(kept.keeper.turn(), Duration::ZERO, "and looked at again at once");
    let lines = kept.server.lines();
    let path = "/api/v1/namespaces/system/secrets/detour-tls";
    assert!(lines[0].ends_with("/mutatingwebhookconfigurations/detour"), "{}", lines[0]);
    assert_eq!(lines[1], format!("GET {path}"));
    assert!(lines[2].starts_with(&format!("PATCH {path}?fieldManager=detour-")), "{}", lines[2]);
    assert!(lines[2].ends_with("&force=false"), "{}", lines[2]);
    let applied: Value = serde_json::from_str(&kept.last().body).unwrap();
    assert_eq!(applied["metadata"]["labels"]["detour.dev/certificates"], "self");
    assert!(kept.slot.get().is_none(), "what was not read again is not served");
    assert!(kept.counts("detour_certificate_rotations_total{change=\"new\"} 1"));
}

#[test]
fn a_lost_race_is_no_failure() {
    let conflict = || Reply::json(409, &status(409, "Conflict", "conflict"));
    let mut kept = Kept::new(vec![webhooks(""), absent(), conflict()]);
    assert_eq!(kept.keeper.turn(), Duration::from_secs(1));
    assert!(kept.counts("detour_certificate_failures_total 0"));
    assert!(kept.slot.state().faults.is_empty());
}

#[test]
fn what_is_stored_is_served_and_published_and_nothing_else_is_touched() {
    let material = material();
    let pem = secret::pem([&material.signer.certificate]);
    let mut kept = Kept::new(vec![
        webhooks("somebody's"),
        stored(&material),
        object(),
        webhooks(&pem),
        stored(&material),
    ]);
    assert_eq!(kept.keeper.turn(), Duration::ZERO);
    assert!(kept.slot.get().is_some());
    let missing = "certificate: caBundle of the webhook configuration detour is not yet in force";
    assert_eq!(kept.missing(), missing);
    let patch: Value = serde_json::from_str(&kept.last().body).unwrap();
    let bundle = "/webhooks/0/clientConfig/caBundle";
    assert_eq!(
        patch,
        json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
            {"op": "test", "path": "/webhooks/0/name", "value": "pods.detour.dev"},
            {"op": "add", "path": bundle, "value": STANDARD.encode(&pem)},
        ])
    );
    assert_eq!(kept.keeper.turn(), Duration::from_secs(1), "until it has settled");
    assert_eq!(kept.server.lines().len(), 5, "it is not written again");
    assert!(kept.counts("detour_ca_bundle_writes_total 1"));
}

#[test]
fn an_old_authority_that_is_in_force_needs_no_wait() {
    for (hours, is_ready) in [(1, false), (2, true)] {
        let material = made(hours);
        let pem = secret::pem([&material.signer.certificate]);
        let mut kept = Kept::new(vec![webhooks(&pem), stored(&material)]);
        kept.keeper.turn();
        // A new authority of certificates of a day is published for 72 min.
        assert_eq!(kept.missing().is_empty(), is_ready, "{hours} hours");
    }
}

#[test]
fn a_test_that_fails_is_a_lost_race() {
    let refused = Reply::json(422, &status(422, "Invalid", "the server rejected our request"));
    let mut kept = Kept::new(vec![webhooks(""), stored(&material()), refused]);
    assert_eq!(kept.keeper.turn(), Duration::from_secs(1));
    assert!(kept.counts("detour_certificate_failures_total 0"));
    assert!(kept.counts("detour_ca_bundle_writes_total 0"));
}

#[test]
fn without_the_api_server_what_is_served_stays() {
    let material = material();
    let pem = secret::pem([&material.signer.certificate]);
    let forbidden = || Reply::json(403, &status(403, "Forbidden", "no"));
    let mut replies = vec![webhooks(&pem), stored(&material)];
    replies.extend([forbidden(), forbidden(), Reply::Close, Reply::Close]);
    replies.extend([webhooks(&pem), stored(&material)]);
    let mut kept = Kept::new(replies);
    kept.keeper.turn();
    let served = kept.slot.get().unwrap();
    kept.keeper.turn();
    let faults = kept.slot.state().faults.clone();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults.iter().all(|fault| fault.contains("forbidden: no")), "{faults:?}");
    kept.keeper.turn();
    assert!(kept.slot.state().faults.iter().all(|fault| fault.contains("connection")));
    assert!(Arc::ptr_eq(&served, &kept.slot.get().unwrap()));
    assert!(kept.counts("detour_certificate_failures_total 4"));
    kept.keeper.turn();
    assert!(kept.slot.state().faults.is_empty(), "all is well again");
}

#[test]
fn a_deleted_secret_is_written_from_memory() {
    let material = material();
    let pem = secret::pem([&material.signer.certificate]);
    let mut kept =
        Kept::new(vec![webhooks(&pem), stored(&material), webhooks(&pem), absent(), object()]);
    kept.keeper.turn();
    assert_eq!(kept.keeper.turn(), Duration::ZERO);
    let applied: Value = serde_json::from_str(&kept.last().body).unwrap();
    assert_eq!(applied, secret::write("detour-tls", "system", &material, None));
}

#[test]
fn a_foreign_secret_is_not_written_and_no_key_is_told() {
    let foreign = json!({"metadata": {"name": "detour-tls", "resourceVersion": "5"},
                         "data": {"tls.key": STANDARD.encode("a secret of theirs")}});
    let mut kept = Kept::new(vec![webhooks(""), Reply::json(200, &foreign)]);
    kept.keeper.turn();
    assert_eq!(kept.server.lines().len(), 2);
    let state = kept.slot.state();
    let fault = "the Secret system/detour-tls is not Detour's and is left alone, it has no label \
                 detour.dev/certificates: self: delete it, or name another with --tls-secret";
    assert_eq!(state.faults, [fault]);
    assert_eq!(kept.missing(), "certificate: the Secret system/detour-tls holds none yet");
    assert!(!format!("{state:?}").contains("theirs"));
}

#[test]
fn a_process_without_memory_waits_for_one_that_remembers() {
    let elsewhere = secret::pem([&material().signer.certificate]);
    let mut kept = Kept::new(vec![webhooks(&elsewhere), absent()]);
    assert_eq!(kept.keeper.turn(), Duration::from_secs(1));
    assert_eq!(kept.server.lines().len(), 2, "caBundle says that there was one");
}
