//! One refresh after the other, and what is remembered between them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::account::Credentials;
use super::error::HarborError;
use super::limits::HarborLimits;
use super::listing::{Listing, Next};
use super::plan::{Plan, Proxy, Terms, is_place, plan};
use super::session::Session;
use super::{NAME, Settings, upstream};
use crate::client::Client;
use crate::rules::{self, Source, Text};
use crate::sources::pairs;
use crate::sources::state::{Content, Update};

/// A Harbor, as it is known.
pub struct Harbor {
    settings: Settings,
    limits: HarborLimits,
    session: Option<(Credentials, Client)>,
    known: BTreeMap<i64, Known>,
    /// The document that was told last.
    told: Option<String>,
    /// Refreshes so far.
    turn: u64,
    /// In a row.
    failures: u32,
}

/// A proxy project.
struct Known {
    proxy: Proxy,
    registry_id: i64,
    /// The refresh in which its registry was read last; 0 for never.
    read: u64,
}

/// What a refresh brought.
struct Read {
    plan: Plan,
    faults: Vec<String>,
    /// It ended before everything was read.
    retry_after: Option<Duration>,
}

impl Harbor {
    /// Asks nothing yet.
    pub fn new(settings: Settings, limits: HarborLimits) -> Self {
        let known = BTreeMap::new();
        Self { settings, limits, session: None, known, told: None, turn: 0, failures: 0 }
    }

    pub(super) fn limits(&self) -> &HarborLimits {
        &self.limits
    }

    /// Whether the files hold something else than what was used last.
    pub(super) fn has_other_files(&self) -> bool {
        let used = self.session.as_ref().map(|(credentials, _)| credentials);
        self.settings.access.read().is_ok_and(|credentials| Some(&credentials) != used)
    }

    /// Asks Harbor for everything: what to tell the board, and when to ask
    /// again. `random` is from 0 to 1.
    pub fn refresh(&mut self, random: f64) -> (Update, Duration) {
        self.turn += 1;
        match self.read() {
            Ok(Read { plan, faults, retry_after }) => {
                self.failures = if faults.is_empty() { 0 } else { self.failures + 1 };
                let delay = self.delay(retry_after, random);
                let faults = faults.iter().map(|line| self.redact(line)).collect();
                (self.update(plan, faults), delay)
            }
            Err(error) => {
                self.failures += 1;
                let delay = self.delay(error.retry_after(), random);
                (Update::Failed(self.redact(&error.to_string())), delay)
            }
        }
    }

    fn redact(&self, line: &str) -> String {
        match &self.session {
            Some((credentials, _)) => credentials.redact(line),
            None => line.to_owned(),
        }
    }

    fn read(&mut self) -> Result<Read, HarborError> {
        let begin = Instant::now();
        let credentials = self.settings.access.read()?;
        let former = self.session.take().filter(|(former, _)| *former == credentials);
        let (credentials, client) = match former {
            Some(session) => session,
            None => {
                let client = self.settings.access.client(&credentials, self.limits.client)?;
                (credentials, client)
            }
        };
        let limits = self.limits;
        let session =
            Session { client: &client, credentials: &credentials, limits: &limits, begin };
        let read = self.ask(&session);
        self.session = Some((credentials, client));
        read
    }

    fn ask(&mut self, session: &Session<'_>) -> Result<Read, HarborError> {
        let registry = self.registry(session)?;
        let listing = list(session)?;
        let is_missed = |id| !listing.projects.contains_key(id);
        if listing.is_whole() && self.known.keys().any(is_missed) {
            // Still known? Else the list was that of everybody.
            self.registry(session)?;
        }
        let mut faults: Vec<String> = listing.torn().into_iter().collect();
        faults.extend(listing.faults.iter().cloned());
        self.remember(listing, &mut faults);
        let retry_after = self.ask_each(session, &mut faults);
        let aliases = self.aliases();
        let skips_unhealthy = self.settings.skips_unhealthy;
        let terms = Terms { registry: &registry, aliases: &aliases, skips_unhealthy };
        let plan = plan(self.known.values().map(|known| &known.proxy), terms);
        Ok(Read { plan, faults, retry_after })
    }

    /// Where images are pulled from. Asked also when it is set: Harbor answers
    /// an account that it does not know like everybody else, with fewer
    /// projects, and tells its registry to those that it knows.
    fn registry(&self, session: &Session<'_>) -> Result<String, HarborError> {
        let told = match (session.registry_url(), &self.settings.registry) {
            (Err(HarborError::Refused { status: 404, .. }), Some(_)) => None,
            (Ok(None), _) if session.credentials.authorization().is_some() => {
                return Err(HarborError::Stranger);
            }
            (told, _) => told?,
        };
        match &self.settings.registry {
            Some(registry) => Ok(registry.clone()),
            None => {
                told.as_deref().and_then(upstream::registry).ok_or(HarborError::Registry { told })
            }
        }
    }

