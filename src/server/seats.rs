//! The places for connections: how many there are, and who has to leave.

use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a newcomer looks for a connection that has become idle; one that
/// has ended is told at once.
const LOOK: Duration = Duration::from_millis(10);

/// How long a connection that was of value is spared after its answer: the API
/// server sends its next call on it at once, or closes it. Evicting it sooner
/// loses that call.
const REUSE: Duration = Duration::from_millis(500);

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waiting for a request. May be evicted from `since` on.
    Idle { valued: bool, since: Instant },
    /// Reading a request, or answering it. Never evicted.
    Busy,
    /// Evicted or dismissed; its thread is about to notice.
    Leaving,
}

/// All places of one server.
pub(super) struct Seats {
    limit: usize,
    newcomer: Duration,
    taken: Mutex<Vec<Arc<Place>>>,
    left: Condvar,
}

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
        Self { limit, newcomer, taken: Mutex::default(), left: Condvar::new() }
    }

    /// Connections that have a place now.
    pub(super) fn taken(&self) -> usize {
        lock(&self.taken).len()
    }

    /// Those of them that are in a request.
    pub(super) fn busy(&self) -> usize {
        let is_busy = |place: &&Arc<Place>| *lock(&place.phase) == Phase::Busy;
        lock(&self.taken).iter().filter(is_busy).count()
    }

    /// A place for `stream`, if need be by evicting the longest idle one of
    /// those whose last request was of no value, else of all. Calls `evicted`
    /// for each. `None` when all were busy for as long as a newcomer waits.
    pub(super) fn take(
        self: &Arc<Self>,
        stream: TcpStream,
        mut evicted: impl FnMut(),
    ) -> Option<Seat> {
        let mut give_up = Instant::now() + self.newcomer;
        let mut taken = lock(&self.taken);
        while taken.len() >= self.limit {
            let now = Instant::now();
            if evict_longest_idle(&taken, now) {
                evicted();
                give_up = now + self.newcomer;
            } else if now >= give_up {
                return None;
            }
            taken = wait(&self.left, taken, LOOK);
        }
        let since = Instant::now() + self.newcomer;
        let phase = Mutex::new(Phase::Idle { valued: false, since });
        let place = Arc::new(Place { stream: Arc::new(stream), phase });
        taken.push(Arc::clone(&place));
        Some(Seat { seats: Arc::clone(self), place })
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
fn evict_longest_idle(taken: &[Arc<Place>], now: Instant) -> bool {
    let phases = || taken.iter().map(|place| *lock(&place.phase));
    if phases().any(|phase| phase == Phase::Leaving) {
        return false;
    }
    let idle = taken.iter().zip(phases()).filter_map(|(place, phase)| match phase {
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
            *phase = Phase::Leaving;
            // Fails when the peer has already gone.
            self.stream.shutdown(Shutdown::Read).ok();
        }
        leaves
    }
}

impl Seat {
    /// The connection that sits here.
    pub(super) fn stream(&self) -> &Arc<TcpStream> {
        &self.place.stream
    }

    /// A request begins. False when the connection was evicted before.
    pub(super) fn begin(&self) -> bool {
        let mut phase = lock(&self.place.phase);
        let stays = *phase != Phase::Leaving;
        if stays {
            *phase = Phase::Busy;
        }
        stays
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
