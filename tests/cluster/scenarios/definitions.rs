//! The definitions in the cluster are those of another version.

use detour::rules::Kind;
use detour::rules::schema::{definition, definition_name};
use serde_json::json;

use crate::control_plane::shared;
use crate::definitions::{DEFINITIONS, define};
use crate::detour::Instance;
use crate::kube::own_plane::OwnPlane;
use crate::wait::wait_until;

#[test]
fn an_older_definition_is_told_once_until_it_is_replaced() {
    if shared().is_none() {
        return;
    }
    let Some(plane) = OwnPlane::start() else { return };
    let cluster = plane.cluster;
    define(cluster);
    let path = format!("{DEFINITIONS}/{}", definition_name(Kind::ImageMap));
    let field = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/rollout";
    let patch = json!([{"op": "remove", "path": field}]);
    let media_type = "application/json-patch+json";
    let (status, answer) = cluster.api().request("PATCH", &path, media_type, &patch);
    assert_eq!(status, 200, "{answer}");
    let detour = Instance::start_asking(cluster, &["--source=api"]);
    let gauge =
        |name: &str| detour.metric(&format!("detour_crd_outdated{{definition=\"{name}\"}}"));
    let line = "crd-outdated: the definition imagemaps.detour.dev is not that of this version, it \
                differs in schema.openAPIV3Schema.properties.spec.properties.rollout";
    wait_until("it is told", || detour.readiness().1.contains(line));
    assert_eq!(gauge("imagemaps.detour.dev"), 1);
    assert_eq!(gauge("clusterimagemaps.detour.dev"), 0);
    assert_eq!(detour.readiness().0, 200);
    let applied = cluster.kubectl(
        &["apply", "--server-side", "--force-conflicts", "--filename=-"],
        &definition(Kind::ImageMap).to_string(),
    );
    assert!(applied.status.success());
    wait_until("it is told no longer", || !detour.readiness().1.contains("crd-outdated"));
    assert_eq!(gauge("imagemaps.detour.dev"), 0);
    assert_eq!(detour.log().matches("crd-outdated").count(), 1);
}
