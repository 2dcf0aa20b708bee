//! Every number of the Harbor source, in one place.

use std::fmt;
use std::time::Duration;

use crate::client;

/// Most bytes that are kept of an endpoint, or of why an entry is no project.
pub(super) const TEXT_BYTES_MAX: usize = 1024;
/// Most bytes that are kept of a message of Harbor.
pub(super) const MESSAGE_BYTES_MAX: usize = 300;
/// Most bytes of a username or a password.
pub(super) const ACCOUNT_BYTES_MAX: usize = 1024;

/// The bounds of the Harbor source. `Display` prints all of them on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HarborLimits {
    /// Of a single call.
    pub client: client::Limits,
    /// Projects that are asked for at once: the most that Harbor gives.
    pub page_projects: usize,
    /// Pages of one list; each may have ten times as many entries as asked for.
    pub pages: u32,
    /// How often a list is read that changes while it is read.
    pub lists: u32,
    /// Proxy projects that count.
    pub proxies: usize,
    /// Bytes of a page.
    pub page_bytes: usize,
    /// Bytes of any other answer.
    pub answer_bytes: usize,
    /// After this time a refresh begins no further call.
    pub refresh: Duration,
    /// Calls in a row without an answer after which a refresh ends.
    pub silences: u32,
    /// The first delay after a failure; each further one doubles it, up to the
    /// interval between refreshes.
    pub delay: Duration,
    /// The longest time that Harbor may ask for.
    pub retry_after: Duration,
    /// How often the files of the account are looked at between refreshes.
    pub poll: Duration,
}

impl HarborLimits {
    /// The bounds for a Harbor of some ten thousand projects.
    pub const fn standard() -> Self {
        Self {
            client: client::Limits {
                head: Duration::from_secs(30),
                body: Duration::from_secs(30),
                ..client::Limits::standard()
            },
            page_projects: 100,
            pages: 200,
            lists: 3,
            proxies: 2_000,
            page_bytes: 4 * 1024 * 1024,
            answer_bytes: 256 * 1024,
            refresh: Duration::from_secs(300),
            silences: 5,
            delay: Duration::from_secs(5),
            retry_after: Duration::from_secs(600),
            poll: Duration::from_secs(10),
        }
    }
}

impl fmt::Display for HarborLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            client,
            page_projects,
            pages,
            lists,
            proxies,
            page_bytes,
            answer_bytes,
            refresh,
            silences,
            delay,
            retry_after,
            poll,
        } = self;
        write!(
            f,
            "{page_projects} projects at once, {pages} pages of {page_bytes} bytes, list {lists} \
             times, {proxies} proxy projects, answer {answer_bytes} bytes, refresh {refresh:?}, \
             end after {silences} calls without an answer, delay from {delay:?}, retry after \
             {retry_after:?}, files every {poll:?}; of a call: {client}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_printed() {
        let text = HarborLimits::standard().to_string();
        let own = "100 projects at once, 200 pages of 4194304 bytes, list 3 times, 2000 proxy \
                   projects, answer 262144 bytes, refresh 300s, end after 5 calls without an \
                   answer, delay from 5s, retry after 600s, files every 10s; of a call: resolve";
        assert!(text.starts_with(own), "{text}");
    }
}
