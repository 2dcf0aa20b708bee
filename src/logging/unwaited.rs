//! A log that is never waited for.

use std::cell::Cell;
use std::io::{self, Write};
use std::mem;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What a pipe that takes anything takes at once (`PIPE_BUF`, pipe(7)).
const PIECE_BYTES: usize = 4096;
/// How long a line that was begun may wait for its next piece.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
const NO_PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Most bytes of lines that wait for the thread that writes: what comes within
/// some 20 ms, should that thread be kept from a processor under full load.
const WAITING_BYTES_MAX: usize = 1024 * 1024;
/// How long a thread writes what others have, at most. Where they have more all
/// the time, one of them goes on.
const TURN: Duration = Duration::from_millis(100);
/// What lines that wait may keep of memory once none does.
const WAITING_BYTES_KEPT: usize = 16 * 1024;

thread_local! {
    /// How many dropped lines the line that this thread writes tells.
    static TOLD: Cell<u64> = const { Cell::new(0) };
}

/// Lines on their way to one reader. A line is dropped where its reader does
/// not read, and no thread waits for another: one of them writes, and what the
/// others have meanwhile as well.
pub(super) struct Unwaited<W> {
    queue: Mutex<Queue<W>>,
    /// Lines that were dropped, and that no line tells yet.
    missing: AtomicU64,
    turn: Duration,
}

struct Queue<W> {
    /// Whoever has it writes.
    pen: Option<Pen<W>>,
    /// To be written before anything else.
    waiting: Lines,
}

/// Whole lines, one after the other.
#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    /// Where each ends, and how many missing lines it tells.
    ends: Vec<(usize, u64)>,
}

struct Pen<W> {
    out: W,
    /// The last line lacks its end.
    is_cut: bool,
    /// What waited and is written now; kept for its capacity.
    lines: Lines,
}

impl<W: Write + AsFd> Unwaited<W> {
    pub(super) fn new(out: W) -> Self {
        let pen = Some(Pen { out, is_cut: false, lines: Lines::default() });
        let queue = Mutex::new(Queue { pen, waiting: Lines::default() });
        Self { queue, missing: AtomicU64::new(0), turn: TURN }
    }

    /// How many lines are missing before the one that this thread writes next,
    /// and tells them with. No other line does, unless this one is dropped too.
    pub(super) fn missing(&self) -> u64 {
        TOLD.set(TOLD.get() + self.missing.swap(0, Ordering::Relaxed));
        TOLD.get()
    }

    /// Writes a line, or leaves it to the thread that writes at this moment.
    pub(super) fn write(&self, line: &[u8]) {
        let told = TOLD.take();
        let mut queue = self.lock();
        let is_next = queue.waiting.ends.is_empty();
        let pen = queue.pen.take();
        if (pen.is_none() || !is_next) && !queue.waiting.push(line, told) {
            self.missing.fetch_add(told + 1, Ordering::Relaxed);
        }
        drop(queue);
        let Some(mut pen) = pen else { return };
        if is_next && !pen.write_line(line) {
            self.missing.fetch_add(told + 1, Ordering::Relaxed);
        }
        self.write_waiting(pen);
    }

