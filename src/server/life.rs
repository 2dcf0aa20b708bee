//! What the probe found: whether the server is alive.

use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use log::Level;

use crate::metrics::server::ProbeMetrics;
use crate::snapshot::seconds;

/// What the probe found so far.
#[derive(Debug)]
pub struct Life {
    silence: Duration,
    found: Mutex<Found>,
}

#[derive(Debug)]
struct Found {
    /// The last sign of life.
    sign: Instant,
    counted: ProbeMetrics,
    fault: Option<String>,
}

impl Life {
    pub(super) fn new(silence: Duration) -> Self {
        let found = Found { sign: Instant::now(), counted: ProbeMetrics::default(), fault: None };
        Self { silence, found: Mutex::new(found) }
    }

    /// Why the server counts as dead; none while it is alive, which it is too
    /// before it has a certificate and while it drains. Does not block.
    pub fn death(&self) -> Option<String> {
        let found = self.lock();
        let silence = found.sign.elapsed();
        let fault = found.fault.as_deref().unwrap_or("the last probe has not ended");
        (silence > self.silence)
            .then(|| format!("no sign of life from the admission port for {silence:.0?}: {fault}"))
    }

    /// What is wrong since the last sign of life.
    pub fn fault(&self) -> Option<String> {
        self.lock().fault.clone()
    }

    /// What a scrape tells of it.
    pub fn metrics(&self) -> ProbeMetrics {
        self.lock().counted
    }

    /// Keeps what a probe found, and logs what is new.
    pub(super) fn tell(&self, sign: Result<Sign, ProbeError>) {
        // After it is kept: a log that blocks must not hide anything.
        if let Some((level, line)) = self.keep(sign) {
            log::log!(level, "{line}");
        }
    }

    fn keep(&self, sign: Result<Sign, ProbeError>) -> Option<(Level, String)> {
        let mut found = self.lock();
        let before = found.fault.take();
        match sign {
            Ok(sign) => {
                found.sign = Instant::now();
                match sign {
                    Sign::Answered => {
                        found.counted.last_success = seconds(SystemTime::now());
                        found.counted.answered += 1;
                    }
                    Sign::Busy => found.counted.busy += 1,
                    Sign::Unasked => {}
                }
            }
            Err(error) => {
                found.counted.failed += 1;
                found.fault = Some(error.to_string());
            }
        }
        match (before, &found.fault) {
            (None, Some(fault)) => {
                Some((Level::Warn, format!("the admission port does not answer: {fault}")))
            }
            (Some(_), None) => Some((Level::Info, "the admission port answers again".to_owned())),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What shows that the server is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It answered, whatever.
    Answered,
    /// It refused, or others were served before.
    Busy,
    /// It has not begun, or is about to end.
    Unasked,
}

/// Why a probe showed no sign of life.
#[derive(Debug)]
pub(super) enum ProbeError {
    /// There is no connection to the port.
    Connect(io::Error),
    /// Nobody is accepted.
    Unaccepted,
    /// The handshake failed, or showed another certificate than is in force.
    Handshake(io::Error),
    /// No answer came.
    Unanswered(io::Error),
    /// Something came that is no answer.
    NotHttp,
    /// The thread of the last probe has not ended yet.
    Stuck,
    /// Every connection has been in one request for too long.
    Hang,
}

impl ProbeError {
    /// It was accepted, and then took too long.
    pub(super) fn is_slowness(&self) -> bool {
        let (Self::Handshake(error) | Self::Unanswered(error)) = self else { return false };
        error.kind() == io::ErrorKind::TimedOut
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "no connection to it: {error}"),
            Self::Unaccepted => f.write_str("no connection is accepted"),
            Self::Handshake(error) => write!(f, "the TLS handshake failed: {error}"),
            Self::Unanswered(error) => write!(f, "no answer: {error}"),
            Self::NotHttp => f.write_str("the answer is not HTTP"),
            Self::Stuck => f.write_str("the request of an earlier probe hangs"),
            Self::Hang => f.write_str("every connection hangs in its request"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_and_its_end_are_logged_once() {
        let life = Life::new(Duration::ZERO);
        let said = |sign| life.keep(sign).map(|(level, line)| format!("{level} {line}"));
        assert_eq!(said(Ok(Sign::Answered)), None);
        let line = "WARN the admission port does not answer: no connection is accepted";
        assert_eq!(said(Err(ProbeError::Unaccepted)).as_deref(), Some(line));
        assert_eq!(said(Err(ProbeError::Unaccepted)), None);
        assert_eq!(said(Err(ProbeError::Stuck)), None, "another of the same");
        let line = "INFO the admission port answers again";
        assert_eq!(said(Ok(Sign::Busy)).as_deref(), Some(line));
        assert_eq!(said(Ok(Sign::Busy)), None);
        let counted = life.metrics();
        assert_eq!((counted.answered, counted.busy, counted.failed), (1, 2, 3));
    }

    #[test]
    fn only_silence_is_death() {
        let life = Life::new(Duration::from_secs(3_600));
        life.keep(Err(ProbeError::Unaccepted));
        assert_eq!(life.death(), None);
        let life = Life::new(Duration::ZERO);
        life.keep(Err(ProbeError::Unaccepted));
        let why = life.death().unwrap();
        assert!(why.starts_with("no sign of life from the admission port for "), "{why}");
        assert!(why.ends_with(": no connection is accepted"), "{why}");
    }
}
