//! Lines of registries, the default, and what is spared from it.
//!
//! A line of a registry goes before `noswap_wildcards`, which become patterns;
//! patterns are asked before prefixes. So where there are any, the lines of
//! registries become patterns before them.

use super::map_file::MapFile;
use super::place::{Kind, Place};
use super::replace;
use super::spared::Spared;
use crate::migrate::draft::{Draft, Matcher, Rule};
use crate::migrate::proxy_swapper::SERVICE_REGISTRY;
use crate::migrate::report::Verdict;
use crate::reference::{DEFAULT_REGISTRY, LEGACY_REGISTRY, is_registry, looks_like_registry};

/// The key for Docker Hub's images of one segment.
const OFFICIAL_KEY: &str = "docker.io/library";
/// Those images as they are matched.
const BARE: &str = r"docker\.io/library/([^/]+)";
/// The same, also by the name of Docker Hub's service.
const BARE_OF_BOTH: &str = r"(?:registry-1\.)?docker\.io/(?:library/)?([^/]+)";

pub(super) struct Registries {
    hub: Option<Place>,
    official: Option<Place>,
    /// Whether `registry-1.docker.io` is meant by the line of Docker Hub.
    has_service: bool,
    others: Vec<(String, Place)>,
    spared: Vec<Spared>,
    default: Place,
}

impl Registries {
    pub(super) fn new(draft: &mut Draft, map: &MapFile, default: &super::map_file::Line) -> Self {
        let default = Place::new(draft, default);
        let mut registries = Self {
            hub: map.registry(DEFAULT_REGISTRY).map(|line| Place::new(draft, line)),
            official: map.registry(OFFICIAL_KEY).map(|line| Place::new(draft, line)),
            has_service: map.registry(SERVICE_REGISTRY).is_none(),
            others: Vec::new(),
            spared: Vec::new(),
            default,
        };
        registries.read_others(draft, map);
        registries.read_spared(draft, map);
        registries.has_service &= registries.hub.is_some();
        if registries.default.kind == Kind::Keep {
            let text = "images of other registries stay: that is so without a default";
            draft.tell(&registries.default.origin, Verdict::Becomes, text);
        }
        registries
    }

    fn read_others(&mut self, draft: &mut Draft, map: &MapFile) {
        for line in &map.registries {
            let key = line.key.as_str();
            match key {
                DEFAULT_REGISTRY | OFFICIAL_KEY => {}
                LEGACY_REGISTRY if self.hub.is_none() && self.default.kind == Kind::Keep => {
                    self.hub = Some(Place::new(draft, line));
                }
                LEGACY_REGISTRY => {
                    let text = "it is Docker Hub, whose images go where docker.io and default say";
                    draft.tell(&line.origin, Verdict::Differs, text);
                }
                _ if !looks_like_registry(key) || !is_registry(key) => {
                    let text = "never matched there: a key is a registry, or docker.io/library";
                    draft.tell(&line.origin, Verdict::Dropped, text);
                }
                _ => {
                    if !key.contains('.') {
                        let text = "a registry of its own; there its images count as Docker Hub's";
                        draft.tell(&line.origin, Verdict::Differs, text);
                    }
                    self.others.push((key.to_owned(), Place::new(draft, line)));
                }
            }
        }
    }

    fn read_spared(&mut self, draft: &mut Draft, map: &MapFile) {
        let Some(line) = &map.wildcards else { return };
        let all: Vec<&str> = line.value.split(',').collect();
        let texts: Vec<&str> = all.iter().copied().filter(|text| !text.is_empty()).collect();
        if texts.len() < all.len() {
            let text = "an empty element is left out; there it spares every image";
            draft.tell(&line.origin, Verdict::Differs, text);
        }
        if self.default.kind == Kind::Keep {
            let text = "the default is empty: there is nothing to be spared from";
            return draft.tell(&line.origin, Verdict::Dropped, text);
        }
        let (of_reference, of_name): (Vec<&str>, Vec<&str>) =
            texts.iter().partition(|text| text.contains([':', '@']));
        for (texts, on_reference) in [(of_name, false), (of_reference, true)] {
            if !texts.is_empty() {
                self.spared.push(Spared::new(&texts, on_reference, &line.origin));
            }
        }
    }

