//! Rules and values on their way: each rule knows the line it comes from.

use serde_json::{Map, Value, json};

use super::report::{Entry, Origin, Verdict};

/// What a system's reader makes of its files.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) maps: Vec<DraftMap>,
    /// Values of the chart, without the rules.
    pub(super) values: Map<String, Value>,
    pub(super) report: Vec<Entry>,
    pub(super) differences: &'static [&'static str],
}

/// A document on its way.
#[derive(Debug)]
pub(super) struct DraftMap {
    pub(super) name: String,
    /// None for a `ClusterImageMap`.
    pub(super) namespace: Option<String>,
    pub(super) rules: Vec<Rule>,
    /// Its matcher has no meaning.
    pub(super) default: Option<Rule>,
}

/// A rule on its way.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) matcher: Matcher,
    pub(super) action: Action,
    pub(super) origin: Origin,
}

/// What a rule matches, in the words of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matcher {
    Exact(String),
    Prefix(String),
    /// On `registry/repository`.
    Name(String),
    /// On the whole reference.
    Reference(String),
    All,
}

/// What becomes of an image, in the words of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Keep,
    To(String),
}

impl Draft {
    pub(super) fn new(differences: &'static [&'static str]) -> Self {
        Self { differences, ..Self::default() }
    }

    pub(super) fn tell(&mut self, origin: &Origin, verdict: Verdict, text: impl Into<String>) {
        self.report.push(Entry::new(origin, verdict, text));
    }

    /// Sets a value of the chart at this path, and says that `origin` became it.
    pub(super) fn set(&mut self, origin: &Origin, path: &[&str], value: impl Into<Value>) {
        let value = value.into();
        self.tell(
            origin,
            Verdict::Becomes,
            format!("the chart's value {}: {value}", path.join(".")),
        );
        self.set_quietly(path, value);
    }

    /// Sets a value that no line of the old configuration spells.
    pub(super) fn set_quietly(&mut self, path: &[&str], value: Value) {
        let Some((last, parents)) = path.split_last() else { return };
        let mut table = &mut self.values;
        for parent in parents {
            let entry = table.entry(*parent).or_insert_with(|| json!({}));
            let Value::Object(inner) = entry else { return };
            table = inner;
        }
        table.insert((*last).to_owned(), value);
    }

    /// Adds a `ClusterImageMap`.
    pub(super) fn cluster_map(&mut self, name: &str, rules: Vec<Rule>, default: Option<Rule>) {
        self.maps.push(DraftMap { name: name.to_owned(), namespace: None, rules, default });
    }
}

impl Rule {
    pub(super) fn to(matcher: Matcher, target: impl Into<String>, origin: &Origin) -> Self {
        Self { matcher, action: Action::To(target.into()), origin: origin.clone() }
    }

    pub(super) fn keep(matcher: Matcher, origin: &Origin) -> Self {
        Self { matcher, action: Action::Keep, origin: origin.clone() }
    }

    pub(super) fn json(&self) -> Value {
        let mut rule = match &self.matcher {
            Matcher::Exact(image) => json!({"exact": image}),
            Matcher::Prefix(prefix) => json!({"prefix": prefix}),
            Matcher::Name(regex) => json!({"regex": regex}),
            Matcher::Reference(regex) => json!({"regex": regex, "on": "reference"}),
            Matcher::All => json!({}),
        };
        match &self.action {
            Action::Keep => rule["keep"] = json!(true),
            Action::To(target) => rule["to"] = json!(target),
        }
        rule
    }

    /// The rule in the words of the report.
    pub(super) fn in_words(&self) -> String {
        let matcher = match &self.matcher {
            Matcher::Exact(image) => format!("exact {image}"),
            Matcher::Prefix(prefix) => format!("prefix {prefix}"),
            Matcher::Name(regex) => format!("regex {regex}"),
            Matcher::Reference(regex) => format!("regex {regex} on reference"),
            Matcher::All => "default".to_owned(),
        };
        match &self.action {
            Action::Keep => format!("{matcher}, keep"),
            Action::To(target) => format!("{matcher}, to {target}"),
        }
    }
}
