//! Instances that start at once, and what they may not do.

use serde_json::Value;

use super::Replicas;
use crate::control_plane::shared;
use crate::detour::get;
use crate::fixture::is_rewritten;
use crate::wait::wait_until;

#[test]
fn replicas_that_start_at_once_agree_on_one_authority() {
    let Some(cluster) = shared() else { return };
    let replicas = Replicas::started(cluster, "agreeing", &[]);
    assert_eq!(replicas.data("ca.crt"), replicas.bundle(), "the bundle is that of the Secret");
    assert_eq!(replicas.data("ca.crt").matches("BEGIN").count(), 1, "there is one authority");
    let made = replicas.metric("detour_certificate_rotations_total{change=\"new\"}");
    assert_eq!(made, 1.0, "and one instance made it");
    assert_eq!(replicas.metric("detour_ca_bundle_writes_total"), 1.0);
    assert_eq!(replicas.metric("detour_certificate_failures_total"), 0.0);
    let in_89_days = 89.0 * 86_400.0 + std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let expiry = replicas.metric("detour_certificate_expiry_timestamp_seconds");
    assert!(expiry > in_89_days * 3.0, "{expiry}");
    replicas.under_load(|| true);
}

#[test]
fn no_log_holds_a_key() {
    let Some(cluster) = shared() else { return };
    let replicas = Replicas::started(cluster, "secretive", &["--log-level=trace"]);
    for key in ["tls.key", "ca.key"] {
        let pem = replicas.data(key);
        for line in pem.lines().filter(|line| !line.starts_with("-----")) {
            for instance in &replicas.instances {
                assert!(!instance.log().contains(line), "{key}");
                assert!(!instance.metrics().contains(line), "{key}");
            }
        }
    }
}

/// Whether the account may do that in its namespace.
fn may(replicas: &Replicas, verb: &str, resource: &str) -> bool {
    let config = std::fs::read_to_string(&replicas.kubeconfig).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    let token = config["users"][0]["user"]["token"].as_str().unwrap();
    let namespace = format!("--namespace={}", replicas.namespace);
    let token = format!("--token={token}");
    let kubeconfig = replicas.kubeconfig.to_str().unwrap();
    let arguments =
        ["auth", "can-i", verb, resource, &namespace, &token, "--kubeconfig", kubeconfig];
    replicas.cluster.try_kubectl(&arguments, "").status.success()
}

#[test]
fn the_role_allows_nothing_else() {
    let Some(cluster) = shared() else { return };
    let replicas = Replicas::new(cluster, "limited", &[]);
    let may = |verb: &str, resource: &str| may(&replicas, verb, resource);
    assert!(may("get", "secrets/detour-tls"));
    for (verb, resource) in [
        ("get", "secrets/other"),
        ("list", "secrets"),
        ("create", "secrets"),
        ("delete", "secrets/detour-tls"),
        ("patch", "mutatingwebhookconfigurations/other"),
        ("update", &format!("mutatingwebhookconfigurations/a-{}", replicas.namespace)),
        ("list", "pods"),
    ] {
        assert!(!may(verb, resource), "{verb} {resource}");
    }
}

#[test]
fn without_a_registration_an_instance_waits_and_then_serves() {
    let Some(cluster) = shared() else { return };
    let mut replicas = Replicas::new(cluster, "early", &[]);
    let path = replicas.registration.path();
    let mut configuration = replicas.api.get(&path);
    replicas.api.delete(&path);
    replicas.start();
    wait_until("it has a certificate", || replicas.secret().is_some());
    let operations = replicas.instances[0].operations;
    wait_until("it says what is missing", || {
        let text = get(operations, "/readyz").unwrap().text();
        text.contains("missing: certificate: ") && text.contains("no webhook that calls us")
    });
    let fields = configuration["metadata"].as_object_mut().unwrap();
    fields.retain(|field, _| field == "name");
    let collection = path.rsplit_once('/').unwrap().0;
    replicas.api.create(collection, &configuration);
    replicas.wait_until_ready();
}

#[test]
fn who_manages_the_configuration_elsewhere_puts_the_authority_there() {
    let Some(cluster) = shared() else { return };
    let mut replicas = Replicas::unmanaged(cluster, "unmanaged");
    let configuration = format!("mutatingwebhookconfigurations/a-{}", replicas.namespace);
    assert!(!may(&replicas, "get", &configuration) && !may(&replicas, "patch", &configuration));
    let path = replicas.registration.path();
    let before = replicas.api.get(&path);
    (0..3).for_each(|_| replicas.start());
    replicas.wait_until_ready();
    assert_eq!(replicas.api.get(&path), before, "nobody touched it");
    let authority = replicas.data("ca.crt");
    replicas.set_bundle(&authority);
    replicas.registration.wait(&replicas.namespace, is_rewritten);
    replicas.api.delete(&replicas.secret_path());
    replicas.under_load(|| replicas.secret().is_some());
    assert_eq!((replicas.data("ca.crt"), replicas.bundle()), (authority.clone(), authority));
    assert_eq!(replicas.metric("detour_certificate_failures_total"), 0.0);
    assert_eq!(replicas.metric("detour_ca_bundle_writes_total"), 0.0);
    let answers = replicas.instances.iter().map(|one| one.readiness().1);
    assert!(answers.into_iter().all(|text| !text.contains("fault: ")));
}
