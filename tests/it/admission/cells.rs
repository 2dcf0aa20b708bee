//! One golden file for each cell of field × operation × reason.

use std::collections::BTreeSet;

use detour::mapping::Mapping;
use detour::mapping::policy::Policy;
use detour::mapping::reason::Reason;
use serde_json::{Value, json};

use super::cell_reviews::review_of;
use super::golden::{compare, path_of};
use super::support::{admit_twice, globs, with_policy};

/// What an image field is in, in which request, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: &'static str,
    pub(super) operation: &'static str,
    pub(super) sub_resource: &'static str,
    pub(super) list: &'static str,
}

const fn place(
    kind: &'static str,
    operation: &'static str,
    sub_resource: &'static str,
    list: &'static str,
) -> Place {
    Place { kind, operation, sub_resource, list }
}

const DEPLOYMENT: &str = "apps/Deployment";
const EPHEMERAL: &str = "ephemeralcontainers";

/// The fields that are looked at, and the reasons that cannot occur there:
/// 17 reasons less these are the cells of a row.
const LOOKED_AT: [(Place, &[Reason]); 12] = [
    (place("Pod", "CREATE", "", "containers"), NEW),
    (place("Pod", "CREATE", "", "initContainers"), NEW),
    (place("Pod", "CREATE", "", "volumes"), NEW),
    (place("Pod", "UPDATE", "", "containers"), CHANGED),
    (place("Pod", "UPDATE", "", "initContainers"), CHANGED),
    (place("Pod", "UPDATE", EPHEMERAL, "ephemeralContainers"), ADDED),
    (place(DEPLOYMENT, "CREATE", "", "containers"), NEW),
    (place(DEPLOYMENT, "CREATE", "", "initContainers"), NEW),
    (place(DEPLOYMENT, "CREATE", "", "volumes"), NEW),
    (place(DEPLOYMENT, "UPDATE", "", "containers"), CHANGED),
    (place(DEPLOYMENT, "UPDATE", "", "initContainers"), CHANGED),
    (place(DEPLOYMENT, "UPDATE", "", "volumes"), CHANGED),
];

/// `same` never: what a rule would leave as it is counts as already there.
/// The others need an old object, or a request that cannot add a secret.
const NEW: &[Reason] = &[Reason::Same, Reason::Restored, Reason::Unchanged, Reason::NoPullSecret];
const CHANGED: &[Reason] = &[Reason::Same, Reason::NoPullSecret];
/// What is there already cannot be changed, and so not restored.
const ADDED: &[Reason] = &[Reason::Same, Reason::Restored];

/// Fields and requests that are not looked at, each with an image that would
/// be rewritten elsewhere.
const NOT_LOOKED_AT: [Place; 15] = [
    place("Pod", "CREATE", "", "ephemeralContainers"),
    place("Pod", "UPDATE", "", "ephemeralContainers"),
    place("Pod", "UPDATE", "", "volumes"),
    place("Pod", "UPDATE", EPHEMERAL, "containers"),
    place("Pod", "UPDATE", EPHEMERAL, "initContainers"),
    place("Pod", "UPDATE", EPHEMERAL, "volumes"),
    place("Pod", "UPDATE", "status", "containers"),
    place("Pod", "UPDATE", "resize", "containers"),
    place("Pod", "DELETE", "", "containers"),
    place("Pod", "CONNECT", "exec", "containers"),
    place(DEPLOYMENT, "CREATE", "", "ephemeralContainers"),
    place(DEPLOYMENT, "UPDATE", "", "ephemeralContainers"),
    place(DEPLOYMENT, "UPDATE", "status", "containers"),
    place(DEPLOYMENT, "DELETE", "", "containers"),
    place("serving.knative.dev/Service", "CREATE", "", "containers"),
];

/// The other kinds with a pod template; they differ in nothing but where it is.
const OTHER_TEMPLATES: [&str; 7] = [
    "PodTemplate",
    "ReplicationController",
    "apps/DaemonSet",
    "apps/ReplicaSet",
    "apps/StatefulSet",
    "batch/CronJob",
    "batch/Job",
];

