//! What has to be true of the maps that there are, worked out anew from the
//! design: nothing of Detour's code is used.
//!
//! Knows as much as the maps of [`super::makers`] need.

use std::collections::BTreeSet;

use serde_json::Value;

/// A map as the API server has it.
pub(super) struct Map<'v> {
    object: &'v Value,
    kind: &'v str,
    namespace: &'v str,
    name: &'v str,
}

/// A rule, or the default.
#[derive(Clone, Copy)]
struct Rule<'v> {
    name: &'v str,
    /// `exact`, `glob`, `prefix` or `default`.
    kind: &'v str,
    pattern: &'v str,
    /// None for `keep`.
    target: Option<&'v str>,
}

/// What a map has to say of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Truth {
    pub(super) status: &'static str,
    pub(super) reason: &'static str,
    /// The message has to hold one of these.
    pub(super) message: BTreeSet<String>,
    pub(super) rules: u64,
}

impl<'v> Map<'v> {
    pub(super) fn new(object: &'v Value) -> Self {
        let metadata = &object["metadata"];
        let text = |value: &'v Value| value.as_str().unwrap_or_default();
        let (kind, namespace) = (text(&object["kind"]), text(&metadata["namespace"]));
        Self { object, kind, namespace, name: text(&metadata["name"]) }
    }

    /// As messages name it.
    pub(super) fn id(&self) -> String {
        match self.namespace {
            "" => format!("{}/{}", self.kind, self.name),
            namespace => format!("{}/{namespace}/{}", self.kind, self.name),
        }
    }

    fn spec(&self, field: &str) -> &'v Value {
        &self.object["spec"][field]
    }

    /// The smaller is the older.
    fn age(&self) -> (&'v str, &'v str) {
        (self.object["metadata"]["creationTimestamp"].as_str().unwrap(), self.name)
    }

    fn rules(&self) -> Vec<Rule<'v>> {
        let rule = |(index, value): (usize, &'v Value)| {
            let kind =
                ["exact", "glob", "prefix"].into_iter().find(|kind| value[*kind].is_string());
            let kind = kind.unwrap();
            let name = value["name"].as_str().unwrap_or_else(|| panic!("rule {index} has a name"));
            Rule { name, kind, pattern: value[kind].as_str().unwrap(), target: target(value) }
        };
        let rules = self.spec("rules").as_array().into_iter().flatten().enumerate().map(rule);
        let default = self.spec("default");
        let default = default.is_object().then(|| Rule {
            name: "default",
            kind: "default",
            pattern: "",
            target: target(default),
        });
        rules.chain(default).collect()
    }

    fn enforces(&self) -> bool {
        self.spec("mode") != "Observe"
    }

    fn priority(&self) -> i64 {
        self.spec("priority").as_i64().unwrap_or_default()
    }

    /// 0 is asked first.
    fn layer(&self) -> u8 {
        match (self.kind, self.spec("final").as_bool()) {
            ("ImageMap", _) => 1,
            (_, Some(true)) => 0,
            _ => 2,
        }
    }

    fn is_for(&self, namespace: &str) -> bool {
        match (self.kind, self.spec("namespaces").as_array()) {
            ("ImageMap", _) => self.namespace == namespace,
            (_, None) => true,
            (_, Some(list)) => list.iter().any(|one| one == "*" || one == namespace),
        }
    }

    fn can_meet(&self, other: &Self, namespaces: &[String]) -> bool {
        namespaces.iter().any(|namespace| self.is_for(namespace) && other.is_for(namespace))
    }

    fn selects(&self, app: Option<&str>) -> bool {
        let wanted = self.spec("podSelector")["matchLabels"]["app"].as_str();
        wanted.is_none_or(|wanted| app == Some(wanted))
    }

    /// Why it is wrong by itself, and what a message has to hold then.
    fn fault(&self) -> Option<(&'static str, BTreeSet<String>)> {
        let rules = self.rules();
        let is_registry = |target: &str| target.split('/').next().unwrap().contains('.');
        let wrong: BTreeSet<String> = rules
            .iter()
            .filter(|rule| rule.target.is_some_and(|target| !is_registry(target)))
            .map(|rule| format!("rule {}: ", rule.name))
            .collect();
        if !wrong.is_empty() {
            return Some(("Invalid", wrong));
        }
        let is_prefix = |rule: &&Rule<'_>| rule.kind == "prefix";
        let chained = |first: &Rule<'v>| {
            let target = first.target?;
            let second = rules.iter().filter(is_prefix).find(|second| {
                second.name != first.name
                    && second.target.is_some()
                    && below(target, second.pattern)
            })?;
            Some(format!(
                "rule {}: the target {target} is the input of rule {}",
                first.name, second.name
            ))
        };
        let chains: BTreeSet<String> = rules.iter().filter(is_prefix).filter_map(chained).collect();
        (!chains.is_empty()).then_some(("Chain", chains))
    }
}

