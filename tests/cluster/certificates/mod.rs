//! `--tls self`: several instances behind one address, with a service account
//! that may do what `role.yaml` says and nothing else.

mod agreement;
mod healing;
mod rotation;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::Api;
use crate::control_plane::ControlPlane;
use crate::detour::{Instance, get, rules};
use crate::fixture::{MIRROR, is_rewritten, namespace};
use crate::objects::pod;
use crate::registration::{Calls, Registration, Webhook};
use crate::service::Service;
use crate::wait::{DEADLINE, wait_until};

const ACCOUNT: &str = "detour";
const SECRET: &str = "detour-tls";
const ROLE: &str = include_str!("role.yaml");

/// Instances that share a Secret, and their registration.
pub(crate) struct Replicas {
    cluster: &'static ControlPlane,
    api: Api,
    namespace: String,
    kubeconfig: PathBuf,
    service: Service,
    registration: Registration,
    instances: Vec<Instance>,
    flags: Vec<String>,
}

impl Replicas {
    /// A namespace with an account and a registration without `caBundle`, and
    /// no instance yet.
    fn new(cluster: &'static ControlPlane, name: &str, flags: &[&str]) -> Self {
        let namespace = namespace(cluster, name);
        let webhooks = format!("a-{namespace}");
        let flag = format!("--webhook-name={webhooks}");
        Self::within(cluster, namespace, Some(&webhooks), &[&[flag.as_str()], flags].concat())
    }

    /// The same where somebody else manages the webhook configuration: the
    /// account may not even read it.
    fn unmanaged(cluster: &'static ControlPlane, name: &str) -> Self {
        let flags = ["--tls-self-patch-webhook=false"];
        Self::within(cluster, namespace(cluster, name), None, &flags)
    }

    /// `webhooks`: the configuration that they may write.
    fn within(
        cluster: &'static ControlPlane,
        namespace: String,
        webhooks: Option<&str>,
        flags: &[&str],
    ) -> Self {
        let service = Service::new();
        let webhook = Webhook {
            name: &format!("a-{namespace}"),
            url: &service.url(),
            namespaces: &[&namespace],
            timeout_seconds: 10,
            // Until there is a certificate, calls fail.
            never_fails: false,
        };
        let registration = Registration::with(cluster, &webhook, None);
        let kubeconfig = account(cluster, &namespace, webhooks);
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let (api, instances) = (cluster.api(), Vec::new());
        Self { cluster, api, namespace, kubeconfig, service, registration, instances, flags }
    }

    /// Three of them, ready and called.
    fn started(cluster: &'static ControlPlane, name: &str, flags: &[&str]) -> Self {
        let mut replicas = Self::new(cluster, name, flags);
        (0..3).for_each(|_| replicas.start());
        replicas.wait_until_ready();
        replicas.registration.wait(&replicas.namespace, is_rewritten);
        replicas
    }

    /// Starts one more.
    fn start(&mut self) {
        let mut flags = vec![
            "--tls=self".to_owned(),
            format!("--kubeconfig={}", self.kubeconfig.display()),
            format!("--namespace={}", self.namespace),
            "--tls-names=127.0.0.1".to_owned(),
        ];
        flags.extend(self.flags.iter().cloned());
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let instance = Instance::start_with(self.cluster, listen, &rules(MIRROR), &flags);
        self.service.add(&instance);
        self.instances.push(instance);
    }

    fn wait_until_ready(&self) {
        wait_until("all are ready", || {
            let operations = self.instances.iter().map(|instance| instance.operations);
            operations
                .map(|address| get(address, "/readyz").unwrap().status)
                .all(|code| code == 200)
        });
    }

    fn secret_path(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets/{SECRET}", self.namespace)
    }

    /// The Secret, if it is there.
    fn secret(&self) -> Option<Value> {
        let path = self.secret_path();
        let (status, secret) = self.api.request("GET", &path, "application/json", &Value::Null);
        (status == 200).then_some(secret)
    }

    /// One of its values, decoded.
    fn data(&self, key: &str) -> String {
        let text = self.secret().unwrap_or_default()["data"][key].as_str().map(str::to_owned);
        String::from_utf8(STANDARD.decode(text.unwrap_or_default()).unwrap()).unwrap()
    }

    /// `caBundle` in force, as it is stored.
    fn bundle(&self) -> String {
        let webhooks = self.api.get(&self.registration.path());
        let text = webhooks["webhooks"][0]["clientConfig"]["caBundle"].as_str();
        String::from_utf8(STANDARD.decode(text.unwrap_or_default()).unwrap()).unwrap()
    }

    fn set_bundle(&self, pem: &str) {
        let patch = json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle",
                            "value": STANDARD.encode(pem)}]);
        let path = self.registration.path();
        let (status, answer) =
            self.api.request("PATCH", &path, "application/json-patch+json", &patch);
        assert_eq!(status, 200, "{answer}");
    }

    /// Creates a pod; whether it was rewritten.
    fn rewrites(&self, api: &Api, name: &str) -> bool {
        let pods = format!("/api/v1/namespaces/{}/pods", self.namespace);
        is_rewritten(&api.create(&pods, &pod(name, "upstream.example/web:1")))
    }

    /// Creates pods until `is_over`; all have to be rewritten, and no call has
    /// failed by the API server's own count.
    fn under_load(&self, is_over: impl Fn() -> bool) {
        let before = self.registration.calls();
        let prefix = before.answered;
        let mut count = 0;
        let begin = Instant::now();
        while !is_over() || count < 20 {
            assert!(begin.elapsed() < DEADLINE, "after {DEADLINE:?} it is not over");
            assert!(self.rewrites(&self.api, &format!("pod-{prefix}-{count}")));
            count += 1;
        }
        self.assert_no_failure_since(before);
    }

    fn assert_no_failure_since(&self, before: Calls) {
        let after = self.registration.calls();
        let failures = |calls: Calls| (calls.failed_open, calls.rejections);
        assert_eq!(failures(after), failures(before), "what the API server counted");
        assert!(after.answered > before.answered);
    }

    /// The sum of a metric over all instances.
    fn metric(&self, name: &str) -> f64 {
        let value = |instance: &Instance| {
            let metrics = instance.metrics();
            let lines = metrics.lines().filter(|line| line.starts_with(name));
            lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum::<f64>()
        };
        self.instances.iter().map(value).sum()
    }
}

/// Makes the account and its rights; gives its kubeconfig.
fn account(cluster: &ControlPlane, namespace: &str, webhooks: Option<&str>) -> PathBuf {
    let api = cluster.api();
    let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
    let object =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}});
    api.create(&accounts, &object);
    let role = ROLE.replace("NAMESPACE", namespace).replace("ACCOUNT", ACCOUNT);
    let role = role.replace("SECRET", SECRET).replace("WEBHOOKS", webhooks.unwrap_or_default());
    // The second half is about the configuration.
    let role = match webhooks {
        Some(_) => role,
        None => role.split_inclusive("---\n").take(2).collect(),
    };
    cluster.kubectl(&["apply", "--filename=-"], &role);
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let answer = api.create(&format!("{accounts}/{ACCOUNT}/token"), &request);
    let mut config: Value =
        serde_json::from_slice(&fs::read(&cluster.kubeconfig).unwrap()).unwrap();
    config["users"][0]["user"] = json!({"token": answer["status"]["token"]});
    let path = cluster.directory.join(format!("{namespace}.kubeconfig"));
    fs::write(&path, config.to_string()).unwrap();
    path
}
