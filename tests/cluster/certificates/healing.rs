//! What others break heals by itself, and pods go on being rewritten.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use detour::certs::own::change::{Change, Workshop};
use detour::certs::own::mint::Names;
use detour::certs::own::{Timing, secret};
use serde_json::{Value, json};

use super::{Replicas, SECRET};
use crate::control_plane::shared;
use crate::detour::{Instance, get};
use crate::fixture::is_rewritten;
use crate::wait::wait_until;

#[test]
fn a_deleted_secret_comes_back_as_it_was() {
    let Some(cluster) = shared() else { return };
    let replicas = Replicas::started(cluster, "deleted", &[]);
    let (authority, leaf) = (replicas.data("ca.crt"), replicas.data("tls.crt"));
    for _ in 0..3 {
        replicas.api.delete(&replicas.secret_path());
        replicas.under_load(|| replicas.secret().is_some());
        assert_eq!(
            (replicas.data("ca.crt"), replicas.data("tls.crt")),
            (authority.clone(), leaf.clone())
        );
    }
    assert!(replicas.bundle() == authority);
}

#[test]
fn a_damaged_secret_is_mended() {
    let Some(cluster) = shared() else { return };
    let replicas = Replicas::started(cluster, "damaged", &[]);
    let authority = replicas.data("ca.crt");
    for (keys, keeps) in [
        (vec!["tls.crt"], true),
        (vec!["tls.key"], true),
        (vec!["ca.key"], true),
        (vec!["ca.crt", "ca.key", "tls.crt", "tls.key"], true),
    ] {
        let garbage = keys.iter().map(|key| (*key, Value::from("Z2FyYmFnZQ==")));
        let data: serde_json::Map<String, Value> =
            garbage.map(|(key, value)| (key.to_owned(), value)).collect();
        replicas.api.patch(&replicas.secret_path(), &json!({"data": data}));
        replicas.under_load(|| keys.iter().all(|key| replicas.data(key).starts_with("-----BEGIN")));
        assert_eq!(replicas.data("ca.crt") == authority, keeps, "{keys:?}");
    }
}

#[test]
fn a_foreign_secret_is_left_alone() {
    let Some(cluster) = shared() else { return };
    let mut replicas = Replicas::started(cluster, "foreign", &[]);
    let path = replicas.secret_path();
    let taken = json!({"metadata": {"labels": {"detour.dev/certificates": null}},
                       "data": {"ca.key": "Z2FyYmFnZQ=="}});
    replicas.api.patch(&path, &taken);
    let version = replicas.secret().unwrap()["metadata"]["resourceVersion"].clone();
    let fault = |replicas: &Replicas, index: usize| {
        get(replicas.instances[index].operations, "/readyz").unwrap()
    };
    replicas.under_load(|| {
        (0..3).all(|index| {
            fault(&replicas, index).text().contains("is not Detour's and is left alone")
        })
    });
    for index in 0..3 {
        assert_eq!(fault(&replicas, index).status, 200, "they have a certificate");
    }
    replicas.start();
    wait_until("the newcomer says why it is not ready", || {
        let answer = fault(&replicas, 3);
        answer.status == 503 && answer.text().contains("delete it, or name another")
    });
    // It serves nothing: no Service would lead to it.
    replicas.service.remove(&replicas.instances[3]);
    assert_eq!(replicas.secret().unwrap()["metadata"]["resourceVersion"], version);
    replicas.api.delete(&path);
    replicas.wait_until_ready();
    replicas.under_load(|| true);
}

#[test]
fn an_overwritten_bundle_is_written_again_but_not_in_a_fight() {
    let Some(cluster) = shared() else { return };
    let replicas = Replicas::started(cluster, "overwritten", &[]);
    let bundle = replicas.bundle();
    let before = replicas.api.get(&replicas.registration.path());
    let writes = replicas.metric("detour_ca_bundle_writes_total");
    replicas.set_bundle(&cluster.pki.authority());
    wait_until("it is ours again", || replicas.bundle() == bundle);
    replicas.registration.wait(&replicas.namespace, is_rewritten);
    replicas.under_load(|| true);
    let mut after = replicas.api.get(&replicas.registration.path());
    for field in ["generation", "resourceVersion", "managedFields"] {
        after["metadata"][field] = before["metadata"][field].clone();
    }
    assert_eq!(after, before, "nothing else was touched");
    // Somebody who does not give in.
    let fights = Cell::new(0);
    wait_until("they say that it is contested", || {
        if replicas.bundle() == bundle {
            replicas.set_bundle(&cluster.pki.authority());
            fights.set(fights.get() + 1);
        }
        replicas.metric("detour_ca_bundle_contested_total") > 0.0
    });
    let log: String = replicas.instances.iter().map(Instance::log).collect();
    assert!(log.contains("CABundleContested: somebody else writes caBundle"));
    let writes = replicas.metric("detour_ca_bundle_writes_total") - writes;
    assert!(writes <= 3.0 * 4.0, "{writes} writes against {} of another", fights.get());
}

/// The certificates of a bundle, in any order.
fn certificates(pem: &str) -> BTreeSet<&str> {
    pem.split_inclusive("-----END CERTIFICATE-----\n").collect()
}

/// Stores a Secret that was made so many days ago.
fn store(replicas: &Replicas, days: u32) {
    let now = UNIX_EPOCH.elapsed().unwrap() - Duration::from_secs(86_400) * days;
    let mint = Names::new(["127.0.0.1".to_owned()]).unwrap();
    let timing = Timing { leaf_life: Duration::from_secs(90 * 86_400) };
    let workshop = Workshop { mint: &mint, timing, now, held: None, served: None };
    let material = workshop.apply(Change::New, None, &[]).unwrap();
    let object = secret::write(SECRET, &replicas.namespace, &material, None);
    let collection = replicas.secret_path();
    replicas.api.create(collection.rsplit_once('/').unwrap().0, &object);
    replicas.set_bundle(&secret::pem([&material.signer.certificate]));
}

#[test]
fn what_is_old_at_the_start_is_replaced() {
    let Some(cluster) = shared() else { return };
    // Two thirds, the whole certificate, most of the authority, and all of it.
    for (days, keeps, authorities) in
        [(61, true, 1), (100, true, 1), (300, true, 2), (400, false, 1)]
    {
        let mut replicas = Replicas::new(cluster, &format!("old-{days}"), &[]);
        store(&replicas, days);
        let (authority, leaf) = (replicas.data("ca.crt"), replicas.data("tls.crt"));
        (0..2).for_each(|_| replicas.start());
        replicas.wait_until_ready();
        replicas.registration.wait(&replicas.namespace, is_rewritten);
        replicas.under_load(|| {
            certificates(&replicas.bundle()) == certificates(&replicas.data("ca.crt"))
        });
        assert_ne!(replicas.data("tls.crt"), leaf, "{days} days");
        let now = replicas.data("ca.crt");
        assert_eq!(now.contains(&authority), keeps, "{days} days");
        assert_eq!(now.matches("BEGIN").count(), authorities, "{days} days");
    }
}
