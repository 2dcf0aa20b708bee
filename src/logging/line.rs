//! What a line of the log says.
//!
//! What a pod says about itself is untrusted text. No line break, terminal
//! escape or text that turns the reading direction reaches the log raw, in
//! either form: such characters are written as `\uXXXX`.
//!
//! A record's key that ends with [`JSON_MARK`] has a text for its value that is
//! JSON already, and is written as it is.

use std::fmt;
use std::io::{self, Write};

use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, Record};
use serde::Serializer;

use crate::arena::Text;

/// Not a part of the name of the key that it ends.
const JSON_MARK: char = '!';

/// `TIME LEVEL message key=value …`. A value is JSON, but a string stands bare
/// where that cannot be misread.
pub(super) fn text_line(line: &mut Text<'_>, time: &dyn fmt::Display, record: &Record) {
    // Writing to memory cannot fail, here and below.
    let _ = write!(line, "{time} {:<5} {}", record.level(), record.args());
    for_each_pair(record, |name, value, is_json| {
        let _ = write!(line, " {name}=");
        let start = line.as_bytes().len();
        push_value(line, value, is_json);
        let written = &line.as_bytes()[start..];
        let within = written.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        if let Some(plain) = within.filter(|within| is_plain(within)).map(<[u8]>::to_vec) {
            line.truncate(start);
            line.push_bytes(&plain);
        }
    });
}

/// One object with `time`, `level`, `target`, `message` and then the keys of
/// the record, which must not be one of these four.
pub(super) fn json_line(line: &mut Text<'_>, time: &dyn fmt::Display, record: &Record) {
    line.push_str(r#"{"time":"#);
    push_text(line, time);
    line.push_str(r#","level":"#);
    push_json(line, level_word(record.level()));
    line.push_str(r#","target":"#);
    push_json(line, record.target());
    line.push_str(r#","message":"#);
    push_text(line, record.args());
    for_each_pair(record, |name, value, is_json| {
        line.push(b',');
        push_json(line, name);
        line.push(b':');
        push_value(line, value, is_json);
    });
    line.push(b'}');
}

/// What is displayed and what is serialised comes in pieces.
impl Write for Text<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.push_bytes(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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

/// Calls `see` with each key of `record` without its mark, its value, and
/// whether that is JSON already.
fn for_each_pair(record: &Record, see: impl FnMut(&str, &Value, bool)) {
    struct Visitor<F>(F);
    impl<'kvs, F: FnMut(&str, &Value, bool)> VisitSource<'kvs> for Visitor<F> {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
            let (key, marked) = (key.as_str(), key.as_str().strip_suffix(JSON_MARK));
            (self.0)(marked.unwrap_or(key), &value, marked.is_some());
            Ok(())
        }
    }
    let visited = record.key_values().visit(&mut Visitor(see));
    debug_assert!(visited.is_ok(), "the visitor never fails");
}

/// A value that is no JSON (a map with odd keys) is still worth its text.
fn push_value(line: &mut Text<'_>, value: &Value, is_json: bool) {
    match value.to_borrowed_str() {
        Some(json) if is_json => return line.push_str(json),
        Some(text) => return push_json(line, text),
        None => {}
    }
    let start = line.as_bytes().len();
    if serde_json::to_writer(&mut *line, value).is_err() {
        line.truncate(start);
        push_text(line, value);
    }
}

fn push_json(line: &mut Text<'_>, text: &str) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        line.push(b'"');
        line.push_str(text);
        line.push(b'"');
    } else {
        let _ = serde_json::to_writer(line, text);
    }
}

/// Appends what is displayed as a JSON string.
fn push_text(line: &mut Text<'_>, text: &dyn fmt::Display) {
    let _ = serde_json::Serializer::new(line).collect_str(text);
}

/// Whether a string can do without quotes.
fn is_plain(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'=');
    !text.is_empty() && text.iter().all(plain)
}

/// Ends the line that begins at `start` with its break, and puts `\uXXXX` for
/// what a terminal or a reader would obey rather than see. In JSON such
/// characters stand in strings only, where that form means the same.
pub(super) fn end_line(text: &mut Text<'_>, start: usize) {
    let line = &text.as_bytes()[start..];
    if !is_printable(line) {
        let line = String::from_utf8_lossy(line).into_owned();
        text.truncate(start);
        for character in line.chars() {
            if is_obeyed(character) {
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            } else {
                text.push_str(character.encode_utf8(&mut [0; 4]));
            }
        }
    }
    text.push(b'\n');
}

/// Whether all is ASCII that a printer prints; eight bytes at a time.
fn is_printable(line: &[u8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let (words, last) = line.as_chunks::<8>();
    // The high bit of a byte: it is no ASCII, DEL (0x7f), or below the space.
    // A carry or a borrow comes from a byte only whose own high bit was seen.
    let odd = words.iter().fold(0, |odd, word| {
        let word = u64::from_le_bytes(*word);
        odd | word | word.wrapping_add(ONES) | word.wrapping_sub(ONES * 0x20)
    });
    odd & (ONES * 0x80) == 0 && last.iter().all(|byte| matches!(byte, b' '..=b'~'))
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
    use bumpalo::Bump;
    use serde::Serialize;

    const TIME: &str = "2026-01-01T00:00:00.000Z";

    #[derive(Serialize)]
    struct Change {
        container: &'static str,
        after: Option<&'static str>,
    }

    fn lines(level: Level, message: &str, pairs: &[(&str, Value)]) -> (String, String) {
        let written = |line: fn(&mut Text<'_>, &dyn fmt::Display, &Record), record: &Record| {
            let arena = Bump::new();
            let mut text = Text::with_capacity(0, &arena);
            line(&mut text, &TIME, record);
            end_line(&mut text, 0);
            text.into_str().to_owned()
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
    fn a_value_without_a_json_form_is_its_text() {
        let odd = std::collections::BTreeMap::from([((1, 2), 3)]);
        let (_, json) = lines(Level::Info, "m", &[("odd", Value::from_serde(&odd))]);
        let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert!(read["odd"].is_string(), "{json}");
    }
}
