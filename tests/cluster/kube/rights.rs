//! With exactly the rights of a role, and with none.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use detour::client::Limits;
use detour::kube::path::Selection;
use detour::kube::{Api, ErrorKind};
use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, shared};
use crate::fixture::namespace;
use crate::wait::wait_until;

use super::{LIMITS, api, config_map, config_maps, ours, watching};

/// A service account's files, as the kubelet mounts them.
struct Account {
    cluster: &'static ControlPlane,
    namespace: String,
    directory: PathBuf,
}

impl Account {
    fn new(cluster: &'static ControlPlane, name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let namespace = namespace(cluster, name);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = cluster.directory.join(format!("account-{number}"));
        fs::create_dir(&directory).unwrap();
        fs::copy(cluster.directory.join("ca.crt"), directory.join("ca.crt")).unwrap();
        fs::write(directory.join("namespace"), &namespace).unwrap();
        let account = Self { cluster, namespace, directory };
        account.create("serviceaccounts", &json!({"metadata": {"name": "detour"}}));
        account.renew();
        account
    }

    fn create(&self, resource: &str, object: &Value) -> Value {
        let path = format!("/api/v1/namespaces/{}/{resource}", self.namespace);
        self.cluster.api().create(&path, object)
    }

    /// Writes a new token, as the kubelet does.
    fn renew(&self) {
        let request = json!({"spec": {"expirationSeconds": 3600}});
        let token = self.create("serviceaccounts/detour/token", &request);
        self.write_token(token["status"]["token"].as_str().unwrap());
    }

    fn write_token(&self, token: &str) {
        fs::write(self.directory.join("token"), token).unwrap();
    }

    fn api(&self) -> Api {
        let address = self.cluster.address();
        let variable = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some(address.ip().to_string()),
            "KUBERNETES_SERVICE_PORT" => Some(address.port().to_string()),
            _ => None,
        };
        Api::in_cluster(variable, &self.directory, Limits::standard()).unwrap()
    }

    /// Allows reading the ConfigMap `rules`.
    fn allow(&self) {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}", self.namespace);
        let role = json!({"metadata": {"name": "detour"}, "rules": [
            {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["rules"],
             "verbs": ["get", "list", "watch"]}]});
        let group = "rbac.authorization.k8s.io";
        let binding = json!({"metadata": {"name": "detour"},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "detour"},
            "subjects": [{"kind": "ServiceAccount", "name": "detour"}]});
        let mut binding = binding;
        binding["subjects"][0]["namespace"] = self.namespace.as_str().into();
        self.cluster.api().create(&format!("{path}/roles"), &role);
        self.cluster.api().create(&format!("{path}/rolebindings"), &binding);
    }

    fn forbid(&self) {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}", self.namespace);
        self.cluster.api().delete(&format!("{path}/rolebindings/detour"));
    }
}

#[test]
fn a_role_for_one_name_is_enough_and_not_more() {
    let Some(cluster) = shared() else { return };
    let account = Account::new(cluster, "rights");
    let (administrator, maps) = (api(cluster), config_maps(&account.namespace));
    administrator.create(&maps, &config_map("rules", "x")).unwrap();
    let selection = Selection::one(maps.clone(), "rules");
    let client = account.api();
    assert_eq!(client.namespace(), account.namespace);
    watching(&client, &selection, LIMITS, |known| {
        wait_until("it is refused", || !known.failures().is_empty());
        assert!(known.failures()[0].contains(": forbidden: configmaps \"rules\" is forbidden"));
        assert_eq!(known.objects(), None);
        account.allow();
        known.wait_for_all(&administrator, &selection);
        let error = client.get(&maps.object("other")).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Forbidden(_)), "{error:?}");
        let error = client.list(&ours(&account.namespace), 1, None).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Forbidden(_)), "{error:?}");
        let error = client.merge_patch(&maps.object("rules"), &json!({})).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Forbidden(_)), "{error:?}");
    });
}

#[test]
fn what_is_known_outlives_the_right_to_know_it() {
    let Some(cluster) = shared() else { return };
    let account = Account::new(cluster, "outlives");
    account.allow();
    let (administrator, maps) = (api(cluster), config_maps(&account.namespace));
    administrator.create(&maps, &config_map("rules", "x")).unwrap();
    let selection = Selection::one(maps.clone(), "rules");
    // The server looks at the rights of a watch when it begins.
    let limits =
        detour::kube::limits::WatchLimits { watch: std::time::Duration::from_secs(1), ..LIMITS };
    watching(&account.api(), &selection, limits, |known| {
        known.wait_for_all(&administrator, &selection);
        account.forbid();
        let is_refused = |known: &super::Known| {
            known.failures().iter().filter(|text| text.contains(": forbidden: ")).count() >= 4
        };
        wait_until("it is refused", || is_refused(known));
        assert_eq!(known.names(), Some(vec!["rules".to_owned()]));
    });
}

#[test]
fn a_token_that_is_none_is_replaced_by_one_that_is() {
    let Some(cluster) = shared() else { return };
    let account = Account::new(cluster, "token");
    account.allow();
    let (administrator, maps) = (api(cluster), config_maps(&account.namespace));
    let path = maps.object("rules");
    administrator.create(&maps, &config_map("rules", "x")).unwrap();
    let client = account.api();
    client.get(&path).unwrap();
    account.write_token("not-a-token");
    let error = client.get(&path).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Unauthorized(_)), "{error:?}");
    account.renew();
    client.get(&path).unwrap();
}
