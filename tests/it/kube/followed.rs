//! A watch that runs, and what it tells.

use std::panic;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use detour::kube::limits::WatchLimits;
use detour::kube::watch::{self, Observer, Stop};
use detour::kube::{Api, ApiError, Objects};

use super::script::Server;
use super::{Account, GUARD, LIMITS, all};

/// Delays that no test notices, and watches without an end.
pub(super) const QUICK: WatchLimits = WatchLimits {
    watch: GUARD,
    watch_min: Duration::ZERO,
    delay: Duration::from_millis(1),
    delay_max: Duration::from_millis(4),
    slow_delay: Duration::from_millis(1),
    slow_delay_max: Duration::from_millis(4),
    ..WatchLimits::standard()
};

/// What a watch told.
pub(super) enum Told {
    /// Names and versions.
    Objects(Vec<(String, String)>),
    Failed(ApiError, Duration),
}

struct Teller(Sender<Told>);

impl Observer for Teller {
    fn changed(&mut self, objects: &Objects) {
        let pairs = objects.values().map(|object| {
            let metadata = &object.metadata;
            (metadata.name.clone(), metadata.resource_version.clone())
        });
        // The test may have heard enough.
        self.0.send(Told::Objects(pairs.collect())).ok();
    }

    fn in_touch(&mut self) {}

    fn failed(&mut self, error: ApiError, delay: Duration) {
        self.0.send(Told::Failed(error, delay)).ok();
    }
}

/// A watch of all ConfigMaps in `a`.
pub(super) struct Followed {
    told: Receiver<Told>,
    pub(super) stop: Stop,
    pub(super) account: Account,
}

impl Followed {
    /// What is told next.
    pub(super) fn next(&self) -> Told {
        self.told.recv_timeout(GUARD).unwrap()
    }

    /// The objects that are told next, as `NAME:VERSION`.
    pub(super) fn objects(&self) -> String {
        match self.next() {
            Told::Objects(objects) => text(&objects),
            Told::Failed(error, _) => panic!("{error}"),
        }
    }

    /// The failure that is told next.
    pub(super) fn failure(&self) -> (ApiError, Duration) {
        match self.next() {
            Told::Failed(error, delay) => (error, delay),
            Told::Objects(objects) => panic!("no failure, but {}", text(&objects)),
        }
    }

    /// Waits for these objects; what is told before them does not matter.
    pub(super) fn until(&self, expected: &str) {
        loop {
            match self.next() {
                Told::Objects(objects) if text(&objects) == expected => return,
                _ => {}
            }
        }
    }
}

fn text(objects: &[(String, String)]) -> String {
    let pairs = objects.iter().map(|(name, version)| format!("{name}:{version}"));
    pairs.collect::<Vec<_>>().join(" ")
}

/// Ends the watch, also when the test fails.
struct Ending<'a>(&'a Stop, &'a Api);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.stop();
        self.1.shutdown();
    }
}

/// Runs a watch of the server as long as `test` takes.
pub(super) fn follow(server: &Server, limits: WatchLimits, test: impl FnOnce(&Followed)) {
    let account = Account::new(&server.pair.certificate);
    let api = account.api(server, LIMITS);
    let (sender, told) = mpsc::channel();
    let followed = Followed { told, stop: Stop::default(), account };
    thread::scope(|scope| {
        let ending = Ending(&followed.stop, &api);
        let watch = scope.spawn(|| {
            watch::run(&api, &all(), limits, &followed.stop, &mut Teller(sender));
        });
        test(&followed);
        drop(ending);
        if let Err(panicked) = watch.join() {
            panic::resume_unwind(panicked);
        }
    });
}
