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

/// Which kind of certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    Dev,
    Files,
}

/// Where rules come from, as typed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SourceName {
    File,
    ConfigMap { namespace: String, name: String },
    Api,
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("file"),
            Self::ConfigMap { namespace, name } => write!(f, "configmap:{namespace}/{name}"),
            Self::Api => f.write_str("api"),
        }
    }
}

pub(super) fn source(text: &OsStr) -> Result<SourceName, &'static str> {
    const EXPECTED: &str = "file, configmap:NAMESPACE/NAME or api";
    match unicode(text)? {
        "file" => Ok(SourceName::File),
        "api" => Ok(SourceName::Api),
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
    word(text, "dev or files", &[("dev", TlsMode::Dev), ("files", TlsMode::Files)])
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
        assert_eq!(tls_mode(odd), Err("dev or files"));
        assert!(path(odd).is_ok());
    }
}
