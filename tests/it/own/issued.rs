//! What is made, stored and read again: real keys, real certificates.

use std::collections::BTreeSet;
use std::time::Duration;

use detour::certs::own::change::{Change, Mint, Workshop};
use detour::certs::own::material::{Authority, Material};
use detour::certs::own::mint::Names;
use detour::certs::own::plan::{Bundle, Secret};
use detour::certs::own::webhooks::Webhooks;
use detour::certs::own::{Timing, secret};
use serde_json::{Value, json};

const NOW: Duration = Duration::from_secs(1_800_000_000);
const TIMING: Timing = Timing { leaf_life: Duration::from_secs(3_600) };

fn names() -> Names {
    Names::new(["detour.system.svc", "127.0.0.1"].map(str::to_owned)).unwrap()
}

fn change(change: Change, found: Option<&Material>) -> Material {
    let mint = names();
    let workshop = Workshop { mint: &mint, timing: TIMING, now: NOW, held: None, served: None };
    workshop.apply(change, found, &[]).unwrap()
}

fn stored(material: &Material) -> Value {
    secret::write("detour-tls", "system", material, None)
}

fn read(secret: &Value) -> Secret {
    secret::read(&secret.to_string(), &names())
}

#[test]
fn what_is_stored_is_what_is_read() {
    let new = change(Change::New, None);
    let introduced = change(Change::Introduce, Some(&new));
    let promoted = change(Change::Promote, Some(&introduced));
    assert_eq!(promoted.former.len(), 1);
    assert_eq!(promoted.until, NOW + TIMING.leaf_life + TIMING.skew());
    let replaced = change(Change::Replace, Some(&promoted));
    assert_eq!(replaced.former.len(), 2);
    let retired = change(Change::Retire, Some(&replaced));
    for material in [new, introduced, promoted, replaced, retired] {
        assert_eq!(read(&stored(&material)), Secret::Whole(Box::new(material)));
    }
}

#[test]
fn a_certificate_is_for_its_names_and_ends_with_its_authority() {
    let authority = names().authority(NOW, NOW + Duration::from_secs(600)).unwrap();
    let mint = names();
    let workshop = Workshop { mint: &mint, timing: TIMING, now: NOW, held: None, served: None };
    let leaf = workshop.leaf(&authority).unwrap();
    assert_eq!(leaf.span.ends, authority.span.ends);
    assert_eq!(leaf.span.begins, NOW - Duration::from_secs(600));
    let without_key = Authority { key: None, ..authority };
    let error = workshop.leaf(&without_key).unwrap_err();
    assert_eq!(error.to_string(), "cannot issue a certificate: its key is gone");
    let material = change(Change::New, None);
    let others = Names::new(["detour.system.svc", "other.example"].map(str::to_owned)).unwrap();
    let Secret::Whole(read) = secret::read(&stored(&material).to_string(), &others) else {
        panic!("it is whole");
    };
    assert!(!read.leaf.unwrap().has_names, "it lacks other.example");
}

#[test]
fn who_signed_what_is_served_stays_trusted_as_long_as_that_lives() {
    let (mint, material) = (names(), change(Change::New, None));
    let served = change(Change::New, None).signer;
    let workshop =
        Workshop { mint: &mint, timing: TIMING, now: NOW, held: None, served: Some(&served) };
    let kept = workshop.apply(Change::Keep, Some(&material), &[]).unwrap();
    assert!(kept.trusted().contains(&served.id));
    assert_eq!(kept.until, NOW + TIMING.leaf_life + TIMING.skew());
}

#[test]
fn every_change_has_words_of_its_own() {
    let all = [
        Change::New,
        Change::Restore,
        Change::Renew,
        Change::Introduce,
        Change::Promote,
        Change::Replace,
        Change::Keep,
        Change::Retire,
    ];
    for words in [all.map(Change::describe), all.map(Change::name)] {
        assert_eq!(BTreeSet::from(words).len(), all.len(), "{words:?}");
    }
}

#[test]
fn every_way_of_damage_is_told_apart() {
    let material = change(Change::Introduce, Some(&change(Change::New, None)));
    let other = stored(&change(Change::New, None));
    let with = |key: &str, value: &Value| {
        let mut secret = stored(&material);
        secret["data"][key] = value.clone();
        read(&secret)
    };
    for garbage in [json!("Z2FyYmFnZQ=="), json!("not base64!"), json!("")] {
        let whole = |secret: Secret| match secret {
            Secret::Whole(material) => *material,
            other => panic!("{garbage}: {other:?}"),
        };
        assert!(whole(with("tls.crt", &garbage)).leaf.is_none());
        assert!(whole(with("tls.key", &garbage)).leaf.is_none());
        let without_next = whole(with("next-ca.key", &garbage));
        assert_eq!((without_next.next, without_next.former.len()), (None, 1));
        for key in ["ca.key", "ca.crt"] {
            let Secret::Damaged { reason, remains } = with(key, &garbage) else { panic!("{key}") };
            assert!(reason.contains("ca.key"), "{reason}");
            assert_eq!(remains.len(), if key == "ca.key" { 2 } else { 0 });
        }
    }
    for key in ["tls.crt", "tls.key"] {
        let Secret::Whole(mixed) = with(key, &other["data"][key]) else { panic!("{key}") };
        assert!(mixed.leaf.is_none(), "{key} of another Secret");
    }
    let key = with("ca.key", &other["data"]["ca.key"]);
    assert!(matches!(key, Secret::Damaged { .. }), "a key of another authority");
}

