//! Rules from a Harbor that a test scripts.

mod access;
mod fixtures;
mod hostile;
mod pages;
mod projects;
mod process;
mod site;

use std::fs;
use std::time::Duration;

use detour::client::{Origin, ProxyVariables};
use detour::sources::board::Place;
use detour::sources::harbor::{Access, AccountFiles, Harbor, HarborLimits, Settings};

use super::Served;
use crate::directory::Directory;
use crate::kube::LIMITS;
use site::{Fake, PASSWORD, USERNAME};

/// Limits that no test reaches unless it shortens one.
const BOUNDS: HarborLimits = HarborLimits { client: LIMITS, ..HarborLimits::standard() };
const INTERVAL: Duration = Duration::from_secs(300);

/// The files of an account, as a Secret is mounted.
struct Files(Directory);

impl Files {
    fn new(fake: &Fake) -> Self {
        let files = Self(Directory::new());
        files.write("ca.crt", &fake.server.pair.certificate);
        files.write("username", USERNAME);
        files.write("password", &format!("{PASSWORD}\n"));
        files
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn account(&self) -> AccountFiles {
        AccountFiles { username: self.0.join("username"), password: self.0.join("password") }
    }

    fn settings(&self, url: &str) -> Settings {
        Settings {
            access: Access {
                origin: Origin::parse_insecure(url).unwrap(),
                authority: self.0.join("ca.crt"),
                account: Some(self.account()),
                proxies: ProxyVariables::default(),
            },
            registry: None,
            interval: INTERVAL,
            skips_unhealthy: false,
            pull_secrets: Vec::new(),
        }
    }
}

/// A source of a scripted Harbor, and what a board makes of it.
struct Followed {
    served: Served,
    place: Place,
    harbor: Harbor,
    files: Files,
}

impl Followed {
    fn new(fake: &Fake) -> Self {
        Self::with(fake, BOUNDS, |_| ())
    }

    fn with(fake: &Fake, limits: HarborLimits, change: impl FnOnce(&mut Settings)) -> Self {
        let files = Files::new(fake);
        let mut settings = files.settings(&fake.url());
        change(&mut settings);
        let (served, mut places) = Served::new(&["harbor"]);
        Self { served, place: places.remove(0), harbor: Harbor::new(settings, limits), files }
    }

    /// One refresh; gives the delay until the next one, without jitter.
    fn refresh(&mut self) -> Duration {
        let (update, delay) = self.harbor.refresh(0.0);
        self.place.update(update);
        delay
    }

    /// Prefix and target of each rule in force.
    fn rules(&self) -> Vec<String> {
        let rule = |line: String| {
            let (_, rule) = line.split_once(" prefix ").unwrap();
            rule.to_owned()
        };
        self.served.rules().into_iter().map(rule).collect()
    }

    fn faults(&self) -> Vec<String> {
        self.served.published.load().faults.clone()
    }

    fn notes(&self) -> Vec<String> {
        self.served.published.load().sources[0].notes.clone()
    }

    fn is_failing(&self) -> bool {
        self.served.metric("detour_source_failing{source=\"harbor\"}") == "1"
    }
}