const REASONS: [Reason; 17] = [
    Reason::Rewritten,
    Reason::Restored,
    Reason::Keep,
    Reason::NoRule,
    Reason::AlreadyThere,
    Reason::Same,
    Reason::InvalidResult,
    Reason::NotAReference,
    Reason::Empty,
    Reason::Placeholder,
    Reason::ImageId,
    Reason::Unchanged,
    Reason::NoPullSecret,
    Reason::MirrorPod,
    Reason::OptedOut,
    Reason::ExemptOwner,
    Reason::ExemptNamespace,
];

fn golden_policy() -> Mapping {
    let rules = std::fs::read_to_string(path_of("golden/rules.yaml")).expect("the rules");
    let policy = Policy {
        exempt_namespaces: globs(&["kube-system"]),
        exempt_owners: globs(&["postgresql.cnpg.io/*"]),
        label: Some(("detour.dev/patched".to_owned(), "yes".to_owned())),
        warnings: true,
        ..Policy::default()
    };
    with_policy(&rules, policy)
}

fn file_name(place: Place, reason: &str) -> String {
    let kind = place.kind.rsplit('/').next().unwrap_or_default().to_lowercase();
    let operation = place.operation.to_lowercase();
    let parts = [&kind, &operation, place.sub_resource, place.list, reason];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}.json", parts.join("-"))
}

/// The golden file of a cell: what was asked, and the answer.
fn answer(mapping: &Mapping, place: Place, reason: Reason, expected: &[Reason]) -> Value {
    let review = review_of(place, reason);
    let answer = admit_twice(&review, mapping);
    assert_eq!(answer.reasons(), expected, "{place:?} {reason}");
    if expected.is_empty() {
        assert_eq!(answer.patch, [] as [Value; 0], "{place:?}");
    }
    json!({ "request": review["request"], "response": answer.review["response"] })
}

#[test]
fn every_cell_has_its_golden_file() {
    let mapping = golden_policy();
    let mut found = Vec::new();
    for (place, cannot_occur) in LOOKED_AT {
        for reason in REASONS.into_iter().filter(|reason| !cannot_occur.contains(reason)) {
            let value = answer(&mapping, place, reason, &[reason]);
            found.push((file_name(place, reason.as_str()), value));
        }
    }
    for place in NOT_LOOKED_AT {
        let value = answer(&mapping, place, Reason::Rewritten, &[]);
        found.push((file_name(place, "not-looked-at"), value));
    }
    for kind in OTHER_TEMPLATES {
        for operation in ["CREATE", "UPDATE"] {
            let place = place(kind, operation, "", "containers");
            let value = answer(&mapping, place, Reason::Rewritten, &[Reason::Rewritten]);
            found.push((file_name(place, "rewritten"), value));
        }
    }
    compare("cells", &found);
}

#[test]
fn the_table_has_every_reason_and_every_field() {
    assert_eq!(BTreeSet::from(REASONS).len(), REASONS.len(), "each once");
    // Fails to compile when a reason is added: add it to REASONS as well.
    for reason in REASONS {
        match reason {
            Reason::Rewritten | Reason::Restored | Reason::Keep | Reason::NoRule => {}
            Reason::AlreadyThere | Reason::Same | Reason::InvalidResult => {}
            Reason::NotAReference | Reason::Empty | Reason::Placeholder | Reason::ImageId => {}
            Reason::Unchanged | Reason::NoPullSecret | Reason::MirrorPod => {}
            Reason::OptedOut | Reason::ExemptOwner | Reason::ExemptNamespace => {}
        }
    }
    let known: Vec<Place> =
        LOOKED_AT.into_iter().map(|(place, _)| place).chain(NOT_LOOKED_AT).collect();
    for kind in ["Pod", DEPLOYMENT] {
        for (operation, sub_resource) in [("CREATE", ""), ("UPDATE", ""), ("UPDATE", EPHEMERAL)] {
            for list in ["containers", "initContainers", "ephemeralContainers", "volumes"] {
                let cell = place(kind, operation, sub_resource, list);
                let is_there = kind == "Pod" || sub_resource.is_empty();
                assert!(!is_there || known.contains(&cell), "{cell:?} is in no row");
            }
        }
    }
}
