//! The two services, without a socket.

use bumpalo::Bump;
use std::sync::Arc;

use detour::metrics::Metrics;
use detour::server::http::{self, Head};
use detour::server::routes::Admission;
use detour::server::{Answer, Limits, Service};
use detour::snapshot::{Published, Snapshot};
use serde_json::Value;

fn admission() -> (Admission, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::default());
    let published = Arc::new(Published::new(Snapshot::default()));
    (Admission { published, metrics: Arc::clone(&metrics) }, metrics)
}

fn with_head<R>(line: &str, content_type: &str, use_it: impl FnOnce(&Head<'_>) -> R) -> R {
    let text = format!(
        "{line} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Type: {content_type}\r\n\r\n"
    );
    use_it(&http::parse(text.as_bytes(), &Limits::admission()).unwrap().unwrap())
}

fn refusal(line: &str, content_type: &str) -> Option<Answer> {
    with_head(line, content_type, |head| admission().0.check(head).err())
}

#[test]
fn only_json_posted_to_the_one_path_is_taken() {
    for content_type in ["application/json", "application/json; charset=utf-8", "Application/JSON"]
    {
        assert_eq!(refusal("POST /mutate?timeout=5s", content_type), None, "{content_type}");
    }
    let status = |line, content_type| refusal(line, content_type).unwrap().status.code();
    assert_eq!(status("POST /mutate/", "application/json"), 404);
    assert_eq!(status("POST /", "application/json"), 404);
    assert_eq!(status("PUT /mutate", "application/json"), 405);
    assert_eq!(refusal("GET /mutate", "application/json").unwrap().header, Some(("Allow", "POST")));
    assert_eq!(status("POST /mutate", "application/yaml"), 415);
    assert_eq!(status("POST /mutate", "application/jsonx"), 415);
}

#[test]
fn a_panic_is_answered_with_allowed_and_counted() {
    let (service, metrics) = admission();
    let review = br#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"u1"}}"#;
    let answer =
        with_head("POST /mutate", "application/json", |head| service.panicked(head, review));
    assert_eq!(answer.status.code(), 200);
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["apiVersion"], "admission.k8s.io/v1beta1");
    assert_eq!(body["response"], serde_json::json!({"uid": "u1", "allowed": true}));
    assert!(metrics.encode().unwrap().contains("detour_panics_total 1\n"));
}

#[test]
fn only_a_valid_review_makes_a_connection_valued() {
    let (service, _) = admission();
    let answer = |body: &[u8]| {
        with_head("POST /mutate", "application/json", |head| {
            service.answer(head, body, &Bump::new())
        })
    };
    assert!(answer(br#"{"request":{"uid":"u1"}}"#).valued);
    let refused = answer(b"{}");
    assert!(!refused.valued);
    assert_eq!(refused.body, b"the body is not an AdmissionReview: it has no request\n");
}

#[test]
fn the_probe_is_answered_by_a_decision_that_is_not_counted() {
    let (service, metrics) = admission();
    let before = metrics.encode().unwrap();
    let lines = |text: &str| {
        let own = text.lines().filter(|line| line.starts_with("detour_"));
        own.map(str::to_owned).collect::<Vec<_>>()
    };
    let answer = with_head("GET /probe", "", |head| {
        assert_eq!(service.check(head).err(), None);
        service.answer(head, b"", &Bump::new())
    });
    assert_eq!(
        (answer.status.code(), answer.body.as_slice(), answer.valued),
        (200, &b"ok\n"[..], false)
    );
    assert_eq!(lines(&metrics.encode().unwrap()), lines(&before));
    assert_eq!(refusal("POST /probe", "application/json").unwrap().header, Some(("Allow", "GET")));
}
