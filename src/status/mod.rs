//! What is written back to the cluster: the status of `ImageMap`s and
//! `ClusterImageMap`s, and Events about them.
//!
//! Every instance computes the same verdicts; the holder of a Lease alone
//! writes them. [`change`] and [`planner`] decide what is written; [`writer`]
//! writes it, only when it differs from what is there.

pub mod change;
pub mod definitions;
pub mod planner;
pub mod present;
pub mod writer;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::kube::Api;
use crate::kube::events::{self, Recorder};
use crate::kube::lease::elector::Timing;
use crate::kube::lease::{Candidate, Leave};
use crate::metrics::Metrics;
use crate::supervise::{SuperviseError, Supervisor};
use definitions::Notices;
use writer::{Slots, Writer};

/// How often the definitions are looked at while all is well with them.
const DEFINITIONS_PERIOD: Duration = Duration::from_secs(300);
/// How often while it is not: somebody may be about to mend them.
const DEFINITIONS_PERIOD_WRONG: Duration = Duration::from_secs(30);
/// Longest wait for giving the Lease back; then it runs out by itself.
const LEAVE_MAX: Duration = Duration::from_secs(5);

/// What the write-back is made of.
pub struct Parts {
    /// For statuses, Events and definitions.
    pub api: Api,
    /// For the Lease, with [`crate::kube::lease::LIMITS`]: a renewal must not
    /// wait longer than the Lease lasts.
    pub lease_api: Api,
    /// Where the Lease is.
    pub namespace: String,
    /// The name of the Lease.
    pub lease: String,
    /// The name of this process, [`crate::kube::lease::identity`].
    pub identity: String,
    /// How long leadership takes.
    pub timing: Timing,
    /// What is to be written.
    pub slots: Slots,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// The write-back, running.
#[derive(Clone)]
pub struct WriteBack {
    /// For events of others, such as those about certificates.
    pub recorder: Recorder,
    /// What is to be said of the definitions.
    pub notices: Notices,
    leave: Leave,
}

impl WriteBack {
    /// Starts its threads: `lease`, `events`, `status` and `definitions`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(parts: Parts, supervisor: &Supervisor) -> Result<Self, SuperviseError> {
        let Parts { api, lease_api, namespace, lease, identity, timing, slots, metrics } = parts;
        log::info!(
            "status and events: Lease {namespace}/{lease} as {identity}, lasts {:?}, \
             renewed within {:?}, every {:?}",
            timing.lease,
            timing.renew,
            timing.retry
        );
        let counted = Arc::clone(&metrics);
        let (recorder, poster) = events::queue(
            api.clone(),
            &identity,
            Arc::new(move |outcome| counted.write_back.event(outcome.as_str())),
        );
        let counted = Arc::clone(&metrics);
        let on_change = Box::new(move |leads| counted.write_back.set_leads(leads));
        let (candidate, leadership, leave) =
            Candidate::new(lease_api, (namespace, lease), identity, timing, on_change);
        let started = Self { recorder: recorder.clone(), notices: Notices::default(), leave };
        let writer = Writer::new(api.clone(), leadership, recorder, Arc::clone(&metrics), slots);
        supervisor.spawn_vital("events", || poster.run())?;
        supervisor.spawn_vital("status", || writer.run())?;
        supervisor.spawn_vital("lease", || {
            candidate.run();
            // Released: the process is about to end, and this is no fault.
            rest();
        })?;
        let notices = started.notices.clone();
        supervisor.spawn_vital("definitions", move || {
            loop {
                definitions::check(&api, &notices, &metrics);
                thread::park_timeout(match notices.lines().is_empty() {
                    true => DEFINITIONS_PERIOD,
                    false => DEFINITIONS_PERIOD_WRONG,
                });
            }
        })?;
        Ok(started)
    }

    /// Gives the Lease back: nothing is written from now on. Waits at most 5 s.
    pub fn release(&self) {
        self.leave.leave(LEAVE_MAX);
    }
}

fn rest() {
    loop {
        thread::park();
    }
}
