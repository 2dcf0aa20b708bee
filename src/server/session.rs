//! TLS, by rustls's unbuffered interface: records are read from and written
//! into buffers of ours, which are given back while a connection is idle. With
//! rustls's own buffers a request takes four allocations more, each under the
//! one lock of musl's allocator, and twice the processor time.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};

use super::buffer::Buffer;
use super::socket::Socket;

/// Data of a record at most (RFC 8446, section 5.1). No more is encrypted at
/// once, so that no answer is in memory once more.
const DATA_BYTES: usize = 16 * 1024;

/// The server's side of a TLS connection.
pub(super) struct Session {
    connection: UnbufferedServerConnection,
    outgoing: Outgoing,
}

/// What to do once data can be sent.
enum Goal<'a> {
    Nothing,
    Send(&'a [u8]),
    Close,
}

/// How far the records that have come lead.
#[derive(PartialEq)]
pub(super) enum Progress {
    /// The handshake goes on with the next record.
    Handshaking,
    /// Data can be sent, and more may come.
    Open,
    /// The peer has said that it sends no more.
    PeerClosed,
}

impl Session {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        let connection = UnbufferedServerConnection::new(config)?;
        Ok(Self { connection, outgoing: Outgoing::default() })
    }

    /// Takes the whole records out of `incoming`, appends the data in them to
    /// `buffer` and answers what the protocol asks for.
    ///
    /// # Errors
    /// The `rustls::Error` when the peer breaks the protocol, as
    /// `InvalidData`; it was sent an alert then, if it took one.
    pub(super) fn take_in(
        &mut self,
        incoming: &mut Vec<u8>,
        buffer: &mut Buffer,
        socket: &Socket,
    ) -> io::Result<Progress> {
        self.advance(incoming, buffer, socket, &Goal::Nothing)
    }

    /// Sends all of `data`. `incoming` holds no whole record.
    pub(super) fn send(
        &mut self,
        data: &[u8],
        incoming: &mut Vec<u8>,
        buffer: &mut Buffer,
        socket: &Socket,
    ) -> io::Result<()> {
        self.advance(incoming, buffer, socket, &Goal::Send(data)).map(drop)
    }

    /// Tells the peer that no more will be sent; does not wait for its word,
    /// nor, unless `patient`, until it has taken what was sent before.
    pub(super) fn close(
        &mut self,
        incoming: &mut Vec<u8>,
        buffer: &mut Buffer,
        socket: &Socket,
        patient: bool,
    ) -> io::Result<()> {
        self.advance(incoming, buffer, socket, &Goal::Close)?;
        match patient {
            true => self.outgoing.send(socket),
            false => self.outgoing.send_at_once(socket),
        }
    }

    /// Gives back the memory that only a request needs.
    pub(super) fn release(&mut self) {
        self.outgoing.bytes = Vec::new();
    }

    fn advance(
        &mut self,
        incoming: &mut Vec<u8>,
        buffer: &mut Buffer,
        socket: &Socket,
        goal: &Goal<'_>,
    ) -> io::Result<Progress> {
        let outgoing = &mut self.outgoing;
        let fault = loop {
            let is_open = !self.connection.is_handshaking();
            let UnbufferedStatus { mut discard, state } =
                self.connection.process_tls_records(incoming);
            let progress = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(invalid)?;
                        discard += record.discard;
                        buffer.append(record.payload);
                    }
                    None
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    outgoing.append(|room| data.encode(room).map_err(Lacking::from))?;
                    None
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    // Not by the deadline: it may be that of a short wait, and
                    // who waited goes on with this session.
                    match is_open {
                        true => outgoing.send_at_once(socket)?,
                        false => outgoing.send(socket)?,
                    }
                    data.done();
                    None
                }
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    match goal {
                        Goal::Nothing => {}
                        Goal::Send(data) => {
                            for data in data.chunks(DATA_BYTES) {
                                outgoing.append(|room| {
                                    traffic.encrypt(data, room).map_err(Lacking::from)
                                })?;
                                outgoing.send(socket)?;
                            }
                        }
                        // The caller sends it.
                        Goal::Close => {
                            outgoing.append(|room| {
                                traffic.queue_close_notify(room).map_err(Lacking::from)
                            })?;
                        }
                    }
                    Some(Progress::Open)
                }
                Ok(ConnectionState::BlockedHandshake) => Some(Progress::Handshaking),
                Ok(ConnectionState::PeerClosed) => match goal {
                    Goal::Nothing => Some(Progress::PeerClosed),
                    // It still listens.
                    Goal::Send(_) | Goal::Close => None,
                },
                Ok(ConnectionState::Closed) => Some(Progress::PeerClosed),
                // Early data is not offered; other states are not there yet.
                Ok(_) => return Err(invalid("an unknown state of TLS")),
                Err(error) => break error,
            };
            incoming.drain(..discard);
            if let Some(progress) = progress {
                return Ok(progress);
            }
        };
        incoming.clear();
        self.send_alert(socket);
        Err(invalid(fault))
    }

    /// Sends what rustls made of a fault, and asks it for nothing else: it may
    /// still look for records that are gone.
    fn send_alert(&mut self, socket: &Socket) {
        while self.connection.wants_write() {
            let state = self.connection.process_tls_records(&mut []).state;
            let Ok(ConnectionState::EncodeTlsData(mut data)) = state else { break };
            if self.outgoing.append(|room| data.encode(room).map_err(Lacking::from)).is_err() {
                break;
            }
        }
        // The connection ends either way.
        self.outgoing.send_at_once(socket).ok();
    }
}

