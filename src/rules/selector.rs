//! Which pods and names a map is for: globs on names, selectors on labels.

use super::pattern::{Pattern, PatternError};

/// A list of globs, one of which must match the whole name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Globs {
    patterns: Vec<Pattern>,
}

impl Globs {
    /// Compiles each glob; see [`Pattern::glob`].
    ///
    /// # Errors
    /// The first glob that cannot be used, with the reason.
    pub fn new<'g>(
        globs: impl IntoIterator<Item = &'g str>,
    ) -> Result<Self, (&'g str, PatternError)> {
        let compile = |glob| Pattern::glob(glob).map_err(|error| (glob, error));
        let patterns = globs.into_iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// Whether one of the globs matches.
    pub fn matches(&self, name: &str) -> bool {
        self.patterns.iter().any(|glob| glob.source() == "*" || glob.is_match(name))
    }

    /// Whether there is no glob.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The globs as written.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(Pattern::source)
    }

    /// Whether a name can be in both lists. Only two lists of plain names are
    /// known to be apart.
    pub fn can_meet(&self, other: &Self) -> bool {
        let is_plain = |glob: &str| !glob.contains(['*', '?', '[']);
        let all_plain = self.sources().chain(other.sources()).all(is_plain);
        !all_plain || self.sources().any(|name| other.sources().any(|other| name == other))
    }
}

/// A Kubernetes label selector; all requirements must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    /// The requirements; none selects every pod.
    pub requirements: Vec<Requirement>,
}

/// One requirement of a [`Selector`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// What its value must be.
    pub operator: Operator,
}

/// What a label's value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// The label is there, with one of these values.
    In(Vec<String>),
    /// The label is absent or has none of these values.
    NotIn(Vec<String>),
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

impl Selector {
    /// Whether the labels, given by `value_of`, satisfy every requirement.
    pub fn matches<'l>(&self, value_of: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = value_of(&requirement.key);
            let is_one_of = |values: &[String]| {
                value.is_some_and(|value| values.iter().any(|allowed| allowed == value))
            };
            match &requirement.operator {
                Operator::In(values) => is_one_of(values),
                Operator::NotIn(values) => !is_one_of(values),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(list: &[&str]) -> Globs {
        Globs::new(list.iter().copied()).unwrap()
    }

    #[test]
    fn globs_match_whole_names() {
        let teams = globs(&["team-*", "ops"]);
        assert!(teams.matches("team-a") && teams.matches("ops"));
        assert!(!teams.matches("ops-2") && !teams.matches("my-team-a"));
        assert!(!globs(&[]).matches("ops"));
        assert!(globs(&["*"]).matches("anything") && globs(&["x", "*"]).matches("y"));
        let owners = globs(&["postgresql.cnpg.io/*"]);
        assert!(owners.matches("postgresql.cnpg.io/Cluster"));
        assert!(!owners.matches("acid.zalan.do/postgresql"));
        assert_eq!(Globs::new(["a", "b["]).unwrap_err(), ("b[", PatternError::Class));
    }

    #[test]
    fn only_plain_lists_are_known_to_be_apart() {
        assert!(!globs(&["a", "b"]).can_meet(&globs(&["c"])));
        assert!(globs(&["a", "b"]).can_meet(&globs(&["b"])));
        assert!(globs(&["a-*"]).can_meet(&globs(&["b"])));
        assert!(globs(&["a"]).can_meet(&globs(&["?"])));
    }

    #[test]
    fn selectors_follow_kubernetes() {
        let labels = |key: &str| match key {
            "app" => Some("web"),
            "empty" => Some(""),
            _ => None,
        };
        let values = |list: &[&str]| list.iter().map(|value| (*value).to_owned()).collect();
        let cases = [
            ("app", Operator::In(values(&["db", "web"])), true),
            ("app", Operator::In(values(&["db"])), false),
            ("none", Operator::In(values(&["db"])), false),
            ("app", Operator::NotIn(values(&["web"])), false),
            ("none", Operator::NotIn(values(&["web"])), true),
            ("empty", Operator::Exists, true),
            ("none", Operator::Exists, false),
            ("app", Operator::DoesNotExist, false),
            ("none", Operator::DoesNotExist, true),
        ];
        for (key, operator, matches) in cases {
            let requirement = Requirement { key: key.to_owned(), operator };
            let selector = Selector { requirements: vec![requirement] };
            assert_eq!(selector.matches(labels), matches, "{selector:?}");
        }
        assert!(Selector::default().matches(labels));
    }
}
