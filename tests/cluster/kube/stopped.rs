//! The API server is stopped and started again under a running watch.

use std::time::Duration;

use detour::kube::path::Selection;
use detour::kube::{Api, ApiError, ErrorKind, Event};
use serde_json::json;

use crate::control_plane::shared;
use crate::wait::{tell, wait_until};

use super::own_plane::OwnPlane;
use super::{LIMITS, api, config_map, config_maps, ours, watching};

/// What the first event of a watch from that version says.
fn first(api: &Api, selection: &Selection, version: &str) -> Result<Event, ApiError> {
    let mut stream = api.watch(selection, version, Duration::from_secs(60), &LIMITS)?;
    loop {
        match stream.event()? {
            Some(event) => return Ok(event),
            None => assert!(stream.wait()?, "the watch ended"),
        }
    }
}

#[test]
fn a_watch_outlives_the_api_server() {
    if shared().is_none() {
        return;
    }
    let Some(mut plane) = OwnPlane::start() else { return };
    let (client, administrator) = (api(plane.cluster), api(plane.cluster));
    let (maps, selection) = (config_maps("default"), ours("default"));
    watching(&client, &selection, LIMITS, |known| {
        let version = administrator.list(&selection, 1, None).unwrap().resource_version;
        administrator.create(&maps, &config_map("before", "x")).unwrap();
        let event = first(&administrator, &selection, &version).unwrap();
        assert!(matches!(event, Event::Stored(_)), "{event:?}");
        known.wait_for_all(&administrator, &selection);
        for round in 0..3 {
            let (before, failures) = (known.objects(), known.failures().len());
            plane.stop_api_server();
            wait_until("it is missed", || known.failures().len() >= failures + 3);
            assert_eq!(known.objects(), before, "what is known stays");
            plane.start_api_server();
            let name = format!("after-{round}");
            administrator.create(&maps, &config_map(&name, "x")).unwrap();
            let patch = json!({"data": {"text": round.to_string()}});
            administrator.merge_patch(&maps.object("before"), &patch).unwrap();
            known.wait_for_all(&administrator, &selection);
        }
        match first(&administrator, &selection, &version) {
            Ok(Event::Failed(status)) => assert_eq!(status.code, 410, "{status:?}"),
            Err(error) => assert!(matches!(error.kind, ErrorKind::Gone(_)), "{error:?}"),
            Ok(event) => panic!("the version is from long ago: {event:?}"),
        }
        tell(&format!("while the API server was away: {}", known.failures().join("; ")));
    });
}