    /// All rules, with those of `[REPLACE]` lines at their places.
    pub(super) fn rules(&self, replace: replace::Rules) -> (Vec<Rule>, Option<Rule>) {
        let has_patterns = !self.spared.is_empty() || matches!(self.default.kind, Kind::Dashed(_));
        let hub_first = !replace.is_empty() || self.spared.iter().any(Spared::is_in_added);
        let mut rules = replace.bare;
        // A line that keeps images leaves their other spellings to patterns.
        match is_kept(self.official.as_ref()) {
            true => rules.extend(replace.path.into_iter().chain(self.bare(hub_first))),
            false => rules.extend(self.bare(hub_first).into_iter().chain(replace.path)),
        }
        let path = self.path(has_patterns || hub_first, hub_first);
        match is_kept(self.hub.as_ref()) {
            true => rules.extend(replace.whole.into_iter().chain(path)),
            false => rules.extend(path.into_iter().chain(replace.whole)),
        }
        for (key, place) in self.others.iter().filter(|(key, _)| key.contains(':')) {
            rules.push(self.ported(key, place, has_patterns));
        }
        for (key, place) in self.others.iter().filter(|(key, _)| !key.contains(':')) {
            let matcher = match has_patterns {
                true => Matcher::Name(format!("{}/(.+)", regex::escape(key))),
                false => Matcher::Prefix(key.clone()),
            };
            rules.push(place.rule(matcher, key, if has_patterns { "/{1}" } else { "" }));
            rules.extend(self.with_port(key, place));
        }
        if let Some(hub) = &self.hub {
            rules.extend(self.with_port(DEFAULT_REGISTRY, hub));
        }
        rules.extend(self.spared.iter().flat_map(Spared::all));
        let is_bare_open = self.hub.is_none() && self.official.is_none();
        if is_bare_open && !hub_first && self.default.kind != Kind::Keep {
            let matcher = Matcher::Name(BARE.to_owned());
            rules.push(self.default.rule(matcher, DEFAULT_REGISTRY, "/{1}"));
        }
        let default = match &self.default.kind {
            Kind::Keep => None,
            Kind::Below(base) => Some(base.clone()),
            Kind::Dashed(head) => {
                // A port is no part of a path.
                let matcher = Matcher::Name("([^/:]+):[0-9]+/(.+)".to_owned());
                rules.push(self.default.rule(matcher, "{1}", "/{2}"));
                Some(format!("{head}{{registry}}/{{repository}}"))
            }
        };
        let default = default.map(|to| Rule::to(Matcher::All, to, &self.default.origin));
        (rules, default)
    }

    /// What becomes of Docker Hub's images of one segment.
    fn bare(&self, hub_first: bool) -> Vec<Rule> {
        let expression = if self.has_service { BARE_OF_BOTH } else { BARE };
        let matcher = Matcher::Name(expression.to_owned());
        match (&self.official, &self.hub) {
            // Spelled library/nginx they go where docker.io says.
            (official, Some(hub)) if is_kept(Some(official.as_ref().unwrap_or(hub))) => Vec::new(),
            (Some(place), _) | (None, Some(place)) => {
                vec![place.rule(matcher, DEFAULT_REGISTRY, "/{1}")]
            }
            (None, None) if hub_first => {
                let spared = self.spared.iter().flat_map(Spared::bare);
                spared.chain(self.of_default(BARE)).collect()
            }
            (None, None) => Vec::new(),
        }
    }

    /// What becomes of Docker Hub's other images.
    fn path(&self, as_pattern: bool, hub_first: bool) -> Vec<Rule> {
        let Some(hub) = &self.hub else {
            let spared = self.spared.iter().flat_map(Spared::path);
            let all = spared.chain(self.of_default(r"docker\.io/(.+)"));
            return if hub_first { all.collect() } else { Vec::new() };
        };
        if as_pattern {
            let service = if self.has_service { r"(?:registry-1\.)?" } else { "" };
            let matcher = Matcher::Name(format!(r"{service}docker\.io/(.+)"));
            return vec![hub.rule(matcher, DEFAULT_REGISTRY, "/{1}")];
        }
        let registries = [DEFAULT_REGISTRY, SERVICE_REGISTRY];
        let registries = registries.into_iter().take(1 + usize::from(self.has_service));
        let rule =
            |registry: &str| hub.rule(Matcher::Prefix(registry.to_owned()), DEFAULT_REGISTRY, "");
        registries.map(rule).collect()
    }

    /// The default for images of Docker Hub, before patterns that could take
    /// them for others.
    fn of_default(&self, expression: &str) -> Option<Rule> {
        let matcher = Matcher::Name(expression.to_owned());
        let rule = || self.default.rule(matcher, DEFAULT_REGISTRY, "/{1}");
        (self.default.kind != Kind::Keep).then(rule)
    }

    /// The line of a registry with a port. A pattern if patterns would be
    /// asked before it.
    fn ported(&self, key: &str, place: &Place, has_patterns: bool) -> Rule {
        let host = key.split(':').next().unwrap_or_default();
        let has_host = self.others.iter().any(|(other, _)| other == host);
        match has_patterns || has_host {
            true => {
                let matcher = Matcher::Name(format!("{}/(.+)", regex::escape(key)));
                place.rule(matcher, host, "/{1}")
            }
            false => place.rule(Matcher::Prefix(key.to_owned()), host, ""),
        }
    }

    /// The line of a registry counts for its ports that have no line. The port
    /// stays where the place is a registry without one.
    fn with_port(&self, key: &str, place: &Place) -> Option<Rule> {
        if place.kind == Kind::Keep && self.default.kind == Kind::Keep {
            return None;
        }
        let host = regex::escape(key);
        Some(match place.host() {
            Some(target) => Rule::to(
                Matcher::Name(format!("{host}:([0-9]+)/(.+)")),
                format!("{target}:{{1}}/{{2}}"),
                &place.origin,
            ),
            None => place.rule(Matcher::Name(format!("{host}:[0-9]+/(.+)")), key, "/{1}"),
        })
    }
}

fn is_kept(place: Option<&Place>) -> bool {
    place.is_some_and(|place| place.kind == Kind::Keep)
}
