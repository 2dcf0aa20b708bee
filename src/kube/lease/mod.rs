//! Leadership by a Lease (`coordination.k8s.io/v1`).
//!
//! [`elector`] decides; [`Candidate`] turns its crank.

pub mod elector;

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};

use super::path::{Collection, LEASES, ObjectPath};
use super::{Api, ApiError, Conflicts, ErrorKind, Object, random};
use crate::client::Limits;
use elector::{Elector, Record, Step, Timing};

/// The bounds of a client for a Lease: a renewal that hangs is given up early
/// enough for another one within [`Timing::renew`].
pub const LIMITS: Limits = Limits {
    resolve: Duration::from_secs(2),
    connect: Duration::from_secs(2),
    handshake: Duration::from_secs(2),
    send: Duration::from_secs(2),
    head: Duration::from_secs(3),
    body: Duration::from_secs(3),
    ..Limits::standard()
};

/// Most steps for giving the Lease back: a write, and after a conflict a look
/// and another write, with the waits between them left out.
const LEAVE_STEPS: u32 = 5;

/// Whether this process leads. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Leadership(Arc<Mutex<Option<Instant>>>);

impl Leadership {
    /// Whether it leads now. Ends by itself when renewals fail.
    pub fn holds(&self) -> bool {
        self.until().is_some_and(|until| Instant::now() < until)
    }

    fn until(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// Tells a [`Candidate`] to give the Lease back.
#[derive(Debug, Clone)]
pub struct Leave(Sender<Sender<()>>, Leadership);

impl Leave {
    /// Gives the Lease back, so that another need not wait for its end; waits
    /// at most `limit`. From the call on this process does not lead.
    pub fn leave(&self, limit: Duration) {
        let (done, is_done) = mpsc::channel();
        self.1.set(None);
        if self.0.send(done).is_ok() {
            // Too slow, or ended: it runs out by itself.
            is_done.recv_timeout(limit).ok();
        }
    }
}

/// Told when leadership begins and ends.
pub type OnChange = Box<dyn Fn(bool) + Send>;

/// Tries to lead as long as the process runs.
pub struct Candidate {
    api: Api,
    path: ObjectPath,
    name: String,
    namespace: String,
    identity: String,
    elector: Elector,
    leadership: Leadership,
    on_change: OnChange,
    leave: Receiver<Sender<()>>,
    begin: Instant,
    led: bool,
    was_failing: bool,
}

impl Candidate {
    /// A candidate for the Lease of that name; `identity` is of no other
    /// process that runs or ran, and at most 128 characters.
    pub fn new(
        api: Api,
        (namespace, name): (String, String),
        identity: String,
        timing: Timing,
        on_change: OnChange,
    ) -> (Self, Leadership, Leave) {
        let (sender, leave) = mpsc::channel();
        let leadership = Leadership::default();
        let candidate = Self {
            path: Collection::within(LEASES, namespace.clone()).object(name.clone()),
            elector: Elector::new(identity.clone(), timing),
            leadership: leadership.clone(),
            begin: Instant::now(),
            led: false,
            was_failing: false,
            api,
            name,
            namespace,
            identity,
            on_change,
            leave,
        };
        (candidate, leadership.clone(), Leave(sender, leadership))
    }

    /// Stands for election until it is told to leave, or nobody could tell it.
    pub fn run(mut self) {
        loop {
            let mut delay = Duration::ZERO;
            match self.step() {
                Step::Wait(wanted) => delay = wanted,
                step => self.act(step),
            }
            self.tell();
            // A leadership that runs out is told when it does.
            let now = Instant::now();
            let left = self.leadership.until().map(|until| until.saturating_duration_since(now));
            match self.leave.recv_timeout(left.map_or(delay, |left| left.min(delay))) {
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.give_back(),
                Ok(done) => {
                    self.give_back();
                    done.send(()).ok();
                    return;
                }
            }
        }
    }

    fn step(&mut self) -> Step {
        let random = random();
        self.elector.step(self.begin.elapsed(), SystemTime::now(), random)
    }

    fn act(&mut self, step: Step) {
        let done = match step {
            Step::Read => self.read(),
            Step::Write { record, version } => self.write(&record, version.as_deref()),
            Step::Wait(_) | Step::Done => Ok(()),
        };
        match done {
            Ok(()) if self.was_failing => {
                self.was_failing = false;
                log::info!("the Lease {}/{} is reached again", self.namespace, self.name);
            }
            Ok(()) => {}
            Err(error) => {
                let random = random();
                self.elector.failed(self.begin.elapsed(), random);
                // Another was quicker, which is how it should be.
                if !matches!(error.kind, ErrorKind::Conflict(_)) && !self.was_failing {
                    self.was_failing = true;
                    log::warn!("no leader by {}/{}: {error}", self.namespace, self.name);
                }
            }
        }
    }

    fn read(&mut self) -> Result<(), ApiError> {
        let found = match self.api.get(&self.path) {
            Ok(object) => Some((record_of(&object), object.metadata.resource_version)),
            Err(ApiError { kind: ErrorKind::NotFound(_), .. }) => None,
            Err(error) => return Err(error),
        };
        self.elector.read(found, self.begin.elapsed());
        Ok(())
    }

    /// Creating is an apply without force in a name that nobody else has: of
    /// two at once the second conflicts in the holder, and a role may allow it
    /// for one name only.
    fn write(&mut self, record: &Record, version: Option<&str>) -> Result<(), ApiError> {
        let object = self.object(record);
        let written = match version {
            Some(version) => self.api.update(&self.path, object, version)?,
            None => self.api.apply(&self.path, &object, &self.identity, Conflicts::Report)?,
        };
        let random = random();
        let version = written.metadata.resource_version;
        self.elector.written(version, self.begin.elapsed(), random);
        Ok(())
    }

    fn object(&self, record: &Record) -> Value {
        let Record { holder, seconds, acquired, renewed, transitions } = record;
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": seconds,
                "acquireTime": some(acquired),
                "renewTime": some(renewed),
                "leaseTransitions": transitions,
            },
        })
    }

    fn give_back(&mut self) {
        self.elector.leave();
        self.tell();
        for _ in 0..LEAVE_STEPS {
            match self.step() {
                Step::Done => return,
                Step::Wait(_) => self.elector.leave(),
                step => self.act(step),
            }
        }
    }

    fn tell(&mut self) {
        let now = self.begin.elapsed();
        let leads = self.elector.leads(now);
        let until = self.elector.leads_until().filter(|_| leads).map(|until| self.begin + until);
        self.leadership.set(until);
        if leads != self.led {
            self.led = leads;
            match leads {
                true => log::info!("leading as {}", self.identity),
                false => log::info!("not leading any more"),
            }
            (self.on_change)(leads);
        }
    }
}

