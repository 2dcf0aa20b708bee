//! One line an event, on stderr: text for people, JSON for machines.
//!
//! No thread waits for whoever reads the log: what does not fit is dropped, and
//! the next line that fits says how many there were.

mod line;
mod unwaited;

use crate::arena::{self, Text};
use crate::config::{LogConfig, LogFormat};
use bumpalo::Bump;
use line::{end_line, json_line, text_line};
use log::{Level, LevelFilter, Record};
use std::cell::RefCell;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::LazyLock;
use unwaited::Unwaited;

/// The most that libraries may say: below it they print what is sent, tokens,
/// passwords and keys with it.
const LIBRARIES_MAX: LevelFilter = LevelFilter::Info;
/// The most that TLS may say: it warns of each odd handshake, so that whoever
/// reaches the port could fill the log. What fails is counted, by kind.
const TLS_MAX: LevelFilter = LevelFilter::Error;

/// Sends the records of the `log` macros to stderr from now on. `RUST_LOG` is
/// not read. A second call changes nothing.
pub fn init(config: &LogConfig) {
    let line = match config.format {
        LogFormat::Text => text_line,
        LogFormat::Json => json_line,
        LogFormat::Auto if io::stderr().is_terminal() => text_line,
        LogFormat::Auto => json_line,
    };
    let logger = env_logger::Builder::new()
        .filter_level(config.level.min(LIBRARIES_MAX))
        .filter_module("rustls", config.level.min(TLS_MAX))
        .filter_module(env!("CARGO_CRATE_NAME"), config.level)
        // Its buffer is never given back, as long as the longest line was.
        .target(env_logger::Target::Pipe(Box::new(io::sink())))
        .format(move |formatter, record| {
            let time = formatter.timestamp_millis();
            ARENA.with_borrow_mut(|arena| write_record(&STDERR, arena, line, &time, record));
            Ok(())
        })
        .try_init();
    if logger.is_err() {
        log::debug!("logging is already set up");
    }
}

/// What most lines fit in; a longer one is moved while it grows.
const LINE_BYTES: usize = 1_920;
/// What a thread keeps from one line to the next.
const LINE_BYTES_KEPT: usize = 4_096;

thread_local! {
    static ARENA: RefCell<Bump> = RefCell::new(Bump::new());
}

/// Where the log goes.
static STDERR: LazyLock<Unwaited<io::Stderr>> = LazyLock::new(|| Unwaited::new(io::stderr()));

/// Gives lines that other threads are about to write a moment to come out: for
/// before the process ends.
pub fn settle() {
    STDERR.settle();
}

/// Writes the line of a record in one piece, behind one that tells what is
/// missing, if anything is.
fn write_record(
    out: &Unwaited<impl Write + AsFd>,
    arena: &mut Bump,
    line: fn(&mut Text<'_>, &dyn fmt::Display, &Record),
    time: &dyn fmt::Display,
    record: &Record,
) {
    let mut text = Text::with_capacity(LINE_BYTES, arena);
    let missing = out.missing();
    if missing > 0 {
        let told = format_args!("{missing} lines are missing: nobody read the log");
        let mut notice = Record::builder();
        let notice = notice.level(Level::Warn).target(module_path!()).args(told);
        line(&mut text, time, &notice.build());
        end_line(&mut text, 0);
    }
    let start = text.as_bytes().len();
    line(&mut text, time, record);
    end_line(&mut text, start);
    out.write(text.as_bytes());
    arena::empty(arena, LINE_BYTES_KEPT);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, memfd_create};
    use std::fs::File;
    use std::io::Seek;

    #[test]
    fn the_memory_of_a_long_line_is_given_back() {
        // Unlike a pipe it always takes all of a line.
        let mut file = File::from(memfd_create("log", MemfdFlags::CLOEXEC).unwrap());
        let (out, mut arena) = (Unwaited::new(file.try_clone().unwrap()), Bump::new());
        for message in ["a".repeat(1_000_000), "\u{1b}".repeat(100_000), "b".to_owned()] {
            let args = format_args!("{message}");
            let record = Record::builder().args(args).build();
            write_record(&out, &mut arena, text_line, &"now", &record);
            assert!(arena.allocated_bytes() <= LINE_BYTES_KEPT);
        }
        file.rewind().unwrap();
        let written = io::read_to_string(file).unwrap();
        assert_eq!(written.lines().count(), 3);
        assert!(written.ends_with(" INFO  b\n"), "no line begins with another");
    }
}
