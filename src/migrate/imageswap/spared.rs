//! Texts anywhere in an image that leave it as it is.
//!
//! They are looked for in the image as it is usually spelled: `docker.io/` and
//! `library/` of the normal form do not count. Where such a text could be
//! found in those words, Docker Hub's images are decided on before all others.

use crate::migrate::draft::{Matcher, Rule};
use crate::migrate::report::Origin;

/// Bytes of alternatives in one expression; the limit of an expression is 512.
const ALTERNATIVES_BYTES_MAX: usize = 400;
/// What the normal form adds to the shortest spelling.
const ADDED: [&str; 2] = ["docker.io/", "docker.io/library/"];

/// The texts, in groups that fit one expression.
#[derive(Debug, Clone)]
pub(super) struct Spared {
    groups: Vec<String>,
    /// Whether the tag and the digest are looked at too.
    on_reference: bool,
    is_in_added: bool,
    origin: Origin,
}

impl Spared {
    pub(super) fn new(texts: &[&str], on_reference: bool, origin: &Origin) -> Self {
        let mut groups: Vec<String> = Vec::new();
        for text in texts {
            let text = regex::escape(text);
            match groups.last_mut() {
                Some(group) if group.len() + text.len() < ALTERNATIVES_BYTES_MAX => {
                    group.push('|');
                    group.push_str(&text);
                }
                _ => groups.push(text),
            }
        }
        let is_in_added = texts.iter().any(|text| overlaps_added(text));
        Self { groups, on_reference, is_in_added, origin: origin.clone() }
    }

    /// Whether a text may be found in what the normal form adds.
    pub(super) fn is_in_added(&self) -> bool {
        self.is_in_added
    }

    /// Images of one segment on Docker Hub.
    pub(super) fn bare(&self) -> Vec<Rule> {
        self.rules(r"docker\.io/library/[^/]*(?:", ")[^/]*")
    }

    /// Other images of Docker Hub.
    pub(super) fn path(&self) -> Vec<Rule> {
        self.rules(r"docker\.io/.*(?:", ").*")
    }

    /// Images of all registries.
    pub(super) fn all(&self) -> Vec<Rule> {
        self.rules(".*(?:", ").*")
    }

    fn rules(&self, before: &str, after: &str) -> Vec<Rule> {
        let rule = |group: &String| {
            let expression = format!("{before}{group}{after}");
            let matcher = match self.on_reference {
                true => Matcher::Reference(expression),
                false => Matcher::Name(expression),
            };
            Rule::keep(matcher, &self.origin)
        };
        self.groups.iter().map(rule).collect()
    }
}

/// Whether the text, or its beginning, is in [`ADDED`].
fn overlaps_added(text: &str) -> bool {
    let begins = |rest: &str| rest.starts_with(text) || text.starts_with(rest);
    ADDED.iter().any(|added| (0..added.len()).any(|at| begins(&added[at..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_normal_form_adds_is_told_from_the_image() {
        for text in
            ["io", "library", "docker.io", "/", "y/ngin", "lib", "docker.io/library/x", "io/x", "r"]
        {
            assert!(overlaps_added(text), "{text}");
        }
        for text in
            ["corp.example", ".svc", "quay.io", "nginx", "example/", "registry.corp.example"]
        {
            assert!(!overlaps_added(text), "{text}");
        }
    }
}
