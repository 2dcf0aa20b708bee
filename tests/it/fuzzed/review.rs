//! A recorded review whose parts are exchanged, doubled, renamed and taken
//! away: what bytes alone seldom come to.

use std::fmt::Write as _;
use std::sync::LazyLock;

use serde_json::Value;

use super::{Choices, GOLDEN, check_answer};

const REVIEWS: [&str; 8] = [
    include_str!("../../data/reviews/009-create-pods-migrate-job.json"),
    include_str!("../../data/reviews/010-create-cronjobs-nightly-none.json"),
    include_str!("../../data/reviews/012-create-podtemplates-tpl-none.json"),
    include_str!("../../data/reviews/016-create-pods-gateway-none.json"),
    include_str!("../../data/reviews/017-create-pods-odd-none.json"),
    include_str!("../../data/reviews/022-update-pods-ephemeralcontainers-bare-none.json"),
    include_str!("../../data/reviews/026-update-deployments-web-none.json"),
    include_str!("../../data/reviews/029-update-pods-bare-none.json"),
];
/// As they stand in a text, escapes and all.
const KEYS: [&str; 24] = [
    r#""uid""#,
    r#""object""#,
    r#""oldObject""#,
    r#""operation""#,
    r#""subResource""#,
    r#""metadata""#,
    r#""annotations""#,
    r#""labels""#,
    r#""ownerReferences""#,
    r#""spec""#,
    r#""template""#,
    r#""jobTemplate""#,
    r#""containers""#,
    r#""initContainers""#,
    r#""ephemeralContainers""#,
    r#""volumes""#,
    r#""image""#,
    r#""reference""#,
    r#""name""#,
    r#""imagePullSecrets""#,
    r#""detour.dev/original-images""#,
    r#""detour.dev/rewrite""#,
    r#""\u0069m\u0061ge""#,
    r#""~/\"\ud83d\ude00""#,
];
const VALUES: [&str; 32] = [
    "null",
    "true",
    "0",
    "-1.5E+3",
    "1e999",
    "\"\"",
    "{}",
    "[]",
    "[null]",
    "[{}]",
    r#""nginx""#,
    r#""ghcr.io/a/b:1""#,
    r#""quay.io/a@sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b""#,
    r#""mirror.example.com/dockerhub/library/nginx""#,
    r#""\u006eginx\/x\n""#,
    r#""auto""#,
    r#""\ud800""#,
    r#""CREATE""#,
    r#""UPDATE""#,
    r#""ephemeralcontainers""#,
    r#""Pod""#,
    r#""Deployment""#,
    r#""disabled""#,
    r#""admission.k8s.io/v1beta1""#,
    r#""{\"containers/a\":\"nginx\"}""#,
    r#"[{"name":"a","image":"nginx"}]"#,
    r#"[{"name":"a","image":"nginx"},{"name":"a","image":"ghcr.io/x"}]"#,
    r#"[{"name":"v","image":{"reference":"nginx"}}]"#,
    r#"[{"name":"mirror"}]"#,
    r#"{"name":"a","image":"quay.io/a/b"}"#,
    " 00",
    "[1,]",
];
static TREES: LazyLock<Vec<Tree>> = LazyLock::new(|| {
    let read = |text: &&str| serde_json::from_str(text).expect("a recorded review");
    REVIEWS.iter().map(read).map(|review: Value| Tree::of(&review)).collect()
});
/// Beyond this nothing more is copied.
const NODES_MAX: usize = 5_000;

/// The first byte chooses a review, the others what becomes of it.
pub(crate) fn fuzz_review(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let mut tree = choices.of(&TREES).clone();
    for _ in 0..24 {
        if choices.is_empty() {
            break;
        }
        change(&mut tree, &mut choices);
    }
    let mut text = String::new();
    tree.write(&mut text);
    check_answer(text.as_bytes(), &GOLDEN);
}

/// JSON with what a `Value` has no room for: a key that is there twice, and
/// any text for a key or a scalar.
#[derive(Debug, Clone)]
enum Tree {
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Tree {
    fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Object(fields) => {
                let field =
                    |(key, value)| (Value::from(String::as_str(key)).to_string(), Self::of(value));
                Self::Object(fields.iter().map(field).collect())
            }
            scalar => Self::Text(scalar.to_string()),
        }
    }

    fn nodes(&self) -> usize {
        match self {
            Self::Text(_) => 1,
            Self::List(items) => 1 + items.iter().map(Self::nodes).sum::<usize>(),
            Self::Object(fields) => {
                1 + fields.iter().map(|(_, value)| value.nodes()).sum::<usize>()
            }
        }
    }

    /// The node of this number, counted as they are written.
    fn node(&mut self, left: &mut usize) -> Option<&mut Self> {
        if *left == 0 {
            return Some(self);
        }
        *left -= 1;
        match self {
            Self::Text(_) => None,
            Self::List(items) => items.iter_mut().find_map(|item| item.node(left)),
            Self::Object(fields) => fields.iter_mut().find_map(|(_, value)| value.node(left)),
        }
    }

    fn any_node(&mut self, choices: &mut Choices<'_>) -> &mut Self {
        let number = usize::from(choices.byte()) << 8 | usize::from(choices.byte());
        let mut left = number % self.nodes();
        self.node(&mut left).expect("a number of a node")
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (key, value)) in fields.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    write!(out, "{comma}{key}:").expect("memory");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn change(tree: &mut Tree, choices: &mut Choices<'_>) {
    let kind = choices.byte() % 8;
    let copied = match kind {
        0 if tree.nodes() < NODES_MAX => tree.any_node(choices).clone(),
        _ => Tree::Text(choices.of(&VALUES).to_string()),
    };
    let node = tree.any_node(choices);
    let at = usize::from(choices.byte());
    match (kind, node) {
        (0 | 1, node) => *node = copied,
        // So deep that not every reader follows.
        (2, node) => {
            let depth = at % 140;
            let inside = std::mem::replace(node, Tree::List(Vec::new()));
            *node = (0..depth).fold(inside, |inside, _| Tree::List(vec![inside]));
        }
        (3, Tree::Object(fields)) if !fields.is_empty() => {
            let index = at % fields.len();
            fields[index].0 = choices.of(&KEYS).to_string();
        }
        (4 | 5, Tree::Object(fields)) => {
            fields.insert(at % (fields.len() + 1), (choices.of(&KEYS).to_string(), copied));
        }
        (4 | 5, Tree::List(items)) => items.insert(at % (items.len() + 1), copied),
        (6, Tree::Object(fields)) if !fields.is_empty() => drop(fields.remove(at % fields.len())),
        (6, Tree::List(items)) if !items.is_empty() => drop(items.remove(at % items.len())),
        (7, Tree::Object(fields)) if !fields.is_empty() => {
            let twice = fields[at % fields.len()].clone();
            fields.push(twice);
        }
        (7, Tree::List(items)) if !items.is_empty() => {
            let twice = items[at % items.len()].clone();
            items.push(twice);
        }
        _ => {}
    }
}
