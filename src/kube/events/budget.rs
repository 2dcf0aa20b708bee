//! Which notes are sent, and as what. Pure: the time is an argument.

use std::collections::HashMap;
use std::time::Duration;

use super::Note;

/// All notes together: this many at once, then [`ALL_PER_MINUTE`].
pub const ALL_BURST: u32 = 120;
/// As many as that in the long run.
pub const ALL_PER_MINUTE: u32 = 60;
/// Those of one object: this many at once, then [`OBJECT_PER_MINUTE`].
pub const OBJECT_BURST: u32 = 10;
/// As many as that in the long run.
pub const OBJECT_PER_MINUTE: u32 = 2;
/// The same note within this time raises the count of the Event that is there.
pub const SERIES: Duration = Duration::from_secs(600);
/// Most objects and Events that are remembered; the oldest are forgotten.
pub const REMEMBERED_MAX: usize = 1_000;

/// What to do with a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: there are too many.
    Drop,
    /// Make an Event, then tell [`Budget::sent`].
    Create,
    /// Raise the count of an Event.
    Repeat {
        /// Its name.
        name: String,
        /// How often it happened by now.
        count: u32,
    },
}

/// What was sent lately.
#[derive(Debug, Default)]
pub struct Budget {
    all: Option<Bucket>,
    objects: HashMap<String, Bucket>,
    sent: HashMap<Note, Sent>,
}

#[derive(Debug)]
struct Sent {
    name: String,
    count: u32,
    last: Duration,
}

/// Tokens that come back with time.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    last: Duration,
}

impl Bucket {
    fn take(&mut self, now: Duration, burst: u32, per_minute: u32) -> bool {
        let passed = now.saturating_sub(self.last).as_secs_f64();
        self.tokens = (self.tokens + passed * f64::from(per_minute) / 60.0).min(burst.into());
        self.last = now;
        let is_enough = self.tokens >= 1.0;
        self.tokens -= if is_enough { 1.0 } else { 0.0 };
        is_enough
    }
}

impl Budget {
    /// What to do with a note now.
    pub fn decide(&mut self, note: &Note, now: Duration) -> Decision {
        forget_oldest(&mut self.objects, |bucket| bucket.last);
        forget_oldest(&mut self.sent, |sent| sent.last);
        let full = |burst: u32| Bucket { tokens: burst.into(), last: now };
        let object = self.objects.entry(note.regarding.uid.clone());
        let object = object.or_insert_with(|| full(OBJECT_BURST));
        let all = self.all.get_or_insert_with(|| full(ALL_BURST));
        // Not one of all where the object has none left.
        let is_allowed = object.take(now, OBJECT_BURST, OBJECT_PER_MINUTE)
            && all.take(now, ALL_BURST, ALL_PER_MINUTE);
        if !is_allowed {
            return Decision::Drop;
        }
        match self.sent.get_mut(note) {
            Some(sent) if now.saturating_sub(sent.last) <= SERIES => {
                sent.count += 1;
                sent.last = now;
                Decision::Repeat { name: sent.name.clone(), count: sent.count }
            }
            _ => {
                self.sent.remove(note);
                Decision::Create
            }
        }
    }

    /// An Event of that name was made of the note.
    pub fn sent(&mut self, note: &Note, name: String) {
        let last = self.objects.get(&note.regarding.uid).map_or(Duration::ZERO, |seen| seen.last);
        self.sent.insert(note.clone(), Sent { name, count: 1, last });
    }
}

/// Makes room for one more.
fn forget_oldest<K: Clone + Eq + std::hash::Hash, V>(
    map: &mut HashMap<K, V>,
    last: impl Fn(&V) -> Duration,
) {
    while map.len() >= REMEMBERED_MAX {
        let oldest = map.iter().min_by_key(|(_, value)| last(value)).map(|(key, _)| key.clone());
        match oldest {
            Some(oldest) => drop(map.remove(&oldest)),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Regarding, Severity};
    use super::*;

    fn note(uid: &str, text: &str) -> Note {
        let regarding = Regarding {
            api_version: "detour.dev/v1alpha1".to_owned(),
            kind: "ImageMap",
            namespace: "a".to_owned(),
            name: "m".to_owned(),
            uid: uid.to_owned(),
        };
        let text = text.to_owned();
        Note { regarding, severity: Severity::Normal, reason: "R", action: "A", text }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_note_that_comes_again_is_counted() {
        let mut budget = Budget::default();
        let (one, other) = (note("u", "one"), note("u", "other"));
        assert_eq!(budget.decide(&one, MINUTE), Decision::Create);
        budget.sent(&one, "m.1".to_owned());
        assert_eq!(budget.decide(&other, MINUTE), Decision::Create);
        let again = |count| Decision::Repeat { name: "m.1".to_owned(), count };
        assert_eq!(budget.decide(&one, MINUTE * 2), again(2));
        assert_eq!(budget.decide(&one, MINUTE * 12), again(3));
        assert_eq!(budget.decide(&one, MINUTE * 23), Decision::Create);
        // Not sent: nothing to count up.
        assert_eq!(budget.decide(&one, MINUTE * 24), Decision::Create);
    }

    fn taken(budget: &mut Budget, now: Duration, notes: impl Iterator<Item = Note>) -> usize {
        notes.filter(|note| budget.decide(note, now) != Decision::Drop).count()
    }

    #[test]
    fn one_object_has_its_share_and_all_have_theirs() {
        let mut budget = Budget::default();
        let of_one = || (0..50).map(|number| note("u", &number.to_string()));
        assert_eq!(taken(&mut budget, MINUTE, of_one()), OBJECT_BURST as usize);
        assert_eq!(taken(&mut budget, MINUTE * 2, of_one()), OBJECT_PER_MINUTE as usize);
        let of_many = || (0..500).map(|number| note(&number.to_string(), "x"));
        let taken_of_many = taken(&mut budget, MINUTE * 10, of_many());
        assert_eq!(taken_of_many, ALL_BURST as usize);
        assert_eq!(taken(&mut budget, MINUTE * 11, of_many()), ALL_PER_MINUTE as usize);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut budget = Budget::default();
        for number in 0..3 * REMEMBERED_MAX {
            let now = MINUTE * number as u32;
            let note = note(&number.to_string(), "x");
            assert_eq!(budget.decide(&note, now), Decision::Create);
            budget.sent(&note, "m".to_owned());
        }
        assert!(budget.objects.len() <= REMEMBERED_MAX && budget.sent.len() <= REMEMBERED_MAX);
    }
}
