//! Maps are made, changed and deleted at random, and replicas end and start
//! again: each time it settles, maps and pods are as the design says.

mod driver;
mod makers;
mod oracle;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, free_ports, shared};
use crate::definitions::define;
use crate::detour::Instance;
use crate::fixture::namespace;
use crate::kube::own_plane::OwnPlane;
use crate::long::{is_long, lasting};
use crate::objects::{images, pod};
use crate::registration::{Registration, Webhook};
use crate::wait::{show, tell, wait_until};
use driver::Driver;
use makers::{IMAGES, Random};
use oracle::{Map, judge};

const SEEDS: (u64, u64) = (3, 12);
/// How often it has to settle, with each seed.
const ROUNDS: (usize, usize) = (8, 40);
/// Most changes from one time to the next.
const CHANGES_MAX: usize = 12;

/// An instance that is called for the pods with its number as a label.
struct Replica {
    number: usize,
    address: SocketAddr,
    instance: Instance,
    _registration: Registration,
}

impl Replica {
    fn new(cluster: &'static ControlPlane, number: usize, namespaces: &[String]) -> Self {
        let [address] = free_ports();
        let instance = start(cluster, address);
        let namespaces: Vec<&str> = namespaces.iter().map(String::as_str).collect();
        let webhook = Webhook {
            name: &format!("replica-{number}"),
            url: &instance.url(),
            namespaces: &namespaces,
            timeout_seconds: 10,
            never_fails: false,
        };
        let registration = Registration::with(cluster, &webhook, Some(&cluster.pki.authority()));
        let selector = json!({"matchLabels": {"replica": number.to_string()}});
        let patch = json!([{"op": "add", "path": "/webhooks/0/objectSelector", "value": selector}]);
        let (status, answer) = cluster.api().request(
            "PATCH",
            &registration.path(),
            "application/json-patch+json",
            &patch,
        );
        assert_eq!(status, 200, "{answer}");
        Self { number, address, instance, _registration: registration }
    }

    /// Ends, and starts again where it was. An instance that leads and is
    /// killed costs the time of a Lease.
    fn restart(&mut self, cluster: &'static ControlPlane, random: &mut Random) -> &'static str {
        let leads = self.instance.metric("detour_leader") == 1;
        let signal = match random.one_in(2) && (is_long() || !leads) {
            true => Signal::KILL,
            false => Signal::TERM,
        };
        self.instance.signal(signal);
        self.instance.wait();
        self.instance = start(cluster, self.address);
        if signal == Signal::KILL { "killed" } else { "ended" }
    }

    /// What a new pod gets for each of [`IMAGES`].
    fn images(&self, driver: &Driver, namespace: &str, app: Option<&str>) -> Vec<String> {
        let mut pod = pod("probe", IMAGES[0]);
        let container =
            |(index, image): (usize, &&str)| json!({"name": format!("c{index}"), "image": image});
        pod["spec"]["containers"] = IMAGES.iter().enumerate().map(container).collect();
        pod["metadata"]["labels"] = json!({"replica": self.number.to_string(), "app": app});
        let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
        let stored = driver.api.create(&path, &pod);
        images(&stored).into_iter().map(str::to_owned).collect()
    }
}

fn start(cluster: &'static ControlPlane, address: SocketAddr) -> Instance {
    let kubeconfig = format!("--kubeconfig={}", cluster.kubeconfig.display());
    let flags = ["--source=api", &kubeconfig, "--drain=0"];
    let instance = Instance::start_at(cluster, address, "", &flags);
    wait_until("Detour is ready", || instance.readiness().0 == 200);
    instance
}

/// What is not as it has to be.
fn differences(driver: &Driver, replicas: &[Replica]) -> Vec<String> {
    let objects = driver.list();
    let maps: Vec<Map<'_>> = objects.iter().map(Map::new).collect();
    let (in_force, truths) = judge(&maps, &driver.namespaces);
    let mut differences = Vec::new();
    for ((object, map), truth) in objects.iter().zip(&maps).zip(&truths) {
        let status = &object["status"];
        let ready = &status["conditions"][0];
        let generation = &object["metadata"]["generation"];
        let message = ready["message"].as_str().unwrap_or_default();
        let is_so = ready["type"] == "Ready"
            && status["conditions"].as_array().is_some_and(|list| list.len() == 1)
            && (&ready["observedGeneration"], &status["observedGeneration"])
                == (generation, generation)
            && (&ready["status"], &ready["reason"]) == (&json!(truth.status), &json!(truth.reason))
            && status["rules"] == truth.rules
            && truth.message.iter().any(|part| message.contains(part));
        if !is_so {
            differences.push(format!("{}: {status}, not {truth:?}", map.id()));
        }
    }
    for replica in replicas {
        for namespace in &driver.namespaces {
            for app in [None, Some("web")] {
                let expected = IMAGES.map(|image| oracle::image(&in_force, namespace, app, image));
                let got = replica.images(driver, namespace, app);
                if got != expected {
                    let number = replica.number;
                    differences.push(format!(
                        "replica {number}, {namespace}, {app:?}: {got:?}, not {expected:?}"
                    ));
                }
            }
        }
    }
    differences
}

/// Says what was done and what is wrong, when the test fails.
struct Witness<'w> {
    driver: &'w Driver,
    seed: u64,
    differences: Vec<String>,
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (history, wrong) = (&self.driver.history, &self.differences);
            let (history, wrong) = (history.join("\n  "), wrong.join("\n  "));
            show(&format!("seed {}, done:\n  {history}\nwrong:\n  {wrong}\n", self.seed));
        }
    }
}

