//! The calls of one refresh. Each goes to the server of the client, whatever an
//! answer says of other places: pages are asked for by number, and redirects are
//! refused.

use std::time::{Duration, Instant};

use super::account::Credentials;
use super::answers::{self, Page, Project, Registry};
use super::error::HarborError;
use super::limits::HarborLimits;
use crate::client::{Answer, Client, ClientError, Method, Phase, Request};

/// The path of the API below that of the server.
const API: &str = "/api/v2.0";

pub(super) struct Session<'s> {
    pub(super) client: &'s Client,
    pub(super) credentials: &'s Credentials,
    pub(super) limits: &'s HarborLimits,
    pub(super) begin: Instant,
}

impl Session<'_> {
    /// The registry that images are pulled from, as Harbor tells it.
    pub(super) fn registry_url(&self) -> Result<Option<String>, HarborError> {
        let path = "/systeminfo".to_owned();
        let answer = self.get(&path, self.limits.answer_bytes)?;
        answers::registry_url(&answer.body).map_err(|error| self.malformed(&path, &error))
    }

    /// A page of the projects that the account may see; the first is 1.
    pub(super) fn projects(&self, page: u32) -> Result<Page, HarborError> {
        let path = format!("/projects?page={page}&page_size={}", self.limits.page_projects);
        let answer = self.get(&path, self.limits.page_bytes)?;
        Page::parse(&answer.body, answer.header("x-total-count"), 10 * self.limits.page_projects)
            .map_err(|error| self.malformed(&path, &error))
    }

    /// The registry behind a proxy project. Its summary tells it to whomever
    /// may read the project; `GET /registries/ID` takes a right of the system,
    /// and is asked only if the summary does not tell.
    pub(super) fn registry(
        &self,
        project: &Project,
        registry_id: i64,
    ) -> Result<Registry, HarborError> {
        let path = format!("/projects/{}/summary", project.name);
        let told = self.get(&path, self.limits.answer_bytes).and_then(|answer| {
            answers::registry_of_summary(&answer.body)
                .map_err(|error| self.malformed(&path, &error))
        });
        match told {
            Ok(Some(registry)) => return Ok(registry),
            Ok(None) | Err(HarborError::Refused { status: 401 | 403 | 404, .. }) => {}
            Err(error) => return Err(error),
        }
        let by_id = format!("/registries/{registry_id}");
        let answer = self.get(&by_id, self.limits.answer_bytes);
        match (answer, told) {
            (Ok(answer), _) => {
                serde_json::from_slice(&answer.body).map_err(|error| self.malformed(&by_id, &error))
            }
            // The right that is easier to give.
            (Err(HarborError::Refused { status: 401 | 403, .. }), Err(refused)) => Err(refused),
            (Err(error), _) => Err(error),
        }
    }

    fn malformed(&self, path: &str, error: &serde_json::Error) -> HarborError {
        HarborError::malformed(path, self.credentials.redact(&error.to_string()))
    }

    fn get(&self, path: &str, answer_bytes: usize) -> Result<Answer, HarborError> {
        let silent = |error| HarborError::Silent { path: path.to_owned(), error };
        let left = self.limits.refresh.saturating_sub(self.begin.elapsed());
        if left == Duration::ZERO {
            return Err(silent(ClientError::Deadline(Phase::Connect)));
        }
        // A project may be called 42, which is another one's number.
        let mut headers = vec![("accept", "application/json"), ("x-is-resource-name", "true")];
        headers.extend(self.credentials.authorization().map(|value| ("authorization", value)));
        let answer = self.client.send(&Request {
            method: &Method::GET,
            path: &format!("{API}{path}"),
            headers: &headers,
            body: None,
            answer_bytes,
            body_deadline: self.limits.client.body.min(left),
        });
        let answer = answer.map_err(silent)?;
        match answer.status {
            200 => Ok(answer),
            _ => Err(HarborError::refused(path.to_owned(), &answer, self.credentials)),
        }
    }
}
