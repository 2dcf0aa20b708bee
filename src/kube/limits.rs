//! Every number of the API server's client, in one place. Those of a single
//! call are [`crate::client::Limits`].

use std::fmt;
use std::time::Duration;

/// Most bytes that are kept of a message of the server.
pub const MESSAGE_BYTES_MAX: usize = 1024;
/// Most bytes of a kubeconfig, a certificate, a key or a token.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most bytes of one object. The API server takes 3 MiB and etcd 1.5 MiB; as
/// JSON a control character takes six bytes.
pub const OBJECT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The bounds of a list that is kept up to date. `Display` prints all of them
/// on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchLimits {
    /// Objects of one part of a list; fewer are asked for after an answer that
    /// was too large.
    pub page_objects: u32,
    /// Bytes of one event.
    pub event_bytes: usize,
    /// Bytes of all objects together, as JSON: as many as of one rules file.
    /// While a list replaces another, both are in memory.
    pub set_bytes: usize,
    /// How long the server is asked to keep a watch; a quarter less for some,
    /// so that replicas do not come back at the same moment.
    pub watch: Duration,
    /// How much later than that a watch is given up: a connection that is
    /// dead, or drips, is noticed then.
    pub slack: Duration,
    /// A watch that ends within this time and told nothing has failed.
    pub watch_min: Duration,
    /// Watches in a row that fail without a word before all is listed anew:
    /// the version may be one that the server will never reach.
    pub failures_before_list: u32,
    /// The first delay after a failure; each further one doubles it.
    pub delay: Duration,
    /// The longest of these delays.
    pub delay_max: Duration,
    /// The first delay where waiting for somebody: a kind of objects that is
    /// not installed, a role that does not allow it, too many objects.
    pub slow_delay: Duration,
    /// The longest of those, and of what the server may ask for.
    pub slow_delay_max: Duration,
    /// After this time without a failure the delays begin anew.
    pub calm: Duration,
}

impl WatchLimits {
    /// The bounds for watching the API server. Delays and calm are those of
    /// client-go's reflector.
    pub const fn standard() -> Self {
        Self {
            page_objects: 100,
            event_bytes: OBJECT_BYTES_MAX,
            set_bytes: 32 * 1024 * 1024,
            watch: Duration::from_secs(60),
            slack: Duration::from_secs(10),
            watch_min: Duration::from_secs(1),
            failures_before_list: 3,
            delay: Duration::from_millis(800),
            delay_max: Duration::from_secs(30),
            slow_delay: Duration::from_secs(5),
            slow_delay_max: Duration::from_secs(60),
            calm: Duration::from_secs(120),
        }
    }
}

impl fmt::Display for WatchLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            page_objects,
            event_bytes,
            set_bytes,
            watch,
            slack,
            watch_min,
            failures_before_list,
            delay,
            delay_max,
            slow_delay,
            slow_delay_max,
            calm,
        } = self;
        write!(
            f,
            "list {page_objects} objects at once, event {event_bytes} bytes, \
             all objects {set_bytes} bytes, watch {watch:?} and {slack:?}, at least {watch_min:?}, \
             list after {failures_before_list} failures, delay {delay:?} to {delay_max:?}, \
             slow {slow_delay:?} to {slow_delay_max:?}, calm {calm:?}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_printed() {
        assert_eq!(
            WatchLimits::standard().to_string(),
            "list 100 objects at once, event 8388608 bytes, all objects 33554432 bytes, \
             watch 60s and 10s, at least 1s, list after 3 failures, delay 800ms to 30s, \
             slow 5s to 60s, calm 120s"
        );
    }
}
