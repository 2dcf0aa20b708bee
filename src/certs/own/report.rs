//! What operators get to know: the log, `/readyz`, metrics.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use super::change::Change;
use super::keeper::{Settings, WriteError};
use super::material::Leaf;
use super::plan::{Bundle, Secret, Step, View};
use crate::certs::CertificateError;
use crate::kube::{ApiError, ErrorKind};
use crate::metrics::Metrics;
use crate::server::{TlsSlot, TlsState};

/// Tells each thing once.
pub(super) struct Report {
    slot: Arc<TlsSlot>,
    metrics: Arc<Metrics>,
    secret: String,
    webhooks: String,
    /// What failed last, by what was done.
    failures: BTreeMap<&'static str, String>,
    /// Once ready, always: without a better certificate no other replica is
    /// the better one.
    was_ready: bool,
    state: TlsState,
}

impl Report {
    pub(super) fn new(settings: &Settings, slot: Arc<TlsSlot>, metrics: Arc<Metrics>) -> Self {
        let Settings { namespace, secret, webhooks, .. } = settings;
        let report = Self {
            slot,
            metrics,
            secret: format!("the Secret {namespace}/{secret}"),
            webhooks: format!(
                "the webhook configuration {}",
                webhooks.as_deref().unwrap_or_default()
            ),
            failures: BTreeMap::new(),
            was_ready: false,
            state: TlsState { missing: Some("certificate".to_owned()), faults: Vec::new() },
        };
        report.slot.tell(report.state.clone());
        report.metrics.certificates.rotations_from_zero(Change::ALL.map(Change::name));
        report
    }

    /// Tells what `/readyz` says, and the log if it is new.
    pub(super) fn state(&mut self, view: &View<'_>, step: &Step) {
        self.was_ready |= view.is_ready();
        let faults = self.faults(view, step);
        if faults.is_empty() && self.was_ready {
            self.metrics.certificates.in_order();
        }
        for fault in faults.iter().filter(|fault| !self.state.faults.contains(fault)) {
            log::error!("{fault}");
        }
        let is_contested = |state: &[String]| state.iter().any(|fault| fault.contains(CONTESTED));
        if is_contested(&faults) && !is_contested(&self.state.faults) {
            self.metrics.certificates.ca_bundle_contested();
        }
        let missing = (!self.was_ready).then(|| self.missing(view));
        let state = TlsState { missing, faults };
        if state != self.state {
            self.slot.tell(state.clone());
            self.state = state;
        }
    }

    fn missing(&self, view: &View<'_>) -> String {
        match (&view.memory.served, view.bundle) {
            (None, _) => format!("certificate: {} holds none yet", self.secret),
            (Some(_), Bundle::Absent) => {
                format!("certificate: {} has no webhook that calls us", self.webhooks)
            }
            (Some(_), _) => {
                format!("certificate: caBundle of {} is not yet in force", self.webhooks)
            }
        }
    }

    fn faults(&self, view: &View<'_>, step: &Step) -> Vec<String> {
        let mut faults: Vec<String> = Vec::new();
        match view.secret {
            Secret::Foreign { reason } => faults.push(format!(
                "{} is not Detour's and is left alone, {reason}: delete it, or name another \
                 with --tls-secret",
                self.secret
            )),
            Secret::Damaged { reason, .. } => {
                faults.push(format!("{} is damaged, {reason}", self.secret));
            }
            _ => {}
        }
        if *view.bundle == Bundle::Absent {
            faults.push(format!("{} has no webhook that calls us", self.webhooks));
        }
        if *step == Step::Contested {
            faults.push(format!(
                "{CONTESTED}: somebody else writes caBundle of {} as well; it is written again \
                 in {:?} at the earliest",
                self.webhooks,
                super::BUNDLE_PAUSE
            ));
        }
        if *step == Step::Improvise {
            faults.push(format!(
                "{} cannot be renewed: serving a certificate that is in none",
                self.secret
            ));
        }
        faults.extend(self.failures.values().cloned());
        faults
    }

    /// Tells that something was not done, once.
    pub(super) fn failed(&mut self, what: &'static str, error: &dyn Error) {
        self.metrics.certificates.failure();
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        let text = format!("certificate: {error}{cause}");
        if self.failures.get(what) != Some(&text) {
            self.failures.insert(what, text);
        }
    }

    pub(super) fn succeeded(&mut self, what: &'static str) {
        self.failures.remove(what);
    }

    /// Tells of a new certificate, and whether there was another before.
    pub(super) fn serving(&mut self, leaf: &Leaf, is_another: bool) {
        self.succeeded("serve");
        if is_another {
            self.metrics.certificates.reloaded();
        }
        self.metrics.certificates.set_expiry(leaf.span.ends);
        let life = leaf.span.ends.saturating_sub(leaf.span.issued());
        let life = Duration::from_secs(life.as_secs());
        log::info!("now serving the certificate {} of {}, good for {life:?}", leaf.id, self.secret);
    }

    /// Tells that it cannot be served.
    pub(super) fn not_serving(&mut self, error: &CertificateError) {
        self.metrics.certificates.not_reloaded();
        self.failed("serve", error);
    }

    /// Tells that the Secret was written.
    pub(super) fn changed(&mut self, change: Change) -> bool {
        self.succeeded("write");
        self.metrics.certificates.rotation(change.name());
        log::info!("{}: {}", self.secret, change.describe());
        true
    }

    /// Tells that it was not, unless another replica was faster.
    pub(super) fn not_changed(&mut self, change: Change, error: &WriteError) -> bool {
        match error {
            WriteError::Api(error) if is_race(error) => {
                log::debug!("{} was changed by somebody else: {error}", self.secret);
            }
            WriteError::Api(error) => self.failed("write", error),
            WriteError::Certificate(error) => self.failed("write", error),
        }
        log::debug!("not done: {}", change.name());
        false
    }

    /// Tells of a write of `caBundle`.
    pub(super) fn published(&mut self, written: Result<(), ApiError>) -> bool {
        match written {
            Ok(()) => {
                self.succeeded("publish");
                self.metrics.certificates.ca_bundle_write();
                log::info!("caBundle of {} written", self.webhooks);
                true
            }
            // So does the API server answer a test that fails.
            Err(error) if is_race(&error) || matches!(error.kind, ErrorKind::Invalid(_)) => {
                log::debug!("{} was changed by somebody else: {error}", self.webhooks);
                false
            }
            Err(error) => {
                self.failed("publish", &error);
                false
            }
        }
    }
}

/// The word to look for in the log and in `/readyz`.
const CONTESTED: &str = "CABundleContested";

fn is_race(error: &ApiError) -> bool {
    use ErrorKind::{AlreadyExists, Conflict, NotFound};
    matches!(error.kind, Conflict(_) | AlreadyExists(_) | NotFound(_))
}