    /// The names of the server that is asked.
    fn aliases(&self) -> Vec<String> {
        let origin = &self.settings.access.origin;
        let host = match origin.host.contains(':') {
            true => format!("[{}]", origin.host),
            false => origin.host.clone(),
        };
        vec![format!("{host}:{}", origin.port).to_ascii_lowercase()]
    }

    /// Takes over the projects of a list; those that are gone are forgotten.
    fn remember(&mut self, listing: Listing, faults: &mut Vec<String>) {
        let is_whole = listing.is_whole();
        self.known.retain(|id, _| !is_whole || listing.projects.contains_key(id));
        for (id, project) in listing.projects {
            let Some(registry_id) = project.registry_id else {
                self.known.remove(&id);
                continue;
            };
            let former = self.known.remove(&id).filter(|known| known.registry_id == registry_id);
            let (registry, read) =
                former.map_or((None, 0), |known| (known.proxy.registry, known.read));
            if !is_place(&project) {
                faults.push(format!("project {:?} cannot be part of an image name", project.name));
                continue;
            }
            if self.known.len() >= self.limits.proxies {
                let limit = self.limits.proxies;
                faults.push(format!(
                    "there are more than {limit} proxy projects: {:?} is left out",
                    project.name
                ));
                continue;
            }
            self.known.insert(id, Known { proxy: Proxy { project, registry }, registry_id, read });
        }
    }

    /// Asks for the registry of each project, those first that were not read
    /// for longest: an end before the last one leaves nobody out for good.
    fn ask_each(&mut self, session: &Session<'_>, faults: &mut Vec<String>) -> Option<Duration> {
        let mut due: Vec<&mut Known> = self.known.values_mut().collect();
        due.sort_by_key(|known| known.read);
        let (mut silences, count) = (0, due.len());
        for (index, known) in due.into_iter().enumerate() {
            let error = match session.registry(&known.proxy.project, known.registry_id) {
                Ok(registry) => {
                    known.proxy.registry = Some(registry);
                    known.read = self.turn;
                    silences = 0;
                    continue;
                }
                Err(error) => error,
            };
            faults.push(fault(&known.proxy, &error));
            let is_silent = matches!(error, HarborError::Silent { .. });
            silences = if is_silent { silences + 1 } else { 0 };
            let is_too_many = matches!(error, HarborError::Refused { status: 429, .. });
            if is_too_many || silences >= self.limits.silences {
                let rest = count - index - 1;
                faults.push(format!("{rest} more proxy projects were not asked for after that"));
                return error.retry_after();
            }
        }
        None
    }

    /// A refresh that failed in part is repeated like one that failed: after a
    /// delay that doubles up to the interval, and not before Harbor wants it.
    fn delay(&self, retry_after: Option<Duration>, random: f64) -> Duration {
        let interval = self.settings.interval;
        let delay = match self.failures {
            0 => interval,
            failures => self.limits.delay.saturating_mul(1 << (failures - 1).min(16)).min(interval),
        };
        let least = retry_after.unwrap_or_default().min(self.limits.retry_after);
        delay.mul_f64(1.0 - random.clamp(0.0, 1.0) / 4.0).max(least)
    }

    fn update(&mut self, plan: Plan, faults: Vec<String>) -> Update {
        let Plan { pairs, notes } = plan;
        let notes = notes.iter().map(|line| self.redact(line)).collect();
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(prefix, target)| (prefix.as_str(), target.as_str())).collect();
        let document = pairs::document(NAME, &pairs, &self.settings.pull_secrets);
        if self.told.as_ref() == Some(&document) {
            return Update::Refreshed { content: None, notes, faults };
        }
        let text = Text { name: NAME.to_owned(), content: document.clone() };
        let texts = if pairs.is_empty() { Vec::new() } else { vec![text] };
        let loaded = rules::load(Source::Harbor, &texts);
        if !loaded.report.faults.is_empty() {
            return Update::of_documents(loaded);
        }
        self.told = Some(document);
        Update::Refreshed { content: Some(Content::Documents(loaded)), notes, faults }
    }
}

/// The list of projects; read again when it changed meanwhile.
fn list(session: &Session<'_>) -> Result<Listing, HarborError> {
    let mut listing = Listing::default();
    for _ in 0..session.limits.lists.max(1) {
        listing = Listing::default();
        let mut next = Next::Page(1);
        while let Next::Page(number) = next {
            next = listing.add(number, session.projects(number)?, session.limits);
        }
        if listing.is_whole() {
            break;
        }
    }
    Ok(listing)
}

fn fault(Proxy { project, registry }: &Proxy, error: &HarborError) -> String {
    let effect = match registry {
        Some(_) => "its last rules stay in force",
        None => "it has no rule yet",
    };
    format!("project {:?}: {error}; {effect}", project.name)
}
