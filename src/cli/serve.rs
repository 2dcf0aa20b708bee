//! `detour serve`: the webhook.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Exit, report};
use crate::certs::files::{Files, Watcher};
use crate::certs::{CertificateError, dev};
use crate::config::{RuleSource, ServeConfig, Tls};
use crate::logging;
use crate::mapping::Mapping;
use crate::metrics::Metrics;
use crate::rules::{self, Source, Text};
use crate::server::limits::{self, DescriptorShortage};
use crate::server::operations::Operations;
use crate::server::routes::{Admission, MUTATE_PATH};
use crate::server::{self, Limits, Server, ServerError, TlsSlot, Transport};
use crate::snapshot::{Published, Snapshot};
use crate::sources::{Publisher, file};
use crate::status::WriteBack;
use crate::supervise::{self, Event, SuperviseError, Supervisor};

/// The map that `--tls dev` uses when no rules are given.
const SAMPLE: &str = include_str!("../../examples/rules.yaml");
/// Most rules that are shown at start.
const RULES_SHOWN_MAX: usize = 20;

/// Why the webhook does not start or had to end.
#[derive(Debug)]
pub enum ServeError {
    /// There is no usable certificate.
    Certificate(CertificateError),
    /// Fewer descriptors than connections.
    Descriptors(DescriptorShortage),
    /// A second signal came before the drain was over.
    Interrupted,
    /// A port cannot be served.
    Server(ServerError),
    /// A thread or the signals cannot be set up.
    Supervise(SuperviseError),
    /// A thread ended that the process cannot go on without.
    ThreadEnded {
        /// The thread's name.
        thread: String,
    },
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(error) => error.fmt(f),
            Self::Descriptors(error) => error.fmt(f),
            Self::Interrupted => f.write_str("a second signal ended the drain"),
            Self::Server(error) => error.fmt(f),
            Self::Supervise(error) => error.fmt(f),
            Self::ThreadEnded { thread } => write!(f, "the thread {thread} ended"),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Certificate(error) => error.source(),
            Self::Descriptors(error) => error.source(),
            Self::Server(error) => error.source(),
            Self::Supervise(error) => error.source(),
            Self::Interrupted | Self::ThreadEnded { .. } => None,
        }
    }
}

/// Serves until a signal or a fault ends it.
///
/// [`Exit::Done`] after a drain, [`Exit::Usage`] when the configuration cannot
/// be served, [`Exit::Failed`] when a thread ended.
pub fn run(config: &ServeConfig) -> Exit {
    logging::init(&config.log);
    match serve(config) {
        Ok(()) => Exit::Done,
        Err(error) => {
            report(&mut io::stderr().lock(), &error, hint(&error));
            match error {
                ServeError::Interrupted
                | ServeError::ThreadEnded { .. }
                | ServeError::Supervise(_) => Exit::Failed,
                ServeError::Certificate(_) | ServeError::Descriptors(_) | ServeError::Server(_) => {
                    Exit::Usage
                }
            }
        }
    }
}

fn hint(error: &ServeError) -> Option<&'static str> {
    match error {
        ServeError::Certificate(_) => Some("check --tls-cert and --tls-key"),
        ServeError::Server(_) => Some("another process may listen there: check --listen"),
        ServeError::Descriptors(_) => Some("lower --max-connections, or raise ulimit -n"),
        ServeError::Interrupted | ServeError::Supervise(_) | ServeError::ThreadEnded { .. } => None,
    }
}

fn serve(config: &ServeConfig) -> Result<(), ServeError> {
    let (supervisor, events) = supervise::supervisor();
    let slot = certificate(&config.tls, &supervisor)?;
    let metrics = Arc::new(Metrics::default());
    let published = rules_in_force(config, &metrics, &supervisor)?;
    // Before a port answers: from then on a signal must not cut a request.
    supervisor.watch_signals().map_err(ServeError::Supervise)?;
    let draining = Arc::new(AtomicBool::new(false));
    let admission = listen(config, slot, &published, &metrics, &draining, &supervisor)?;
    // `WriteBack::start` belongs beside the source that fills its slots.
    let write_back: Option<WriteBack> = None;
    if config.tls == Tls::Dev {
        introduce(admission.address(), &published.load().mapping);
    }
    loop {
        match events.wait() {
            Event::Drain => {
                draining.store(true, Ordering::Relaxed);
                drain(Arc::clone(&admission), write_back.clone(), config.drain, &supervisor)?;
            }
            Event::Finished => return Ok(()),
            Event::Quit => return Err(ServeError::Interrupted),
            Event::Ended { thread } => return Err(ServeError::ThreadEnded { thread }),
        }
    }
}

