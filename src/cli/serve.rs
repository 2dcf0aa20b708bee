//! `detour serve`: the webhook.

use std::env;
use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Exit, report, sources, write_back};
use crate::certs::files::{Files, Watcher};
use crate::certs::own;
use crate::certs::own::keeper::{Keeper, Settings};
use crate::certs::own::mint::Names;
use crate::certs::{CertificateError, dev, tell_served};
use crate::client::{self, ProxyVariables, SetupError};
use crate::config::{OwnCertificates, ServeConfig, Tls};
use crate::kube::{Api, CredentialError, account};
use crate::logging;
use crate::mapping::Mapping;
use crate::metrics::Metrics;
use crate::server::limits::{self, DescriptorShortage};
use crate::server::operations::{Notes, Operations};
use crate::server::probe::{self, Timing};
use crate::server::routes::{Admission, MUTATE_PATH, PROBE_PATH};
use crate::server::{self, Limits, Server, ServerError, TlsSlot, Transport};
use crate::snapshot::Published;
use crate::status::WriteBack;
use crate::supervise::{self, Event, SuperviseError, Supervisor};

/// Most rules that are shown at start.
const RULES_SHOWN_MAX: usize = 20;

/// Why the webhook does not start or had to end.
#[derive(Debug)]
pub enum ServeError {
    /// There is no usable certificate.
    Certificate(CertificateError),
    /// The API server cannot be asked.
    Credentials(CredentialError),
    /// Fewer descriptors than connections.
    Descriptors(DescriptorShortage),
    /// Harbor cannot be asked.
    Harbor(SetupError),
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
            Self::Credentials(error) => error.fmt(f),
            Self::Descriptors(error) => error.fmt(f),
            Self::Harbor(error) => error.fmt(f),
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
            Self::Credentials(error) => error.source(),
            Self::Descriptors(error) => error.source(),
            Self::Harbor(error) => error.source(),
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
    let served = serve(config);
    logging::settle();
    match served {
        Ok(()) => Exit::Done,
        Err(error) => {
            report(&mut io::stderr().lock(), &error, hint(&error));
            match error {
                ServeError::Interrupted
                | ServeError::ThreadEnded { .. }
                | ServeError::Supervise(_) => Exit::Failed,
                ServeError::Certificate(_)
                | ServeError::Credentials(_)
                | ServeError::Descriptors(_)
                | ServeError::Harbor(_)
                | ServeError::Server(_) => Exit::Usage,
            }
        }
    }
}

fn hint(error: &ServeError) -> Option<&'static str> {
    match error {
        ServeError::Certificate(CertificateError::Name(_)) => Some("check --tls-names"),
        ServeError::Certificate(_) => Some("check --tls-cert and --tls-key"),
        ServeError::Credentials(_) => {
            Some("run it in a pod with a service account, or write --kubeconfig PATH")
        }
        ServeError::Harbor(_) => Some("check --harbor-url and --harbor-registry"),
        ServeError::Server(_) => Some("another process may listen there: check --listen"),
        ServeError::Descriptors(_) => Some("lower --max-connections, or raise ulimit -n"),
        ServeError::Interrupted | ServeError::Supervise(_) | ServeError::ThreadEnded { .. } => None,
    }
}