/// Waits until everything is as it has to be; counts what the maps say.
fn settle(driver: &Driver, seed: u64, replicas: &[Replica], counts: &mut BTreeMap<String, u32>) {
    let mut witness = Witness { driver, seed, differences: Vec::new() };
    wait_until("maps and pods are as the design says", || {
        witness.differences = differences(driver, replicas);
        witness.differences.is_empty()
    });
    for map in driver.list() {
        let reason = map["status"]["conditions"][0]["reason"].as_str().unwrap_or("none");
        *counts.entry(reason.to_owned()).or_default() += 1;
    }
}

/// What `kubectl get im,cim -A` shows is what the objects hold.
fn assert_shown(cluster: &ControlPlane, objects: &[Value]) {
    let arguments = ["get", "im,cim", "--all-namespaces", "--no-headers", "--output"];
    let columns = "custom-columns=K:.kind,N:.metadata.name,S:.status.conditions[?(@.type==\"Ready\")].status,R:.status.rules";
    let output = cluster.kubectl(&[&arguments[..], &[columns]].concat(), "");
    let text = String::from_utf8(output.stdout).unwrap();
    let shown: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    let text = |value: &Value| value.to_string().trim_matches('"').to_owned();
    let held: Vec<Vec<String>> = objects
        .iter()
        .map(|object| {
            let ready = &object["status"]["conditions"][0]["status"];
            let rules = &object["status"]["rules"];
            [&object["kind"], &object["metadata"]["name"], ready, rules].map(text).to_vec()
        })
        .collect();
    assert_eq!(shown, held);
}

#[test]
fn maps_and_pods_are_as_the_design_says_whatever_the_order() {
    if shared().is_none() {
        return;
    }
    let Some(plane) = OwnPlane::start() else { return };
    let cluster = plane.cluster;
    define(cluster);
    let namespaces: Vec<String> = ["a", "b", "c"].map(|name| namespace(cluster, name)).into();
    let mut replicas: Vec<Replica> =
        (0..super::COUNT).map(|number| Replica::new(cluster, number, &namespaces)).collect();
    let (seeds, rounds) = (lasting(SEEDS.0, SEEDS.1), lasting(ROUNDS.0, ROUNDS.1));
    let mut driver =
        Driver { api: cluster.api(), namespaces, random: Random(0), history: Vec::new() };
    let (begin, mut changes, mut restarts, mut counts) = (Instant::now(), 0, 0, BTreeMap::new());
    for seed in 0..seeds {
        driver.random = Random(seed);
        driver.clear();
        for _ in 0..rounds {
            let steps = 1 + driver.random.below(CHANGES_MAX);
            (0..steps).for_each(|_| driver.step());
            changes += steps;
            if driver.random.one_in(3) {
                let which = driver.random.below(replicas.len());
                let how = replicas[which].restart(cluster, &mut driver.random);
                driver.history.push(format!("replica {which} was {how}"));
                restarts += 1;
            }
            settle(&driver, seed, &replicas, &mut counts);
        }
        assert_shown(cluster, &driver.list());
    }
    tell(&format!(
        "{changes} changes of maps and {restarts} restarts in {:.0} s: right each of {} times \
         that it settled, on {} replicas; the maps said {counts:?}",
        begin.elapsed().as_secs_f32(),
        seeds as usize * rounds,
        replicas.len(),
    ));
}
