//! Which writes are due. Pure: the time is an argument.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::change::{self, Other};
use super::present::{Presence, Present, Status};
use crate::kube::events::Note;
use crate::rules::MapId;
use crate::sources::verdict::Verdict;

/// Most writes that are planned at once; what changes meanwhile is seen after.
pub const WRITES_MAX: usize = 100;
/// The shortest time between two writes to one object, also when somebody else
/// keeps changing its status.
pub const PAUSE: Duration = Duration::from_secs(1);
/// The longest time after failures, each of which doubles [`PAUSE`].
pub const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A status to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The object.
    pub id: MapId,
    /// Its uid.
    pub uid: String,
    /// What to write.
    pub status: Status,
    /// What to tell once it is written.
    pub notes: Vec<Note>,
}

/// What to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Now, in this order.
    pub writes: Vec<Write>,
    /// When there will be more.
    pub next: Option<Duration>,
}

/// What was written, and what has to wait, by the uid of the object.
#[derive(Debug, Default)]
pub struct Planner {
    memory: HashMap<String, Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// The last status written, and the version that the object got by it.
    written: Option<(String, Status)>,
    not_before: Duration,
    failures: u32,
}

impl Planner {
    /// What has to be written now, by the latest that is known.
    pub fn plan(
        &mut self,
        verdicts: &[Verdict],
        presence: &Presence,
        now: Duration,
        wall: &str,
    ) -> Plan {
        self.forget(verdicts);
        let others: HashMap<&MapId, &Verdict> =
            verdicts.iter().map(|verdict| (&verdict.id, verdict)).collect();
        let other = |id: &MapId| {
            let (verdict, present) = (others.get(id)?, presence.get(id)?);
            let observed = self.status(present).map(|status| status.generation);
            let was_edited = observed != Some(present.generation);
            (verdict.uid == present.uid).then_some(Other { uid: &verdict.uid, was_edited })
        };
        let mut plan = Plan::default();
        for verdict in verdicts {
            let Some(present) = presence.get(&verdict.id) else { continue };
            let status = self.status(present);
            let Some(wanted) = change::change(verdict, present, status, wall) else { continue };
            let not_before = self.memory.get(&verdict.uid).map_or(now, |memory| memory.not_before);
            if not_before > now || plan.writes.len() == WRITES_MAX {
                let due = not_before.max(now);
                plan.next = Some(plan.next.map_or(due, |next| next.min(due)));
                continue;
            }
            let notes = change::notes(verdict, status, &wanted, other);
            let (id, uid) = (verdict.id.clone(), verdict.uid.clone());
            plan.writes.push(Write { id, uid, status: wanted, notes });
        }
        plan
    }

    /// The status that an object has: what was written is known before the
    /// watch tells it.
    fn status<'s>(&'s self, present: &'s Present) -> Option<&'s Status> {
        let written = self.memory.get(&present.uid).and_then(|memory| memory.written.as_ref());
        match written {
            Some((version, status)) if !present.is_as_new_as(version) => Some(status),
            _ => present.status.as_ref(),
        }
    }

    fn forget(&mut self, verdicts: &[Verdict]) {
        if self.memory.len() > verdicts.len() {
            let uids: HashSet<&str> = verdicts.iter().map(|verdict| verdict.uid.as_str()).collect();
            self.memory.retain(|uid, _| uids.contains(uid.as_str()));
        }
    }

    /// A status was written; the object has this version now.
    pub fn succeeded(&mut self, write: Write, version: String, now: Duration) {
        let written = Some((version, write.status));
        let memory = Memory { written, not_before: now + PAUSE, failures: 0 };
        self.memory.insert(write.uid, memory);
    }

    /// A status was not written. `asked` is how long the server wants to be
    /// left alone.
    pub fn failed(&mut self, write: &Write, asked: Option<Duration>, now: Duration) {
        let memory = self.memory.entry(write.uid.clone()).or_default();
        let pause = (PAUSE * 2u32.pow(memory.failures.min(8))).min(PAUSE_MAX);
        memory.failures = memory.failures.saturating_add(1);
        memory.not_before = now + asked.unwrap_or_default().clamp(pause, PAUSE_MAX);
    }
}
