//! What became of each object of the API server, for whoever writes it back.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::rules::MapId;

/// Most bytes of a message or a warning.
pub const MESSAGE_BYTES_MAX: usize = 1_024;
/// Most warnings of one map.
pub const WARNINGS_MAX: usize = 8;

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Kind, namespace and name.
    pub id: MapId,
    /// The object's uid.
    pub uid: String,
    /// The generation of the specification that this is about.
    pub generation: i64,
    /// The rules that the specification has, the default counted in.
    pub rules: usize,
    /// Whether they are in force.
    pub state: State,
    /// Allowed, but probably not what was meant: at most [`WARNINGS_MAX`].
    pub warnings: Vec<String>,
}

/// Whether a map is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is.
    InForce,
    /// It is not, wholly.
    OutOfForce {
        /// Why.
        reason: Reason,
        /// Why, for people: at most [`MESSAGE_BYTES_MAX`].
        message: String,
        /// The objects that are in the way; those of other sources are in
        /// `message` only.
        others: Vec<MapId>,
    },
}

/// Why a map is out of force: the reason of its condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The specification is wrong.
    Invalid,
    /// An older map says something else.
    Conflict,
    /// A rule's output is the input of another rule of the map.
    Chain,
    /// There would be more of something than the limit allows.
    Limit,
}

impl Reason {
    /// The word in conditions, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "Invalid",
            Self::Conflict => "Conflict",
            Self::Chain => "Chain",
            Self::Limit => "Limit",
        }
    }
}

/// The verdicts on the rules that are now served.
///
/// Holds the latest only: who is slow misses what nobody needs any more.
#[derive(Debug, Default)]
pub struct Verdicts {
    latest: Mutex<Latest>,
    changed: Condvar,
}

/// Verdicts, and how many there were before them.
#[derive(Debug, Clone, Default)]
pub struct Latest {
    /// Grows with each hand-over; 0 before the first.
    pub number: u64,
    /// One for each object, in the order of the kinds, namespaces and names.
    pub verdicts: Arc<Vec<Verdict>>,
}

impl Verdicts {
    /// Hands over the verdicts on the rules that were just put in force.
    pub fn hand_over(&self, verdicts: Vec<Verdict>) {
        let mut latest = self.lock();
        latest.number += 1;
        latest.verdicts = Arc::new(verdicts);
        self.changed.notify_all();
    }

    /// The latest verdicts; `number` is 0 as long as not every source has
    /// synced, for what is not yet known may be in the way of what is.
    pub fn latest(&self) -> Latest {
        self.lock().clone()
    }

    /// Waits for verdicts after that number, at most this long.
    pub fn wait_after(&self, number: u64, timeout: Duration) -> Option<Latest> {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), timeout, |latest| latest.number <= number)
            .unwrap_or_else(PoisonError::into_inner);
        (waited.0.number > number).then(|| waited.0.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The text, cut to `limit` bytes.
pub fn bounded(mut text: String, limit: usize) -> String {
    const MARK: char = '…';
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit - MARK.len_utf8()));
        text.push(MARK);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_gets_the_latest_only() {
        let verdicts = Verdicts::default();
        assert_eq!(verdicts.latest().number, 0);
        assert!(verdicts.wait_after(0, Duration::ZERO).is_none());
        verdicts.hand_over(Vec::new());
        verdicts.hand_over(Vec::new());
        assert_eq!(verdicts.wait_after(0, Duration::ZERO).unwrap().number, 2);
        assert!(verdicts.wait_after(2, Duration::ZERO).is_none());
    }

    #[test]
    fn a_reader_is_woken() {
        let verdicts = Verdicts::default();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| verdicts.wait_after(0, Duration::from_secs(20)));
            verdicts.hand_over(Vec::new());
            assert_eq!(reader.join().unwrap().unwrap().number, 1);
        });
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(bounded("äöü".to_owned(), 6), "äöü");
        assert_eq!(bounded("äöü".to_owned(), 5), "ä…");
    }
}
