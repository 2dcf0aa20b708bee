//! The hands: reads, does what the plan says, and tells about it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::change::{Change, Workshop};
use super::material::{Authority, Id, Leaf};
use super::mint::Names;
use super::plan::{Bundle, Memory, Plan, Secret, Step, View};
use super::report::Report;
use super::wake::{Bell, watch};
use super::webhooks::Webhooks;
use super::{Clock, POLL_PENDING, Timing, secret};
use crate::certs::CertificateError;
use crate::kube::path::{Collection, MUTATING_WEBHOOKS, ObjectPath, SECRETS, Selection};
use crate::kube::{Api, ApiError, Conflicts, ErrorKind, Object};
use crate::metrics::Metrics;
use crate::server::{self, Served, TlsSlot};
use crate::supervise::{SuperviseError, Supervisor};

/// What is kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The namespace of the Secret.
    pub namespace: String,
    /// The name of the Secret.
    pub secret: String,
    /// The webhook configuration whose `caBundle` is ours to write; none when
    /// somebody else sees to it.
    pub webhooks: Option<String>,
    /// What the certificate is for.
    pub names: Names,
    /// How long things live.
    pub timing: Timing,
}

/// Keeps a slot at a certificate that the API server trusts.
pub struct Keeper {
    api: Api,
    settings: Settings,
    slot: Arc<TlsSlot>,
    bell: Bell,
    memory: Memory,
    begin: Instant,
    report: Report,
}

/// One look at everything.
struct Look {
    /// The webhook configuration.
    webhooks: Option<Webhooks>,
    bundle: Bundle,
    /// The Secret as it is stored.
    stored: Option<Object>,
    secret: Secret,
}

impl Keeper {
    /// A keeper that has not yet looked; the slot says why it is empty.
    pub fn new(api: Api, settings: Settings, slot: Arc<TlsSlot>, metrics: Arc<Metrics>) -> Self {
        let report = Report::new(&settings, Arc::clone(&slot), metrics);
        Self {
            api,
            settings,
            slot,
            bell: Bell::default(),
            memory: Memory::default(),
            begin: Instant::now(),
            report,
        }
    }

    /// Watches what is looked at, so that a change is noticed at once; without
    /// this it is noticed within [`super::POLL`].
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn watch(&self, supervisor: &Supervisor) -> Result<(), SuperviseError> {
        let selection = Selection::one(self.secrets(), &self.settings.secret);
        watch("watch-secret", self.api.clone(), selection, self.bell.clone(), supervisor)?;
        let Some(name) = &self.settings.webhooks else { return Ok(()) };
        let selection = Selection::one(Collection::everywhere(MUTATING_WEBHOOKS), name);
        watch("watch-webhooks", self.api.clone(), selection, self.bell.clone(), supervisor)
    }

    /// Looks and acts for ever: the body of a vital thread.
    pub fn run(mut self) {
        loop {
            let wait = self.turn();
            self.bell.wait(wait);
        }
    }

    /// Looks once, and does one step. Gives how long to wait then.
    pub fn turn(&mut self) -> Duration {
        let look = self.look();
        let clock = self.clock();
        let timing = self.settings.timing;
        self.memory.observe(&look.secret, &look.bundle, timing, clock);
        let (secret, bundle) = (&look.secret, &look.bundle);
        let view = View { secret, bundle, memory: &self.memory, timing, clock };
        let Plan { serve, step, look_again } = view.plan();
        if let (true, Secret::Whole(material)) = (serve, secret)
            && let Some(leaf) = &material.leaf
        {
            self.serve(leaf.clone(), material.signer.clone());
        }
        let view = View { secret, bundle, memory: &self.memory, timing, clock };
        self.report.state(&view, &step);
        match self.step(step, &look, clock) {
            true => look_again,
            false => look_again.max(POLL_PENDING),
        }
    }

    /// The webhook configuration first: what is written into it then follows
    /// from a Secret that is at least as new.
    fn look(&mut self) -> Look {
        let (webhooks, bundle) = match self.settings.webhooks.clone() {
            None => (None, Bundle::Unmanaged),
            Some(name) => self.webhooks(&name),
        };
        let (stored, secret) = match self.api.get(&self.path()) {
            Ok(object) => {
                let secret = secret::read(object.json(), &self.settings.names);
                (Some(object), secret)
            }
            Err(ApiError { kind: ErrorKind::NotFound(_), .. }) => (None, Secret::Absent),
            Err(error) => {
                self.report.failed("read", &error);
                return Look { webhooks, bundle, stored: None, secret: Secret::Unread };
            }
        };
        self.report.succeeded("read");
        Look { webhooks, bundle, stored, secret }
    }

    fn webhooks(&mut self, name: &str) -> (Option<Webhooks>, Bundle) {
        let path = Collection::everywhere(MUTATING_WEBHOOKS).object(name);
        let object = match self.api.get(&path) {
            Ok(object) => object,
            Err(ApiError { kind: ErrorKind::NotFound(_), .. }) => return (None, Bundle::Absent),
            Err(error) => {
                self.report.failed("configuration", &error);
                return (None, Bundle::Unread);
            }
        };
        match Webhooks::read(object.json(), &self.settings.names) {
            Ok(webhooks) => {
                self.report.succeeded("configuration");
                let bundle = webhooks.bundle();
                (Some(webhooks), bundle)
            }
            Err(error) => {
                self.report.failed("configuration", &error);
                (None, Bundle::Unread)
            }
        }
    }

