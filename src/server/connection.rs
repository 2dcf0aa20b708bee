//! The life of one connection, on a thread of its own.

use std::io::{self, ErrorKind};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use bumpalo::Bump;

use super::Shared;
use super::answer::{Answer, Status};
use super::buffer::Buffer;
use super::counters::{HandshakeFailure, Limit, add, count};
use super::http::{self, After, CONTINUE, Head};
use super::seats::Seat;
use super::socket::Socket;
use super::stream::Stream;
use crate::arena;

/// Serves the connection that has this seat until it ends.
pub(super) fn serve(shared: &Shared, seat: &Seat) {
    let socket = Socket::new(Arc::clone(seat.stream()), &shared.limits);
    let mut stream = match socket.and_then(|socket| Stream::new(socket, &shared.transport)) {
        Ok(stream) => stream,
        Err(error) => return log::debug!("{}: connection not begun: {error}", shared.name),
    };
    let mut buffer = Buffer::new(shared.limits.own_bytes(), Arc::clone(&shared.budget));
    if let Err(error) = stream.handshake(&mut buffer) {
        shared.counters.handshake_failed(HandshakeFailure::of(&error));
        log::debug!("{}: handshake failed: {error}", shared.name);
        stream.give(shared.limits.farewell);
        return stream.linger();
    }
    let patience = shared.limits.request;
    Connection { shared, seat, stream, buffer, out: Vec::new(), arena: Bump::new(), patience }
        .run();
}

/// What an arena may keep from one request to the next; it holds what most
/// requests need.
const ARENA_BYTES_KEPT: usize = 64 * 1024;

struct Connection<'a> {
    shared: &'a Shared,
    seat: &'a Seat,
    stream: Stream,
    buffer: Buffer,
    /// The answer's bytes; kept between requests for its capacity.
    out: Vec<u8>,
    /// What an answer needs while it is made.
    arena: Bump,
    /// How long the next request may take to begin: the first one as long as a
    /// request may take to come.
    patience: Duration,
}

impl Connection<'_> {
    fn run(mut self) {
        let end = loop {
            match self.exchange() {
                Ok(After::Keep) => {}
                Ok(After::Close) => break None,
                Err(error) => break Some(error.kind()),
            }
        };
        self.stream.give(self.shared.limits.farewell);
        // A broken session has sent its alert, and what it was about to read is
        // gone: rustls panics when it is asked again.
        if end != Some(ErrorKind::InvalidData) {
            self.stream.close_notify(&mut self.buffer, end.is_none());
        }
        // A body is not held in memory while its sender is heard out.
        drop(self.buffer);
        // Not after an eviction: a newcomer waits for this place.
        if matches!(end, None | Some(ErrorKind::InvalidData)) {
            self.stream.linger();
        }
    }

    /// One request and its answer. An error ends the connection unanswered:
    /// the peer is gone, too slow or evicted, or its TLS is broken.
    fn exchange(&mut self) -> io::Result<After> {
        self.wait_for_request()?;
        self.answer_request().inspect_err(|error| {
            if error.kind() == ErrorKind::TimedOut {
                self.shared.counters.hit(Limit::RequestTime);
            }
        })
    }

    fn answer_request(&mut self) -> io::Result<After> {
        loop {
            let filled = self.buffer.filled();
            let head = match http::parse(filled, &self.shared.limits) {
                Ok(Some(head)) => head,
                Ok(None) if self.buffer.is_refused() => return self.refuse_overload(),
                Ok(None) => {
                    self.stream.receive(&mut self.buffer)?;
                    continue;
                }
                Err(status) => {
                    count(&self.shared.counters.refused);
                    match status {
                        Status::HeadTooLarge => self.shared.counters.hit(Limit::Head),
                        Status::ContentTooLarge => self.shared.counters.hit(Limit::Body),
                        _ => {}
                    }
                    return self.refuse(&Answer::refusal(status));
                }
            };
            let total = head.head_bytes + head.body_bytes;
            let body = filled.get(head.head_bytes..total);
            if let Some((answer, after)) = ask(self.shared, &head, body, &self.arena) {
                let after = if self.seat.should_leave() { After::Close } else { after };
                http::respond(&mut self.out, head.method, &answer, after);
                let valued = answer.valued;
                // Not while a slow reader takes what was made of it.
                drop(answer);
                return self.send(total, valued, after);
            }
            if head.expects_continue {
                self.stream.send(CONTINUE, &mut self.buffer)?;
            }
            self.buffer.expect(total);
            while self.buffer.filled().len() < total {
                if self.buffer.is_refused() {
                    return self.refuse_overload();
                }
                self.stream.receive(&mut self.buffer)?;
            }
        }
    }

    fn refuse_overload(&mut self) -> io::Result<After> {
        self.shared.counters.hit(Limit::InFlight);
        let overload = Answer::refusal(Status::ServiceUnavailable);
        self.refuse(&overload.with_header("Retry-After", "1"))
    }

    fn wait_for_request(&mut self) -> io::Result<()> {
        if self.buffer.filled().is_empty() {
            self.stream.give(self.shared.limits.tick);
            match self.stream.receive(&mut self.buffer) {
                Err(error) if error.kind() == ErrorKind::TimedOut => self.wait_idle()?,
                result => result?,
            }
        }
        self.seat.begin();
        self.stream.give(self.shared.limits.request);
        Ok(())
    }

    /// An idle connection holds no memory that only a request needs, and does
    /// not wake up.
    fn wait_idle(&mut self) -> io::Result<()> {
        self.stream.release();
        self.buffer.release();
        self.out = Vec::new();
        self.arena = Bump::new();
        self.stream.give(self.patience);
        self.stream.wait()?;
        self.stream.receive(&mut self.buffer)
    }

    /// Answers a request that is not read to its end.
    fn refuse(&mut self, answer: &Answer) -> io::Result<After> {
        http::respond(&mut self.out, "", answer, After::Close);
        self.send(0, answer.valued, After::Close)
    }

    /// Sends the answer, whole, to the request of `total` bytes.
    fn send(&mut self, total: usize, valued: bool, after: After) -> io::Result<After> {
        self.stream.give(self.shared.limits.request);
        self.stream.send(&self.out, &mut self.buffer)?;
        add(&self.shared.counters.received_bytes, total);
        add(&self.shared.counters.sent_bytes, self.out.len());
        self.out.clear();
        self.out.shrink_to(self.shared.limits.head_bytes);
        arena::empty(&mut self.arena, ARENA_BYTES_KEPT);
        if after == After::Keep {
            self.buffer.consume(total);
            self.patience = self.shared.limits.idle;
            self.seat.rest(valued);
        }
        Ok(after)
    }
}

