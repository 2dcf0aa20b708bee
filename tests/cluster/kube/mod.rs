//! The client of the API server, against the real one.

mod changes;
mod histories;
pub(crate) mod own_plane;
mod refusals;
mod rights;
mod stopped;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use detour::client::{Limits, ProxyVariables};
use detour::kube::limits::WatchLimits;
use detour::kube::path::{CONFIG_MAPS, Collection, Selection};
use detour::kube::watch::{self, Observer, Stop};
use detour::kube::{Api, ApiError, Objects};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::wait::wait_until;

/// Short delays; the rest as it is in production.
pub(crate) const LIMITS: WatchLimits = WatchLimits {
    delay: Duration::from_millis(50),
    delay_max: Duration::from_millis(500),
    slow_delay: Duration::from_millis(50),
    slow_delay_max: Duration::from_millis(500),
    ..WatchLimits::standard()
};

/// Detour's client, as the administrator.
fn api(cluster: &ControlPlane) -> Api {
    api_of(&cluster.kubeconfig)
}

fn api_of(kubeconfig: &Path) -> Api {
    Api::from_kubeconfig(kubeconfig, &ProxyVariables::default(), Limits::standard()).unwrap()
}

fn config_maps(namespace: &str) -> Collection {
    Collection::within(CONFIG_MAPS, namespace)
}

/// The ConfigMaps that the tests make: the cluster adds its own.
fn ours(namespace: &str) -> Selection {
    Selection::all(config_maps(namespace)).labelled("test=kube")
}

fn config_map(name: &str, text: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
           "metadata": {"name": name, "labels": {"test": "kube"}}, "data": {"text": text}})
}

/// Names and versions.
type Seen = Vec<(String, String)>;

fn seen(objects: &Objects) -> Seen {
    let metadata = objects.values().map(|object| &object.metadata);
    metadata.map(|metadata| (metadata.name.clone(), metadata.resource_version.clone())).collect()
}

/// What a watch knows.
#[derive(Clone, Default)]
struct Known(Arc<Mutex<Knowledge>>);

#[derive(Default)]
struct Knowledge {
    objects: Option<Seen>,
    failures: Vec<String>,
}

impl Known {
    fn objects(&self) -> Option<Seen> {
        self.0.lock().unwrap().objects.clone()
    }

    fn names(&self) -> Option<Vec<String>> {
        self.objects().map(|objects| objects.into_iter().map(|(name, _)| name).collect())
    }

    fn failures(&self) -> Vec<String> {
        self.0.lock().unwrap().failures.clone()
    }

    /// Waits until the watch knows exactly what a list gives.
    fn wait_for_all(&self, api: &Api, selection: &Selection) {
        let list = api.list(selection, 500, None).unwrap();
        let metadata = list.items.into_iter().map(|object| object.metadata);
        let mut expected: Seen =
            metadata.map(|metadata| (metadata.name, metadata.resource_version)).collect();
        expected.sort();
        wait_until("the watch knows what the list has", || {
            self.objects().as_ref() == Some(&expected)
        });
    }
}

impl Observer for Known {
    fn changed(&mut self, objects: &Objects) {
        self.0.lock().unwrap().objects = Some(seen(objects));
    }

    fn in_touch(&mut self) {}

    fn failed(&mut self, error: ApiError, _: Duration) {
        self.0.lock().unwrap().failures.push(error.to_string());
    }
}

/// Ends the watch, also when the test fails.
struct Ending<'a>(&'a Stop, &'a Api);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.stop();
        self.1.shutdown();
    }
}

/// Watches a selection by a client of its own as long as `test` takes.
fn watching(api: &Api, selection: &Selection, limits: WatchLimits, test: impl FnOnce(&Known)) {
    let (stop, known) = (Stop::default(), Known::default());
    thread::scope(|scope| {
        let _ending = Ending(&stop, api);
        let mut observer = known.clone();
        let stop = &stop;
        scope.spawn(move || watch::run(api, selection, limits, stop, &mut observer));
        test(&known);
    });
}
