//! The admission port: `POST /mutate`, and `GET /probe`.

use std::sync::Arc;
use std::time::Instant;

use bumpalo::Bump;

use super::Service;
use super::answer::{Answer, Status};
use super::http::Head;
use crate::admission::{self, Handling, Outcome, Recorded, images_in_json};
use crate::metrics::Metrics;
use crate::snapshot::Published;

/// Where reviews are sent.
pub const MUTATE_PATH: &str = "/mutate";
/// Where our own probe asks. Decides on a pod of its own by the rules in force,
/// and is neither counted nor logged: it comes every few seconds.
pub const PROBE_PATH: &str = "/probe";
const PROBE_REVIEW: &[u8] = br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"probe","kind":{"group":"","version":"v1","kind":"Pod"},"namespace":"probe","operation":"CREATE","object":{"metadata":{"name":"probe"},"spec":{"containers":[{"name":"probe","image":"probe"}]}}}}"#;
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Answers admission reviews by the snapshot that is published.
pub struct Admission {
    /// The rules.
    pub published: Arc<Published>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Service for Admission {
    fn check(&self, head: &Head<'_>) -> Result<(), Answer> {
        let method = match head.path {
            MUTATE_PATH => "POST",
            PROBE_PATH => "GET",
            _ => return Err(Answer::refusal(Status::NotFound)),
        };
        if head.method != method {
            return Err(Answer::refusal(Status::MethodNotAllowed).with_header("Allow", method));
        }
        if head.path == PROBE_PATH {
            return Ok(());
        }
        let media_type = head.content_type.unwrap_or_default().split(';').next();
        let is_json = media_type.is_some_and(|media| media.trim().eq_ignore_ascii_case(JSON));
        let hint = b"Unsupported Media Type: send Content-Type: application/json\n";
        match is_json {
            true => Ok(()),
            false => Err(Answer::new(Status::UnsupportedMediaType, TEXT, hint.to_vec())),
        }
    }

    fn answer(&self, head: &Head<'_>, body: &[u8], arena: &Bump) -> Answer {
        if head.path == PROBE_PATH {
            return self.probe(arena);
        }
        let start = Instant::now();
        let snapshot = self.published.load();
        let (answer, operation, outcome) = match admission::admit(body, &snapshot.mapping, arena) {
            Ok(admitted) => {
                let outcome = admitted.outcome;
                self.count_images(&outcome);
                log_decision(&outcome, arena);
                let answer = Answer::new(Status::Ok, JSON, admitted.body);
                let word = word_of(&outcome);
                (Answer { valued: true, ..answer }, outcome.operation, word)
            }
            Err(error) => {
                log::warn!("a request was refused: {error}");
                (undecodable(&error), "", "undecodable")
            }
        };
        self.metrics.admission(operation, outcome, start.elapsed());
        answer
    }

    fn panicked(&self, _head: &Head<'_>, body: &[u8]) -> Answer {
        self.metrics.panic();
        log::error!("a panic while answering a request, which is allowed unchanged");
        match admission::allow(body) {
            Ok(body) => Answer::new(Status::Ok, JSON, body),
            Err(error) => undecodable(&error),
        }
    }
}

impl Admission {
    /// Does what a review asks for.
    fn probe(&self, arena: &Bump) -> Answer {
        match admission::admit(PROBE_REVIEW, &self.published.load().mapping, arena) {
            Ok(_) => Answer::new(Status::Ok, TEXT, b"ok\n".to_vec()),
            Err(error) => undecodable(&error),
        }
    }

    fn count_images(&self, outcome: &Outcome<'_>) {
        for image in outcome.images {
            self.metrics.image(image.rule.map(|rule| rule.map), image.reason.as_str());
            if let Some(observed) = &image.observed {
                self.metrics.observed(observed.rule.map, observed.reason.as_str());
            }
        }
    }
}

fn undecodable(error: &admission::Undecodable) -> Answer {
    Answer::new(Status::BadRequest, TEXT, format!("{error}\n").into_bytes())
}

fn changes(outcome: &Outcome<'_>) -> usize {
    outcome.images.iter().filter(|image| image.new.is_some()).count()
}

fn word_of(outcome: &Outcome<'_>) -> &'static str {
    match outcome.handling {
        Handling::NotHandled => "not-handled",
        Handling::NotUnderstood => "not-understood",
        Handling::TooManyImages => "too-many-images",
        Handling::Decided if changes(outcome) > 0 => "patched",
        Handling::Decided => "unchanged",
    }
}

/// One line a decision, with every image.
fn log_decision(outcome: &Outcome<'_>, arena: &Bump) {
    if !log::log_enabled!(log::Level::Info) {
        return;
    }
    let Outcome { uid, kind, namespace, name, operation, dry_run, images, pull_secrets, .. } =
        outcome;
    let annotation = match outcome.recorded {
        Recorded::Unchanged => "unchanged",
        Recorded::Written => "written",
        Recorded::Removed => "removed",
        Recorded::AnnotationTooLarge => "annotation-too-large",
    };
    log::info!(
        uid = uid,
        kind = kind,
        namespace = namespace,
        name = name,
        operation = operation,
        dry_run = dry_run,
        "images!" = images_in_json(images, arena),
        pull_secrets:serde = pull_secrets,
        annotation = annotation;
        "{}: {} of {} images changed",
        word_of(outcome),
        changes(outcome),
        images.len()
    );
}
