//! One function for each kind of value: text in, type out.
//!
//! Each says what it expected when the text is something else. None has a
//! default or a limit.

use super::LogFormat;
use crate::rules::names;
use log::LevelFilter;
use std::ffi::OsStr;
use std::fmt;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

/// Which kind of certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    Dev,
    Files,
    Own,
}

/// Where rules come from, as typed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SourceName {
    File,
    ConfigMap { namespace: String, name: String },
    Api,
    Harbor,
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("file"),
            Self::ConfigMap { namespace, name } => write!(f, "configmap:{namespace}/{name}"),
            Self::Api => f.write_str("api"),
            Self::Harbor => f.write_str("harbor"),
        }
    }
}

pub(super) fn source(text: &OsStr) -> Result<SourceName, &'static str> {
    const EXPECTED: &str = "file, configmap:NAMESPACE/NAME, api or harbor";
    match unicode(text)? {
        "file" => Ok(SourceName::File),
        "api" => Ok(SourceName::Api),
        "harbor" => Ok(SourceName::Harbor),
        other => {
            let rest = other.strip_prefix("configmap:").ok_or(EXPECTED)?;
            let (namespace, name) = rest.split_once('/').ok_or(EXPECTED)?;
            match names::is_namespace(namespace) && names::is_object_name(name) {
                true => {
                    Ok(SourceName::ConfigMap { namespace: namespace.into(), name: name.into() })
                }
                false => Err(EXPECTED),
            }
        }
    }
}

/// Sources with `,` between them.
pub(super) fn sources(text: &OsStr) -> Result<Vec<SourceName>, &'static str> {
    list(text)?.iter().map(|item| source(item.as_ref())).collect()
}

pub(super) fn address(text: &OsStr) -> Result<SocketAddr, &'static str> {
    let address = unicode(text)?.parse();
    address.map_err(|_| "an IP address and a port, such as [::]:8443 or 127.0.0.1:8443")
}

pub(super) fn path(text: &OsStr) -> Result<PathBuf, &'static str> {
    if text.is_empty() { Err("a path") } else { Ok(text.into()) }
}

/// Paths with `:` between them, as in `PATH`.
pub(super) fn paths(text: &OsStr) -> Result<Vec<PathBuf>, &'static str> {
    let paths = text.as_bytes().split(|byte| *byte == b':');
    let paths: Result<_, _> = paths.map(|bytes| path(OsStr::from_bytes(bytes))).collect();
    paths.map_err(|_: &str| "paths separated by single colons")
}

/// Items with `,` between them; blanks around an item do not count, and an
/// empty text is an empty list.
pub(super) fn list(text: &OsStr) -> Result<Vec<String>, &'static str> {
    let text = unicode(text)?.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let items: Vec<String> = text.split(',').map(|item| item.trim().to_owned()).collect();
    match items.iter().any(String::is_empty) {
        true => Err("a list with one comma between its items"),
        false => Ok(items),
    }
}

pub(super) fn key_and_value(text: &OsStr) -> Result<(String, String), &'static str> {
    let (key, value) = unicode(text)?.split_once('=').ok_or("KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(super) fn number(text: &OsStr) -> Result<u32, &'static str> {
    let text = unicode(text)?;
    // `parse` would take a plus sign.
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse().map_err(|_| WHOLE_NUMBER),
        false => Err(WHOLE_NUMBER),
    }
}

/// Whole seconds, with or without an `s`.
pub(super) fn seconds(text: &OsStr) -> Result<u32, &'static str> {
    let text = unicode(text)?;
    number(text.strip_suffix('s').unwrap_or(text).as_ref())
        .map_err(|_| "whole seconds, such as 15 or 15s")
}

pub(super) fn boolean(text: &OsStr) -> Result<bool, &'static str> {
    word(text, "true or false", &[("true", true), ("false", false)])
}

pub(super) fn tls_mode(text: &OsStr) -> Result<TlsMode, &'static str> {
    let words = [("self", TlsMode::Own), ("files", TlsMode::Files), ("dev", TlsMode::Dev)];
    word(text, "self, files or dev", &words)
}

/// A whole number and `s`, `m`, `h` or `d`.
pub(super) fn life(text: &OsStr) -> Result<Duration, &'static str> {
    const EXPECTED: &str = "a whole number and s, m, h or d, such as 90d";
    let text = unicode(text).map_err(|_| EXPECTED)?;
    let at = text.len().checked_sub(1).filter(|at| text.is_char_boundary(*at)).ok_or(EXPECTED)?;
    let (digits, unit) = text.split_at(at);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(EXPECTED),
    };
    let count = number(digits.as_ref()).ok().filter(|_| !digits.is_empty()).ok_or(EXPECTED)?;
    Ok(Duration::from_secs(u64::from(count) * seconds))
}

/// The name of a Service or a namespace (RFC 1123).
pub(super) fn label(text: &OsStr) -> Result<String, &'static str> {
    const EXPECTED: &str = "a name of lower-case letters, digits and -, at most 63";
    let text = unicode(text).map_err(|_| EXPECTED)?;
    if names::is_namespace(text) { Ok(text.to_owned()) } else { Err(EXPECTED) }
}