#[test]
fn what_is_not_ours_is_foreign() {
    let material = change(Change::New, None);
    for labels in [json!(null), json!({}), json!({"detour.dev/certificates": "other"})] {
        let mut secret = stored(&material);
        secret["metadata"]["labels"] = labels;
        let Secret::Foreign { reason } = read(&secret) else { panic!("{secret}") };
        assert_eq!(reason, "it has no label detour.dev/certificates: self");
    }
    assert!(matches!(secret::read("{}", &names()), Secret::Foreign { .. }));
}

#[test]
fn keys_are_printed_nowhere() {
    let material = change(Change::Introduce, Some(&change(Change::New, None)));
    let printed = format!("{material:?} {:?}", read(&stored(&material)));
    let keys = [&material.signer.key, &material.next.as_ref().unwrap().key];
    let keys = keys.map(|key| key.clone().unwrap());
    for key in keys.iter().chain([&material.leaf.as_ref().unwrap().key]) {
        let pem = key.secret();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
        for line in pem.lines() {
            assert!(!printed.contains(line), "{line}");
        }
    }
}

#[test]
fn labels_and_owners_of_the_secret_stay() {
    let former = json!({"type": "Opaque", "metadata": {
        "labels": {"app": "detour", "detour.dev/certificates": "self"},
        "annotations": {"a": "b"}, "uid": "1", "managedFields": [{}]}});
    let material = change(Change::New, None);
    let written = secret::write("detour-tls", "system", &material, Some(&former.to_string()));
    assert_eq!(written["type"], "Opaque", "it cannot be changed");
    assert_eq!(written["metadata"]["labels"], former["metadata"]["labels"]);
    assert_eq!(written["metadata"]["annotations"], former["metadata"]["annotations"]);
    assert_eq!(written["metadata"]["managedFields"], Value::Null);
    assert_eq!(stored(&material)["type"], "kubernetes.io/tls");
}

fn webhook(name: &str, config: &Value) -> Value {
    json!({"name": name, "clientConfig": config, "rules": []})
}

#[test]
fn only_the_bundles_of_webhooks_that_call_us_are_patched() {
    let service = |name: &str| json!({"service": {"name": name, "namespace": "system"}});
    let ours = change(Change::New, None);
    let configuration = json!({"metadata": {"resourceVersion": "7"}, "webhooks": [
        webhook("other", &service("other")),
        webhook("pods", &service("detour")),
        webhook("url", &json!({"url": "https://127.0.0.1:8443/mutate", "caBundle": "Z2FyYmFnZQ=="})),
        webhook("far", &json!({"url": "https://[::1]:8443/mutate"})),
    ]});
    let webhooks = Webhooks::read(&configuration.to_string(), &names()).unwrap();
    let Bundle::Held { common, exactly, .. } = webhooks.bundle() else { panic!("two are ours") };
    assert!(common.is_empty());
    assert_eq!(exactly.map(|ids| ids.len()), Some(0));
    let wanted = [(ours.signer.id, ours.signer.certificate.clone())].into();
    let patch = webhooks.patch(&wanted);
    let paths: Vec<String> = patch
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| {
            format!("{} {} {}", operation["op"], operation["path"], operation["value"])
        })
        .collect();
    assert_eq!(paths[0], r#""test" "/metadata/resourceVersion" "7""#);
    assert_eq!(paths[1], r#""test" "/webhooks/1/name" "pods""#);
    assert!(paths[2].starts_with(r#""add" "/webhooks/1/clientConfig/caBundle" "#));
    assert_eq!(paths[3], r#""test" "/webhooks/2/name" "url""#);
    assert!(paths[4].starts_with(r#""add" "/webhooks/2/clientConfig/caBundle" "#));
    assert_eq!(paths.len(), 5);

    let mut patched = configuration;
    let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
    json_patch::patch(&mut patched, &patch).unwrap();
    let webhooks = Webhooks::read(&patched.to_string(), &names()).unwrap();
    let Bundle::Held { common, detours, exactly } = webhooks.bundle() else { panic!("as before") };
    assert_eq!((common, exactly), (ours.trusted(), Some(ours.trusted())));
    assert_eq!(detours[&ours.signer.id].ends, ours.signer.span.ends);
    assert_eq!(webhooks.patch(&wanted).as_array().unwrap().len(), 1, "nothing more to do");
}

#[test]
fn a_configuration_without_our_webhooks_is_absent() {
    let read = |webhooks: Value| {
        let configuration = json!({"metadata": {"resourceVersion": "7"}, "webhooks": webhooks});
        Webhooks::read(&configuration.to_string(), &names()).unwrap().bundle()
    };
    assert_eq!(read(json!([])), Bundle::Absent);
    assert_eq!(read(json!([webhook("a", &json!({"url": "https://127.0.0.11/"}))])), Bundle::Absent);
    assert!(Webhooks::read("[]", &names()).is_err());
}
