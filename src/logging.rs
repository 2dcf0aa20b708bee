//! One line an event, on stderr: text for people, JSON for machines.
//!
//! No thread waits for whoever reads the log: what does not fit is dropped, and
//! the next line that fits says how many there were.
//!
//! What a pod says about itself is untrusted text. No line break, terminal
//! escape or text that turns the reading direction reaches the log raw, in
//! either form: such characters are written as `\uXXXX`.

mod unwaited;

use crate::config::{LogConfig, LogFormat};
use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, LevelFilter, Record};
use serde::Serializer;
use std::cell::RefCell;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
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
    let out = Mutex::new(Unwaited::default());
    let logger = env_logger::Builder::new()
        .filter_level(config.level.min(LIBRARIES_MAX))
        .filter_module("rustls", config.level.min(TLS_MAX))
        .filter_module(env!("CARGO_CRATE_NAME"), config.level)
        // Its buffer is never given back, as long as the longest line was.
        .target(env_logger::Target::Pipe(Box::new(io::sink())))
        .format(move |formatter, record| {
            let time = formatter.timestamp_millis();
            LINE.with_borrow_mut(|buffers| write_record(&out, buffers, line, &time, record))
        })
        .try_init();
    if logger.is_err() {
        log::debug!("logging is already set up");
    }
}

/// What a thread keeps from one line to the next, for its capacity.
const LINE_BYTES_KEPT: usize = 4_096;

thread_local! {
    static LINE: RefCell<Buffers> = const { RefCell::new([const { Vec::new() }; 2]) };
}

/// For a line, and for it as it is written.
type Buffers = [Vec<u8>; 2];

/// Writes the line of a record in one piece, behind one that tells what is
/// missing, if anything is.
fn write_record(
    out: &Mutex<impl Write>,
    [text, written]: &mut Buffers,
    line: fn(&mut Vec<u8>, &dyn fmt::Display, &Record),
    time: &dyn fmt::Display,
    record: &Record,
) -> io::Result<()> {
    let missing = unwaited::missing();
    if missing > 0 {
        let told = format_args!("{missing} lines are missing: nobody read the log");
        let mut notice = Record::builder();
        let notice = notice.level(Level::Warn).target(module_path!()).args(told);
        line(text, time, &notice.build());
        write_escaped(written, text)?;
        text.clear();
    }
    line(text, time, record);
    write_escaped(written, text)?;
    let result = out.lock().unwrap_or_else(PoisonError::into_inner).write_all(written);
    for buffer in [text, written] {
        buffer.clear();
        buffer.shrink_to(LINE_BYTES_KEPT);
    }
    result
}

/// `TIME LEVEL message key=value …`. A value is JSON, but a string stands bare
/// where that cannot be misread.
fn text_line(line: &mut Vec<u8>, time: &dyn fmt::Display, record: &Record) {
    // Writing to memory cannot fail, here and below.
    let _ = write!(line, "{time} {:<5} {}", record.level(), record.args());
    for_each_pair(record, |key, value| {
        let _ = write!(line, " {key}=");
        let start = line.len();
        push_value(line, value);
        let written = std::str::from_utf8(&line[start..]).unwrap_or_default();
        let within = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        if within.is_some_and(is_plain) {
            line.remove(start);
            line.pop();
        }
    });
}

