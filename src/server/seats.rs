//! The places for connections: how many there are, and who has to leave.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How often a newcomer looks for a connection that has become idle; one that
/// has ended is told at once.
const LOOK: Duration = Duration::from_millis(10);

/// How long a connection that was of value is spared after its answer: the API
/// server sends its next call on it at once, or closes it, unless it is short
/// of processor time itself. Evicting it sooner loses that call.
const REUSE: Duration = Duration::from_secs(1);

/// How long a newcomer waits before such a connection is evicted for it. In a
/// burst the answers to others make room meanwhile, and lose nothing.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long an evicted connection may take to leave, or to see that a request
/// came just before. Then it is cut: whatever it waits for, a newcomer waits
/// for it.
const GOODBYE: Duration = Duration::from_millis(500);

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waiting for a request. May be evicted from `since` on.
    Idle { valued: bool, since: Instant },
    /// Reading a request, or answering it. Never evicted; `last` when the
    /// request came just before an eviction or a dismissal.
    Busy { last: bool, since: Instant },
    /// Evicted or dismissed then; its thread is about to notice.
    Leaving { since: Instant },
}

/// All places of one server.
pub(super) struct Seats {
    limit: usize,
    newcomer: Duration,
    taken: Mutex<Places>,
    /// The probe's, one more than the limit.
    reserved: Mutex<Weak<Place>>,
    left: Condvar,
    /// A newcomer waits for a place. Answers say `Connection: close` then,
    /// which makes room and loses no call, as an eviction may.
    wanted: AtomicBool,
}

type Places = Vec<Arc<Place>>;

struct Place {
    stream: Arc<TcpStream>,
    phase: Mutex<Phase>,
}

/// A connection's place, given back when dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    place: Arc<Place>,
}

impl Seats {
    pub(super) fn new(limit: usize, newcomer: Duration) -> Self {
        Self {
            limit,
            newcomer,
            taken: Mutex::default(),
            reserved: Mutex::default(),
            left: Condvar::new(),
            wanted: AtomicBool::new(false),
        }
    }

    /// Connections that have a place now.
    pub(super) fn taken(&self) -> usize {
        lock(&self.taken).len()
    }

    /// Those of them that are in a request.
    pub(super) fn busy(&self) -> usize {
        let is_busy = |place: &&Arc<Place>| matches!(*lock(&place.phase), Phase::Busy { .. });
        lock(&self.taken).iter().filter(is_busy).count()
    }

    /// Whether there is no place left and every connection has been in one
    /// request for longer than `time`.
    pub(super) fn hang(&self, time: Duration) -> bool {
        let hangs = |place: &Arc<Place>| match *lock(&place.phase) {
            Phase::Busy { since, .. } => since.elapsed() > time,
            Phase::Idle { .. } | Phase::Leaving { .. } => false,
        };
        let taken = lock(&self.taken);
        taken.len() >= self.limit && taken.iter().all(hangs)
    }

    /// The place for the probe: nobody has to leave for it, nor waits for its
    /// end.
    pub(super) fn reserve(self: &Arc<Self>, stream: TcpStream) -> Seat {
        let place = self.place(stream);
        *lock(&self.reserved) = Arc::downgrade(&place);
        Seat { seats: Arc::clone(self), place }
    }

    /// Waits until that place is free; false after `limit`.
    pub(super) fn wait_for_reserved(&self, limit: Duration) -> bool {
        let give_up = Instant::now() + limit;
        let mut taken = lock(&self.taken);
        while lock(&self.reserved).strong_count() > 0 {
            if Instant::now() >= give_up {
                return false;
            }
            taken = wait(&self.left, taken, LOOK);
        }
        true
    }

    fn place(&self, stream: TcpStream) -> Arc<Place> {
        let since = Instant::now() + self.newcomer;
        let phase = Mutex::new(Phase::Idle { valued: false, since });
        Arc::new(Place { stream: Arc::new(stream), phase })
    }

    /// Whether a newcomer waits for a place.
    pub(super) fn newcomer_waits(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// A place for `stream`, if need be by evicting the longest idle one of
    /// those whose last request was of no value, else of all. Calls `evicted`
    /// for each. One thread only may take places.
    ///
    /// # Errors
    /// The stream, when all were busy for as long as a newcomer waits.
    pub(super) fn take(
        self: &Arc<Self>,
        stream: TcpStream,
        evicted: impl FnMut(),
    ) -> Result<Seat, TcpStream> {
        let free = self.wait_for_place(evicted);
        self.wanted.store(false, Ordering::Relaxed);
        let Some(mut taken) = free else { return Err(stream) };
        let place = self.place(stream);
        taken.push(Arc::clone(&place));
        Ok(Seat { seats: Arc::clone(self), place })
    }

    fn wait_for_place(&self, mut evicted: impl FnMut()) -> Option<MutexGuard<'_, Places>> {
        let since = Instant::now();
        let mut give_up = since + self.newcomer;
        let mut taken = lock(&self.taken);
        while taken.len() >= self.limit {
            self.wanted.store(true, Ordering::Relaxed);
            let now = Instant::now();
            if evict_longest_idle(&taken, now, now < since + PATIENCE) {
                evicted();
                give_up = now + self.newcomer;
            } else if now >= give_up {
                return None;
            }
            taken = wait(&self.left, taken, LOOK);
        }
        Some(taken)
    }

