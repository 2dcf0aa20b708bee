//! The life of one connection, on a thread of its own.

use std::io::{self, ErrorKind};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use bumpalo::Bump;

use super::Shared;
use super::answer::{Answer, Status};
use super::buffer::Buffer;
use super::counters::{HandshakeFailure, Limit, add, count};
use super::http::{self, After, CONTINUE, Head};
use super::seats::Seat;
use super::stream::{Socket, Stream};

/// Serves the connection that has this seat until it ends.
pub(super) fn serve(shared: &Shared, seat: &Seat) {
    let socket = Socket::new(Arc::clone(seat.stream()), &shared.limits);
    let mut stream = match socket.and_then(|socket| Stream::new(socket, &shared.transport)) {
        Ok(stream) => stream,
        Err(error) => return log::debug!("{}: connection not begun: {error}", shared.name),
    };
    if let Err(error) = stream.handshake() {
        shared.counters.handshake_failed(HandshakeFailure::of(&error));
        log::debug!("{}: handshake failed: {error}", shared.name);
        return stream.linger(shared.limits.farewell);
    }
    let buffer = Buffer::new(shared.limits.head_bytes, Arc::clone(&shared.budget));
    Connection { shared, seat, stream, buffer, out: Vec::new(), arena: Bump::new() }.run();
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
        // A body is not held in memory while its sender is heard out.
        drop(self.buffer);
        self.stream.give(self.shared.limits.farewell);
        self.stream.close_notify();
        // Not after an eviction: a newcomer waits for this place.
        if matches!(end, None | Some(ErrorKind::InvalidData)) {
            self.stream.linger(self.shared.limits.farewell);
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
                Ok(None) => {
                    self.buffer.fill(&mut self.stream)?;
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
                return self.send(total, answer.valued, after);
            }
            if head.expects_continue {
                self.stream.send(CONTINUE)?;
            }
            if !self.buffer.fill_to(total, &mut self.stream)? {
                self.shared.counters.hit(Limit::InFlight);
                let overload = Answer::refusal(Status::ServiceUnavailable);
                return self.refuse(&overload.with_header("Retry-After", "1"));
            }
        }
    }

    fn clear_arena(&mut self) {
        match self.arena.allocated_bytes() > ARENA_BYTES_KEPT {
            true => self.arena = Bump::new(),
            false => self.arena.reset(),
        }
    }

    fn wait_for_request(&mut self) -> io::Result<()> {
        if self.buffer.filled().is_empty() {
            self.stream.give(self.shared.limits.idle);
            self.buffer.fill(&mut self.stream)?;
        }
        self.seat.begin();
        self.stream.give(self.shared.limits.request);
        Ok(())
    }

    /// Answers a request that is not read to its end.
    fn refuse(&mut self, answer: &Answer) -> io::Result<After> {
        http::respond(&mut self.out, "", answer, After::Close);
        self.send(0, answer.valued, After::Close)
    }

    /// Sends the answer, whole, to the request of `total` bytes.
    fn send(&mut self, total: usize, valued: bool, after: After) -> io::Result<After> {
        self.stream.give(self.shared.limits.request);
        self.stream.send(&self.out)?;
        add(&self.shared.counters.received_bytes, total);
        add(&self.shared.counters.sent_bytes, self.out.len());
        self.out.clear();
        self.out.shrink_to(self.shared.limits.head_bytes);
        self.clear_arena();
        if after == After::Keep {
            self.buffer.consume(total);
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
