//! A socket with a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::limits::Limits;

/// A socket that gives up at a moment, not after a silence: a peer that sends
/// a byte a second never lets a time-out of single reads expire.
///
/// Blocks in the system for a tick at most, so moving the deadline costs no
/// system call. The deadline is looked at before every call.
pub(super) struct Socket {
    stream: Arc<TcpStream>,
    deadline: Instant,
}

impl Socket {
    /// Wraps a connected stream; the deadline is that of the handshake.
    pub(super) fn new(stream: Arc<TcpStream>, limits: &Limits) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(limits.tick))?;
        stream.set_write_timeout(Some(limits.tick))?;
        Ok(Self { stream, deadline: Instant::now() + limits.handshake })
    }

    /// Everything fails with `TimedOut` from `duration` after now on.
    pub(super) fn give(&mut self, duration: Duration) {
        self.deadline = Instant::now() + duration;
    }

    /// Appends what comes next to `bytes`, as much as there is capacity for.
    ///
    /// # Errors
    /// Those of the system; the end of the stream is `UnexpectedEof`.
    pub(super) fn receive(&self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let come = self.until_deadline(|stream| {
            let (_, come) = recv(stream, spare_capacity(bytes), RecvFlags::empty())?;
            Ok(come)
        })?;
        if come == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Sends all of `bytes`.
    pub(super) fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = self.until_deadline(|mut stream| stream.write(bytes))?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    /// Sends all of `bytes` without waiting, whatever the deadline.
    ///
    /// # Errors
    /// Those of the system, never `TimedOut`. Part of it may be sent.
    pub(super) fn send_at_once(&self, bytes: &[u8]) -> io::Result<()> {
        let sent = send(&*self.stream, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
        if sent < bytes.len() { Err(ErrorKind::WriteZero.into()) } else { Ok(()) }
    }

    /// Waits until something has come, in one system call however long.
    pub(super) fn wait(&self) -> io::Result<()> {
        self.until_deadline(|stream| {
            let left = self.deadline.saturating_duration_since(Instant::now());
            // A deadline is never that far away.
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(stream, PollFlags::IN)], Some(&left))? {
                0 => Err(ErrorKind::WouldBlock.into()),
                _ => Ok(()),
            }
        })
    }

    /// Half-closes, then reads into `bytes` and drops what still comes until
    /// the peer ends or the deadline passes: closing with unread input makes
    /// the kernel reset the connection, and what was sent last is lost.
    pub(super) fn linger(&self, bytes: &mut Vec<u8>) {
        if self.stream.shutdown(Shutdown::Write).is_ok() {
            bytes.clear();
            while self.receive(bytes).is_ok() {
                bytes.clear();
            }
        }
    }

    fn until_deadline<T>(
        &self,
        mut operation: impl FnMut(&TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            if Instant::now() >= self.deadline {
                return Err(ErrorKind::TimedOut.into());
            }
            match operation(&self.stream) {
                Err(error) if is_tick(error.kind()) => {}
                result => return result,
            }
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.until_deadline(|mut stream| stream.read(buffer))
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.until_deadline(|mut stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_tick(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