    /// Ends the idle connections again and again until none is left or the
    /// deadline passes. Returns how many are left.
    pub(super) fn dismiss(&self, deadline: Instant) -> usize {
        let mut taken = lock(&self.taken);
        while !taken.is_empty() && Instant::now() < deadline {
            taken.iter().for_each(|place| {
                place.leave_if(|phase| matches!(phase, Phase::Idle { .. }));
            });
            taken = wait(&self.left, taken, LOOK);
        }
        taken.len()
    }
}

/// False when there is none, or one evicted before has not left yet.
fn evict_longest_idle(taken: &[Arc<Place>], now: Instant, spares_valued: bool) -> bool {
    let phases = || taken.iter().map(|place| *lock(&place.phase));
    if taken.iter().any(|place| place.is_leaving(now)) {
        return false;
    }
    let idle = taken.iter().zip(phases()).filter_map(|(place, phase)| match phase {
        Phase::Idle { valued: true, .. } if spares_valued => None,
        Phase::Idle { valued, since } if since <= now => Some(((valued, since), place, phase)),
        _ => None,
    });
    // A request may have come in the meantime: then not this one, and not now.
    idle.min_by_key(|(order, ..)| *order)
        .is_some_and(|(_, place, idle)| place.leave_if(|phase| phase == idle))
}

impl Place {
    /// Ends its reading, so that it can still say goodbye, by the handle it
    /// shares: a descriptor's number could be another connection's by now.
    fn leave_if(&self, condition: impl FnOnce(Phase) -> bool) -> bool {
        let mut phase = lock(&self.phase);
        let leaves = condition(*phase);
        if leaves {
            *phase = Phase::Leaving { since: Instant::now() };
            // Fails when the peer has already gone.
            self.stream.shutdown(Shutdown::Read).ok();
        }
        leaves
    }

    /// Whether it was told to leave; cuts it when that was long ago.
    fn is_leaving(&self, now: Instant) -> bool {
        // Held until it is cut: its thread must not begin a request meanwhile.
        let phase = lock(&self.phase);
        let Phase::Leaving { since } = *phase else { return false };
        if now > since + GOODBYE {
            self.stream.shutdown(Shutdown::Both).ok();
        }
        true
    }
}

impl Seat {
    /// The connection that sits here.
    pub(super) fn stream(&self) -> &Arc<TcpStream> {
        &self.place.stream
    }

    /// A request has begun to come in: it will be answered.
    pub(super) fn begin(&self) {
        let mut phase = lock(&self.place.phase);
        let last = matches!(*phase, Phase::Leaving { .. });
        *phase = Phase::Busy { last, since: Instant::now() };
    }

    /// Whether the connection should end with the answer to this request.
    pub(super) fn should_leave(&self) -> bool {
        let is_last = matches!(*lock(&self.place.phase), Phase::Busy { last: true, .. });
        is_last || self.seats.newcomer_waits()
    }

    /// The request has been answered.
    pub(super) fn rest(&self, valued: bool) {
        let since = Instant::now() + if valued { REUSE } else { Duration::ZERO };
        *lock(&self.place.phase) = Phase::Idle { valued, since };
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.seats.taken).retain(|place| !Arc::ptr_eq(place, &self.place));
        self.seats.left.notify_all();
    }
}

/// No code that could panic runs under these locks, and none leaves them half
/// changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a, T>(left: &Condvar, guard: MutexGuard<'a, T>, limit: Duration) -> MutexGuard<'a, T> {
    left.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    const GRACE: Duration = Duration::from_millis(100);

    #[test]
    fn a_newcomer_waits_before_a_connection_of_value_is_evicted_for_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _clients = [connect(), connect()];
        let accept = || listener.accept().unwrap().0;
        for (valued, patience) in [(true, PATIENCE), (false, Duration::ZERO)] {
            let seats = Arc::new(Seats::new(1, GRACE * 10));
            let mut seat = Some(seats.take(accept(), || {}).unwrap());
            let phase = Phase::Idle { valued, since: Instant::now() };
            *lock(&seat.as_ref().unwrap().place.phase) = phase;
            let start = Instant::now();
            thread::scope(|scope| {
                let stream = connect();
                let newcomer = scope.spawn(|| seats.take(stream, || {}).is_ok());
                let mut last = [0];
                let mut leaving: &TcpStream = seat.as_ref().unwrap().stream();
                assert_eq!(leaving.read(&mut last).unwrap(), 0, "it is evicted");
                assert!(start.elapsed() >= patience);
                drop(seat.take());
                assert!(newcomer.join().unwrap());
            });
        }
    }

    #[test]
    fn an_evicted_connection_that_is_stuck_is_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let client = connect();
        let seats = Arc::new(Seats::new(1, GRACE * 100));
        let seat = seats.take(listener.accept().unwrap().0, || {}).unwrap();
        seat.rest(false);
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut stuck: &TcpStream = seat.stream();
                while stuck.write_all(&[0; 4096]).is_ok() {}
            });
            let has_place = seats.take(connect(), || {}).is_ok();
            drop(client);
            assert!(has_place);
        });
    }

    #[test]
    fn a_request_that_came_before_the_eviction_is_the_last_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let seats = Arc::new(Seats::new(1, GRACE));
        let seat = seats.take(listener.accept().unwrap().0, || {}).unwrap();
        seat.begin();
        assert!(!seat.should_leave());
        seat.rest(false);
        client.write_all(b"request").unwrap();
        assert_eq!(seats.dismiss(Instant::now() + GRACE), 1);
        let mut received = [0; 7];
        let mut stream: &TcpStream = seat.stream();
        stream.read_exact(&mut received).unwrap();
        seat.begin();
        assert!(seat.should_leave());
        assert_eq!(stream.read(&mut received).unwrap(), 0, "and there will be no other");
    }
}
