//! The events of a watch, out of bytes that are cut anywhere.

use super::{ApiError, ErrorKind, Event};
use crate::client::{Method, Opened};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// The events of one watch.
pub struct EventStream {
    opened: Opened,
    path: String,
    lines: Lines,
    is_at_end: bool,
}

impl EventStream {
    pub(super) fn new(opened: Opened, path: String, event_bytes: usize) -> Self {
        Self { opened, path, lines: Lines::new(event_bytes), is_at_end: false }
    }

    /// Waits for bytes. False when the server ended the watch.
    ///
    /// # Errors
    /// When the connection breaks off, or the time of the watch is over.
    pub fn wait(&mut self) -> Result<bool, ApiError> {
        let mut chunk = [0; CHUNK_BYTES];
        match self.opened.read(&mut chunk) {
            Ok(0) => {
                self.is_at_end = true;
                Ok(false)
            }
            Ok(read) => {
                self.lines.push(&chunk[..read]);
                Ok(true)
            }
            Err(error) => Err(self.error(error.into())),
        }
    }

    /// The next event that has come whole; none when [`EventStream::wait`] has
    /// to be called first.
    ///
    /// # Errors
    /// When what came is no event, or larger than the limit.
    pub fn event(&mut self) -> Result<Option<Event>, ApiError> {
        let line = match self.lines.next() {
            Ok(Some(line)) => line,
            Ok(None) if self.is_at_end => {
                // The last event need not end its line, but one cut off is none.
                return Ok(Event::parse(&self.lines.rest()).ok());
            }
            Ok(None) => return Ok(None),
            Err(TooLong(limit)) => return Err(self.error(ErrorKind::TooLarge(limit))),
        };
        let parsed = Event::parse(&line);
        parsed.map(Some).map_err(|error| self.error(ErrorKind::Malformed(error.to_string())))
    }

    fn error(&self, kind: ErrorKind) -> ApiError {
        ApiError { method: Method::GET, path: self.path.as_str().into(), kind }
    }
}

/// Bytes on their way to become lines.
struct Lines {
    buffer: Vec<u8>,
    /// Where the next line begins.
    begin: usize,
    /// Up to here there is no end of a line.
    searched: usize,
    limit: usize,
}

/// A line is longer than this many bytes.
#[derive(Debug, PartialEq, Eq)]
struct TooLong(usize);

impl Lines {
    fn new(limit: usize) -> Self {
        Self { buffer: Vec::new(), begin: 0, searched: 0, limit }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.begin);
        self.searched -= self.begin;
        self.begin = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next line that is whole and not blank, without its end.
    fn next(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        loop {
            let found = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            let end = found.map_or(self.buffer.len(), |at| self.searched + at);
            if end - self.begin > self.limit {
                return Err(TooLong(self.limit));
            }
            if found.is_none() {
                self.searched = end;
                return Ok(None);
            }
            let line = self.buffer[self.begin..end].to_vec();
            self.begin = end + 1;
            self.searched = self.begin;
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    /// What is left, which is no whole line.
    fn rest(&mut self) -> Vec<u8> {
        let rest = self.buffer.split_off(self.begin);
        *self = Self::new(self.limit);
        rest
    }
}