/// Starts both ports; gives the server of the admission port.
fn listen(
    config: &ServeConfig,
    slot: Arc<TlsSlot>,
    published: &Arc<Published>,
    metrics: &Arc<Metrics>,
    draining: &Arc<AtomicBool>,
    supervisor: &Supervisor,
) -> Result<Arc<Server>, ServeError> {
    let limits = Limits { connections: config.max_connections, ..Limits::admission() };
    let operations_limits = Limits::operations();
    limits::check_descriptors(limits.connections + operations_limits.connections)
        .map_err(ServeError::Descriptors)?;
    let start = |name, address, transport, limits, service| {
        server::bind(address)
            .and_then(|socket| Server::start(name, socket, transport, limits, service, supervisor))
            .map_err(ServeError::Server)
    };
    let (published, metrics) = (Arc::clone(published), Arc::clone(metrics));
    let service =
        Arc::new(Admission { published: Arc::clone(&published), metrics: Arc::clone(&metrics) });
    let admission = start("admission", config.listen, Transport::Tls(slot), limits, service)?;
    let admission = Arc::new(admission);
    let draining = Arc::clone(draining);
    let service =
        Arc::new(Operations { admission: Arc::clone(&admission), published, metrics, draining });
    let operations =
        start("operations", config.ops_listen, Transport::Plain, operations_limits, service)?;
    log::info!(
        "admission on https://{}{MUTATE_PATH}, operations on http://{}",
        admission.address(),
        operations.address()
    );
    log::info!("limits of admission: {limits}; drain {:?}", config.drain);
    log::info!("limits of operations: {operations_limits}");
    Ok(admission)
}

fn drain(
    admission: Arc<Server>,
    write_back: Option<WriteBack>,
    duration: Duration,
    supervisor: &Supervisor,
) -> Result<(), ServeError> {
    admission.begin_drain();
    log::info!("draining for {duration:?}; another signal ends at once");
    let work = move || {
        if let Some(write_back) = write_back {
            write_back.release();
        }
        match admission.drain(duration) {
            0 => log::info!("drained"),
            left => log::warn!("drained, but {left} connections were cut"),
        }
    };
    supervisor.spawn_last("drain", work).map_err(ServeError::Supervise)
}

fn certificate(tls: &Tls, supervisor: &Supervisor) -> Result<Arc<TlsSlot>, ServeError> {
    let slot = Arc::new(TlsSlot::empty());
    match tls {
        Tls::Dev => slot.set(dev::generate().map_err(ServeError::Certificate)?.config),
        Tls::Files { certificate, key } => {
            let files = Files { certificate: certificate.clone(), key: key.clone() };
            let watcher =
                Watcher::start(files, Arc::clone(&slot)).map_err(ServeError::Certificate)?;
            supervisor
                .spawn_vital("certificate", || watcher.run())
                .map_err(ServeError::Supervise)?;
        }
    }
    Ok(slot)
}

/// Publishes the rules and keeps them up to date.
fn rules_in_force(
    config: &ServeConfig,
    metrics: &Arc<Metrics>,
    supervisor: &Supervisor,
) -> Result<Arc<Published>, ServeError> {
    let missing = vec!["rules".to_owned()];
    let published = Arc::new(Published::new(Snapshot { missing, ..Snapshot::default() }));
    let publisher = Publisher {
        published: Arc::clone(&published),
        policy: config.policy.clone(),
        metrics: Arc::clone(metrics),
    };
    match &config.rules {
        RuleSource::Sample => {
            let sample = Text { name: "the sample".to_owned(), content: SAMPLE.to_owned() };
            publisher.publish(rules::load(Source::File, &[sample]));
        }
        RuleSource::Paths(paths) => {
            let (watcher, loaded) = file::Watcher::start(paths.clone());
            publisher.publish(loaded);
            supervisor
                .spawn_vital("rules", move || watcher.run(|loaded| publisher.publish(loaded)))
                .map_err(ServeError::Supervise)?;
        }
    }
    Ok(published)
}

/// What somebody who tries it out needs to know.
fn introduce(address: SocketAddr, mapping: &Mapping) {
    let mut text = String::from("rules in force:\n");
    for (id, rule) in mapping.rules().take(RULES_SHOWN_MAX) {
        let result =
            rule.action.target().map_or("kept".to_owned(), |target| format!("-> {target}"));
        text.push_str(&format!("  {id}: {} {result}\n", rule.matcher));
    }
    let more = mapping.rules().len().saturating_sub(RULES_SHOWN_MAX);
    if more > 0 {
        text.push_str(&format!("  and {more} more\n"));
    }
    let url = format!("https://{address}{MUTATE_PATH}");
    let review = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","kind":{"group":"","version":"v1","kind":"Pod"},"namespace":"default","operation":"CREATE","object":{"metadata":{"name":"web"},"spec":{"containers":[{"name":"web","image":"nginx:1.27"}]}}}}"#;
    text.push_str("try:\n");
    text.push_str(&format!("  curl -sk {url} -H 'Content-Type: application/json' -d '{review}'\n"));
    let mut out = io::stdout().lock();
    // Nobody may be reading; the webhook serves all the same.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
