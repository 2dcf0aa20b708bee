//! A connection's bytes: one type for TLS and plain, with a deadline below it.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ServerConnection, StreamOwned};

use super::Transport;
use super::limits::Limits;

/// A socket that gives up at a moment, not after a silence: a peer that sends
/// a byte a second never lets a time-out of single reads expire.
///
/// Blocks in the system for a tick at most, so moving the deadline costs no
/// system call. The deadline is looked at before every read and write.
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

fn is_tick(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
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

    // Without this, rustls makes one system call per record.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.until_deadline(|mut stream| stream.write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The stream of a connection.
pub(super) enum Stream {
    /// As it comes.
    Plain(Socket),
    /// Encrypted.
    Tls(Box<StreamOwned<ServerConnection, Socket>>),
}

impl Stream {
    /// The server's side of a connection. Nothing is sent or read yet.
    ///
    /// # Errors
    /// When there is no certificate yet.
    pub(super) fn new(socket: Socket, transport: &Transport) -> io::Result<Self> {
        let Transport::Tls(slot) = transport else {
            return Ok(Self::Plain(socket));
        };
        let config = slot.get().ok_or_else(|| io::Error::other("there is no certificate yet"))?;
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new(StreamOwned::new(session, socket))))
    }

    /// Shakes hands, where there is something to shake. After an error the
    /// peer was sent an alert.
    pub(super) fn handshake(&mut self) -> io::Result<()> {
        if let Self::Tls(stream) = self {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(())
    }

    /// Reads and writes fail from `duration` after now on.
    pub(super) fn give(&mut self, duration: Duration) {
        self.socket().deadline = Instant::now() + duration;
    }

    /// Sends all of `bytes`.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)?;
        self.flush()
    }

    /// Tells the peer that no more will be sent; does not wait for its word.
    pub(super) fn close_notify(&mut self) {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            // The connection ends either way.
            stream.flush().ok();
        }
    }

    /// Half-closes, then reads and drops what still comes until the peer ends
    /// or the deadline passes: closing with unread input makes the kernel
    /// reset the connection, and what was sent last is lost.
    pub(super) fn linger(&mut self, farewell: Duration) {
        self.give(farewell);
        let socket = self.socket();
        let set = socket.stream.set_read_timeout(Some(farewell));
        let half_closed = set.and_then(|()| socket.stream.shutdown(Shutdown::Write));
        let mut dropped = [0; 16 * 1024];
        while half_closed.is_ok() && socket.read(&mut dropped).is_ok_and(|bytes| bytes > 0) {}
    }

    fn socket(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &mut stream.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
