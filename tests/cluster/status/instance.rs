//! An instance of the write-back, and whose rights it has.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use detour::client::Limits;
use detour::kube::lease::elector::Timing;
use detour::kube::path::{Collection, Resource, Selection};
use detour::kube::watch::{self, Observer, Stop};
use detour::kube::{Api, ApiError, Object, Objects, lease};
use detour::metrics::Metrics;
use detour::rules::merge::{Obstacle, merge};
use detour::rules::{Kind, MapId, Source, Text, load, schema};
use detour::sources::seen::Seen;
use detour::sources::verdict::{Reason, State, Verdict, Verdicts};
use detour::status::writer::Slots;
use detour::status::{Parts, WriteBack};
use detour::supervise::{self, Events};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;

use super::super::kube;

/// The rights, as the chart gives them.
const RIGHTS: &str = include_str!("rights.yaml");
pub(super) const LEASE: &str = "detour";

/// A service account's files, as the kubelet mounts them.
pub(super) struct Account {
    cluster: &'static ControlPlane,
    namespace: String,
    directory: PathBuf,
}

impl Account {
    /// One that may do what [`RIGHTS`] says.
    pub(super) fn new(cluster: &'static ControlPlane, namespace: &str) -> Self {
        let api = cluster.api();
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        api.create(&path, &json!({"metadata": {"name": "detour"}}));
        let rights = RIGHTS
            .replace("name: NAME\n", &format!("name: {namespace}\n"))
            .replace("NAMESPACE", namespace)
            .replace("LEASE", LEASE);
        cluster.kubectl(&["apply", "--filename=-"], &rights);
        let request = json!({"spec": {"expirationSeconds": 3600}});
        let token = api.create(&format!("{path}/detour/token"), &request);
        let directory = cluster.directory.join(format!("account-{namespace}"));
        fs::create_dir(&directory).unwrap();
        fs::copy(cluster.directory.join("ca.crt"), directory.join("ca.crt")).unwrap();
        fs::write(directory.join("namespace"), namespace).unwrap();
        let token = token["status"]["token"].as_str().unwrap();
        fs::write(directory.join("token"), token).unwrap();
        Self { cluster, namespace: namespace.to_owned(), directory }
    }

    pub(super) fn api(&self, limits: Limits) -> Api {
        let address = self.cluster.address();
        let variable = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some(address.ip().to_string()),
            "KUBERNETES_SERVICE_PORT" => Some(address.port().to_string()),
            _ => None,
        };
        Api::in_cluster(variable, &self.directory, limits).unwrap()
    }
}

/// A write-back with a source, in this process.
pub(super) struct Instance {
    pub(super) write_back: WriteBack,
    pub(super) identity: String,
    metrics: Arc<Metrics>,
    apis: [Api; 3],
    stop: Stop,
    _events: Events,
}

impl Instance {
    pub(super) fn start(account: &Account) -> Self {
        let api = account.api(Limits::standard());
        let lease_api = account.api(lease::LIMITS);
        let watching = account.api(Limits::standard());
        let metrics = Arc::new(Metrics::default());
        let (verdicts, seen) = (Arc::new(Verdicts::default()), Arc::new(Seen::default()));
        let stop = Stop::default();
        let (supervisor, events) = supervise::supervisor();
        let source =
            SourceOfTest { verdicts: verdicts.clone(), seen: seen.clone(), known: Arc::default() };
        for kind in [Kind::ClusterImageMap, Kind::ImageMap] {
            let (api, stop, source) = (watching.clone(), stop.clone(), source.clone());
            let selection = selection(kind, &account.namespace);
            let mut observer = Watched { kind, source };
            thread::spawn(move || watch::run(&api, &selection, kube::LIMITS, &stop, &mut observer));
        }
        let identity = lease::identity("pod");
        let parts = Parts {
            api: api.clone(),
            lease_api: lease_api.clone(),
            namespace: account.namespace.clone(),
            lease: LEASE.to_owned(),
            identity: identity.clone(),
            timing: Timing::STANDARD,
            slots: Slots { verdicts, seen },
            metrics: metrics.clone(),
        };
        let write_back = WriteBack::start(parts, &supervisor).unwrap();
        let apis = [api, lease_api, watching];
        Self { write_back, identity, metrics, apis, stop, _events: events }
    }

