//! What a connection has read, and the bound on what all have read together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that the buffers of one server may take beyond their first sizes.
pub(super) struct Budget {
    left: AtomicUsize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { left: AtomicUsize::new(bytes) }
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The data that a connection has read.
///
/// Holds nothing at first and while it is idle, and grows by at most what has
/// already come: a length announced reserves nothing. What it has beyond a size
/// that is its own is taken from the [`Budget`] for as long.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    own_size: usize,
    expected: usize,
    seen: u64,
    refused: bool,
    budget: Arc<Budget>,
}

impl Buffer {
    pub(super) fn new(own_size: usize, budget: Arc<Budget>) -> Self {
        Self { bytes: Vec::new(), own_size, expected: 0, seen: 0, refused: false, budget }
    }

    /// What was read and not yet dropped.
    pub(super) fn filled(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes that were ever offered to it.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// The budget was spent, and data was dropped.
    pub(super) fn is_refused(&self) -> bool {
        self.refused
    }

    /// No more than `total` bytes will be needed at once.
    pub(super) fn expect(&mut self, total: usize) {
        self.expected = total;
    }

    /// Takes in what has come, if the budget allows it.
    pub(super) fn append(&mut self, data: &[u8]) {
        self.seen += data.len() as u64;
        if self.refused || !self.make_room(self.bytes.len() + data.len()) {
            self.refused = true;
            return;
        }
        self.bytes.extend_from_slice(data);
    }

    fn make_room(&mut self, needed: usize) -> bool {
        if needed <= self.bytes.capacity() {
            return true;
        }
        let doubled = (self.bytes.capacity() * 2).min(self.expected.max(self.own_size));
        let size = needed.max(doubled);
        let granted = self.budget.take(self.surplus_of(size) - self.surplus());
        if granted {
            self.bytes.reserve_exact(size - self.bytes.len());
        }
        granted
    }

    /// Drops the first `bytes`, and the size beyond its own.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.bytes.drain(..bytes);
        self.expected = 0;
        let surplus = self.surplus();
        if surplus > 0 {
            self.bytes.shrink_to(self.own_size);
            self.budget.give_back(surplus - self.surplus());
        }
    }

    /// Gives back its memory, if nothing is in it.
    pub(super) fn release(&mut self) {
        if self.bytes.is_empty() {
            self.budget.give_back(self.surplus());
            self.bytes = Vec::new();
        }
    }

    fn surplus(&self) -> usize {
        self.surplus_of(self.bytes.capacity())
    }

    fn surplus_of(&self, size: usize) -> usize {
        size.saturating_sub(self.own_size)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.budget.give_back(self.surplus());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(budget: &Budget) -> usize {
        budget.left.load(Ordering::Relaxed)
    }

    #[test]
    fn growth_follows_what_has_come_and_is_given_back() {
        let budget = Arc::new(Budget::new(100));
        let mut buffer = Buffer::new(10, Arc::clone(&budget));
        buffer.expect(1_000_000);
        (0..30).for_each(|_| buffer.append(&[7]));
        assert_eq!((buffer.filled().len(), buffer.bytes.capacity(), left(&budget)), (30, 32, 78));
        buffer.consume(25);
        assert_eq!((buffer.filled().len(), buffer.bytes.capacity(), left(&budget)), (5, 10, 100));
    }

    #[test]
    fn growth_ends_at_what_is_expected() {
        let budget = Arc::new(Budget::new(100));
        let mut buffer = Buffer::new(10, Arc::clone(&budget));
        buffer.append(&[7; 10]);
        buffer.expect(15);
        buffer.append(&[7]);
        assert_eq!((buffer.bytes.capacity(), left(&budget)), (15, 95));
        buffer.append(&[7; 9]);
        assert_eq!((buffer.bytes.capacity(), left(&budget)), (20, 90), "a next request came along");
    }

    #[test]
    fn a_spent_budget_refuses_and_a_dropped_buffer_gives_back() {
        let budget = Arc::new(Budget::new(15));
        let mut first = Buffer::new(10, Arc::clone(&budget));
        first.append(&[0; 20]);
        assert!(!first.is_refused());
        let mut second = Buffer::new(10, Arc::clone(&budget));
        second.append(&[0; 10]);
        second.append(&[0; 10]);
        assert!(second.is_refused());
        assert_eq!((second.filled().len(), second.seen(), left(&budget)), (10, 20, 5));
        drop(first);
        second.append(&[0]);
        assert_eq!(second.filled().len(), 10, "what was dropped would be missing");
        drop(second);
        assert_eq!(left(&budget), 15);
    }

    #[test]
    fn an_empty_buffer_holds_no_memory() {
        let budget = Arc::new(Budget::new(15));
        let mut buffer = Buffer::new(10, Arc::clone(&budget));
        buffer.append(&[0; 12]);
        buffer.release();
        assert_eq!((buffer.filled().len(), left(&budget)), (12, 13));
        buffer.consume(12);
        buffer.release();
        assert_eq!((buffer.bytes.capacity(), left(&budget)), (0, 15));
    }
}