/// Records on their way to the socket.
#[derive(Default)]
struct Outgoing {
    /// Longer than what is used, so that it is written with zeros only once.
    bytes: Vec<u8>,
    used: usize,
}

impl Outgoing {
    /// Lets `write` fill the room that is left, after it has said how much it
    /// lacks if it lacks any.
    fn append(
        &mut self,
        mut write: impl FnMut(&mut [u8]) -> Result<usize, Lacking>,
    ) -> io::Result<()> {
        let written = match write(&mut self.bytes[self.used..]) {
            Err(Lacking::Room(bytes)) => {
                self.bytes.resize(self.used + bytes, 0);
                write(&mut self.bytes[self.used..])
            }
            result => result,
        };
        self.used += written.map_err(|_| invalid("the keys of this connection are used up"))?;
        Ok(())
    }

    fn send(&mut self, socket: &Socket) -> io::Result<()> {
        let used = std::mem::take(&mut self.used);
        socket.send(&self.bytes[..used])
    }

    fn send_at_once(&mut self, socket: &Socket) -> io::Result<()> {
        let used = std::mem::take(&mut self.used);
        socket.send_at_once(&self.bytes[..used])
    }
}

enum Lacking {
    /// Room: this many bytes are needed.
    Room(usize),
    /// Keys to encrypt with, after more records than they are good for.
    Keys,
}

impl From<EncryptError> for Lacking {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(error) => Self::Room(error.required_size),
            EncryptError::EncryptExhausted => Self::Keys,
        }
    }
}

impl From<EncodeError> for Lacking {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(error) => Self::Room(error.required_size),
            EncodeError::AlreadyEncoded => Self::Keys,
        }
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Limits;
    use crate::server::buffer::Budget;
    use crate::server::fixtures::certified;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    #[test]
    fn a_fault_is_told_although_its_alert_cannot_be_sent() {
        let mut session = Session::new(certified().get().unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut socket = Socket::new(Arc::new(stream), &Limits::admission()).unwrap();
        socket.give(Duration::ZERO);
        let mut buffer = Buffer::new(0, Arc::new(Budget::new(0)));
        let mut incoming = b"GET / HTTP/1.1\r\n\r\n".to_vec();
        let progress = session.take_in(&mut incoming, &mut buffer, &socket);
        assert_eq!(progress.err().map(|error| error.kind()), Some(ErrorKind::InvalidData));
    }
}
