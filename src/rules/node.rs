//! YAML or JSON text as a tree that remembers its lines.
//!
//! The checks walk this tree by hand: a derived reader stops at the first
//! fault, and an operator wants to see all of them at once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Options, Spanned};

/// Most parser events in one text: 200,000 rules of about ten events.
const EVENTS_MAX: usize = 4_000_000;
/// Deepest nesting; a rules document needs six.
const DEPTH_MAX: usize = 32;

/// A value and the line it starts on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: u64,
    pub(crate) value: Value,
}

/// What a [`Node`] holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Field>),
}

/// One key of a table with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) line: u64,
    pub(crate) node: Node,
}

impl Value {
    /// What it is, in the words of a fault.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Reads every document of `text`, which may be YAML or JSON.
///
/// # Errors
/// The line (0 when unknown) and the reason of the first thing that is no
/// YAML, a duplicate key, or beyond the limits above.
pub(crate) fn read(text: &str) -> Result<Vec<Node>, (u64, String)> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        duplicate_keys: DuplicateKeyPolicy::Error,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_events: EVENTS_MAX,
            max_nodes: EVENTS_MAX,
            max_depth: DEPTH_MAX,
            max_aliases: 1_000,
            max_anchors: 1_000,
        },
    };
    read_with(text, options)
}

fn read_with(text: &str, options: Options) -> Result<Vec<Node>, (u64, String)> {
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        (line, error.to_string())
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { line: spanned.referenced.line(), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some(name) = entries.next_key::<Spanned<String>>()? {
            let line = name.referenced.line();
            table.push(Field { name: name.value, line, node: entries.next_value()? });
        }
        Ok(Value::Table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(node: &'a Node, name: &str) -> &'a Field {
        let Value::Table(fields) = &node.value else { panic!("no table: {node:?}") };
        fields.iter().find(|field| field.name == name).expect(name)
    }

    #[test]
    fn values_know_their_lines() {
        let documents = read("a: 1\nb:\n  - x\n  - {c: true}\n---\nd: 'yes'\ne: yes\n").unwrap();
        assert_eq!(documents.len(), 2);
        let b = field(&documents[0], "b");
        assert_eq!(b.line, 2);
        let Value::List(items) = &b.node.value else { panic!("no list") };
        assert_eq!((items[0].line, items[1].line), (3, 4));
        assert_eq!(field(&items[1], "c").node.value, Value::Bool(true));
        assert_eq!(field(&documents[0], "a").node.value, Value::Number(1.0));
        assert_eq!(field(&documents[1], "d").line, 6);
        assert_eq!(field(&documents[1], "e").node.value, Value::Text("yes".to_owned()));
    }

    #[test]
    fn json_is_read_by_the_same_reader() {
        let documents = read("{\n\t\"a\": [1, null],\n\t\"b\": \"x\\/y\"\n}\n").unwrap();
        assert_eq!(field(&documents[0], "b").node.value, Value::Text("x/y".to_owned()));
        assert_eq!(field(&documents[0], "b").line, 3);
    }

    #[test]
    fn faults_of_the_text_name_their_line() {
        for (text, line) in [("a: 1\nb: [1\nc: 2\n", 3), ("a: 1\na: 2\n", 2), ("a: b: c\n", 1)] {
            let (got, reason) = read(text).unwrap_err();
            assert_eq!(got, line, "{text:?}: {reason}");
            assert!(!reason.is_empty());
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let text = "[".repeat(200) + &"]".repeat(200);
        assert!(read(&text).is_err());
    }
}
