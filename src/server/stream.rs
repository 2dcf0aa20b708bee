//! A connection's bytes: one type for TLS and plain.

use std::io::{self, ErrorKind};
use std::time::Duration;

use super::Transport;
use super::buffer::Buffer;
use super::limits::RECORD_BYTES;
use super::session::{Progress, Session};
use super::socket::Socket;

/// The stream of a connection.
pub(super) struct Stream {
    socket: Socket,
    /// What has come and is not yet a whole record, or not a whole message of
    /// a handshake. Never longer than a record: nobody is known yet who sends
    /// it, and no budget bounds it. Clients' messages have less than 4 KiB.
    incoming: Vec<u8>,
    session: Option<Box<Session>>,
    /// The peer has said that it sends no more, perhaps right behind a request.
    peer_closed: bool,
}

impl Stream {
    /// The server's side of a connection. Nothing is sent or read yet.
    ///
    /// # Errors
    /// When there is no certificate yet.
    pub(super) fn new(socket: Socket, transport: &Transport) -> io::Result<Self> {
        let session = match transport {
            Transport::Plain => None,
            Transport::Tls(slot) => {
                let config = slot.get();
                let config =
                    config.ok_or_else(|| io::Error::other("there is no certificate yet"))?;
                Some(Box::new(Session::new(config).map_err(io::Error::other)?))
            }
        };
        Ok(Self { socket, incoming: Vec::new(), session, peer_closed: false })
    }

    /// Shakes hands, where there is something to shake. Data may come with the
    /// last of them. After an error the peer was sent an alert.
    pub(super) fn handshake(&mut self, buffer: &mut Buffer) -> io::Result<()> {
        while let Some(session) = &mut self.session {
            match session.take_in(&mut self.incoming, buffer, &self.socket)? {
                Progress::Handshaking => self.read()?,
                Progress::Open => break,
                Progress::PeerClosed => {
                    self.peer_closed = true;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Everything fails with `TimedOut` from `duration` after now on; what has
    /// come until then is not lost.
    pub(super) fn give(&mut self, duration: Duration) {
        self.socket.give(duration);
    }

    /// Waits for data and appends it to `buffer`.
    ///
    /// # Errors
    /// Those of the system and of TLS; the end of the stream is
    /// `UnexpectedEof`.
    pub(super) fn receive(&mut self, buffer: &mut Buffer) -> io::Result<()> {
        let before = buffer.seen();
        while buffer.seen() == before {
            self.check_open()?;
            self.read()?;
            let Some(session) = &mut self.session else {
                buffer.append(&self.incoming);
                self.incoming.clear();
                return Ok(());
            };
            let progress = session.take_in(&mut self.incoming, buffer, &self.socket)?;
            self.peer_closed = progress == Progress::PeerClosed;
        }
        Ok(())
    }

    /// Waits until something has come.
    pub(super) fn wait(&self) -> io::Result<()> {
        self.check_open()?;
        self.socket.wait()
    }

    fn check_open(&self) -> io::Result<()> {
        if self.peer_closed { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Sends all of `data`; `buffer` is where data goes that comes.
    pub(super) fn send(&mut self, data: &[u8], buffer: &mut Buffer) -> io::Result<()> {
        match &mut self.session {
            None => self.socket.send(data),
            Some(session) => session.send(data, &mut self.incoming, buffer, &self.socket),
        }
    }

    /// Tells the peer that no more will be sent; does not wait for its word,
    /// nor, unless `patient`, until it has taken what was sent before.
    pub(super) fn close_notify(&mut self, buffer: &mut Buffer, patient: bool) {
        if let Some(session) = &mut self.session {
            // The connection ends either way.
            session.close(&mut self.incoming, buffer, &self.socket, patient).ok();
        }
    }

    /// Half-closes and hears the peer out until the deadline.
    pub(super) fn linger(&mut self) {
        self.incoming.clear();
        self.incoming.reserve_exact(RECORD_BYTES);
        self.socket.linger(&mut self.incoming);
    }

    /// Gives back the memory that only a request needs.
    pub(super) fn release(&mut self) {
        self.incoming.shrink_to_fit();
        if let Some(session) = &mut self.session {
            session.release();
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let come = self.incoming.len();
        if come == self.incoming.capacity() {
            if come >= RECORD_BYTES {
                return Err(ErrorKind::InvalidData.into());
            }
            self.incoming.reserve_exact(RECORD_BYTES - come);
        }
        self.socket.receive(&mut self.incoming)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::fixtures::{Refusing, certified, client_session};
    use crate::server::{Limits, Shared, connection};
    use std::io::Write;
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::sync::Arc;
    use std::thread;
    use std::time::Instant;

    const MINUTE: Duration = Duration::from_secs(60);

    /// How long a connection goes on after this has come to it, where its peer
    /// has read nothing since the handshake.
    fn time_to_leave(begin: impl FnOnce(&TcpStream, &mut TcpStream)) -> Duration {
        let slot = certified();
        let limits = Limits { request: MINUTE, farewell: MINUTE, ..Limits::admission() };
        let transport = Transport::Tls(Arc::clone(&slot));
        let shared = Shared::new("test", transport, limits, Arc::new(Refusing));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let seat = shared.seats.take(listener.accept().unwrap().0, || {}).unwrap();
        thread::scope(|scope| {
            let serving = scope.spawn(|| connection::serve(&shared, &seat));
            client_session(&slot).complete_io(&mut client).unwrap();
            // Until the kernel takes nothing for a tick.
            let mut server: &TcpStream = seat.stream();
            for bytes in [&[0; 4096][..], &[0]] {
                while server.write(bytes).is_ok() {}
            }
            let begun = Instant::now();
            begin(seat.stream(), &mut client);
            serving.join().unwrap();
            begun.elapsed()
        })
    }

    #[test]
    fn no_goodbye_waits_for_a_peer_that_does_not_read() {
        let evicted = time_to_leave(|server, _| server.shutdown(Shutdown::Read).unwrap());
        assert!(evicted < MINUTE / 2, "{evicted:?}");
        let broken = time_to_leave(|_, client| {
            client.write_all(&[0; 100]).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        });
        assert!(broken < MINUTE / 2, "{broken:?}");
    }
}
