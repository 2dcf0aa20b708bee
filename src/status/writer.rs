//! Writes what the plan says, as long as this process leads.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::planner::{Planner, Write};
use super::present::Presence;
use crate::kube::events::Recorder;
use crate::kube::lease::Leadership;
use crate::kube::path::{Collection, ObjectPath, Resource};
use crate::kube::{Api, ApiError, Conflicts, ErrorKind, Objects, time};
use crate::metrics::Metrics;
use crate::rules::{API_GROUP, API_VERSION, Kind, MapId, schema};
use crate::sources::seen::Seen;
use crate::sources::verdict::{Verdict, Verdicts};

/// In whose name the status is applied.
pub const FIELD_MANAGER: &str = "detour-status";
/// How often leadership and objects are looked at; verdicts wake at once.
const TICK: Duration = Duration::from_millis(500);

/// Writes the status of maps.
pub struct Writer {
    api: Api,
    leadership: Leadership,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    verdicts: Arc<Verdicts>,
    seen: Arc<Seen>,
    known: Known,
    begin: Instant,
    was_failing: bool,
}

/// What was taken from the slots.
#[derive(Default)]
struct Known {
    /// Numbers of the verdicts and of the objects.
    numbers: (u64, u64),
    verdicts: Arc<Vec<Verdict>>,
    objects: Vec<(Kind, Arc<Objects>)>,
    presence: Presence,
    planner: Planner,
    /// Whether a new plan may differ from the last one.
    is_new: bool,
    next: Option<Duration>,
    led: bool,
}

/// Where what is known comes from.
pub struct Slots {
    /// What became of the objects.
    pub verdicts: Arc<Verdicts>,
    /// The objects.
    pub seen: Arc<Seen>,
}

impl Writer {
    /// Writes by `api` what the slots hold, and tells `recorder`.
    pub fn new(
        api: Api,
        leadership: Leadership,
        recorder: Recorder,
        metrics: Arc<Metrics>,
        slots: Slots,
    ) -> Self {
        let Slots { verdicts, seen } = slots;
        let (known, begin) = (Known::default(), Instant::now());
        let was_failing = false;
        Self { api, leadership, recorder, metrics, verdicts, seen, known, begin, was_failing }
    }

    /// Goes on for ever.
    pub fn run(mut self) {
        loop {
            self.look();
            if self.leadership.holds() {
                self.lead();
            } else {
                self.known.led = false;
            }
        }
    }

    /// Waits for something new, and takes it.
    fn look(&mut self) {
        let known = &mut self.known;
        let now = self.begin.elapsed();
        let due = known.next.filter(|_| known.led);
        let wait = due.map_or(TICK, |due| due.saturating_sub(now).min(TICK));
        if let Some(latest) = self.verdicts.wait_after(known.numbers.0, wait) {
            known.numbers.0 = latest.number;
            known.verdicts = latest.verdicts;
            known.is_new = true;
        }
        let seen = self.seen.latest();
        if seen.number > known.numbers.1 {
            known.numbers.1 = seen.number;
            known.objects = seen.objects.into_iter().collect();
            known.is_new = true;
        }
    }

    fn lead(&mut self) {
        let now = self.begin.elapsed();
        let known = &mut self.known;
        if !known.led {
            // What another leader wrote meanwhile is in what the watch tells.
            known.planner = Planner::default();
            known.led = true;
            known.is_new = true;
        }
        if !known.is_new && known.next.is_none_or(|due| due > now) {
            return;
        }
        // Only who writes reads all of it.
        for (kind, objects) in known.objects.drain(..) {
            known.presence.update(kind, &objects);
        }
        let wall = time::seconds(SystemTime::now());
        let plan = known.planner.plan(&known.verdicts, &known.presence, now, &wall);
        known.next = plan.next;
        known.is_new = false;
        for write in plan.writes {
            // Whether it is ours is asked again before each.
            if !self.leadership.holds() || self.write(write).is_break() {
                self.known.is_new = true;
                return;
            }
        }
    }

    fn write(&mut self, mut write: Write) -> std::ops::ControlFlow<()> {
        let applied = self.api.apply(
            &path(&write.id),
            &object(&write),
            FIELD_MANAGER,
            // The status is ours: what others put there is overwritten.
            Conflicts::Force,
        );
        let now = self.begin.elapsed();
        let planner = &mut self.known.planner;
        match applied {
            Ok(object) => {
                let notes = std::mem::take(&mut write.notes);
                log::debug!("the status of {} is {}", write.id, write.status.ready.reason);
                planner.succeeded(write, object.metadata.resource_version, now);
                notes.into_iter().for_each(|note| self.recorder.record(note));
                self.metrics.write_back.status_written("written");
                self.was_failing = false;
                std::ops::ControlFlow::Continue(())
            }
            Err(ApiError { kind: ErrorKind::NotFound(_) | ErrorKind::Conflict(_), .. }) => {
                // Deleted meanwhile, or another object of the same name: the
                // watch will tell.
                planner.failed(&write, None, now);
                self.metrics.write_back.status_written("gone");
                std::ops::ControlFlow::Continue(())
            }
            Err(error) => self.failed(&write, &error, now),
        }
    }

    fn failed(
        &mut self,
        write: &Write,
        error: &ApiError,
        now: Duration,
    ) -> std::ops::ControlFlow<()> {
        self.known.planner.failed(write, error.kind.retry_after(), now);
        self.metrics.write_back.status_written("failed");
        if !self.was_failing {
            self.was_failing = true;
            log::warn!("the status of {} was not written, and is tried again: {error}", write.id);
        }
        // Who does not answer one would let the others wait as long.
        match error.kind {
            ErrorKind::Unreachable(_) => std::ops::ControlFlow::Break(()),
            _ => {
                self.known.is_new = true;
                std::ops::ControlFlow::Continue(())
            }
        }
    }
}

/// The objects of a kind, as paths of the API name them.
fn resource(kind: Kind) -> Resource {
    Resource { group: API_GROUP, version: API_VERSION, plural: schema::plural(kind) }
}

fn path(id: &MapId) -> ObjectPath {
    let collection = match id.kind {
        Kind::ClusterImageMap => Collection::everywhere(resource(id.kind)),
        Kind::ImageMap => Collection::within(resource(id.kind), id.namespace.clone()),
    };
    collection.object(id.name.clone()).subresource("status")
}

/// The uid is a condition: another object of the same name is not written to.
fn object(write: &Write) -> Value {
    let mut metadata = json!({"name": write.id.name, "uid": write.uid});
    if write.id.kind == Kind::ImageMap {
        metadata["namespace"] = write.id.namespace.as_str().into();
    }
    json!({
        "apiVersion": format!("{API_GROUP}/{API_VERSION}"),
        "kind": write.id.kind.as_str(),
        "metadata": metadata,
        "status": write.status.json(),
    })
}