fn some(time: &str) -> Option<&str> {
    Some(time).filter(|time| !time.is_empty())
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SpecWire {
    holder_identity: Option<String>,
    lease_duration_seconds: Option<i64>,
    acquire_time: Option<String>,
    renew_time: Option<String>,
    lease_transitions: Option<i64>,
}

/// What a Lease says; of one that is none, that nobody holds it.
fn record_of(object: &Object) -> Record {
    #[derive(Default, Deserialize)]
    struct Wire {
        #[serde(default)]
        spec: SpecWire,
    }
    let SpecWire {
        holder_identity,
        lease_duration_seconds,
        acquire_time,
        renew_time,
        lease_transitions,
    } = object.decode::<Wire>().unwrap_or_default().spec;
    let number =
        |number: Option<i64>| number.and_then(|number| number.try_into().ok()).unwrap_or(0);
    Record {
        holder: holder_identity.unwrap_or_default(),
        seconds: number(lease_duration_seconds),
        acquired: acquire_time.unwrap_or_default(),
        renewed: renew_time.unwrap_or_default(),
        transitions: number(lease_transitions),
    }
}

/// A name that no other process has or had: that of the pod or host, as far as
/// it fits, and a random number.
pub fn identity(name: &str) -> String {
    const NAME_BYTES_MAX: usize = 100;
    let mut bytes = [0; 8];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        bytes = u64::from(std::process::id()).to_be_bytes();
    }
    let printable = |character: &char| character.is_ascii_graphic();
    let name: String = name.chars().filter(printable).take(NAME_BYTES_MAX).collect();
    format!("{name}_{:016x}", u64::from_be_bytes(bytes))
}
