//! Single requests: what is sent, and what the answers mean.

use std::time::Duration;

use detour::kube::{ApiError, Conflicts, ErrorKind};
use serde_json::{Value, json};

use super::script::{Reply, Server};
use super::{Account, LIMITS, config_map, config_maps, named, status};

const PATH: &str = "/api/v1/namespaces/a/configmaps";

/// What a GET of `rules` fails with.
fn refusal(reply: Reply) -> ApiError {
    let server = Server::start(vec![reply]);
    let account = Account::new(&server.pair.certificate);
    account.api(&server, LIMITS).get(&named("rules")).unwrap_err()
}

#[test]
fn requests_are_those_of_the_api() {
    let reply = || Reply::json(200, &config_map("rules", 7));
    let server = Server::start((0..6).map(|_| reply()).collect());
    let account = Account::new(&server.pair.certificate);
    let api = account.api(&server, LIMITS);
    let (path, object) = (named("rules"), json!({"data": {"a": "b"}}));
    assert_eq!(api.get(&path).unwrap().metadata.uid, "rules-uid");
    api.create(&config_maps(), &object).unwrap();
    api.update(&path, object.clone(), "6").unwrap();
    let status = path.clone().subresource("status");
    api.apply(&status, &object, "detour-status", Conflicts::Force).unwrap();
    let patch = json!([{"op": "test", "path": "/data/a", "value": "b"}]);
    api.json_patch(&path, &patch).unwrap();
    api.merge_patch(&path, &json!({"data": {"a": null}})).unwrap();
    let expected = [
        (format!("GET {PATH}/rules"), None, ""),
        (format!("POST {PATH}"), Some("application/json"), r#"{"data":{"a":"b"}}"#),
        (
            format!("PUT {PATH}/rules"),
            Some("application/json"),
            r#"{"data":{"a":"b"},"metadata":{"resourceVersion":"6"}}"#,
        ),
        (
            format!("PATCH {PATH}/rules/status?fieldManager=detour-status&force=true"),
            Some("application/apply-patch+yaml"),
            r#"{"data":{"a":"b"}}"#,
        ),
        (
            format!("PATCH {PATH}/rules"),
            Some("application/json-patch+json"),
            r#"[{"op":"test","path":"/data/a","value":"b"}]"#,
        ),
        (
            format!("PATCH {PATH}/rules"),
            Some("application/merge-patch+json"),
            r#"{"data":{"a":null}}"#,
        ),
    ];
    let received = server.received();
    assert_eq!(received.len(), expected.len());
    for (received, (line, media_type, body)) in received.iter().zip(expected) {
        assert_eq!(received.line, line);
        assert_eq!(received.header("content-type"), media_type, "{line}");
        assert_eq!(received.body, body, "{line}");
        assert_eq!(received.header("accept"), Some("application/json"));
        assert_eq!(received.header("accept-encoding"), None);
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(received.header("user-agent"), Some(format!("detour/{version}").as_str()));
    }
}

#[test]
fn an_object_is_its_metadata_and_all_of_it() {
    let mut written = config_map("rules", 7);
    written["metadata"]["generation"] = 3.into();
    written["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z".into();
    let server = Server::start(vec![Reply::json(200, &written)]);
    let account = Account::new(&server.pair.certificate);
    let object = account.api(&server, LIMITS).get(&named("rules")).unwrap();
    assert_eq!(object.json(), written.to_string());
    assert_eq!(object.decode::<Value>().unwrap(), written);
    let metadata = &object.metadata;
    assert_eq!((metadata.namespace.as_str(), metadata.name.as_str()), ("a", "rules"));
    assert_eq!((metadata.uid.as_str(), metadata.resource_version.as_str()), ("rules-uid", "7"));
    assert_eq!(metadata.generation, Some(3));
    assert_eq!(metadata.creation_timestamp.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(metadata.deletion_timestamp.as_deref(), Some("2026-01-02T00:00:00Z"));
}

#[test]
fn each_refusal_is_a_kind_to_branch_on() {
    let kind = |code, reason| {
        let error = refusal(Reply::json(code, &status(code, reason, "why")));
        assert_eq!(
            (error.method.as_str(), &*error.path),
            ("GET", format!("{PATH}/rules").as_str())
        );
        assert!(error.to_string().ends_with(": why"), "{error}");
        error.kind
    };
    assert!(matches!(kind(400, "BadRequest"), ErrorKind::Invalid(_)));
    assert!(matches!(kind(401, "Unauthorized"), ErrorKind::Unauthorized(_)));
    assert!(matches!(kind(403, "Forbidden"), ErrorKind::Forbidden(_)));
    assert!(matches!(kind(404, "NotFound"), ErrorKind::NotFound(_)));
    assert!(matches!(kind(409, "Conflict"), ErrorKind::Conflict(_)));
    assert!(matches!(kind(409, "AlreadyExists"), ErrorKind::AlreadyExists(_)));
    assert!(matches!(kind(410, "Expired"), ErrorKind::Gone(_)));
    assert!(matches!(kind(415, "UnsupportedMediaType"), ErrorKind::Refused { status: 415, .. }));
    assert!(matches!(kind(422, "Invalid"), ErrorKind::Invalid(_)));
    assert!(matches!(kind(429, "TooManyRequests"), ErrorKind::TooManyRequests { .. }));
    assert!(matches!(kind(503, "ServiceUnavailable"), ErrorKind::Unavailable { status: 503, .. }));
}

#[test]
fn what_the_server_asks_for_is_kept() {
    let head = "Retry-After: 7\r\n".to_owned();
    let error = refusal(Reply::Answer(429, head, b"too many".to_vec()));
    assert_eq!(error.kind.retry_after(), Some(Duration::from_secs(7)));
    assert!(error.to_string().ends_with("too many requests: too many"), "{error}");
    let mut body = status(503, "ServiceUnavailable", "later");
    body["details"]["retryAfterSeconds"] = 3.into();
    let error = refusal(Reply::json(503, &body));
    assert_eq!(error.kind.retry_after(), Some(Duration::from_secs(3)));
    let head = "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n".to_owned();
    let error = refusal(Reply::Answer(429, head, Vec::new()));
    assert_eq!(error.kind.retry_after(), None);
}

#[test]
fn a_message_without_end_is_cut() {
    let text = "ä".repeat(5_000);
    let error = refusal(Reply::json(403, &status(403, "Forbidden", &text)));
    let ErrorKind::Forbidden(message) = error.kind else { panic!("{error}") };
    assert_eq!(message, "ä".repeat(512) + "…");
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Server::start(vec![]);
    let head = format!("Location: https://{}/x\r\n", elsewhere.address);
    let error = refusal(Reply::Answer(307, head, Vec::new()));
    assert!(matches!(error.kind, ErrorKind::Refused { status: 307, .. }), "{error:?}");
    assert!(error.to_string().contains("a redirect to https://127.0.0.1:"), "{error}");
    assert!(elsewhere.lines().is_empty());
}

#[test]
fn what_is_no_object_is_malformed() {
    for body in ["", "[]", "{}", r#"{"metadata": 1}"#, r#"{"metadata": {}"#] {
        let error = refusal(Reply::Answer(200, String::new(), body.into()));
        assert!(matches!(error.kind, ErrorKind::Malformed(_)), "{body} {error:?}");
    }
}
