//! Rules from a ConfigMap that is edited, broken, mended, deleted and made anew.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Replicas;
use crate::client::Api;
use crate::control_plane::{ControlPlane, shared};
use crate::detour::{Instance, rules};
use crate::fixture::{MIRROR, image, namespace};
use crate::load::{Load, under_load};
use crate::long::lasting;
use crate::wait::{tell, wait_until};

/// How often it is broken and mended, deleted and made anew.
const ROUNDS: (usize, usize) = (1, 10);
/// Pods that are created at least while it is broken, and while it is away.
const PODS: usize = 20;

/// A ConfigMap, and the instances that read it.
struct Scenario<'s> {
    cluster: &'static ControlPlane,
    api: Api,
    namespace: &'s str,
    flags: [&'s str; 2],
    replicas: &'s Replicas,
}

impl Scenario<'_> {
    fn collection(&self) -> String {
        format!("/api/v1/namespaces/{}/configmaps", self.namespace)
    }

    fn path(&self) -> String {
        format!("{}/mirrors", self.collection())
    }

    fn create(&self, text: &str) {
        let data = json!({"rules.yaml": text});
        let object = json!({"metadata": {"name": "mirrors"}, "data": data});
        self.api.create(&self.collection(), &object);
    }

    fn change(&self, data: &Value) {
        self.api.patch(&self.path(), &json!({"data": data}));
    }

    fn fault(&self) -> String {
        format!("fault: configmap:{}/mirrors, key rules.yaml:", self.namespace)
    }

    /// Whether every replica says so: their turns go round.
    fn all_give(&self, target: &str) -> bool {
        let expected = format!("{target}/web:1");
        self.replicas.instances.iter().all(|_| image(self.cluster, self.namespace) == expected)
    }

    fn wait_until_all_give(&self, target: &str) {
        wait_until(&format!("all give {target}"), || self.all_give(target));
    }

    /// Edited, broken, mended with pairs, deleted, made anew.
    fn round(&self, load: &Load) {
        self.change(&json!({"rules.yaml": rules("edited.example"), "upstream.example": null}));
        self.wait_until_all_give("edited.example");
        self.change(&json!({"rules.yaml": rules("nowhere")}));
        let fault = self.fault();
        let replicas = self.replicas;
        replicas.wait_until("the fault is told", |one| one.readiness().1.contains(&fault));
        load.wait_for(PODS);
        assert!(self.all_give("edited.example"), "the last good rules stay");
        for instance in &replicas.instances {
            assert_eq!(instance.readiness().0, 200);
            assert_eq!(instance.metric("detour_source_failing{"), 1);
        }
        let fresh = Instance::start_unready(self.cluster, &self.flags);
        wait_until("a fresh one says why it is not ready", || {
            let (status, text) = fresh.readiness();
            assert_eq!(status, 503, "{text}");
            text.contains(&fault)
        });
        self.change(&json!({"rules.yaml": null, "upstream.example": "pair.example"}));
        self.wait_until_all_give("pair.example");
        wait_until("the fresh one is ready", || fresh.readiness().0 == 200);
        replicas.wait_until("it is right again", |one| one.metric("detour_source_failing{") == 0);
        self.api.delete(&self.path());
        let missed = |one: &Instance| one.readiness().1.contains("there is no such ConfigMap");
        replicas.wait_until("it is missed", missed);
        load.wait_for(PODS);
        assert!(self.all_give("pair.example"), "the last good rules stay");
        self.create(&rules("back.example"));
        self.wait_until_all_give("back.example");
        replicas.wait_until("nothing is wrong", |one| !one.readiness().1.contains("fault: "));
    }
}

#[test]
fn the_last_good_config_map_stays_in_force() {
    let Some(cluster) = shared() else { return };
    let namespace = &namespace(cluster, "configmap");
    let source = format!("--source=configmap:{namespace}/mirrors");
    let kubeconfig = format!("--kubeconfig={}", cluster.kubeconfig.display());
    let flags = [source.as_str(), kubeconfig.as_str()];
    let mut replicas = Replicas::start(cluster, &flags);
    replicas.wait_until("the absence is told", |instance| {
        let (status, text) = instance.readiness();
        assert_eq!(status, 503, "{text}");
        text.contains("there is no such ConfigMap")
    });
    let object = json!({"metadata": {"name": "mirrors"}, "data": {"rules.yaml": rules(MIRROR)}});
    cluster.api().create(&format!("/api/v1/namespaces/{namespace}/configmaps"), &object);
    replicas.wait_until_ready();
    replicas.register(cluster, namespace, true);
    let scenario = Scenario { cluster, api: cluster.api(), namespace, flags, replicas: &replicas };
    let rounds = lasting(ROUNDS.0, ROUNDS.1);
    let (begin, mut longest) = (Instant::now(), Duration::ZERO);
    let total = under_load(cluster, namespace, |load| {
        for _ in 0..rounds {
            let round = Instant::now();
            scenario.round(load);
            longest = longest.max(round.elapsed());
        }
    });
    assert_eq!(total.unchanged, 0);
    tell(&format!(
        "a ConfigMap edited, broken, mended, deleted and made anew {rounds} times in {:.0} s \
         (at most {:.1} s): {} pods at {:.0}/s, all rewritten",
        begin.elapsed().as_secs_f32(),
        longest.as_secs_f32(),
        total.rewritten,
        total.rate,
    ));
}
