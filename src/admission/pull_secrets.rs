//! The pull secrets of a pod: those that it has, and those to add.

use std::collections::HashSet;

use super::pod::{Extent, Subject};
use crate::mapping::{Decision, Mapping};

#[derive(Debug)]
pub(super) struct PullSecrets<'r> {
    own: HashSet<&'r str>,
    added: Vec<String>,
}

impl<'r> PullSecrets<'r> {
    /// Those that the pod has, and those that an update has to get back.
    pub(super) fn of(subject: &Subject<'r>, mapping: &Mapping) -> Self {
        let added = match subject.extent {
            Extent::ChangedPod => lost(subject, mapping),
            _ => Vec::new(),
        };
        Self { own: subject.pull_secrets().collect(), added }
    }

    pub(super) fn lacks(&self, name: &str) -> bool {
        !self.own.contains(name)
    }

    /// Adds what a decision on an image of a new pod needs.
    pub(super) fn add_those_of(
        &mut self,
        decision: &Decision<'_>,
        mapping: &Mapping,
        subject: &Subject<'_>,
    ) {
        // Those of the map that decided, and of the map whose place the image
        // is in from then on, which is the one that decides when asked again.
        let image = decision.image.as_ref().filter(|_| mapping.gives_pull_secrets());
        let again = image.map(|image| mapping.decide(image.as_str(), &subject.pod).pull_secrets);
        for name in decision.pull_secrets.iter().chain(again.unwrap_or_default()) {
            if self.lacks(name) && !self.added.contains(name) {
                self.added.push(name.clone());
            }
        }
    }

    /// The names to append, in this order.
    pub(super) fn into_added(self) -> Vec<String> {
        self.added
    }
}

/// The names that we appended to a pod when it was new and that an update does
/// not have: a manifest that says nothing of them, by `kubectl replace`. The
/// API server refuses any change of a pod's pull secrets, so the pod would have
/// to go for a name that nobody wrote. A name that no map in force gives, or
/// that the list has twice, is not ours: the API server shall say so.
fn lost(subject: &Subject<'_>, mapping: &Mapping) -> Vec<String> {
    let own: Vec<&str> = subject.pull_secrets().collect();
    let old: Vec<&str> = subject.old_pull_secrets().collect();
    let Some(lost @ [_, ..]) = old.strip_prefix(own.as_slice()) else { return Vec::new() };
    let given: HashSet<&str> = mapping.pull_secrets_in(subject.pod.namespace).collect();
    let mut seen: HashSet<&str> = own.iter().copied().collect();
    match lost.iter().all(|name| given.contains(name) && seen.insert(name)) {
        true => lost.iter().map(|name| (*name).to_owned()).collect(),
        false => Vec::new(),
    }
}
