//! The commands: they read, write and report; the work is done elsewhere.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

pub mod migrate;
pub mod normalize;
pub mod review;
pub mod serve;
mod sources;
mod write_back;

/// How a command ended; the number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The work is done.
    Done = 0,
    /// The work failed.
    Failed = 1,
    /// Arguments, variables or files that hold the configuration are wrong.
    Usage = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub enum CliError {
    /// Standard input cannot be read.
    Input(io::Error),
    /// Standard output cannot be written.
    Output(io::Error),
    /// Standard input is larger than it may be.
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(_) => f.write_str("cannot read standard input"),
            Self::Output(_) => f.write_str("cannot write to standard output"),
            Self::TooLarge { bytes_max } => {
                write!(f, "standard input has more than {bytes_max} bytes")
            }
        }
    }
}

impl Error for CliError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Input(source) | Self::Output(source) => Some(source),
            Self::TooLarge { .. } => None,
        }
    }
}

/// Writes `error: …`, the sources joined to it by `: `, and `hint: …`. That
/// `out` cannot be written is nowhere to be reported, and ignored.
pub fn report(out: &mut dyn Write, error: &dyn Error, hint: Option<&str>) {
    let mut text = format!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.extend([": ", &cause.to_string()]);
        source = cause.source();
    }
    if let Some(hint) = hint {
        text.extend(["\nhint: ", hint]);
    }
    let _ = writeln!(out, "{text}");
}

/// Writes `text` to standard output.
pub fn print(text: &str) -> Exit {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    finish(written.map(|()| Exit::Done))
}

/// The end of a command that wrote to standard output. A reader that has gone
/// away has what it wanted; anything else that went wrong is reported.
pub fn finish(written: io::Result<Exit>) -> Exit {
    match written {
        Ok(exit) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            report(&mut io::stderr().lock(), &CliError::Output(error), None);
            Exit::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(error: &dyn Error, hint: Option<&str>) -> String {
        let mut out = Vec::new();
        report(&mut out, error, hint);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_report_has_the_chain_and_the_hint() {
        let error = CliError::Output(io::Error::other("no space left"));
        assert_eq!(
            reported(&error, None),
            "error: cannot write to standard output: no space left\n"
        );
        assert_eq!(
            reported(&fmt::Error, Some("do without")),
            format!("error: {}\nhint: do without\n", fmt::Error)
        );
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        assert_eq!(finish(Err(io::ErrorKind::BrokenPipe.into())), Exit::Done);
        assert_eq!(finish(Ok(Exit::Failed)), Exit::Failed);
    }
}
