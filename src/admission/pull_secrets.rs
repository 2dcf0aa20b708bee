//! The pull secrets of a pod: those that it has, and those to add.

use std::collections::HashSet;

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use super::pod::{Extent, Subject};
use crate::mapping::{Decision, Mapping};

#[derive(Debug)]
pub(super) struct PullSecrets<'r> {
    /// In order.
    own: ArenaVec<'r, &'r str>,
    added: ArenaVec<'r, &'r str>,
}

impl<'r> PullSecrets<'r> {
    /// Those that the pod has, and those that an update has to get back.
    pub(super) fn of(subject: &Subject<'r>, mapping: &'r Mapping, arena: &'r Bump) -> Self {
        let mut own = ArenaVec::from_iter_in(subject.pull_secrets(), arena);
        own.sort_unstable();
        let mut added = ArenaVec::new_in(arena);
        if subject.extent == Extent::ChangedPod {
            added.extend(lost(subject, mapping));
        }
        Self { own, added }
    }

    pub(super) fn lacks(&self, name: &str) -> bool {
        self.own.binary_search(&name).is_err()
    }

    /// Adds what a decision on an image of a new pod needs.
    pub(super) fn add_those_of(
        &mut self,
        decision: &Decision<'r>,
        mapping: &'r Mapping,
        subject: &Subject<'r>,
        arena: &'r Bump,
    ) {
        for name in decision.pull_secrets {
            self.add(name);
        }
        // Those of the map that decided, and of the map whose place the image
        // is in from then on, which is the one that decides when asked again.
        if let Some(image) = decision.image.as_ref().filter(|_| mapping.gives_pull_secrets()) {
            for name in mapping.decide(image.text_in(arena), &subject.pod, arena).pull_secrets {
                self.add(name);
            }
        }
    }

    fn add(&mut self, name: &'r str) {
        if self.lacks(name) && !self.added.contains(&name) {
            self.added.push(name);
        }
    }

    /// The names to append, in this order.
    pub(super) fn into_added(self) -> &'r [&'r str] {
        self.added.into_bump_slice()
    }
}

/// The names that we appended to a pod when it was new and that an update does
/// not have: a manifest that says nothing of them, by `kubectl replace`. The
/// API server refuses any change of a pod's pull secrets, so the pod would have
/// to go for a name that nobody wrote. A name that no map in force gives, or
/// that the list has twice, is not ours: the API server shall say so.
fn lost<'r>(subject: &Subject<'r>, mapping: &Mapping) -> Vec<&'r str> {
    let own: Vec<&str> = subject.pull_secrets().collect();
    let old: Vec<&'r str> = subject.old_pull_secrets().collect();
    let Some(lost @ [_, ..]) = old.strip_prefix(own.as_slice()) else { return Vec::new() };
    let given: HashSet<&str> = mapping.pull_secrets_in(subject.pod.namespace).collect();
    let mut seen: HashSet<&str> = own.iter().copied().collect();
    match lost.iter().all(|name| given.contains(name) && seen.insert(name)) {
        true => lost.to_vec(),
        false => Vec::new(),
    }
}
