//! What can be wrong with arguments and variables, and what to do about it.

use super::arguments::{self, COMMANDS, NORMALIZE};
use std::ffi::OsString;
use std::fmt;

/// Why the arguments or a variable cannot be followed.
///
/// `Display` names the flag or variable and its value, quoted so that nothing
/// in it reaches the terminal raw; [`Self::hint`] says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// The first argument is missing or is a flag.
    NoCommand {
        /// What stands where the command belongs.
        found: Option<OsString>,
    },
    /// The first argument is no command.
    UnknownCommand {
        /// The argument.
        given: OsString,
    },
    /// An argument begins with `-` and is no flag of this command.
    UnknownFlag {
        /// The argument, without `=` and what follows.
        flag: OsString,
        /// The command.
        command: &'static str,
    },
    /// A flag stands at the end or before another flag.
    MissingValue {
        /// The flag.
        flag: &'static str,
        /// What stands where the value belongs.
        found: Option<OsString>,
    },
    /// A flag that is on or off has a value.
    NeedlessValue {
        /// The flag.
        flag: &'static str,
    },
    /// A flag that counts once is given twice.
    Repeated {
        /// The flag.
        flag: &'static str,
    },
    /// An argument that belongs to no flag.
    UnexpectedArgument {
        /// The argument.
        argument: OsString,
        /// The command.
        command: &'static str,
    },
    /// A value that is not what its flag or variable takes.
    Invalid {
        /// The flag or variable.
        name: String,
        /// The value, or the item of a list that is wrong.
        value: OsString,
        /// What it takes.
        expected: &'static str,
    },
    /// A flag that is needed is not given.
    Missing {
        /// The flag.
        flag: &'static str,
        /// What to write.
        hint: &'static str,
    },
    /// Two settings that exclude each other.
    Contradiction {
        /// A flag or variable.
        this: String,
        /// What it excludes.
        that: String,
        /// What to write instead.
        hint: &'static str,
    },
    /// `detour normalize` without a reference.
    NoReference,
    /// `detour migrate` without a system or without files.
    NothingToMigrate,
}

impl ConfigError {
    /// What to write instead; one line.
    pub fn hint(&self) -> String {
        match self {
            Self::NoCommand { .. } | Self::UnknownCommand { .. } => format!(
                "the command comes first: {}; `detour --help` shows them",
                COMMANDS.join(", ")
            ),
            Self::UnknownFlag { flag, command } => unknown_flag_hint(flag, command),
            Self::MissingValue { flag, found: None } => format!("write {flag} VALUE"),
            Self::MissingValue { .. } => {
                "no value begins with -; a path that does is written ./-PATH".to_owned()
            }
            Self::NeedlessValue { flag } => format!("write {flag} alone, or leave it out"),
            Self::Repeated { flag } => format!("give {flag} once; lists are separated by commas"),
            Self::UnexpectedArgument { command, .. } => {
                format!("`detour {command}` takes flags only, each with one value at most")
            }
            Self::Invalid { expected, .. } => format!("expected {expected}"),
            Self::Missing { hint, .. } | Self::Contradiction { hint, .. } => (*hint).to_owned(),
            Self::NoReference => "write `detour normalize -- REF…`".to_owned(),
            Self::NothingToMigrate => {
                "write `detour migrate SYSTEM FILE…`; `detour --help` names the systems".to_owned()
            }
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommand { found: None } => f.write_str("no command given"),
            Self::NoCommand { found: Some(found) } => {
                write!(f, "a command was expected, not {found:?}")
            }
            Self::UnknownCommand { given } => write!(f, "unknown command {given:?}"),
            Self::UnknownFlag { flag, command } => {
                write!(f, "unknown flag {flag:?} for `detour {command}`")
            }
            Self::MissingValue { flag, found: None } => write!(f, "{flag} needs a value"),
            Self::MissingValue { flag, found: Some(found) } => {
                write!(f, "{flag} needs a value, not {found:?}")
            }
            Self::NeedlessValue { flag } => write!(f, "{flag} takes no value"),
            Self::Repeated { flag } => write!(f, "{flag} is given more than once"),
            Self::UnexpectedArgument { argument, .. } => {
                write!(f, "unexpected argument {argument:?}")
            }
            Self::Invalid { name, value, .. } => write!(f, "invalid value {value:?} for {name}"),
            Self::Missing { flag, .. } => write!(f, "{flag} is missing"),
            Self::Contradiction { this, that, .. } => write!(f, "{this} contradicts {that}"),
            Self::NoReference => f.write_str("no reference given"),
            Self::NothingToMigrate => f.write_str("a system and its files were expected"),
        }
    }
}

impl std::error::Error for ConfigError {}

fn unknown_flag_hint(flag: &OsString, command: &str) -> String {
    if command == NORMALIZE {
        return format!("write -- before a reference that begins with -: -- {flag:?}");
    }
    if let Some(known) = arguments::find(flag) {
        let homes: Vec<_> = known.commands.iter().map(|home| format!("`detour {home}`")).collect();
        return format!("{} is a flag of {}", known.name, homes.join(" and "));
    }
    match nearest(&flag.to_string_lossy(), arguments::names_of(command)) {
        Some(near) => format!("did you mean {near}?"),
        None => "`detour --help` shows all flags".to_owned(),
    }
}

/// The candidate with the fewest edits to `text`, if two suffice.
fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A longer text cannot be near, and would make the table large.
    if text.len() > 64 {
        return None;
    }
    candidates
        .map(|candidate| (edit_distance(text.as_bytes(), candidate.as_bytes()), candidate))
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Bytes to insert, remove or replace to make `left` into `right`
/// (Levenshtein), one row at a time.
fn edit_distance(left: &[u8], right: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.iter().enumerate() {
        let mut diagonal = index;
        let mut previous = index + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(right) {
            let replaced = diagonal + usize::from(from != to);
            diagonal = *cell;
            previous = replaced.min(diagonal + 1).min(previous + 1);
            *cell = previous;
        }
        row[0] = index + 1;
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_edits() {
        for (left, right, distance) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("--tls", "--tls", 0),
            ("--tsl", "--tls", 2),
            ("--tl", "--tls", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(
                edit_distance(left.as_bytes(), right.as_bytes()),
                distance,
                "{left} {right}"
            );
        }
    }

    #[test]
    fn the_hint_of_an_unknown_flag_is_the_nearest_within_two_edits() {
        let hint =
            |flag: &str, command| ConfigError::UnknownFlag { flag: flag.into(), command }.hint();
        assert_eq!(hint("--rule", "serve"), "did you mean --rules?");
        assert_eq!(hint("--tls-kee", "serve"), "did you mean --tls-key?");
        assert_eq!(hint("--hepl", "serve"), "did you mean --help?");
        assert_eq!(hint("--nothing-like-it", "serve"), "`detour --help` shows all flags");
        assert_eq!(hint("--listen", "review"), "--listen is a flag of `detour serve`");
        assert!(hint("-x", "normalize").starts_with("write -- before"));
    }

    #[test]
    fn control_characters_of_an_argument_are_escaped() {
        let error = ConfigError::UnknownCommand { given: "\u{1b}[2J\n".into() };
        assert_eq!(error.to_string(), r#"unknown command "\u{1b}[2J\n""#);
    }
}