    /// The value of a metric; none while it has none.
    pub(super) fn metric(&self, name: &str) -> Option<u64> {
        let text = self.metrics.encode().unwrap();
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    pub(super) fn leads(&self) -> bool {
        self.metric("detour_leader") == Some(1)
    }

    /// From now on nothing of it reaches the API server, as if it were killed.
    pub(super) fn kill(&self) {
        self.stop.stop();
        self.apis.iter().for_each(Api::shutdown);
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The maps of the test's namespace, and those in none that carry its name.
fn selection(kind: Kind, namespace: &str) -> Selection {
    let resource =
        Resource { group: "detour.dev", version: "v1alpha1", plural: schema::plural(kind) };
    match kind {
        Kind::ImageMap => Selection::all(Collection::within(resource, namespace)),
        Kind::ClusterImageMap => {
            Selection::all(Collection::everywhere(resource)).labelled(&format!("bed={namespace}"))
        }
    }
}

/// Verdicts on what is watched, by the rules alone.
#[derive(Clone)]
struct SourceOfTest {
    verdicts: Arc<Verdicts>,
    seen: Arc<Seen>,
    known: Arc<Mutex<BTreeMap<Kind, Objects>>>,
}

struct Watched {
    kind: Kind,
    source: SourceOfTest,
}

impl Observer for Watched {
    fn changed(&mut self, objects: &Objects) {
        let mut known = self.source.known.lock().unwrap();
        known.insert(self.kind, objects.clone());
        self.source.seen.set(self.kind, objects);
        // As in Detour: not before every source has synced.
        if known.len() == 2 {
            self.source.verdicts.hand_over(verdicts(&known));
        }
    }

    fn in_touch(&mut self) {}

    fn failed(&mut self, _: ApiError, _: Duration) {}
}

fn verdicts(known: &BTreeMap<Kind, Objects>) -> Vec<Verdict> {
    let mut maps = Vec::new();
    let mut verdicts: BTreeMap<MapId, Verdict> = BTreeMap::new();
    for (kind, objects) in known {
        for object in objects.values() {
            let (verdict, mut map) = read(*kind, object);
            verdicts.insert(verdict.id.clone(), verdict);
            maps.append(&mut map);
        }
    }
    for (map, obstacle) in merge(maps).out_of_force {
        let (reason, others) = match &obstacle {
            Obstacle::Conflict { other, .. } => (Reason::Conflict, vec![other.clone()]),
            Obstacle::Limit { .. } => (Reason::Limit, Vec::new()),
        };
        let message = obstacle.to_string();
        let state = State::OutOfForce { reason, message, others };
        verdicts.get_mut(&map.id).unwrap().state = state;
    }
    verdicts.into_values().collect()
}

fn read(kind: Kind, object: &Object) -> (Verdict, Vec<detour::rules::ImageMap>) {
    let mut document: Value = object.decode().unwrap();
    document["apiVersion"] = "detour.dev/v1alpha1".into();
    document["kind"] = kind.as_str().into();
    let text = Text { name: "the API server".to_owned(), content: document.to_string() };
    let loaded = load(Source::Api, &[text]);
    let faults: Vec<&str> = loaded.report.faults.iter().map(|fault| fault.what.as_str()).collect();
    let state = match faults.is_empty() {
        true => State::InForce,
        false => State::OutOfForce {
            reason: Reason::Invalid,
            message: faults.join(" | "),
            others: Vec::new(),
        },
    };
    let warnings = loaded.report.warnings.iter().map(|fault| fault.what.clone()).collect();
    let metadata = &object.metadata;
    let verdict = Verdict {
        id: MapId { kind, namespace: metadata.namespace.clone(), name: metadata.name.clone() },
        uid: metadata.uid.clone(),
        generation: metadata.generation.unwrap(),
        rules: loaded.maps.first().map_or(0, |map| map.rules.len()),
        state,
        warnings,
    };
    (verdict, loaded.maps)
}
