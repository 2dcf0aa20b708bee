//! What the API server refuses, and why, as far as callers branch on it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::limits::MESSAGE_BYTES_MAX;
use crate::client::{Answer, ClientError, Method};

/// Why a call did not do what it was to do.
#[derive(Debug)]
pub struct ApiError {
    /// The method of the request.
    pub method: Method,
    /// The path of the request, without its query.
    pub path: Box<str>,
    /// Why.
    pub kind: ErrorKind,
}

/// Why a call failed. Texts are the server's, cut to [`MESSAGE_BYTES_MAX`].
#[derive(Debug)]
pub enum ErrorKind {
    /// No such object, or no such kind of objects: 404.
    NotFound(String),
    /// Who we are may not do this: 403.
    Forbidden(String),
    /// The server does not know who we are: 401.
    Unauthorized(String),
    /// Changed by somebody else meanwhile, or a field is somebody else's: 409.
    Conflict(String),
    /// What was to be created is there already: 409 as well.
    AlreadyExists(String),
    /// The version or the continuation is too old: 410.
    Gone(String),
    /// The request or its object is not valid: 400 or 422.
    Invalid(String),
    /// Ask later: 429.
    TooManyRequests {
        /// When, if the server says so.
        retry_after: Option<Duration>,
        /// The server's text.
        message: String,
    },
    /// The server cannot now: 500 to 599.
    Unavailable {
        /// The status code.
        status: u16,
        /// When to ask again, if the server says so.
        retry_after: Option<Duration>,
        /// The server's text.
        message: String,
    },
    /// Any other status, redirects among them: they are not followed.
    Refused {
        /// The status code.
        status: u16,
        /// The server's text, or where a redirect leads.
        message: String,
    },
    /// There was no answer, or not a whole one.
    Unreachable(ClientError),
    /// The answer or the event is larger than this many bytes.
    TooLarge(usize),
    /// All objects that are watched together are larger than this many bytes.
    Overfull(usize),
    /// The answer is not what the API server answers.
    Malformed(String),
}

/// `Status`, which the API server answers instead of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The HTTP status code; 0 when the server does not say it.
    pub code: u16,
    /// One word, such as `Expired`.
    pub reason: String,
    /// For people.
    pub message: String,
    details: Option<Details>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    retry_after_seconds: Option<u64>,
}

impl ErrorKind {
    /// What an answer means that is not of the 200s.
    pub(super) fn from_answer(answer: &Answer) -> Self {
        let mut status = serde_json::from_slice(&answer.body).unwrap_or_else(|_| Status {
            message: String::from_utf8_lossy(&answer.body).into_owned(),
            ..Status::default()
        });
        status.code = answer.status;
        if let Some(location) = answer.location() {
            status.message = format!("a redirect to {location}, which is not followed");
        }
        Self::from_status(status, answer.retry_after())
    }

    /// What a status means; `retry_after` is that of the head.
    pub(super) fn from_status(status: Status, retry_after: Option<Duration>) -> Self {
        let Status { code, reason, message, details } = status;
        let message = bounded(message);
        let seconds = details.and_then(|details| details.retry_after_seconds);
        let retry_after = retry_after.or_else(|| seconds.map(Duration::from_secs));
        match code {
            400 | 422 => Self::Invalid(message),
            401 => Self::Unauthorized(message),
            403 => Self::Forbidden(message),
            404 => Self::NotFound(message),
            409 if reason == "AlreadyExists" => Self::AlreadyExists(message),
            409 => Self::Conflict(message),
            410 => Self::Gone(message),
            429 => Self::TooManyRequests { retry_after, message },
            500..=599 => Self::Unavailable { status: code, retry_after, message },
            _ => Self::Refused { status: code, message },
        }
    }

    /// How long the server asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyRequests { retry_after, .. } | Self::Unavailable { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }
}

impl From<ClientError> for ErrorKind {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::TooLarge(limit) => Self::TooLarge(limit),
            error => Self::Unreachable(error),
        }
    }
}

/// The first [`MESSAGE_BYTES_MAX`] bytes.
fn bounded(mut text: String) -> String {
    if text.len() > MESSAGE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
        text.push('…');
    }
    text
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.method, self.path, self.kind)
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            ErrorKind::Unreachable(error) => error.source(),
            _ => None,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(message) => write!(f, "not found: {message}"),
            Self::Forbidden(message) => write!(f, "forbidden: {message}"),
            Self::Unauthorized(message) => write!(f, "unauthorized: {message}"),
            Self::Conflict(message) => write!(f, "conflict: {message}"),
            Self::AlreadyExists(message) => write!(f, "already exists: {message}"),
            Self::Gone(message) => write!(f, "gone: {message}"),
            Self::Invalid(message) => write!(f, "invalid: {message}"),
            Self::TooManyRequests { message, .. } => write!(f, "too many requests: {message}"),
            Self::Unavailable { status, message, .. } => {
                write!(f, "unavailable, status {status}: {message}")
            }
            Self::Refused { status, message } => write!(f, "status {status}: {message}"),
            Self::Unreachable(error) => write!(f, "{error}"),
            Self::TooLarge(limit) => write!(f, "the answer is larger than {limit} bytes"),
            Self::Overfull(limit) => {
                write!(f, "all objects together are larger than {limit} bytes")
            }
            Self::Malformed(reason) => write!(f, "the answer cannot be understood: {reason}"),
        }
    }
}
