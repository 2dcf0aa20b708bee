//! Threads and signals: the only room that starts a thread.
//!
//! A vital thread has to run as long as the process. When one returns or
//! panics, [`Events`] says so and the process has to end: a webhook that goes
//! on with a dead watcher looks healthy and is not.

use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Stack of a vital thread in bytes. It is address space, not memory; parsing
/// a rules document recurses deeper than answering a request does.
const VITAL_STACK_BYTES: usize = 1024 * 1024;

/// What the main thread waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first SIGTERM or SIGINT: end, but answer what is under way.
    Drain,
    /// A further signal: end at once.
    Quit,
    /// A vital thread is no more; an error line in the log names it.
    Ended {
        /// The thread's name.
        thread: String,
    },
    /// The work given to [`Supervisor::spawn_last`] is done.
    Finished,
}

/// The receiving end, for the main thread.
pub struct Events(Receiver<Event>);

impl Events {
    /// Waits for the next event, without a limit. [`Event::Quit`] when there
    /// is no [`Supervisor`] and no thread left that could send one.
    pub fn wait(&self) -> Event {
        self.0.recv().unwrap_or(Event::Quit)
    }
}

/// Starts threads whose end is reported.
#[derive(Clone)]
pub struct Supervisor(Sender<Event>);

/// A supervisor and the events of the threads it will start.
pub fn supervisor() -> (Supervisor, Events) {
    let (sender, receiver) = mpsc::channel();
    (Supervisor(sender), Events(receiver))
}

impl Supervisor {
    /// Starts a thread that has to run as long as the process: when `body`
    /// returns or panics, [`Event::Ended`] follows.
    pub fn spawn_vital(
        &self,
        name: &str,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<(), SuperviseError> {
        self.spawn_reported(name, Event::Ended { thread: name.to_owned() }, body)
    }

    /// Starts the last work of the process, such as draining a server:
    /// [`Event::Finished`] when `body` returns, [`Event::Ended`] when it
    /// panics.
    pub fn spawn_last(
        &self,
        name: &str,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<(), SuperviseError> {
        self.spawn_reported(name, Event::Finished, body)
    }

    /// Turns SIGTERM and SIGINT into [`Event::Drain`], then [`Event::Quit`].
    pub fn watch_signals(&self) -> Result<(), SuperviseError> {
        let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(SuperviseError::Signals)?;
        let events = self.0.clone();
        self.spawn_vital("signals", move || {
            let mut event = Event::Drain;
            for _ in signals.forever() {
                if events.send(event).is_err() {
                    return;
                }
                event = Event::Quit;
            }
        })
    }

    fn spawn_reported(
        &self,
        name: &str,
        returned: Event,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<(), SuperviseError> {
        let events = self.0.clone();
        let thread = name.to_owned();
        spawn(name, VITAL_STACK_BYTES, move || {
            let event = match panic::catch_unwind(AssertUnwindSafe(body)) {
                Ok(()) => returned,
                Err(_) => Event::Ended { thread },
            };
            if let Event::Ended { thread } = &event {
                log::error!("thread {thread} ended, and the process cannot go on without it");
            }
            // Nobody listens once the main thread is on its way out.
            events.send(event).ok();
        })
    }
}

/// Starts a thread that may end, such as that of a connection.
///
/// # Errors
/// When the system gives no thread; `body` is dropped then.
pub fn spawn(
    name: &str,
    stack_bytes: usize,
    body: impl FnOnce() + Send + 'static,
) -> Result<(), SuperviseError> {
    match thread::Builder::new().name(name.to_owned()).stack_size(stack_bytes).spawn(body) {
        Ok(_) => Ok(()),
        Err(source) => Err(SuperviseError::Spawn { thread: name.to_owned(), source }),
    }
}

/// Why a thread or the signals could not be set up.
#[derive(Debug)]
pub enum SuperviseError {
    /// The system gave no thread.
    Spawn {
        /// The name it would have had.
        thread: String,
        /// The system's error.
        source: io::Error,
    },
    /// The signal handlers could not be installed.
    Signals(io::Error),
}

impl fmt::Display for SuperviseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn { thread, .. } => write!(f, "cannot start the thread {thread}"),
            Self::Signals(_) => f.write_str("cannot install the signal handlers"),
        }
    }
}

impl std::error::Error for SuperviseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Spawn { source, .. } | Self::Signals(source) => Some(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::low_level::raise;

    fn ended(thread: &str) -> Event {
        Event::Ended { thread: thread.to_owned() }
    }

    #[test]
    fn a_vital_thread_that_returns_is_reported_by_name() {
        let (supervisor, events) = supervisor();
        supervisor.spawn_vital("watcher", || ()).unwrap();
        assert_eq!(events.wait(), ended("watcher"));
    }

    #[test]
    fn a_vital_thread_that_panics_is_reported_by_name() {
        let (supervisor, events) = supervisor();
        supervisor.spawn_vital("watcher", || panic!("a test's panic")).unwrap();
        assert_eq!(events.wait(), ended("watcher"));
    }

    #[test]
    fn the_last_work_finishes_or_ends() {
        let (supervisor, events) = supervisor();
        supervisor.spawn_last("drain", || ()).unwrap();
        assert_eq!(events.wait(), Event::Finished);
        supervisor.spawn_last("drain", || panic!("a test's panic")).unwrap();
        assert_eq!(events.wait(), ended("drain"));
    }

    #[test]
    fn the_first_signal_drains_and_the_second_quits() {
        let (supervisor, events) = supervisor();
        supervisor.watch_signals().unwrap();
        raise(SIGTERM).unwrap();
        assert_eq!(events.wait(), Event::Drain);
        raise(SIGINT).unwrap();
        assert_eq!(events.wait(), Event::Quit);
    }

    #[test]
    fn a_thread_that_cannot_start_is_an_error() {
        let error = spawn("huge", usize::MAX / 4, || ()).unwrap_err();
        assert_eq!(error.to_string(), "cannot start the thread huge");
    }
}
