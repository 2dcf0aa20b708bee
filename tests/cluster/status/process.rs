//! Detour itself: its status, its words about the definitions, its leaving.

use serde_json::Value;

use super::{Bed, map};
use crate::control_plane::shared;
use crate::detour::Instance;
use crate::wait::wait_until;

#[test]
fn a_process_with_objects_as_a_source_writes_back_and_leaves() {
    let Some(cluster) = shared() else { return };
    let bed = Bed::new(cluster, "process");
    let flags = ["--source", "api", "--lease", "process", "--namespace", &bed.namespace];
    let detour = Instance::start_asking(cluster, &flags);
    wait_until("it leads", || detour.metric("detour_leader") == 1);
    let mut wrong = map("ImageMap", "wrong", "mirror.example/a");
    wrong["spec"]["rules"][0]["prefix"] = "not a registry".into();
    bed.api.create(&bed.maps(), &wrong);
    let stored = bed.wait_for("wrong", "False", "Invalid");
    let message = stored["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("hub"), "{message}");
    bed.edit("wrong", "mirror.example/a");
    bed.wait_for("wrong", "True", "InForce");
    let lease = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/process", bed.namespace);
    let holder = || bed.api.get(&lease)["spec"]["holderIdentity"].clone();
    assert_ne!(holder(), Value::Null);
    detour.terminate();
    // Null: the API server drops an empty name.
    assert!(["", "null"].contains(&holder().to_string().trim_matches('"')), "{}", holder());
}