/// Asks the service, if it can be asked already: with a `body`, or when it
/// refuses without one.
fn ask(
    shared: &Shared,
    head: &Head<'_>,
    body: Option<&[u8]>,
    arena: &Bump,
) -> Option<(Answer, After)> {
    if let Err(answer) = shared.service.check(head) {
        // Where the next request starts is known only with the body read.
        return Some((answer, if body.is_some() { after(shared, head) } else { After::Close }));
    }
    let body = body?;
    match panic::catch_unwind(AssertUnwindSafe(|| shared.service.answer(head, body, arena))) {
        Ok(answer) => Some((answer, after(shared, head))),
        Err(_) => Some((shared.service.panicked(head, body), After::Close)),
    }
}

fn after(shared: &Shared, head: &Head<'_>) -> After {
    if shared.is_draining() { After::Close } else { head.after }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::fixtures::{certified, client_session};
    use crate::server::routes::{Admission, MUTATE_PATH};
    use crate::server::{Limits, Service, TlsSlot, Transport};
    use crate::snapshot::{Published, Snapshot};
    use allocation_counter::measure;
    use rustls::StreamOwned;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::thread;

    const REVIEW: &[u8] = include_bytes!("../../benches/data/review.json");

    /// A server and the certificate that it shows.
    fn admission(limits: Limits) -> (Shared, Arc<TlsSlot>) {
        let slot = certified();
        let published = Arc::new(Published::new(Snapshot::default()));
        let service = Admission { published, metrics: Arc::default() };
        let transport = Transport::Tls(Arc::clone(&slot));
        (Shared::new("test", transport, limits, Arc::new(service)), slot)
    }

    /// Answers everything with the same.
    struct Constant(usize);

    impl Service for Constant {
        fn check(&self, _: &Head<'_>) -> Result<(), Answer> {
            Ok(())
        }

        fn answer(&self, _: &Head<'_>, _: &[u8], _: &Bump) -> Answer {
            let body = [&vec![b'a'; self.0][..], b"}}"].concat();
            Answer::new(Status::Ok, "text/plain", body)
        }

        fn panicked(&self, _: &Head<'_>, _: &[u8]) -> Answer {
            Answer::refusal(Status::InternalServerError)
        }
    }

    #[test]
    fn an_answer_is_encrypted_a_record_at_a_time() {
        const BYTES: usize = 4 * 1024 * 1024;
        let (mut shared, slot) = admission(Limits::admission());
        shared.service = Arc::new(Constant(BYTES));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = thread::spawn(move || ask(address, &slot, 1));
        let seat = shared.seats.take(listener.accept().unwrap().0, || {}).unwrap();
        let taken = measure(|| serve(&shared, &seat)).bytes_max;
        client.join().unwrap();
        // Its body, and the answer made of it.
        assert!(taken < 2 * BYTES as u64 + 256 * 1024, "{taken}");
    }

    /// Sends the review again and again, each time once the answer has come.
    fn ask(address: SocketAddr, slot: &Arc<TlsSlot>, times: usize) {
        let stream = TcpStream::connect(address).unwrap();
        let mut stream = StreamOwned::new(client_session(slot), stream);
        let head = format!(
            "POST {MUTATE_PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            REVIEW.len()
        );
        let request = [head.as_bytes(), REVIEW].concat();
        let mut answer = vec![0; 8 * 1024 * 1024];
        for _ in 0..times {
            stream.write_all(&request).unwrap();
            let mut bytes = 0;
            while !answer[..bytes].ends_with(b"}}") {
                bytes += stream.read(&mut answer[bytes..]).unwrap();
            }
            assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        }
    }

    /// One for each record is rustls's, and one is the answer's body. More is
    /// paid for under the one lock of musl's allocator.
    #[test]
    fn a_request_takes_three_allocations_at_most() {
        let minute = Duration::from_secs(60);
        let limits = Limits { tick: minute, request: minute, ..Limits::admission() };
        let (shared, slot) = admission(limits);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let taken_by = |requests| {
            let slot = Arc::clone(&slot);
            let client = thread::spawn(move || ask(address, &slot, requests));
            let seat = shared.seats.take(listener.accept().unwrap().0, || {}).unwrap();
            let taken = measure(|| serve(&shared, &seat)).count_total;
            client.join().unwrap();
            taken
        };
        let first = taken_by(10);
        let more = taken_by(110) - first;
        assert!(more <= 300, "{more} for 100 requests");
    }
}
