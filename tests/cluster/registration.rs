//! A webhook configuration, and what the API server counts of its calls.

use serde_json::{Value, json};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::control_plane::ControlPlane;
use crate::objects::pod;
use crate::wait::{show, wait_until};

const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/// What is registered.
pub(crate) struct Webhook<'a> {
    /// Of the configuration. They are called in the order of their names.
    pub(crate) name: &'a str,
    pub(crate) url: &'a str,
    /// The only namespaces that it is called for.
    pub(crate) namespaces: &'a [&'a str],
    pub(crate) timeout_seconds: u32,
    /// Whether every call has to be answered, which is asked at the end.
    pub(crate) never_fails: bool,
}

/// A registered webhook; no longer registered when dropped.
pub(crate) struct Registration {
    cluster: &'static ControlPlane,
    name: String,
    /// Of the webhook in the configuration; unique in the cluster.
    pub(crate) webhook: String,
    never_fails: bool,
}

/// What the API server counted of one webhook since it started.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Calls {
    /// Calls that were answered.
    pub(crate) answered: u64,
    /// Requests that went on without an answer, by `failurePolicy: Ignore`.
    pub(crate) failed_open: u64,
    /// Requests that were refused because of the webhook.
    pub(crate) rejections: u64,
}

impl Registration {
    /// Registers `webhook` as the README says, and waits until a pod in its
    /// first namespace shows that it is in force.
    pub(crate) fn new(
        cluster: &'static ControlPlane,
        webhook: &Webhook<'_>,
        shows: impl Fn(&Value) -> bool,
    ) -> Self {
        let registration = Self::with(cluster, webhook, Some(&cluster.pki.authority()));
        registration.wait(webhook.namespaces[0], shows);
        registration
    }

    /// Registers `webhook` with that `caBundle`, and does not wait.
    pub(crate) fn with(
        cluster: &'static ControlPlane,
        webhook: &Webhook<'_>,
        authority: Option<&str>,
    ) -> Self {
        let api = cluster.api();
        let name = webhook.name.to_owned();
        let registration = Self {
            cluster,
            webhook: format!("{name}.tests.detour.dev"),
            name,
            never_fails: webhook.never_fails,
        };
        let authority = authority.map(|authority| STANDARD.encode(authority));
        let rule = |resources: &str, operations: &[&str]| {
            json!({
                "apiGroups": [""], "apiVersions": ["v1"], "resources": [resources],
                "operations": operations, "scope": "Namespaced",
            })
        };
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": webhook.name},
            "webhooks": [{
                "name": registration.webhook,
                "clientConfig": {"url": webhook.url, "caBundle": authority},
                "rules": [
                    rule("pods", &["CREATE", "UPDATE"]),
                    rule("pods/ephemeralcontainers", &["UPDATE"]),
                ],
                "namespaceSelector": {"matchExpressions": [{
                    "key": "kubernetes.io/metadata.name", "operator": "In",
                    "values": webhook.namespaces,
                }]},
                "failurePolicy": "Ignore",
                "reinvocationPolicy": "IfNeeded",
                "sideEffects": "None",
                "timeoutSeconds": webhook.timeout_seconds,
                "admissionReviewVersions": ["v1"],
            }],
        });
        api.create(CONFIGURATIONS, &configuration);
        registration
    }

    /// Waits until a pod in the namespace shows that it is in force.
    pub(crate) fn wait(&self, namespace: &str, shows: impl Fn(&Value) -> bool) {
        let api = self.cluster.api();
        let dry_run = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
        wait_until("the webhook is in force", || {
            shows(&api.create(&dry_run, &pod("probe", "upstream.example/probe:1")))
        });
    }

    /// The path of the configuration.
    pub(crate) fn path(&self) -> String {
        format!("{CONFIGURATIONS}/{}", self.name)
    }

    /// What was counted until now.
    pub(crate) fn calls(&self) -> Calls {
        let metrics = self.cluster.api().text("/metrics");
        let label = format!("name=\"{}\"", self.webhook);
        let sum = |metric: &str, and: &str| -> u64 {
            let lines = metrics.lines().filter(|line| line.starts_with(metric));
            let ours = lines.filter(|line| line.contains(&label) && line.contains(and));
            ours.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
        };
        Calls {
            answered: sum("apiserver_admission_webhook_request_total{", "code=\"200\""),
            failed_open: sum("apiserver_admission_webhook_fail_open_count{", ""),
            rejections: sum("apiserver_admission_webhook_rejection_count{", ""),
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.cluster.api().delete(&format!("{CONFIGURATIONS}/{}", self.name));
        if std::thread::panicking() {
            show(&format!("{}: {:?}\n{}", self.webhook, self.calls(), self.cluster.tails()));
        } else if self.never_fails {
            let calls = self.calls();
            let no_failure = Calls { answered: calls.answered, ..Calls::default() };
            assert_eq!(calls, no_failure, "what the API server counted of {}", self.webhook);
            assert!(calls.answered > 0, "the API server never called {}", self.webhook);
        }
    }
}
