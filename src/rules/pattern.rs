//! Globs and regular expressions, compiled and bounded.

use std::fmt;

use regex::{Captures, Regex, RegexBuilder};

/// Longest regular expression, in bytes.
pub const REGEX_BYTES_MAX: usize = 512;
/// Most memory that one compiled pattern may take, in bytes.
pub const COMPILED_BYTES_MAX: usize = 256 * 1024;

/// A compiled pattern that must match the whole text.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Compiles a glob: `?` one character and `*` any number inside a path
    /// segment, `[a-c]` and `[!a-c]` one character, `**` anything, and `/**/`
    /// also a single `/`. Each star is a capture group, in order.
    ///
    /// # Errors
    /// [`PatternError`] for an empty glob, a class without end, three stars in
    /// a row, or one beyond [`COMPILED_BYTES_MAX`].
    pub fn glob(source: &str) -> Result<Self, PatternError> {
        Self::compile(source, &glob_expression(source)?)
    }

    /// Compiles a regular expression of the `regex` crate's syntax, anchored
    /// at both ends.
    ///
    /// # Errors
    /// [`PatternError`] when it is empty, malformed or beyond
    /// [`REGEX_BYTES_MAX`] or [`COMPILED_BYTES_MAX`].
    pub fn regex(source: &str) -> Result<Self, PatternError> {
        if source.len() > REGEX_BYTES_MAX {
            return Err(PatternError::TooLong { bytes: source.len() });
        }
        if source.is_empty() {
            return Err(PatternError::Empty);
        }
        // Alone first: the brackets around it must not complete it.
        Self::compile(source, source)?;
        Self::compile(source, &format!("^(?:{source})$"))
    }

    fn compile(source: &str, expression: &str) -> Result<Self, PatternError> {
        RegexBuilder::new(expression)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(COMPILED_BYTES_MAX)
            .build()
            .map(|regex| Self { source: source.to_owned(), regex })
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => PatternError::TooBig,
                other => PatternError::Malformed { reason: last_line(&other.to_string()) },
            })
    }

    /// The pattern as the operator wrote it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the whole of `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The groups, when the whole of `text` matches.
    pub fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.regex.captures(text)
    }

    /// The index of the group of this number (from 1) or name.
    pub fn group(&self, name: &str) -> Option<usize> {
        let named = || self.regex.capture_names().position(|group| group == Some(name));
        match name.parse::<usize>() {
            Ok(index) => (1..self.regex.captures_len()).contains(&index).then_some(index),
            Err(_) => named(),
        }
    }
}

/// Why a glob or regular expression cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternError {
    /// No text.
    Empty,
    /// A `[` without `]`, or nothing between them.
    Class,
    /// Three stars in a row.
    Stars,
    /// Longer than [`REGEX_BYTES_MAX`].
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Its compiled form is larger than [`COMPILED_BYTES_MAX`].
    TooBig,
    /// No regular expression.
    Malformed {
        /// What the compiler says, in one line.
        reason: String,
    },
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the pattern is empty"),
            Self::Class => f.write_str("a [ has no matching ]"),
            Self::Stars => f.write_str("three stars in a row mean nothing"),
            Self::TooLong { bytes } => {
                write!(f, "the pattern has {bytes} bytes; the limit is {REGEX_BYTES_MAX}")
            }
            Self::TooBig => write!(f, "the pattern compiles to over {COMPILED_BYTES_MAX} bytes"),
            Self::Malformed { reason } => f.write_str(reason),
        }
    }
}

impl std::error::Error for PatternError {}

fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or_default().trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn glob_expression(glob: &str) -> Result<String, PatternError> {
    if glob.is_empty() {
        return Err(PatternError::Empty);
    }
    let mut expression = String::from("^");
    let mut rest = glob;
    while let Some(character) = rest.chars().next() {
        let (piece, taken) = match character {
            _ if rest.starts_with("***") => return Err(PatternError::Stars),
            '/' if rest.starts_with("/**/") => ("/(?:(.*)/)?".to_owned(), 4),
            '*' if rest.starts_with("**") => ("(.*)".to_owned(), 2),
            '*' => ("([^/]*)".to_owned(), 1),
            '?' => ("[^/]".to_owned(), 1),
            '[' => class_expression(rest)?,
            other => (regex::escape(other.encode_utf8(&mut [0; 4])), other.len_utf8()),
        };
        expression.push_str(&piece);
        rest = &rest[taken..];
    }
    expression.push('$');
    Ok(expression)
}

