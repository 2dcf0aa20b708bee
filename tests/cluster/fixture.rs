//! What most tests need: a namespace, an instance of Detour, its registration.

use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::client::Api;
use crate::control_plane::ControlPlane;
use crate::detour::{Instance, rules};
use crate::objects::{images, pod};
use crate::registration::{Registration, Webhook};
use crate::wait::wait_until;

/// Where the rules of most tests lead.
pub(crate) const MIRROR: &str = "mirror.example/up";

/// Creates a namespace in which pods can be created; gives its name.
pub(crate) fn namespace(cluster: &ControlPlane, name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let api = cluster.api();
    let object =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name.as_str()}});
    api.create("/api/v1/namespaces", &object);
    if cluster.binaries.controller_manager.is_some() {
        let account = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
        wait_until("the namespace has its service account", || {
            api.request("GET", &account, "application/json", &Value::Null).0 == 200
        });
    }
    name
}

/// What a new pod of that namespace gets for `upstream.example/web:1`.
pub(crate) fn image(cluster: &ControlPlane, namespace: &str) -> String {
    let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    let stored = cluster.api().create(&path, &pod("probe", "upstream.example/web:1"));
    images(&stored)[0].to_owned()
}

/// Whether a probe was rewritten by whichever rules.
pub(crate) fn is_rewritten(pod: &Value) -> bool {
    images(pod).iter().all(|image| !image.starts_with("upstream.example/"))
}

/// A namespace with Detour in force.
pub(crate) struct Fixture {
    pub(crate) cluster: &'static ControlPlane,
    pub(crate) api: Api,
    pub(crate) namespace: String,
    // Dropped before the instance: it must not be missed.
    pub(crate) registration: Option<Registration>,
    pub(crate) detour: Instance,
}

impl Fixture {
    /// A namespace whose pods Detour sends to [`MIRROR`].
    pub(crate) fn new(cluster: &'static ControlPlane, name: &str) -> Self {
        let fixture = Self::unregistered(cluster, name, &[]);
        fixture.registered()
    }

    /// The same without a registration yet, and with further flags.
    pub(crate) fn unregistered(cluster: &'static ControlPlane, name: &str, flags: &[&str]) -> Self {
        Self::of(cluster, namespace(cluster, name), &rules(MIRROR), flags)
    }

    /// The same of a namespace that exists, with rules of its own.
    pub(crate) fn of(
        cluster: &'static ControlPlane,
        namespace: String,
        rules: &str,
        flags: &[&str],
    ) -> Self {
        Self::with(cluster, namespace, Instance::start(cluster, rules, flags))
    }

    /// The same of an instance that runs, whatever its rules come from.
    pub(crate) fn with(
        cluster: &'static ControlPlane,
        namespace: String,
        detour: Instance,
    ) -> Self {
        Self { cluster, api: cluster.api(), namespace, registration: None, detour }
    }

    /// Registers the instance for the namespace.
    pub(crate) fn registered(mut self) -> Self {
        self.register();
        self
    }

    /// As [`Fixture::registered`], later.
    pub(crate) fn register(&mut self) {
        self.register_for(&[], |_, pod| is_rewritten(pod));
    }

    /// As [`Fixture::register`], for other namespaces besides, where a pod may
    /// show otherwise that the instance is called.
    pub(crate) fn register_for(
        &mut self,
        others: &[&str],
        shows: impl Fn(&Instance, &Value) -> bool,
    ) {
        let webhook = Webhook {
            name: &format!("a-{}", self.namespace),
            url: &self.detour.url(),
            namespaces: &[&[self.namespace.as_str()], others].concat(),
            timeout_seconds: 10,
            never_fails: true,
        };
        self.registration =
            Some(Registration::new(self.cluster, &webhook, |pod| shows(&self.detour, pod)));
    }

    /// The name that Detour has in metrics and audit annotations.
    pub(crate) fn webhook(&self) -> &str {
        &self.registration.as_ref().unwrap().webhook
    }

    /// A path below the namespace, of the core group.
    pub(crate) fn path(&self, resource: &str) -> String {
        format!("/api/v1/namespaces/{}/{resource}", self.namespace)
    }

    /// Creates a pod; gives it as it was stored.
    pub(crate) fn create(&self, pod: &Value) -> Value {
        self.api.create(&self.path("pods"), pod)
    }

    /// The pod of that name.
    pub(crate) fn pod(&self, name: &str) -> Value {
        self.api.get(&self.path(&format!("pods/{name}")))
    }

    /// The pods with the label `app: NAME`.
    pub(crate) fn pods_of(&self, app: &str) -> Vec<Value> {
        let mut list = self.api.get(&self.path(&format!("pods?labelSelector=app%3D{app}")));
        list["items"].as_array_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Runs kubectl in the namespace.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Output {
        self.kubectl_with(arguments, &Value::Null)
    }

    /// Runs kubectl in the namespace, with an object to read.
    pub(crate) fn kubectl_with(&self, arguments: &[&str], input: &Value) -> Output {
        let namespaced = [&["--namespace", &self.namespace], arguments].concat();
        self.cluster.kubectl(&namespaced, &input.to_string())
    }
}