fn serve(config: &ServeConfig) -> Result<(), ServeError> {
    let (supervisor, events) = supervise::supervisor();
    let metrics = Arc::new(Metrics::default());
    let api = config.asks_api_server().then(|| connect(config, client::Limits::standard()));
    let api = api.transpose()?;
    let slot = certificate(config, api.as_ref(), &metrics, &supervisor)?;
    let (published, slots) = sources::start(config, api.as_ref(), &metrics, &supervisor)?;
    let write_back = write_back::start(config, api.as_ref(), slots, &metrics, &supervisor)?;
    // Before a port answers: from then on a signal must not cut a request.
    supervisor.watch_signals().map_err(ServeError::Supervise)?;
    let draining = Arc::new(AtomicBool::new(false));
    let told = write_back.clone();
    let notes = Box::new(move || told.as_ref().map_or_else(Vec::new, |told| told.notices.lines()));
    let admission = listen(config, slot, &published, &metrics, notes, &draining, &supervisor)?;
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
    notes: Notes,
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
    let transport = Transport::Tls(Arc::clone(&slot));
    let admission = start("admission", config.listen, transport, limits, service)?;
    let admission = Arc::new(admission);
    let timing = Timing::standard();
    let life = probe::start(&admission, Arc::clone(&slot), PROBE_PATH, timing, supervisor)
        .map_err(ServeError::Server)?;
    let draining = Arc::clone(draining);
    let service = Arc::new(Operations {
        admission: Arc::clone(&admission),
        life,
        published,
        slot,
        metrics,
        notes,
        draining,
    });
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

fn certificate(
    config: &ServeConfig,
    api: Option<&Api>,
    metrics: &Arc<Metrics>,
    supervisor: &Supervisor,
) -> Result<Arc<TlsSlot>, ServeError> {
    let slot = Arc::new(TlsSlot::empty());
    match (&config.tls, api) {
        // Whoever asks has a client.
        (Tls::Own(_), None) => {}
        (Tls::Own(own), Some(api)) => {
            let settings = own_settings(own, namespace(config, api))?;
            let keeper = Keeper::new(api.clone(), settings, Arc::clone(&slot), Arc::clone(metrics));
            keeper.watch(supervisor).map_err(ServeError::Supervise)?;
            supervisor
                .spawn_vital("certificate", || keeper.run())
                .map_err(ServeError::Supervise)?;
        }
        (Tls::Dev, _) => {
            slot.set(dev::generate().map_err(ServeError::Certificate)?.served);
            tell_served(&slot, &metrics.certificates);
        }
        (Tls::Files { certificate, key }, _) => {
            let files = Files { certificate: certificate.clone(), key: key.clone() };
            let watcher =
                Watcher::start(files, Arc::clone(&slot)).map_err(ServeError::Certificate)?;
            let metrics = Arc::clone(metrics);
            supervisor
                .spawn_vital("certificate", move || watcher.run(&metrics.certificates))
                .map_err(ServeError::Supervise)?;
        }
    }
    Ok(slot)
}

/// The API server that a kubeconfig names, or that of this pod's cluster.
pub(super) fn connect(config: &ServeConfig, limits: client::Limits) -> Result<Api, ServeError> {
    let variable = |name: &str| env::var(name).ok();
    let api = match config.kubeconfig.as_deref() {
        Some(path) => Api::from_kubeconfig(path, &ProxyVariables::read(variable), limits),
        None => Api::in_cluster(variable, Path::new(account::DIRECTORY), limits),
    };
    log::info!("limits of the API server's client: {limits}");
    api.map_err(ServeError::Credentials)
}

/// Where the objects are that are our own.
pub(super) fn namespace(config: &ServeConfig, api: &Api) -> String {
    config.namespace.clone().unwrap_or_else(|| api.namespace().to_owned())
}

fn own_settings(own: &OwnCertificates, namespace: String) -> Result<Settings, ServeError> {
    let names = [format!("{}.{namespace}.svc", own.service)];
    let names = Names::new(names.into_iter().chain(own.names.iter().cloned()))
        .map_err(|name| ServeError::Certificate(CertificateError::Name(name)))?;
    Ok(Settings {
        namespace,
        secret: own.secret.clone(),
        webhooks: own.webhooks.clone(),
        names,
        timing: own::Timing { leaf_life: own.leaf_life },
    })
}

/// What somebody who tries it out needs to know.
fn introduce(address: SocketAddr, mapping: &Mapping) {
    let mut text = String::from("rules in force:\n");
    for (id, rule) in mapping.rules().take(RULES_SHOWN_MAX) {
        let result =
            rule.action.target().map_or("kept".to_owned(), |target| format!("-> {target}"));
        text.push_str(&format!("  {id}: {} {result}\n", rule.matcher));
    }
    let more = mapping.rule_count().saturating_sub(RULES_SHOWN_MAX);
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