/// The class at the head of `glob` and the bytes it takes there.
fn class_expression(glob: &str) -> Result<(String, usize), PatternError> {
    let end = glob[1..].find(']').ok_or(PatternError::Class)? + 1;
    let inner = &glob[1..end];
    let (negation, members) = match inner.strip_prefix(['!', '^']) {
        Some(members) => ("^", members),
        None => ("", inner),
    };
    if members.is_empty() {
        return Err(PatternError::Class);
    }
    // A hyphen between two characters is a range, as in a shell; two of them
    // would be a difference to the expression.
    let escape = |member: char| regex::escape(member.encode_utf8(&mut [0; 4]));
    let members: Vec<char> = members.chars().collect();
    let mut ranges = String::new();
    let mut rest = &members[..];
    while let [first, behind @ ..] = rest {
        let (last, behind) = match behind {
            ['-', last, behind @ ..] => (last, behind),
            _ => (first, behind),
        };
        ranges += &format!("{}-{}", escape(*first), escape(*last));
        rest = behind;
    }
    Ok((format!("[[{negation}{ranges}]&&[^/]]"), end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_by_segment() {
        let cases = [
            ("quay.io/*/debug-*", "quay.io/a/debug-x", true),
            ("quay.io/*/debug-*", "quay.io/a/b/debug-x", false),
            ("quay.io/*/debug-*", "quay.io/a/debug-", true),
            ("quay.io/**/debug-*", "quay.io/a/b/debug-x", true),
            ("quay.io/**/debug-*", "quay.io/debug-x", true),
            ("quay.io/**/debug-*", "quay.iodebug-x", false),
            ("quay.io/**", "quay.io/a/b", true),
            ("quay.io/**", "quay.io", false),
            ("quay.io**", "quay.io", true),
            ("**/nginx", "docker.io/library/nginx", true),
            ("**/nginx", "nginx", false),
            ("a/v[1-3]", "a/v2", true),
            ("a/v[1-3]", "a/v4", false),
            ("a/v[!1-3]", "a/v4", true),
            ("a/v[!1-3]", "a/v2", false),
            ("a[+-9]b", "a/b", false),
            ("a[+--]b", "a,b", true),
            ("a[+--]b", "a+b", true),
            ("a[+--]b", "a.b", false),
            ("a[x-]b", "a-b", true),
            ("a[!-x]b", "a-b", false),
            ("a[1-3-5]b", "a-b", true),
            ("a[1-3-5]b", "a4b", false),
            ("a[x&&y]b", "a&b", true),
            ("a?b", "a/b", false),
            ("a?b", "axb", true),
            ("a?b", "ab", false),
            ("a.b", "axb", false),
            ("a+b", "a+b", true),
            ("ä*", "äb", true),
        ];
        for (glob, text, matches) in cases {
            assert_eq!(Pattern::glob(glob).unwrap().is_match(text), matches, "{glob} on {text}");
        }
    }

    #[test]
    fn every_star_is_a_group() {
        let glob = Pattern::glob("quay.io/**/debug-*/?").unwrap();
        let groups = glob.captures("quay.io/a/b/debug-x/y").unwrap();
        assert_eq!((&groups[1], &groups[2]), ("a/b", "x"));
        assert_eq!((glob.group("2"), glob.group("3"), glob.group("0")), (Some(2), None, None));
        let regex = Pattern::regex("(?<project>a)(b)").unwrap();
        assert_eq!((regex.group("project"), regex.group("other")), (Some(1), None));
    }

    #[test]
    fn a_regex_must_match_the_whole_text() {
        let regex = Pattern::regex("a|b").unwrap();
        assert!(regex.is_match("a") && regex.is_match("b"));
        assert!(!regex.is_match("ab") && !regex.is_match("xa") && !regex.is_match("bx"));
        // Alone they are no expressions, and must not become one by the anchors.
        for source in ["a)|(b", "a)(", "(?x", "a\\", "(?x) a # a comment"] {
            let error = Pattern::regex(source).unwrap_err();
            assert!(matches!(error, PatternError::Malformed { .. }), "{source}: {error}");
        }
    }

    #[test]
    fn bad_patterns_say_why() {
        let malformed = |error| matches!(error, PatternError::Malformed { .. });
        assert!(malformed(Pattern::regex("(").unwrap_err()));
        assert!(malformed(Pattern::glob("a[z-a]").unwrap_err()));
        assert!(malformed(Pattern::glob("a[a--z]").unwrap_err()));
        assert_eq!(Pattern::regex("").unwrap_err(), PatternError::Empty);
        assert_eq!(Pattern::glob("").unwrap_err(), PatternError::Empty);
        assert_eq!(Pattern::glob("a[b").unwrap_err(), PatternError::Class);
        assert_eq!(Pattern::glob("a[!]").unwrap_err(), PatternError::Class);
        assert_eq!(Pattern::glob("a***").unwrap_err(), PatternError::Stars);
        assert_eq!(Pattern::regex("(a{999}){999}").unwrap_err(), PatternError::TooBig);
        assert!(Pattern::regex(&"a".repeat(REGEX_BYTES_MAX)).is_ok());
        let bytes = REGEX_BYTES_MAX + 1;
        assert_eq!(
            Pattern::regex(&"a".repeat(bytes)).unwrap_err(),
            PatternError::TooLong { bytes }
        );
    }
}
