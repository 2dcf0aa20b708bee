//! Which of the maps of all sources are in force, and in what order.
//!
//! Depends on the maps alone, never on the order in which they were seen, so
//! every replica and the offline tools come to the same result.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

use super::{ImageMap, Kind, MapId, Matcher, MatcherKey, Mode, Rule, Source};

/// Most rules in force, over all maps.
pub const RULES_MAX: usize = 200_000;
/// Most globs and regular expressions in force, over all maps.
pub const PATTERNS_MAX: usize = 1_000;
/// Most globs and regular expressions of the `ImageMap`s of one namespace.
pub const NAMESPACE_PATTERNS_MAX: usize = 50;
/// Most `ImageMap`s in one namespace.
pub const NAMESPACE_MAPS_MAX: usize = 20;

/// The layers, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// `ClusterImageMap`s with `final`, wherever they come from.
    Final,
    /// The `ImageMap`s of the pod's namespace, wherever they come from.
    Namespace,
    /// `ClusterImageMap`s of the API server.
    Cluster,
    /// `ClusterImageMap`s from files.
    File,
    /// `ClusterImageMap`s from a ConfigMap.
    ConfigMap,
    /// What Harbor's proxy projects amount to.
    Harbor,
}

impl Layer {
    /// What a listing calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Namespace => "namespace",
            Self::Cluster => "cluster",
            Self::File => "file",
            Self::ConfigMap => "configmap",
            Self::Harbor => "harbor",
        }
    }
}

/// The maps in force, in the order in which they are asked, and the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// By layer, then priority, then age.
    pub in_force: Vec<ImageMap>,
    /// Wholly out of force, each with the reason.
    pub out_of_force: Vec<(ImageMap, Obstacle)>,
}

/// Why a map is out of force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// An older map says something else about the same pattern.
    Conflict {
        /// The rule of this map.
        rule: String,
        /// The older map.
        other: MapId,
        /// Where the older map came from, if not from where this one did.
        other_source: Option<Source>,
        /// The rule of the older map.
        other_rule: String,
    },
    /// It would go beyond a limit.
    Limit {
        /// What there would be too many of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { rule, other, other_source, other_rule } => {
                write!(f, "rule {rule} conflicts with rule {other_rule} of {other}")?;
                if let Some(source) = other_source {
                    write!(f, " from {}", source.as_str())?;
                }
                f.write_str(", which is older; make them agree, or set a priority")
            }
            Self::Limit { what, limit } => {
                write!(f, "more than {limit} {what} would be in force; drop some")
            }
        }
    }
}

impl ImageMap {
    /// The layer that it belongs to.
    pub fn layer(&self) -> Layer {
        match (self.id.kind, self.is_final, self.source) {
            (Kind::ImageMap, ..) => Layer::Namespace,
            (Kind::ClusterImageMap, true, _) => Layer::Final,
            (Kind::ClusterImageMap, false, Source::Api) => Layer::Cluster,
            (Kind::ClusterImageMap, false, Source::File) => Layer::File,
            (Kind::ClusterImageMap, false, Source::ConfigMap) => Layer::ConfigMap,
            (Kind::ClusterImageMap, false, Source::Harbor) => Layer::Harbor,
        }
    }
}

/// Orders the maps and takes out those that conflict with an older one in
/// force or would go beyond a limit.
pub fn merge(mut maps: Vec<ImageMap>) -> Merged {
    maps.sort_by(by_age);
    let obstacles = obstacles(&maps);
    let mut merged = Merged::default();
    for (map, obstacle) in maps.into_iter().zip(obstacles) {
        match obstacle {
            None => merged.in_force.push(map),
            Some(obstacle) => merged.out_of_force.push((map, obstacle)),
        }
    }
    merged.in_force.sort_by(|a, b| {
        let order = |map: &ImageMap| (map.layer(), std::cmp::Reverse(map.priority));
        order(a).cmp(&order(b)).then_with(|| by_age(a, b))
    });
    merged
}

/// Why each of the maps, which are in the order of their age, is out of force.
fn obstacles(maps: &[ImageMap]) -> Vec<Option<Obstacle>> {
    let mut claims = Claims::default();
    let mut counts = Counts::default();
    let judge = |map| {
        let obstacle = claims.conflict(map).or_else(|| counts.add(map).err());
        if obstacle.is_none() {
            claims.add(map);
        }
        obstacle
    };
    maps.iter().map(judge).collect()
}

/// Where two sources meet in one layer, maps of the same age and name are told
/// apart by their source.
fn by_age(a: &ImageMap, b: &ImageMap) -> Ordering {
    (&a.age, &a.id, a.source, &a.place).cmp(&(&b.age, &b.id, b.source, &b.place))
}

/// What the maps in force say about each pattern of a layer and priority.
#[derive(Debug, Default)]
struct Claims<'m> {
    by_pattern: HashMap<(Layer, i32, MatcherKey<'m>), Vec<Claim<'m>>>,
}

/// A rule in force, and its map.
type Claim<'m> = (&'m ImageMap, &'m Rule);

impl<'m> Claims<'m> {
    fn conflict(&self, map: &ImageMap) -> Option<Obstacle> {
        if map.mode == Mode::Observe {
            return None;
        }
        let layer = map.layer();
        map.rules.iter().find_map(|rule| {
            let claims = self.by_pattern.get(&(layer, map.priority, rule.matcher.key()))?;
            let (other, other_rule) = claims.iter().find(|(other, claim)| {
                claim.action.target() != rule.action.target()
                    && other.namespaces.can_meet(&map.namespaces)
            })?;
            Some(Obstacle::Conflict {
                rule: rule.name.clone(),
                other: other.id.clone(),
                other_source: Some(other.source).filter(|source| *source != map.source),
                other_rule: other_rule.name.clone(),
            })
        })
    }

    fn add(&mut self, map: &'m ImageMap) {
        if map.mode == Mode::Observe {
            return;
        }
        let layer = map.layer();
        for rule in &*map.rules {
            let claims = self.by_pattern.entry((layer, map.priority, rule.matcher.key()));
            claims.or_insert_with(|| Vec::with_capacity(1)).push((map, rule));
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    rules: usize,
    patterns: usize,
    by_namespace: HashMap<String, NamespaceCounts>,
}

#[derive(Debug, Default)]
struct NamespaceCounts {
    maps: usize,
    patterns: usize,
}

impl Counts {
    /// Counts the map in, unless that would go beyond a limit.
    fn add(&mut self, map: &ImageMap) -> Result<(), Obstacle> {
        let is_pattern = |rule: &&Rule| matches!(rule.matcher, Matcher::Pattern { .. });
        let patterns = map.rules.iter().filter(is_pattern).count();
        let rules = map.rules.len();
        let within = |what, count: usize, limit| match count <= limit {
            true => Ok(()),
            false => Err(Obstacle::Limit { what, limit }),
        };
        within("rules", self.rules + rules, RULES_MAX)?;
        within("patterns", self.patterns + patterns, PATTERNS_MAX)?;
        if map.id.kind == Kind::ImageMap {
            let own = self.by_namespace.entry(map.id.namespace.clone()).or_default();
            within("ImageMaps of one namespace", own.maps + 1, NAMESPACE_MAPS_MAX)?;
            let patterns = own.patterns + patterns;
            within("patterns of one namespace", patterns, NAMESPACE_PATTERNS_MAX)?;
            own.maps += 1;
            own.patterns = patterns;
        }
        self.rules += rules;
        self.patterns += patterns;
        Ok(())
    }
}
