//! Standard error, as something that is never waited for.

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What a pipe that takes anything takes at once (`PIPE_BUF`, pipe(7)).
const PIECE_BYTES: usize = 4096;
/// How long a line that was begun may wait for its next piece.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
const NO_PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Lines that were dropped, and that no line tells yet.
static MISSING: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// How many dropped lines the line that this thread writes tells.
    static TOLD: Cell<u64> = const { Cell::new(0) };
}

/// How many lines are missing before the one that this thread writes next, and
/// tells them with. No other line does, unless this one is dropped too.
pub(super) fn missing() -> u64 {
    TOLD.set(TOLD.get() + MISSING.swap(0, Ordering::Relaxed));
    TOLD.get()
}

/// Drops a line where whoever reads the log does not: no answer waits for that.
/// Used by one thread at a time, for a whole line each time.
#[derive(Default)]
pub(super) struct Unwaited {
    /// The last line lacks its end.
    is_cut: bool,
}

impl Unwaited {
    fn write_line(&mut self, line: &[u8]) -> io::Result<bool> {
        let mut out = io::stderr();
        let mut patience = NO_PATIENCE;
        if self.is_cut && is_ready(&out, patience)? {
            out.write_all(b"\n")?;
            self.is_cut = false;
        }
        for piece in line.chunks(PIECE_BYTES) {
            if self.is_cut || !is_ready(&out, patience)? {
                self.is_cut |= patience == PATIENCE;
                return Ok(false);
            }
            out.write_all(piece)?;
            patience = PATIENCE;
        }
        Ok(true)
    }
}

impl Write for Unwaited {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let told = TOLD.take();
        // Nor can a line be told that the system refuses.
        if !self.write_line(line).unwrap_or(false) {
            MISSING.fetch_add(told + 1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a piece can be written without waiting for longer than `patience`.
/// What is no pipe, such as a file, always can.
fn is_ready(out: &io::Stderr, patience: Timespec) -> io::Result<bool> {
    let mut descriptors = [PollFd::new(out, PollFlags::OUT)];
    Ok(poll(&mut descriptors, Some(&patience))? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn what_is_missing_is_told_once() {
        MISSING.store(5, Ordering::Relaxed);
        assert_eq!(missing(), 5);
        // A line of another thread, made at the same time and written first.
        let other = thread::spawn(|| (missing(), Unwaited::default().write(b"").unwrap()));
        assert_eq!(other.join().unwrap().0, 0);
        assert_eq!(Unwaited::default().write(b"").unwrap(), 0);
        assert_eq!(missing(), 0);
    }
}