/// One object with `time`, `level`, `target`, `message` and then the keys of
/// the record, which must not be one of these four.
fn json_line(line: &mut Vec<u8>, time: &dyn fmt::Display, record: &Record) {
    line.extend_from_slice(br#"{"time":"#);
    push_text(line, time);
    line.extend_from_slice(br#","level":"#);
    push_json(line, level_word(record.level()));
    line.extend_from_slice(br#","target":"#);
    push_json(line, record.target());
    line.extend_from_slice(br#","message":"#);
    push_text(line, record.args());
    for_each_pair(record, |key, value| {
        line.push(b',');
        push_json(line, key);
        line.push(b':');
        push_value(line, value);
    });
    line.push(b'}');
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

/// Calls `see` with each key of `record` and its value.
fn for_each_pair(record: &Record, see: impl FnMut(&str, &Value)) {
    struct Visitor<F>(F);
    impl<'kvs, F: FnMut(&str, &Value)> VisitSource<'kvs> for Visitor<F> {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
            (self.0)(key.as_str(), &value);
            Ok(())
        }
    }
    let visited = record.key_values().visit(&mut Visitor(see));
    debug_assert!(visited.is_ok(), "the visitor never fails");
}

/// A value that is no JSON (a map with odd keys) is still worth its text.
fn push_value(line: &mut Vec<u8>, value: &Value) {
    // Most are.
    if let Some(text) = value.to_borrowed_str() {
        return push_json(line, text);
    }
    let start = line.len();
    if serde_json::to_writer(&mut *line, value).is_err() {
        line.truncate(start);
        push_text(line, value);
    }
}

fn push_json(line: &mut Vec<u8>, text: &str) {
    let _ = serde_json::to_writer(line, text);
}

/// Appends what is displayed as a JSON string.
fn push_text(line: &mut Vec<u8>, text: &dyn fmt::Display) {
    let _ = serde_json::Serializer::new(line).collect_str(text);
}

/// Whether a string can do without quotes.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'=');
    !text.is_empty() && text.bytes().all(plain)
}

/// Writes a line with its break, and with `\uXXXX` for what a terminal or a
/// reader would obey rather than see. In JSON such characters stand in strings
/// only, where that form means the same.
fn write_escaped(out: &mut impl Write, line: &[u8]) -> io::Result<()> {
    // Without a branch for each byte.
    if line.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~')) {
        out.write_all(line)?;
        return out.write_all(b"\n");
    }
    let line = String::from_utf8_lossy(line);
    let mut escaped = String::with_capacity(line.len() + 1);
    for character in line.chars() {
        if is_obeyed(character) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped.push('\n');
    out.write_all(escaped.as_bytes())
}

/// Control characters, line and paragraph separators, and the marks that turn
/// the direction of reading; all below U+10000.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;

    const TIME: &str = "2026-01-01T00:00:00.000Z";

    #[derive(Serialize)]
    struct Change {
        container: &'static str,
        after: Option<&'static str>,
    }

    fn lines(level: Level, message: &str, pairs: &[(&str, Value)]) -> (String, String) {
        let written = |line: fn(&mut Vec<u8>, &dyn fmt::Display, &Record), record: &Record| {
            let (mut text, mut out) = (Vec::new(), Vec::new());
            line(&mut text, &TIME, record);
            write_escaped(&mut out, &text).expect("memory");
            String::from_utf8(out).expect("UTF-8")
        };
        let args = format_args!("{message}");
        let mut builder = Record::builder();
        let record = builder.level(level).target("detour::test").args(args).key_values(&pairs);
        let record = record.build();
        (written(text_line, &record), written(json_line, &record))
    }

    #[test]
    fn a_line_has_its_parts_in_order() {
        let pairs = [("uid", Value::from("a-1")), ("count", Value::from(3)), ("new", true.into())];
        let (text, json) = lines(Level::Info, "pod rewritten", &pairs);
        assert_eq!(text, format!("{TIME} INFO  pod rewritten uid=a-1 count=3 new=true\n"));
        assert_eq!(
            json,
            format!(
                "{{\"time\":\"{TIME}\",\"level\":\"info\",\"target\":\"detour::test\",\
                 \"message\":\"pod rewritten\",\"uid\":\"a-1\",\"count\":3,\"new\":true}}\n"
            )
        );
    }

    #[test]
    fn structures_stay_structures_and_keep_the_order_of_their_keys() {
        let changes = [
            Change { container: "web", after: Some("mirror.example.com/nginx") },
            Change { container: "a", after: None },
        ];
        let pairs = [("images", Value::from_serde(&changes))];
        let (text, json) = lines(Level::Warn, "m", &pairs);
        let array = r#"[{"container":"web","after":"mirror.example.com/nginx"},{"container":"a","after":null}]"#;
        assert_eq!(text, format!("{TIME} WARN  m images={array}\n"));
        assert!(json.ends_with(&format!(",\"images\":{array}}}\n")), "{json}");
    }

    #[test]
    fn a_string_is_quoted_when_it_could_be_misread() {
        for (value, written) in [
            ("docker.io/nginx:1", "docker.io/nginx:1"),
            ("", r#""""#),
            ("a b=c", r#""a b=c""#),
            ("a=b", r#""a=b""#),
            ("say \"x\"", r#""say \"x\"""#),
            ("\"", r#""\"""#),
            ("a\\b", r#""a\\b""#),
            ("é", r#""é""#),
        ] {
            let (text, _) = lines(Level::Info, "m", &[("key", value.into())]);
            assert_eq!(text, format!("{TIME} INFO  m key={written}\n"));
        }
    }

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        let hostile = "a\n\r\t\u{1b}[2J\u{7f}\u{9b}31m\u{85}\u{2028}\u{202e}\u{2066}\u{200f}b";
        let owned = vec![hostile.to_owned()];
        let pairs = [
            ("text", Value::from(hostile)),
            ("list", Value::from_serde(&owned)),
            ("debug", Value::from_debug(&owned)),
            (hostile, Value::from(1)),
        ];
        let (text, json) = lines(Level::Info, hostile, &pairs);
        for line in [&text, &json] {
            let body = line.strip_suffix('\n').expect("one line break at the end");
            assert!(!body.contains(is_obeyed), "{body:?}");
        }
        let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(read["message"], hostile);
        assert_eq!(read["text"], hostile);
        assert_eq!(read["list"][0], hostile);
        assert_eq!(read[hostile], 1);
    }

    #[test]
    fn the_memory_of_a_long_line_is_given_back() {
        let (out, mut buffers) = (Mutex::new(Vec::new()), Buffers::default());
        for message in ["a".repeat(1_000_000), "\u{1b}".repeat(100_000), "b".to_owned()] {
            let args = format_args!("{message}");
            let record = Record::builder().args(args).build();
            write_record(&out, &mut buffers, text_line, &TIME, &record).unwrap();
            assert!(buffers.iter().all(|buffer| buffer.capacity() <= LINE_BYTES_KEPT));
        }
        let written = String::from_utf8(out.into_inner().unwrap()).unwrap();
        assert_eq!(written.lines().count(), 3);
        assert!(written.ends_with(" INFO  b\n"), "no line begins with another");
    }

    #[test]
    fn a_value_without_a_json_form_is_its_text() {
        let odd = std::collections::BTreeMap::from([((1, 2), 3)]);
        let (_, json) = lines(Level::Info, "m", &[("odd", Value::from_serde(&odd))]);
        let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert!(read["odd"].is_string(), "{json}");
    }
}
