//! Waiting for a condition, and what is told when it does not come.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Longest time that anything may take here; the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(20);
/// Last lines of a log that are shown.
const TAIL_LINES: usize = 25;

/// Asks until the answer is there, or panics with `what` was waited for.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "after {DEADLINE:?} not yet: {what}");
        thread::sleep(POLL);
    }
}

/// Waits until a condition holds, or panics with `what` it is.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// Writes a line past the harness, which keeps what a passing test prints.
pub(crate) fn tell(line: &str) {
    // Nobody may be reading.
    let _ = io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

/// Shows a text with the report of the test that is failing.
pub(crate) fn show(text: &str) {
    #[allow(clippy::print_stderr, reason = "the harness keeps it for the report")]
    {
        eprint!("{text}");
    }
}

/// The last lines of a file, under its name.
pub(crate) fn tail(file: &Path) -> String {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    format!("--- the end of {}\n{}\n", file.display(), last.join("\n"))
}

/// What several threads do until they have done enough, or one of them fails:
/// the others must not wait for it.
#[derive(Default)]
pub(crate) struct Together(AtomicBool);

/// The part of one thread.
pub(crate) struct Part<'t>(&'t Together);

impl Together {
    /// To be held by each thread, as long as it takes part.
    pub(crate) fn part(&self) -> Part<'_> {
        Part(self)
    }

    /// Whether a thread failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.0.store(true, Ordering::Relaxed);
        }
    }
}
