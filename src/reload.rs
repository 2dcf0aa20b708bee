//! Several files that somebody replaces while they are read.
//!
//! The kubelet swaps the link that all of them are below, others rename one
//! after the other or write in place. A read of several files is therefore of
//! no one moment: it may see one before a change and the next after it.

use std::thread;
use std::time::Duration;

use ring::digest::{Context, SHA256};

/// How long files must have been the same before a change of them counts:
/// longer than it takes to rename a few, and far less than the 10 s between
/// two looks at them.
pub const REST: Duration = Duration::from_millis(100);
/// Most reads of files that do not come to rest.
pub const READS_MAX: usize = 10;

/// Reads until two reads in a row see the same; `first` is what the first one
/// saw. Of a link that is swapped this is all before or all after: a file that
/// is the same in both was not changed while the others were read.
///
/// Blocks for `rest` before each read.
///
/// # Errors
/// What was read last, when [`READS_MAX`] reads all saw something else.
pub fn settle<T: PartialEq>(first: T, rest: Duration, mut read: impl FnMut() -> T) -> Result<T, T> {
    let mut last = first;
    for _ in 0..READS_MAX {
        thread::sleep(rest);
        let next = read();
        if next == last {
            return Ok(next);
        }
        last = next;
    }
    Err(last)
}

/// What tells one content from another: the SHA-256 of its parts, each behind
/// its length.
pub fn fingerprint<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_twice_in_a_row_counts() {
        let mut reads = [2, 1, 3, 3, 4].into_iter();
        assert_eq!(settle(1, Duration::ZERO, || reads.next().unwrap()), Ok(3));
        assert_eq!(reads.next(), Some(4), "no more is read than needed");
    }

    #[test]
    fn what_never_rests_is_given_up() {
        let mut reads = 0;
        let read = || {
            reads += 1;
            reads
        };
        assert_eq!(settle(0, Duration::ZERO, read), Err(READS_MAX));
    }
}