fn target(rule: &Value) -> Option<&str> {
    match &rule["to"] {
        Value::Array(list) => list[0].as_str(),
        to => to.as_str(),
    }
}

/// Whether the name is that, or below it at the end of a segment.
fn below(name: &str, above: &str) -> bool {
    name.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The maps in force, the oldest first, and what each of all has to say.
pub(super) fn judge<'m, 'v>(
    maps: &'m [Map<'v>],
    namespaces: &[String],
) -> (Vec<&'m Map<'v>>, Vec<Truth>) {
    let mut order: Vec<usize> = (0..maps.len()).collect();
    order.sort_by_key(|index| maps[*index].age());
    let mut in_force: Vec<&Map<'v>> = Vec::new();
    let mut truths: Vec<(usize, Truth)> = Vec::new();
    for index in order {
        let map = &maps[index];
        let conflicts = || {
            let said = conflicts(map, &in_force, namespaces);
            (!said.is_empty()).then_some(("Conflict", said))
        };
        let (status, (reason, message)) = match map.fault().or_else(conflicts) {
            Some(why) => ("False", why),
            None => ("True", ("InForce", BTreeSet::from(["in force".to_owned()]))),
        };
        if status == "True" {
            in_force.push(map);
        }
        let rules = map.rules().len() as u64;
        truths.push((index, Truth { status, reason, message, rules }));
    }
    truths.sort_by_key(|(index, _)| *index);
    (in_force, truths.into_iter().map(|(_, truth)| truth).collect())
}

/// What may be said of the older maps that are in the way.
fn conflicts(map: &Map<'_>, in_force: &[&Map<'_>], namespaces: &[String]) -> BTreeSet<String> {
    let key = |map: &Map<'_>| (map.layer(), map.priority());
    let others = in_force.iter().filter(|other| {
        map.enforces()
            && other.enforces()
            && key(map) == key(other)
            && map.can_meet(other, namespaces)
    });
    let pairs = others.flat_map(|other| {
        let pair = move |rule: Rule<'_>| {
            let against = other.rules().into_iter().find(|against| {
                (against.kind, against.pattern) == (rule.kind, rule.pattern)
                    && against.target != rule.target
            })?;
            let (own, its) = (rule.name, against.name);
            Some(format!("rule {own} conflicts with rule {its} of {}, which is older", other.id()))
        };
        map.rules().into_iter().filter_map(pair)
    });
    pairs.collect()
}

/// What a new pod gets for the image, `REGISTRY/PATH:TAG`.
pub(super) fn image(
    in_force: &[&Map<'_>],
    namespace: &str,
    app: Option<&str>,
    image: &str,
) -> String {
    let (name, tag) = image.rsplit_once(':').unwrap();
    let visible = || in_force.iter().filter(|map| map.enforces() && map.is_for(namespace));
    let mut targets = visible().flat_map(|map| map.rules()).filter_map(|rule| rule.target);
    if targets.any(|target| below(name, target)) {
        return image.to_owned();
    }
    let rules = |layer: u8| {
        let mut maps: Vec<_> =
            visible().filter(|map| map.layer() == layer && map.selects(app)).collect();
        maps.sort_by_key(|map| (-map.priority(), map.age()));
        maps.into_iter().flat_map(|map| map.rules()).collect::<Vec<_>>()
    };
    let found = (0..3).find_map(|layer| best(&rules(layer), name, tag));
    let default =
        || (0..3).find_map(|layer| rules(layer).into_iter().find(|rule| rule.kind == "default"));
    let Some(rule) = found.or_else(default) else { return image.to_owned() };
    let Some(target) = rule.target else { return image.to_owned() };
    let path = name.split_once('/').unwrap().1;
    match rule.kind {
        "exact" => format!("{target}:{tag}"),
        "prefix" => format!("{target}{}:{tag}", &name[rule.pattern.len()..]),
        _ => format!("{target}/{path}:{tag}"),
    }
}

/// The rule of a layer for the name; the first of equals.
fn best<'v>(rules: &[Rule<'v>], name: &str, tag: &str) -> Option<Rule<'v>> {
    let exact = |pattern: &str| {
        rules.iter().find(|rule| rule.kind == "exact" && rule.pattern == pattern).copied()
    };
    // The only form of glob: one segment more.
    let matches = |rule: &&Rule<'_>| {
        let head = rule.pattern.strip_suffix('*').filter(|_| rule.kind == "glob");
        let rest = head.and_then(|head| name.strip_prefix(head));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
    };
    let prefixes = rules.iter().filter(|rule| rule.kind == "prefix" && below(name, rule.pattern));
    let longest = prefixes.clone().map(|rule| rule.pattern.len()).max();
    exact(&format!("{name}:{tag}"))
        .or_else(|| exact(name))
        .or_else(|| rules.iter().find(matches).copied())
        .or_else(|| prefixes.clone().find(|rule| Some(rule.pattern.len()) == longest).copied())
}
