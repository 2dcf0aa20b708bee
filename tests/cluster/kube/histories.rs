//! Lists and watches tell exactly what happened.

use std::time::Duration;

use detour::client::ClientError;
use detour::kube::limits::WatchLimits;
use detour::kube::path::Selection;
use detour::kube::{Api, ErrorKind, Event, Object};
use serde_json::json;

use crate::control_plane::shared;
use crate::fixture::namespace;

use super::{LIMITS, api, config_map, config_maps, ours, watching};

/// Kind, name and version of an event.
type Told = (&'static str, String, String);

fn told(kind: &'static str, object: &Object) -> Told {
    (kind, object.metadata.name.clone(), object.metadata.resource_version.clone())
}

/// The events from a version on, as many as expected.
fn events(api: &Api, selection: &Selection, version: &str, count: usize) -> Vec<Told> {
    let mut stream = api.watch(selection, version, Duration::from_secs(60), &LIMITS).unwrap();
    let mut events = Vec::new();
    loop {
        while let Some(event) = stream.event().unwrap() {
            match event {
                Event::Stored(object) => events.push(told("stored", &object)),
                Event::Deleted(object) => events.push(told("deleted", &object)),
                Event::Bookmark(_) => {}
                event => panic!("{event:?}"),
            }
        }
        if events.len() >= count {
            return events;
        }
        assert!(stream.wait().unwrap(), "the watch ended after {events:?}");
    }
}

#[test]
fn a_watch_tells_every_change_once_and_in_order() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "history");
    let (api, maps, selection) = (api(cluster), config_maps(&namespace), ours(&namespace));
    let begin = api.list(&selection, 10, None).unwrap();
    let mut expected = Vec::new();
    for round in 0..8 {
        for name in ["one", "two", "three"] {
            let object = match round {
                0 => api.create(&maps, &config_map(name, "0")).unwrap(),
                _ => {
                    let patch = json!({"data": {"text": round.to_string()}});
                    api.merge_patch(&maps.object(name), &patch).unwrap()
                }
            };
            expected.push(told("stored", &object));
        }
    }
    cluster.api().delete(&maps.object("two").to_string());
    let again = api.create(&maps, &config_map("two", "again")).unwrap();
    let got = events(&api, &selection, &begin.resource_version, expected.len() + 2);
    assert_eq!(got[..expected.len()], expected);
    let (kind, name, _) = &got[expected.len()];
    assert_eq!((*kind, name.as_str()), ("deleted", "two"));
    assert_eq!(got[expected.len() + 1..], [told("stored", &again)]);
    let version = &expected[5].2;
    assert_eq!(events(&api, &selection, version, 1)[0], expected[6], "from any version on");
}

#[test]
fn a_list_comes_in_parts_of_one_version() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "parts");
    let (api, maps, selection) = (api(cluster), config_maps(&namespace), ours(&namespace));
    for number in 0..5 {
        api.create(&maps, &config_map(&format!("map-{number}"), "x")).unwrap();
    }
    let mut names = Vec::new();
    let (mut version, mut token) = (None, None);
    loop {
        let part = api.list(&selection, 2, token.as_deref()).unwrap();
        assert!(part.items.len() <= 2);
        names.extend(part.items.into_iter().map(|object| object.metadata.name));
        let first = version.get_or_insert_with(|| part.resource_version.clone());
        assert_eq!(*first, part.resource_version);
        // It is in no part that comes later.
        api.create(&maps, &config_map(&format!("z-{}", names.len()), "x")).unwrap();
        token = part.continue_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(names, ["map-0", "map-1", "map-2", "map-3", "map-4"]);
}

#[test]
fn one_object_is_watched_by_its_name() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "one");
    let (administrator, maps) = (api(cluster), config_maps(&namespace));
    let selection = Selection::one(maps.clone(), "rules");
    watching(&api(cluster), &selection, LIMITS, |known| {
        known.wait_for_all(&administrator, &selection);
        assert_eq!(known.names(), Some(vec![]), "it is not there yet");
        administrator.create(&maps, &config_map("other", "x")).unwrap();
        administrator.create(&maps, &config_map("rules", "x")).unwrap();
        known.wait_for_all(&administrator, &selection);
        assert_eq!(known.names(), Some(vec!["rules".to_owned()]));
        cluster.api().delete(&maps.object("rules").to_string());
        known.wait_for_all(&administrator, &selection);
        assert_eq!(known.failures(), [] as [String; 0]);
    });
}

#[test]
fn many_short_watches_lose_nothing() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "short");
    let (administrator, maps, selection) =
        (api(cluster), config_maps(&namespace), ours(&namespace));
    // The server ends each after a second, the shortest time there is.
    let limits = WatchLimits { watch: Duration::from_secs(1), page_objects: 3, ..LIMITS };
    watching(&api(cluster), &selection, limits, |known| {
        let begin = std::time::Instant::now();
        let mut round = 0;
        while begin.elapsed() < Duration::from_secs(5) {
            let name = format!("map-{}", round % 10);
            let path = maps.object(&name);
            match administrator.create(&maps, &config_map(&name, "x")) {
                Ok(_) => {}
                Err(error) if matches!(error.kind, ErrorKind::AlreadyExists(_)) => {
                    if round % 3 == 0 {
                        cluster.api().delete(&path.to_string());
                    } else {
                        let patch = json!({"data": {"text": round.to_string()}});
                        administrator.merge_patch(&path, &patch).unwrap();
                    }
                }
                Err(error) => panic!("{error}"),
            }
            round += 1;
        }
        known.wait_for_all(&administrator, &selection);
        assert_eq!(known.failures(), [] as [String; 0], "after {round} changes");
    });
}

#[test]
fn a_version_or_a_continuation_that_is_none_is_refused() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "none");
    let (api, selection) = (api(cluster), ours(&namespace));
    let watched = api.watch(&selection, "none", Duration::from_secs(60), &LIMITS);
    let Err(error) = watched else { panic!("it watches") };
    // The server does not blame the version: three of these lead to a list.
    assert!(matches!(error.kind, ErrorKind::Unavailable { status: 500, .. }), "{error:?}");
    let error = api.list(&selection, 1, Some("none")).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Invalid(_)), "{error:?}");
}

#[test]
fn a_watch_that_waits_ends_when_it_is_shut_down() {
    let Some(cluster) = shared() else { return };
    let namespace = namespace(cluster, "shut");
    let api = api(cluster);
    let selection = ours(&namespace);
    let version = api.list(&selection, 1, None).unwrap().resource_version;
    let mut stream = api.watch(&selection, &version, Duration::from_secs(60), &LIMITS).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || while stream.wait().unwrap_or(false) {});
        api.shutdown();
        waiting.join().unwrap();
    });
    let error = api.list(&selection, 1, None).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Unreachable(ClientError::ShutDown)), "{error:?}");
}
