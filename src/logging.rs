//! One line an event, on stderr: text for people, JSON for machines.
//!
//! What a pod says about itself is untrusted text. No line break, terminal
//! escape or text that turns the reading direction reaches the log raw, in
//! either form: such characters are written as `\uXXXX`.

use crate::config::{LogConfig, LogFormat};
use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Record};
use std::fmt;
use std::io::{self, IsTerminal, Write};

/// The most that libraries may say: below it they print what is sent, tokens,
/// passwords and keys with it.
const LIBRARIES_MAX: LevelFilter = LevelFilter::Info;

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
        .filter_module(env!("CARGO_CRATE_NAME"), config.level)
        .target(env_logger::Target::Stderr)
        .format(move |out, record| {
            let time = out.timestamp_millis();
            out.write_all(line(&time, record).as_bytes())
        })
        .try_init();
    if logger.is_err() {
        log::debug!("logging is already set up");
    }
}

/// `TIME LEVEL message key=value …`, with its line break. A value is JSON,
/// but a string stands bare where that cannot be misread.
fn text_line(time: &dyn fmt::Display, record: &Record) -> String {
    let mut line = format!("{time} {:<5} {}", record.level(), record.args());
    for_each_pair(record, |key, value| {
        let within_quotes = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let bare = within_quotes.filter(|text| is_plain(text));
        line.extend([" ", key, "=", bare.unwrap_or(value)]);
    });
    escape(&line) + "\n"
}

/// One object with `time`, `level`, `target`, `message` and then the keys of
/// the record, which must not be one of these four; with its line break.
fn json_line(time: &dyn fmt::Display, record: &Record) -> String {
    let mut line = format!(
        r#"{{"time":{},"level":{},"target":{},"message":{}"#,
        json(&time.to_string()),
        json(&record.level().as_str().to_ascii_lowercase()),
        json(record.target()),
        json(&record.args().to_string()),
    );
    for_each_pair(record, |key, value| line.extend([",", &json(key), ":", value]));
    line.push('}');
    escape(&line) + "\n"
}

/// Calls `see` with each key of `record` and its value as JSON.
fn for_each_pair(record: &Record, see: impl FnMut(&str, &str)) {
    struct Visitor<F>(F);
    impl<'kvs, F: FnMut(&str, &str)> VisitSource<'kvs> for Visitor<F> {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
            // A value that is no JSON (a map with odd keys) is still worth its text.
            let json = serde_json::to_string(&value).unwrap_or_else(|_| json(&value.to_string()));
            (self.0)(key.as_str(), &json);
            Ok(())
        }
    }
    let visited = record.key_values().visit(&mut Visitor(see));
    debug_assert!(visited.is_ok(), "the visitor never fails");
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether a string can do without quotes.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'=');
    !text.is_empty() && text.bytes().all(plain)
}

/// `text` with `\uXXXX` for what a terminal or a reader would obey rather
/// than see. In JSON such characters stand in strings only, where that form
/// means the same.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if is_obeyed(character) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped
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
    use log::Level;
    use serde::Serialize;

    const TIME: &str = "2026-01-01T00:00:00.000Z";

    #[derive(Serialize)]
    struct Change {
        container: &'static str,
        after: Option<&'static str>,
    }

    fn lines(level: Level, message: &str, pairs: &[(&str, Value)]) -> (String, String) {
        let mut lines = (String::new(), String::new());
        let args = format_args!("{message}");
        let mut builder = Record::builder();
        let record = builder.level(level).target("detour::test").args(args).key_values(&pairs);
        let record = record.build();
        lines.0 = text_line(&TIME, &record);
        lines.1 = json_line(&TIME, &record);
        lines
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