    /// Gives the thread that writes, if one does, a moment to end, and writes
    /// what it left: for before the process does.
    pub(super) fn settle(&self) {
        for _ in 0..100 {
            let pen = self.lock().pen.take();
            if let Some(pen) = pen {
                return self.write_waiting(pen);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Writes what waits, and what comes meanwhile.
    fn write_waiting(&self, mut pen: Pen<W>) {
        let mut begun = None;
        loop {
            let mut queue = self.lock();
            let is_over = |begun: Instant| begun.elapsed() > self.turn;
            if queue.waiting.ends.is_empty() || begun.is_some_and(is_over) {
                queue.pen = Some(pen);
                return;
            }
            mem::swap(&mut queue.waiting, &mut pen.lines);
            drop(queue);
            begun.get_or_insert_with(Instant::now);
            self.missing.fetch_add(pen.write_waiting(), Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue<W>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Appends a line, if it fits.
    fn push(&mut self, line: &[u8], told: u64) -> bool {
        let fits = self.text.len() + line.len() <= WAITING_BYTES_MAX;
        if fits {
            self.text.extend_from_slice(line);
            self.ends.push((self.text.len(), told));
        }
        fits
    }

    fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(WAITING_BYTES_KEPT);
        self.ends.clear();
        self.ends.shrink_to(WAITING_BYTES_KEPT / size_of::<(usize, u64)>());
    }
}

impl<W: Write + AsFd> Pen<W> {
    /// Writes what waited; how many lines are missing for it.
    fn write_waiting(&mut self) -> u64 {
        let mut lines = mem::take(&mut self.lines);
        let (mut missing, mut start, mut rest) = (0, 0, &lines.ends[..]);
        while let [(first, _), others @ ..] = rest {
            // One line, and all that go with it in one piece.
            let more = others.partition_point(|(end, _)| end - start <= PIECE_BYTES);
            let end = if more == 0 { *first } else { others[more - 1].0 };
            let (written, left) = rest.split_at(more + 1);
            if !self.write_line(&lines.text[start..end]) {
                missing += written.iter().map(|(_, told)| told + 1).sum::<u64>();
            }
            (start, rest) = (end, left);
        }
        lines.clear();
        self.lines = lines;
        missing
    }

    /// Writes a line, or several that go in one piece; whether it did.
    fn write_line(&mut self, line: &[u8]) -> bool {
        // Nor can a line be told that the system refuses.
        self.try_write_line(line).unwrap_or(false)
    }

    fn try_write_line(&mut self, line: &[u8]) -> io::Result<bool> {
        let mut patience = NO_PATIENCE;
        if self.is_cut && is_ready(&self.out, patience)? {
            self.out.write_all(b"\n")?;
            self.is_cut = false;
        }
        for piece in line.chunks(PIECE_BYTES) {
            if self.is_cut || !is_ready(&self.out, patience)? {
                self.is_cut |= patience == PATIENCE;
                return Ok(false);
            }
            self.out.write_all(piece)?;
            patience = PATIENCE;
        }
        Ok(true)
    }
}

/// Whether a piece can be written without waiting for longer than `patience`.
/// What is no pipe, such as a file, always can.
fn is_ready(out: &impl AsFd, patience: Timespec) -> io::Result<bool> {
    let mut descriptors = [PollFd::new(out, PollFlags::OUT)];
    Ok(poll(&mut descriptors, Some(&patience))? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, PipeWriter, Read, pipe};
    use std::sync::mpsc;

    #[test]
    fn what_is_missing_is_told_once() {
        let log = Unwaited::new(io::stderr());
        log.missing.store(5, Ordering::Relaxed);
        assert_eq!(log.missing(), 5);
        // A line of another thread, made at the same time and written first.
        let other = || {
            let told = log.missing();
            log.write(b"");
            told
        };
        assert_eq!(thread::scope(|scope| scope.spawn(other).join().unwrap()), 0);
        log.write(b"");
        assert_eq!(log.missing(), 0);
    }

    #[test]
    fn lines_of_many_threads_come_whole() {
        let (reader, writer) = pipe().unwrap();
        let log = Unwaited::new(writer);
        let lines = thread::scope(|scope| {
            let reading = scope.spawn(move || {
                BufReader::new(reader).lines().map(Result::unwrap).collect::<Vec<_>>()
            });
            let writing: Vec<_> = ('a'..='h')
                .map(|letter| {
                    let line = format!("{}\n", letter.to_string().repeat(3 * PIECE_BYTES / 2));
                    let log = &log;
                    scope.spawn(move || (0..200).for_each(|_| log.write(line.as_bytes())))
                })
                .collect();
            writing.into_iter().for_each(|thread| thread.join().unwrap());
            log.settle();
            drop(log.queue.lock().unwrap().pen.take());
            reading.join().unwrap()
        });
        let whole = lines.iter().filter(|line| {
            line.len() == 3 * PIECE_BYTES / 2 && line.bytes().all(|byte| byte == line.as_bytes()[0])
        });
        let cut = lines.len() - whole.clone().count();
        let missing = log.missing.load(Ordering::Relaxed) as usize;
        assert!(cut <= missing, "{cut} lines were cut, {missing} told as missing");
        assert_eq!(whole.count() + missing, 8 * 200);
    }

    /// Says when it is written to, and goes on when it may.
    struct Slow {
        pipe: PipeWriter,
        begun: mpsc::Sender<()>,
        goes_on: mpsc::Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.begun.send(()).unwrap();
            self.goes_on.recv().unwrap();
            self.pipe.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl AsFd for Slow {
        fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
            self.pipe.as_fd()
        }
    }

    #[test]
    fn what_comes_while_another_thread_writes_is_left_to_it_up_to_a_bound() {
        let (mut reader, pipe) = pipe().unwrap();
        let (begun, has_begun) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        let log = Unwaited::new(Slow { pipe, begun, goes_on });
        thread::scope(|scope| {
            let writer = scope.spawn(|| log.write(b"first\n"));
            has_begun.recv().unwrap();
            log.write(b"second\n");
            log.write(&vec![b'x'; WAITING_BYTES_MAX]);
            assert_eq!(log.missing.load(Ordering::Relaxed), 1, "it does not fit");
            log.write(b"third\n");
            (0..2).for_each(|_| go_on.send(()).unwrap());
            writer.join().unwrap();
        });
        drop(log);
        let mut written = String::new();
        reader.read_to_string(&mut written).unwrap();
        assert_eq!(written, "first\nsecond\nthird\n");
    }

    #[test]
    fn a_thread_writes_what_others_have_for_its_turn_and_what_is_left_comes_next() {
        let (mut reader, pipe) = pipe().unwrap();
        let (begun, has_begun) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        let mut log = Unwaited::new(Slow { pipe, begun, goes_on });
        log.turn = Duration::ZERO;
        thread::scope(|scope| {
            let writer = scope.spawn(|| log.write(b"first\n"));
            for waiting in [b"second\n", b"third.\n"] {
                has_begun.recv().unwrap();
                log.write(waiting);
                go_on.send(()).unwrap();
            }
            writer.join().unwrap();
        });
        assert_eq!(log.lock().waiting.text, b"third.\n");
        go_on.send(()).unwrap();
        log.write(b"fourth\n");
        assert!(log.lock().waiting.ends.is_empty());
        drop(log);
        let mut written = String::new();
        reader.read_to_string(&mut written).unwrap();
        assert_eq!(written, "first\nsecond\nthird.\nfourth\n");
    }
}