    /// Does a step; whether it was done.
    fn step(&mut self, step: Step, look: &Look, clock: Clock) -> bool {
        match step {
            Step::Rest | Step::Contested => true,
            Step::Improvise => self.improvise(clock),
            Step::Write(change) => match self.write(change, look, clock) {
                Ok(()) => self.report.changed(change),
                Err(failure) => self.report.not_changed(change, &failure),
            },
            Step::Publish(ids) => {
                let Some(webhooks) = &look.webhooks else { return false };
                let wanted = certificates(look, |id| ids.contains(&id));
                let Some(name) = &self.settings.webhooks else { return false };
                let path = Collection::everywhere(MUTATING_WEBHOOKS).object(name.as_str());
                let written = self.api.json_patch(&path, &webhooks.patch(&wanted));
                if written.is_ok() {
                    self.memory.published(ids, clock);
                }
                self.report.published(written.map(drop))
            }
        }
    }

    fn write(&mut self, change: Change, look: &Look, clock: Clock) -> Result<(), WriteError> {
        let workshop = self.workshop(clock);
        let (found, remains): (_, &[Authority]) = match &look.secret {
            Secret::Whole(material) => (Some(&**material), &[]),
            Secret::Damaged { remains, .. } => (None, remains),
            _ => (None, &[]),
        };
        let material = workshop.apply(change, found, remains)?;
        let Settings { secret: name, namespace, .. } = &self.settings;
        let former = look.stored.as_ref().map(Object::json);
        let object = secret::write(name, namespace, &material, former);
        match &look.stored {
            Some(stored) => {
                self.api.update(&self.path(), object, &stored.metadata.resource_version)?;
            }
            // A role can allow an apply by name, and no create. The manager is
            // another one each time: whoever comes second meets a conflict.
            None => {
                let manager = format!("detour-{}", random()?);
                self.api.apply(&self.path(), &object, &manager, Conflicts::Report)?;
            }
        }
        self.memory.held = Some(material);
        Ok(())
    }

    fn workshop(&self, clock: Clock) -> Workshop<'_> {
        Workshop {
            mint: &self.settings.names,
            timing: self.settings.timing,
            now: clock.now,
            held: self.memory.held.as_ref(),
            served: self.memory.served.as_ref().map(|(_, signer)| signer),
        }
    }

    /// Serves a certificate that the Secret does not hold.
    fn improvise(&mut self, clock: Clock) -> bool {
        let Some(signer) = self.memory.held.as_ref().map(|held| held.signer.clone()) else {
            return false;
        };
        match self.workshop(clock).leaf(&signer) {
            Ok(leaf) => self.serve(leaf, signer),
            Err(error) => self.report.failed("improvise", &error),
        }
        true
    }

    fn serve(&mut self, leaf: Leaf, signer: Authority) {
        match served(&leaf) {
            Ok(served) => {
                self.slot.set(served);
                self.report.serving(&leaf, self.memory.served.is_some());
                self.memory.served = Some((leaf, signer));
            }
            Err(error) => self.report.not_serving(&error),
        }
    }

    fn secrets(&self) -> Collection {
        Collection::within(SECRETS, self.settings.namespace.as_str())
    }

    fn path(&self) -> ObjectPath {
        self.secrets().object(self.settings.secret.as_str())
    }

    fn clock(&self) -> Clock {
        /// Ticks begin here, that what was before the process has a place.
        const BEFORE: Duration = Duration::from_secs(3_600);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Clock { now: now.unwrap_or_default(), ticks: BEFORE + self.begin.elapsed() }
    }
}

/// The certificates that were seen of those that are asked for.
fn certificates(
    look: &Look,
    is_asked: impl Fn(Id) -> bool,
) -> BTreeMap<Id, CertificateDer<'static>> {
    let mut found = BTreeMap::new();
    if let Secret::Whole(material) = &look.secret {
        found.extend(material.authorities().map(|each| (each.id, each.certificate.clone())));
    }
    if let Bundle::Held { detours, .. } = &look.bundle {
        found.extend(detours.iter().map(|(id, anchor)| (*id, anchor.certificate.clone())));
    }
    found.retain(|id, _| is_asked(*id));
    found
}

fn served(leaf: &Leaf) -> Result<Served, CertificateError> {
    let key = PrivateKeyDer::from_pem_slice(leaf.key.secret().as_bytes())
        .map_err(|_| CertificateError::Issue("its key cannot be read"))?;
    server::served(vec![leaf.certificate.clone()], key)
        .map_err(|_| CertificateError::Issue("TLS cannot use it"))
}

fn random() -> Result<String, CertificateError> {
    let mut bytes = [0; 8];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| CertificateError::Issue("the system gives no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Why the Secret was not written.
#[derive(Debug)]
pub(super) enum WriteError {
    /// There was nothing to write.
    Certificate(CertificateError),
    /// The API server did not take it.
    Api(ApiError),
}

impl From<CertificateError> for WriteError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}

impl From<ApiError> for WriteError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}
