//! What became of each line of the old configuration.

use std::fmt;

/// A line of the old configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) old: String,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is a rule, a value or a flag now.
    Becomes,
    /// Detour behaves differently from what the line did, on purpose.
    Differs,
    /// It had no effect in the old system either, and is left out.
    Dropped,
    /// Detour has nothing like it.
    NoEqual,
}

impl Verdict {
    /// The words of the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Becomes => "becomes",
            Self::Differs => "differs",
            Self::Dropped => "dropped",
            Self::NoEqual => "no equal",
        }
    }
}

/// One finding about one line.
///
/// `Display` gives one line without control characters:
/// `FILE:LINE: OLD | VERDICT: TEXT`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The file's name.
    pub file: String,
    /// The line in it, from 1.
    pub line: u64,
    /// The line as it stands there, or the key and value of a table.
    pub old: String,
    /// What became of it.
    pub verdict: Verdict,
    /// In words.
    pub text: String,
}

impl Entry {
    pub(super) fn new(origin: &Origin, verdict: Verdict, text: impl Into<String>) -> Self {
        let Origin { file, line, old } = origin.clone();
        Self { file, line, old, verdict, text: text.into() }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, old, verdict, text } = self;
        let text = format!("{file}:{line}: {} | {}: {text}", old.trim(), verdict.as_str());
        f.write_str(&text.replace(char::is_control, " "))
    }
}
