//! What no rule is asked about, and pods that are left alone as a whole.

use detour::mapping::policy::{OptOut, Policy};
use detour::mapping::reason::Reason;
use detour::mapping::scope::{Owner, Pod};
use detour::rules::Source;
use detour::rules::selector::Globs;

use super::{check, mapping, pod_in};
use crate::rules::cluster_map;

#[test]
fn texts_that_name_no_image_are_left_alone() {
    let mapping = mapping(&[(Source::File, &cluster_map("d", "default: {to: m.example}"))]);
    let id = "0123456789abcdef".repeat(4);
    let cases = [
        ("", "empty"),
        ("auto", "placeholder"),
        (&id, "image-id"),
        (&format!("sha256:{id}"), "image-id"),
        (" nginx", "not-a-reference"),
        ("nginx ", "not-a-reference"),
        ("https://quay.io/x", "not-a-reference"),
        ("Nginx", "not-a-reference"),
        ("nginx:", "not-a-reference"),
        ("nginx@sha256:abc", "not-a-reference"),
        ("quay.io/x//y", "not-a-reference"),
        ("${IMAGE}", "not-a-reference"),
        ("/nginx", "not-a-reference"),
        // A name that the grammar lets through without a registry.
        ("foo_bar.com/baz", "not-a-reference"),
        (":5000/x", "not-a-reference"),
        ("nginx\n", "not-a-reference"),
        ("námé", "not-a-reference"),
    ];
    for (image, reason) in cases {
        check(&mapping, &[(image, &format!("{reason} - -"))]);
    }
    // Close to these, but names.
    check(
        &mapping,
        &[
            ("auto:1", "rewritten d#default m.example/library/auto:1"),
            ("autos", "rewritten d#default m.example/library/autos"),
            (&format!("{id}:1"), &format!("rewritten d#default m.example/library/{id}:1")),
            (&id[1..], &format!("rewritten d#default m.example/library/{}", &id[1..])),
        ],
    );
}

fn policy() -> Policy {
    Policy {
        exempt_namespaces: Globs::new(["kube-system", "detour-*"]).unwrap(),
        exempt_owners: Globs::new(["postgresql.cnpg.io/*"]).unwrap(),
        opt_outs: vec![
            opt_out("example.com/no-mirror", "disabled"),
            // What kubernetes-image-mapper has on namespaces.
            opt_out("image-mapper-webhook.image-relocation.pivotal.io/enabled", "false"),
        ],
        ..Policy::default()
    }
}

fn opt_out(key: &str, value: &str) -> OptOut {
    OptOut { key: key.to_owned(), value: value.to_owned() }
}

fn owner(group_kind: &str) -> Owner<'_> {
    Owner { group_kind, kind: "Cluster", name: "db", is_controller: true }
}

#[test]
fn an_ordinary_pod_is_not_exempt() {
    assert_eq!(policy().exemption(&pod_in("web")), None);
    assert_eq!(Policy::default().exemption(&pod_in("kube-system")), None);
    let pod = Pod { owners: &[owner("apps/Cluster")], ..pod_in("web") };
    assert_eq!(policy().exemption(&pod), None);
}

#[test]
fn exempt_namespaces_are_left_alone() {
    for namespace in ["kube-system", "detour-system"] {
        assert_eq!(policy().exemption(&pod_in(namespace)), Some(Reason::ExemptNamespace));
    }
    for namespace in ["kube-systems", "my-detour-system", "detour"] {
        assert_eq!(policy().exemption(&pod_in(namespace)), None, "{namespace}");
    }
}

#[test]
fn exempt_owners_are_left_alone_whichever_of_the_owners_they_are() {
    let owners = &[owner("apps/Cluster"), owner("postgresql.cnpg.io/Cluster")];
    let pod = Pod { owners, ..pod_in("web") };
    assert_eq!(policy().exemption(&pod), Some(Reason::ExemptOwner));
    assert_eq!(Policy::default().exemption(&pod), None);
}

#[test]
fn mirror_pods_are_left_alone_whatever_the_annotation_says() {
    for value in ["", "0123abcd", "false"] {
        let annotations = &[("kubernetes.io/config.mirror", value)];
        let pod = Pod { annotations, ..pod_in("web") };
        assert_eq!(Policy::default().exemption(&pod), Some(Reason::MirrorPod), "{value:?}");
    }
    let labels = &[("kubernetes.io/config.mirror", "x")];
    let pod = Pod { labels, ..pod_in("web") };
    assert_eq!(Policy::default().exemption(&pod), None);
}

#[test]
fn a_pod_opts_out_by_label_or_annotation() {
    let cases = [
        ("detour.dev/rewrite", "disabled", true),
        ("detour.dev/rewrite", "Disabled", false),
        ("detour.dev/rewrite", "enabled", false),
        ("detour.dev/rewrite", "", false),
        ("detour.dev/rewrites", "disabled", false),
        ("example.com/no-mirror", "disabled", true),
        ("example.com/no-mirror", "true", false),
        ("image-mapper-webhook.image-relocation.pivotal.io/enabled", "false", true),
        ("image-mapper-webhook.image-relocation.pivotal.io/enabled", "disabled", false),
        // Our own record on a pod is untrusted text.
        ("detour.dev/original-images", "disabled", false),
    ];
    for (key, value, opts_out) in cases {
        let expected = opts_out.then_some(Reason::OptedOut);
        let labelled = Pod { labels: &[("a", "b"), (key, value)], ..pod_in("web") };
        assert_eq!(policy().exemption(&labelled), expected, "label {key}: {value}");
        let annotated = Pod { annotations: &[("a", "b"), (key, value)], ..pod_in("web") };
        assert_eq!(policy().exemption(&annotated), expected, "annotation {key}: {value}");
    }
    let pod = Pod { labels: &[("example.com/no-mirror", "disabled")], ..pod_in("web") };
    assert_eq!(Policy::default().exemption(&pod), None);
}

#[test]
fn what_our_own_annotation_says_changes_no_decision() {
    let mapping = mapping(&[(Source::File, &cluster_map("d", "default: {to: m.example}"))]);
    let annotations = &[("detour.dev/original-images", "{\"containers/app\":\"a/b\"}")];
    let pod = Pod { annotations, ..pod_in("web") };
    let decided = super::outcome(&mapping, "a/b", &pod);
    assert_eq!(decided, "rewritten d#default m.example/a/b");
}

#[test]
fn reasons_are_spelled_as_documented() {
    let words = [
        (Reason::Rewritten, "rewritten"),
        (Reason::Restored, "restored"),
        (Reason::Keep, "keep"),
        (Reason::NoRule, "no-rule"),
        (Reason::AlreadyThere, "already-there"),
        (Reason::Same, "same"),
        (Reason::InvalidResult, "invalid-result"),
        (Reason::NotAReference, "not-a-reference"),
        (Reason::Empty, "empty"),
        (Reason::Placeholder, "placeholder"),
        (Reason::ImageId, "image-id"),
        (Reason::Unchanged, "unchanged"),
        (Reason::NoPullSecret, "no-pull-secret"),
        (Reason::MirrorPod, "mirror-pod"),
        (Reason::OptedOut, "opted-out"),
        (Reason::ExemptOwner, "exempt-owner"),
        (Reason::ExemptNamespace, "exempt-namespace"),
    ];
    for (reason, word) in words {
        assert_eq!(reason.to_string(), word);
    }
}
