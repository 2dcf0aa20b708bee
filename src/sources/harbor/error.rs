//! Why Harbor could not be read, or one of its projects.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::account::Credentials;
use super::answers;
use super::limits::MESSAGE_BYTES_MAX;
use crate::client::{Answer, ClientError, SetupError};
use crate::kube::CredentialError;
use crate::sources::verdict::bounded;

/// Why a call did not give what was asked for. No variant holds a secret.
#[derive(Debug)]
pub(super) enum HarborError {
    /// A file of the account or the authority cannot be used.
    File(CredentialError),
    /// The username or the password cannot be sent.
    Account {
        /// Its file.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// There can be no client.
    Setup(SetupError),
    /// There was no answer, or not a whole one.
    Silent { path: String, error: ClientError },
    /// An answer of another status than 200.
    Refused { path: String, status: u16, retry_after: Option<Duration>, message: String },
    /// The answer is not what Harbor answers.
    Malformed { path: String, reason: String },
    /// Harbor answers as it does to everybody.
    Stranger,
    /// The registry that Harbor tells is none that an image can name.
    Registry { told: Option<String> },
}

impl HarborError {
    /// What an answer means whose status is not 200. A cut could leave so much
    /// of a secret that nobody knows it for one: it is taken out before.
    pub(super) fn refused(path: String, answer: &Answer, credentials: &Credentials) -> Self {
        let message = match answer.location() {
            Some(to) => {
                format!("a redirect to {:?}, which is not followed", credentials.redact(to))
            }
            None => {
                let body = credentials.redact(&String::from_utf8_lossy(&answer.body));
                credentials.redact(&answers::message(body.as_bytes()))
            }
        };
        let message = bounded(message, MESSAGE_BYTES_MAX);
        Self::Refused { path, status: answer.status, retry_after: answer.retry_after(), message }
    }

    /// `reason` may quote what came, but for secrets.
    pub(super) fn malformed(path: &str, reason: String) -> Self {
        let reason = bounded(reason, MESSAGE_BYTES_MAX);
        Self::Malformed { path: path.to_owned(), reason }
    }

    /// How long Harbor asks to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl From<CredentialError> for HarborError {
    fn from(error: CredentialError) -> Self {
        Self::File(error)
    }
}

impl From<SetupError> for HarborError {
    fn from(error: SetupError) -> Self {
        Self::Setup(error)
    }
}

impl fmt::Display for HarborError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "{error}{}", cause(error)),
            Self::Account { name, reason } => write!(f, "{name} {reason}"),
            Self::Setup(error) => write!(f, "{error}{}", cause(error)),
            Self::Silent { path, error } => write!(f, "GET {path}: {error}{}", cause(error)),
            Self::Refused { path, status, message, .. } => {
                write!(f, "GET {path}: status {status}: {message}")
            }
            Self::Malformed { path, reason } => {
                write!(f, "GET {path}: the answer is not Harbor's: {reason}")
            }
            Self::Stranger => f.write_str(
                "Harbor does not know the account, and answers as to everybody: it is disabled, \
                 has expired, or --harbor-username-file and --harbor-password-file are not its own",
            ),
            Self::Registry { told: None } => f.write_str(
                "Harbor tells where images are pulled from to accounts only: write \
                 --harbor-registry HOST[:PORT], or give it an account",
            ),
            Self::Registry { told: Some(told) } => write!(
                f,
                "Harbor's registry_url {told:?} is no registry that an image can name: write \
                 --harbor-registry HOST[:PORT]"
            ),
        }
    }
}

fn cause(error: &dyn Error) -> String {
    error.source().map_or_else(String::new, |cause| format!(": {cause}"))
}

impl Error for HarborError {}