/// The name of most other objects: such names with dots between them.
pub(super) fn object_name(text: &OsStr) -> Result<String, &'static str> {
    const EXPECTED: &str = "a name of lower-case letters, digits, - and dots, at most 253";
    let text = unicode(text).map_err(|_| EXPECTED)?;
    let is_name = text.len() <= 253 && text.split('.').all(names::is_namespace);
    if is_name { Ok(text.to_owned()) } else { Err(EXPECTED) }
}

pub(super) fn log_format(text: &OsStr) -> Result<LogFormat, &'static str> {
    let words = [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];
    word(text, "auto, text or json", &words)
}

pub(super) fn log_level(text: &OsStr) -> Result<LevelFilter, &'static str> {
    let words = [
        ("error", LevelFilter::Error),
        ("warn", LevelFilter::Warn),
        ("info", LevelFilter::Info),
        ("debug", LevelFilter::Debug),
        ("trace", LevelFilter::Trace),
    ];
    word(text, "error, warn, info, debug or trace", &words)
}

/// Any text that is UTF-8.
pub(super) fn text(text: &OsStr) -> Result<String, &'static str> {
    unicode(text).map(str::to_owned)
}

const WHOLE_NUMBER: &str = "a whole number";

fn unicode(text: &OsStr) -> Result<&str, &'static str> {
    text.to_str().ok_or("UTF-8 text")
}

fn word<T: Copy>(
    text: &OsStr,
    expected: &'static str,
    words: &[(&str, T)],
) -> Result<T, &'static str> {
    let found = words.iter().find(|(word, _)| text == *word);
    found.map(|(_, value)| *value).ok_or(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_drop_blanks_and_refuse_gaps() {
        let list = |text: &str| list(text.as_ref()).map_err(drop);
        assert_eq!(list("a, b ,c"), Ok(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
        assert_eq!(list(""), Ok(Vec::new()));
        assert_eq!(list(" "), Ok(Vec::new()));
        for gap in ["a,,b", ",a", "a,", ","] {
            assert_eq!(list(gap), Err(()), "{gap}");
        }
    }

    #[test]
    fn paths_may_be_any_bytes_but_not_empty() {
        let odd = OsStr::from_bytes(b"/a\xff:/b");
        let expected = [OsStr::from_bytes(b"/a\xff"), OsStr::new("/b")].map(PathBuf::from);
        assert_eq!(paths(odd).as_deref(), Ok(&expected[..]));
        for gap in ["", "/a::/b", "/a:", ":"] {
            assert!(paths(gap.as_ref()).is_err(), "{gap}");
        }
        assert!(path("".as_ref()).is_err());
    }

    #[test]
    fn numbers_are_plain_digits() {
        assert_eq!(number("0256".as_ref()), Ok(256));
        for odd in ["", "+5", "-5", "5 ", "0x10", "4294967296", "1e3", "5s"] {
            assert!(number(odd.as_ref()).is_err(), "{odd}");
        }
        assert_eq!(seconds("15s".as_ref()), Ok(15));
        assert_eq!(seconds("15".as_ref()), Ok(15));
        for odd in ["", "s", "15m", "15ss", "1.5"] {
            assert!(seconds(odd.as_ref()).is_err(), "{odd}");
        }
    }

    #[test]
    fn lives_have_a_unit() {
        for (text, seconds) in [("90d", 7_776_000), ("1m", 60), ("60s", 60), ("24h", 86_400)] {
            assert_eq!(life(text.as_ref()), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for odd in ["", "d", "90", "1.5d", "-1d", "1w", "1 d", "4294967296d", "1é"] {
            assert!(life(odd.as_ref()).is_err(), "{odd}");
        }
    }

    #[test]
    fn names_are_those_of_kubernetes() {
        for name in ["detour", "a", "0-1", &"a".repeat(63)] {
            assert!(label(name.as_ref()).is_ok(), "{name}");
        }
        for odd in ["", "A", "a.b", "-a", "a-", "a_b", "a/b", &"a".repeat(64)] {
            assert!(label(odd.as_ref()).is_err(), "{odd}");
        }
        assert!(object_name("a.b-c.d".as_ref()).is_ok());
        for odd in ["", ".", "a..b", "a.", "../a", &"a.".repeat(127)] {
            assert!(object_name(odd.as_ref()).is_err(), "{odd}");
        }
    }

    #[test]
    fn words_are_taken_as_written() {
        assert_eq!(log_level("trace".as_ref()), Ok(LevelFilter::Trace));
        assert_eq!(log_format("json".as_ref()), Ok(LogFormat::Json));
        for odd in ["", "Info", "off", "warning"] {
            assert!(log_level(odd.as_ref()).is_err(), "{odd}");
        }
        for odd in ["", "1", "yes", "True"] {
            assert!(boolean(odd.as_ref()).is_err(), "{odd}");
        }
    }

    #[test]
    fn only_paths_may_be_other_than_unicode() {
        let odd = OsStr::from_bytes(b"\xff");
        assert_eq!(address(odd), Err("UTF-8 text"));
        assert_eq!(list(odd), Err("UTF-8 text"));
        assert_eq!(key_and_value(odd), Err("UTF-8 text"));
        assert_eq!(number(odd), Err("UTF-8 text"));
        assert_eq!(tls_mode(odd), Err("self, files or dev"));
        assert!(path(odd).is_ok());
    }
}
