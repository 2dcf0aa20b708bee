//! The images of an object as they were written, by `LIST/NAME`.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use super::json::Reader;
use super::write;
use crate::arena::Text;

/// What an entry of a text has beside key and value.
const MARKS_BYTES: usize = r#""":"","#.len();

/// A table in the order of its keys, none of which is there twice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Originals<'r> {
    entries: ArenaVec<'r, (&'r str, &'r str)>,
}

impl<'r> Originals<'r> {
    /// An empty table.
    pub(super) fn new(arena: &'r Bump) -> Self {
        Self { entries: ArenaVec::new_in(arena) }
    }

    /// The table that a JSON text holds; none when it is no table of strings.
    pub(super) fn read(text: &'r str, arena: &'r Bump) -> Option<Self> {
        let mut reader = Reader::new(text, arena);
        let pairs = reader.pairs()?;
        reader.end()?;
        let mut entries = ArenaVec::from_iter_in(pairs.iter().copied(), arena);
        entries.sort_unstable();
        Some(Self { entries })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn get(&self, key: &str) -> Option<&'r str> {
        let at = self.entries.binary_search_by_key(&key, |(key, _)| key).ok()?;
        self.entries.get(at).map(|(_, original)| *original)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        self.entries.retain(|(key, original)| keep(key, original));
    }

    /// The table with changes in their order: a text to set, or none for an
    /// entry to remove.
    pub(super) fn changed(&self, mut changes: ArenaVec<'r, (&'r str, Option<&'r str>)>) -> Self {
        let arena = self.entries.bump();
        // The last change of a key counts, and a change before what it changes.
        changes.reverse();
        changes.extend(self.entries.iter().map(|(key, original)| (*key, Some(*original))));
        changes.sort_by_key(|(key, _)| *key);
        changes.dedup_by_key(|(key, _)| *key);
        let left = changes.iter().filter_map(|(key, original)| Some((*key, (*original)?)));
        Self { entries: ArenaVec::from_iter_in(left, arena) }
    }

    /// The table as a JSON text.
    pub(super) fn encode(&self, arena: &'r Bump) -> &'r str {
        let entries = self.entries.iter();
        let bytes = entries.map(|(key, original)| key.len() + original.len() + MARKS_BYTES);
        let mut text = Text::with_capacity("{}".len() + bytes.sum::<usize>(), arena);
        write::object(&mut text, self.entries.iter().copied());
        text.into_str()
    }
}
