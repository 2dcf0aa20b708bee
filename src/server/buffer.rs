//! What a connection has read, and the bound on what all have read together.

use std::io::{self, ErrorKind, Read};
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

/// The read buffer of a connection.
///
/// Starts with a size that is its own, and grows by at most what has already
/// come: a length announced reserves nothing. What it has beyond its first
/// size is taken from the [`Budget`] for as long.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
    first_size: usize,
    budget: Arc<Budget>,
}

impl Buffer {
    pub(super) fn new(first_size: usize, budget: Arc<Budget>) -> Self {
        Self { bytes: vec![0; first_size], filled: 0, first_size, budget }
    }

    /// What was read and not yet dropped.
    pub(super) fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Reads once.
    ///
    /// # Errors
    /// Those of the stream; the end of the stream is `UnexpectedEof`.
    pub(super) fn fill(&mut self, stream: &mut impl Read) -> io::Result<()> {
        match stream.read(&mut self.bytes[self.filled..])? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            bytes => {
                self.filled += bytes;
                Ok(())
            }
        }
    }

    /// Reads until `total` bytes are there. False when the budget is spent.
    pub(super) fn fill_to(&mut self, total: usize, stream: &mut impl Read) -> io::Result<bool> {
        while self.filled < total {
            if self.filled == self.bytes.len() && !self.grow(total) {
                return Ok(false);
            }
            self.fill(stream)?;
        }
        Ok(true)
    }

    fn grow(&mut self, total: usize) -> bool {
        let size = total.min(self.bytes.len() * 2);
        let more = size - self.bytes.len();
        let granted = self.budget.take(more);
        if granted {
            self.bytes.reserve_exact(more);
            self.bytes.resize(size, 0);
        }
        granted
    }

    /// Drops the first `bytes`, and the size beyond the first one.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.bytes.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
        let surplus = self.bytes.len() - self.first_size.max(self.filled);
        if surplus > 0 {
            self.bytes.truncate(self.bytes.len() - surplus);
            self.bytes.shrink_to_fit();
            self.budget.give_back(surplus);
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes.len() - self.first_size);
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
        let ended = buffer.fill_to(1_000_000, &mut &[7; 30][..]).unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::UnexpectedEof);
        assert_eq!((buffer.filled().len(), buffer.bytes.len(), left(&budget)), (30, 40, 70));
        buffer.consume(25);
        assert_eq!((buffer.filled().len(), buffer.bytes.len(), left(&budget)), (5, 10, 100));
    }

    #[test]
    fn a_spent_budget_refuses_and_a_dropped_buffer_gives_back() {
        let budget = Arc::new(Budget::new(15));
        let mut first = Buffer::new(10, Arc::clone(&budget));
        assert!(first.fill_to(20, &mut &[0; 20][..]).unwrap());
        let mut second = Buffer::new(10, Arc::clone(&budget));
        assert!(!second.fill_to(20, &mut &[0; 20][..]).unwrap());
        assert_eq!((second.filled().len(), left(&budget)), (10, 5));
        drop(first);
        assert!(second.fill_to(20, &mut &[0; 10][..]).unwrap());
        drop(second);
        assert_eq!(left(&budget), 15);
    }
}
