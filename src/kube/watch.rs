//! Turns the crank of a [`Reflector`] over blocking HTTP.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::limits::WatchLimits;
use super::path::Selection;
use super::reflect::{Reflector, Step};
use super::{Api, ApiError, ErrorKind, Objects, random};
use crate::client::Method;

/// Whoever wants to know. Everything is called from the thread of the watch.
pub trait Observer {
    /// The objects are now these: all of them, and never before the first
    /// list was whole. Changes that come together are told together.
    fn changed(&mut self, objects: &Objects);

    /// The server answered: what is known is as new as can be.
    fn in_touch(&mut self);

    /// A call failed and is repeated after `delay`; what was known stays.
    fn failed(&mut self, error: ApiError, delay: Duration);
}

/// Ends a watch.
#[derive(Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Ends it: now when it is waiting for a delay, else when the server says
    /// something, at the latest when the time of the watch is over.
    /// [`Api::shutdown`] after this ends it now in any case.
    pub fn stop(&self) {
        *self.flag() = true;
        self.0.1.notify_all();
    }

    fn is_set(&self) -> bool {
        *self.flag()
    }

    fn wait(&self, delay: Duration) {
        let waited = self.0.1.wait_timeout_while(self.flag(), delay, |is_set| !*is_set);
        drop(waited);
    }

    fn flag(&self) -> MutexGuard<'_, bool> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps `observer` informed of the objects until `stop`: the body of a
/// thread.
pub fn run(
    api: &Api,
    selection: &Selection,
    limits: WatchLimits,
    stop: &Stop,
    observer: &mut dyn Observer,
) {
    let reflector = Reflector::new(limits);
    let begin = Instant::now();
    Watcher { api, selection, limits, stop, observer, reflector, begin }.run();
}

struct Watcher<'w> {
    api: &'w Api,
    selection: &'w Selection,
    limits: WatchLimits,
    stop: &'w Stop,
    observer: &'w mut dyn Observer,
    reflector: Reflector,
    begin: Instant,
}

impl Watcher<'_> {
    fn run(&mut self) {
        while !self.stop.is_set() {
            let done = match self.reflector.step(self.begin.elapsed()) {
                Step::Wait(delay) => {
                    self.stop.wait(delay);
                    Ok(())
                }
                Step::List { limit, continue_token } => self.list(limit, continue_token.as_deref()),
                Step::Watch { resource_version } => self.watch(&resource_version),
            };
            self.publish();
            if let Err(error) = done
                && !self.stop.is_set()
            {
                let delay = self.reflector.failed(&error.kind, self.begin.elapsed(), random());
                self.observer.failed(error, delay);
            }
        }
    }

    fn list(&mut self, limit: u32, continue_token: Option<&str>) -> Result<(), ApiError> {
        let list = self.api.list(self.selection, limit, continue_token)?;
        self.observer.in_touch();
        self.reflector.listed(list).map_err(|kind| self.error(kind))
    }

    fn watch(&mut self, resource_version: &str) -> Result<(), ApiError> {
        let duration = self.limits.watch.mul_f64(1.0 - random() / 4.0);
        let mut events =
            self.api.watch(self.selection, resource_version, duration, &self.limits)?;
        self.observer.in_touch();
        loop {
            let goes_on = events.wait()?;
            self.observer.in_touch();
            while let Some(event) = events.event()? {
                self.reflector.received(event).map_err(|kind| self.error(kind))?;
            }
            self.publish();
            if self.stop.is_set() {
                return Ok(());
            }
            if !goes_on {
                self.reflector.ended(self.begin.elapsed(), random());
                return Ok(());
            }
        }
    }

    fn publish(&mut self) {
        if let Some(objects) = self.reflector.changed() {
            self.observer.changed(objects);
        }
    }

    fn error(&self, kind: ErrorKind) -> ApiError {
        ApiError { method: Method::GET, path: self.selection.path().into(), kind }
    }
}
