//! The operations port: probes, metrics, rules and version, in plain text.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bumpalo::Bump;

use super::answer::{Answer, Status};
use super::http::Head;
use super::{Life, Server, Service, TlsSlot};
use crate::metrics::Metrics;
use crate::snapshot::Published;

const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PATHS: [&str; 5] = ["/livez", "/readyz", "/metrics", "/rules", "/version"];

/// Further lines for `/readyz?verbose`, of what does not make unready.
pub type Notes = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// Answers probes and scrapes.
pub struct Operations {
    /// The server of the admission port.
    pub admission: Arc<Server>,
    /// Whether that is alive.
    pub life: Arc<Life>,
    /// What is served there.
    pub published: Arc<Published>,
    /// How its certificate is doing.
    pub slot: Arc<TlsSlot>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What else is to be said.
    pub notes: Notes,
    /// Whether the process is about to end.
    pub draining: Arc<AtomicBool>,
}

impl Service for Operations {
    fn check(&self, head: &Head<'_>) -> Result<(), Answer> {
        if !PATHS.contains(&head.path) {
            return Err(Answer::refusal(Status::NotFound));
        }
        match head.method {
            "GET" | "HEAD" => Ok(()),
            _ => Err(Answer::refusal(Status::MethodNotAllowed).with_header("Allow", "GET, HEAD")),
        }
    }

    fn answer(&self, head: &Head<'_>, _body: &[u8], _arena: &Bump) -> Answer {
        match head.path {
            "/livez" => self.livez(),
            "/readyz" => self.readyz(head.query),
            "/metrics" => self.scrape(),
            "/rules" => self.rules(head.query),
            "/version" => text(Status::Ok, &format!("detour {}\n", env!("CARGO_PKG_VERSION"))),
            _ => Answer::refusal(Status::NotFound),
        }
    }

    fn panicked(&self, _head: &Head<'_>, _body: &[u8]) -> Answer {
        self.metrics.panic();
        Answer::refusal(Status::InternalServerError)
    }
}

impl Operations {
    fn livez(&self) -> Answer {
        match self.life.death() {
            None => text(Status::Ok, "ok\n"),
            Some(why) => text(Status::ServiceUnavailable, &format!("{why}\n")),
        }
    }

    /// Names what is missing, then what is wrong, a line each; then the
    /// sources, if one of them is missing or the query asks for them.
    fn readyz(&self, query: &str) -> Answer {
        let snapshot = self.published.load();
        let draining = self.draining.load(Ordering::Relaxed);
        let ending = draining.then(|| "missing: the process is about to end\n".to_owned());
        let certificate = self.slot.state();
        let missing = certificate.missing.iter().chain(&snapshot.missing);
        let missing = missing.map(|line| format!("missing: {line}\n"));
        let mut lines: String = ending.into_iter().chain(missing).collect();
        let is_ready = lines.is_empty();
        if is_ready {
            lines.push_str("ok\n");
        }
        let faults = certificate.faults.iter().chain(&snapshot.faults);
        lines.extend(faults.map(|line| format!("fault: {line}\n")));
        if !snapshot.missing.is_empty() || is_verbose(query) {
            let now = SystemTime::now();
            lines.extend(
                snapshot
                    .sources
                    .iter()
                    .map(|source| format!("source: {}: {}\n", source.name, source.describe(now))),
            );
            let notes = snapshot.sources.iter().flat_map(|source| &source.notes);
            lines.extend(notes.map(|line| format!("note: {line}\n")));
            lines.extend((self.notes)().iter().map(|line| format!("note: {line}\n")));
        }
        text(if is_ready { Status::Ok } else { Status::ServiceUnavailable }, &lines)
    }

    /// A page of the rules in force, from the number that the query names.
    fn rules(&self, query: &str) -> Answer {
        match first_rule(query) {
            Some(from) => text(Status::Ok, &self.published.load().mapping.page(from)),
            None => text(Status::BadRequest, "write the number of a rule, such as ?from=0\n"),
        }
    }

    fn scrape(&self) -> Answer {
        self.metrics.server.set(&self.admission.metrics());
        self.metrics.server.set_probe(self.life.metrics());
        match self.metrics.encode() {
            Ok(body) => Answer::new(Status::Ok, OPEN_METRICS, body.into_bytes()),
            Err(_) => Answer::refusal(Status::InternalServerError),
        }
    }
}

/// Whether `verbose` is there, with whatever value, as in the API server.
fn is_verbose(query: &str) -> bool {
    query.split('&').any(|part| part.split('=').next() == Some("verbose"))
}

/// The number after `from=`; 0 when there is none.
fn first_rule(query: &str) -> Option<usize> {
    let number = query.split('&').find_map(|part| part.strip_prefix("from="));
    number.map_or(Some(0), |number| number.parse().ok())
}

fn text(status: Status, body: &str) -> Answer {
    Answer::new(status, TEXT, body.as_bytes().to_vec())
}
