//! Maps and changes of maps at random, from a few words, so that they meet.

use serde_json::{Map, Value, json};

/// Images of a pod that shows what is in force.
pub(super) const IMAGES: [&str; 8] = [
    "one.example/team/web:1",
    "one.example/team/web:2",
    "one.example/team/db:1",
    "one.example/other:1",
    "one.example/debug/shell:1",
    "two.example/x:1",
    "two.example/moved/x:1",
    "three.example/deep/path:1",
];

/// Numbers that follow from a seed (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn of<'o, T>(&mut self, choices: &'o [T]) -> &'o T {
        &choices[self.below(choices.len())]
    }
}

/// A rule for the pattern; wrong now and then.
fn rule(random: &mut Random, index: usize, kind: &str, pattern: &str) -> Value {
    let mut rule = json!({"name": format!("rule-{index}")});
    rule[kind] = pattern.into();
    action(random, kind, &mut rule);
    // A rule that is in a chain with the one for `two.example`.
    if kind == "prefix" && pattern.starts_with("one.example") && random.one_in(5) {
        rule["to"] = "two.example/moved".into();
        rule.as_object_mut().unwrap().remove("keep");
    }
    rule
}

fn action(random: &mut Random, kind: &str, rule: &mut Value) {
    let target = format!("mirror-{}.example/{kind}", random.of(&["a", "b"]));
    match random.below(12) {
        0 => rule["keep"] = true.into(),
        1 => rule["to"] = json!([target, "unused.example/x"]),
        2 if random.one_in(2) => rule["to"] = "nowhere/x".into(),
        _ => rule["to"] = target.into(),
    }
}

/// A specification.
pub(super) fn spec(random: &mut Random, kind: &str, namespaces: &[String]) -> Value {
    const PATTERNS: [(&str, &str); 6] = [
        ("prefix", "one.example"),
        ("prefix", "one.example/team"),
        ("exact", "one.example/team/web:1"),
        ("exact", "one.example/team/web"),
        ("glob", "one.example/debug/*"),
        ("prefix", "two.example"),
    ];
    let mut patterns = PATTERNS.to_vec();
    let rules: Vec<Value> = (0..1 + random.below(4))
        .map(|index| {
            let (kind, pattern) = patterns.remove(random.below(patterns.len()));
            rule(random, index, kind, pattern)
        })
        .collect();
    let mut spec = Map::new();
    spec.insert("rules".to_owned(), rules.into());
    if random.one_in(5) {
        let mut default = json!({});
        action(random, "all", &mut default);
        spec.insert("default".to_owned(), default);
    }
    if random.one_in(6) {
        spec.insert("mode".to_owned(), "Observe".into());
    }
    if random.one_in(4) {
        spec.insert("priority".to_owned(), 5.into());
    }
    if random.one_in(6) {
        spec.insert("podSelector".to_owned(), json!({"matchLabels": {"app": "web"}}));
    }
    if kind == "ClusterImageMap" {
        if random.one_in(4) {
            spec.insert("final".to_owned(), true.into());
        }
        let some = match random.below(4) {
            0 => json!(["*"]),
            1 => json!([namespaces[0], namespaces[1]]),
            _ => json!([random.of(namespaces)]),
        };
        spec.insert("namespaces".to_owned(), some);
    }
    spec.into()
}

/// What is done to a map that is there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// The whole object is replaced.
    Replace,
    /// The specification is replaced by a patch.
    Patch,
    /// It is applied by a manager.
    Apply,
    /// It is deleted.
    Delete,
    /// It is deleted and made anew under its name at once.
    MakeAnew,
    /// It gets a label.
    Label,
    /// Somebody writes into its status what is not true.
    Forge,
    /// It gets a finalizer and is deleted, so that it is there and going.
    Hold,
}

impl Change {
    pub(super) fn any(random: &mut Random) -> Self {
        *random.of(&[
            Self::Replace,
            Self::Replace,
            Self::Patch,
            Self::Patch,
            Self::Apply,
            Self::Delete,
            Self::Delete,
            Self::MakeAnew,
            Self::Label,
            Self::Forge,
            Self::Hold,
        ])
    }

    /// Whether it brings another specification.
    pub(super) fn is_of_spec(self) -> bool {
        matches!(self, Self::Replace | Self::Patch | Self::Apply | Self::MakeAnew)
    }
}
