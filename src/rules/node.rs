//! YAML or JSON text as a tree that remembers its lines.
//!
//! The checks walk this tree by hand: a derived reader stops at the first
//! fault, and an operator wants to see all of them at once.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Options};

/// Most parser events in one text: 200,000 rules of about ten events.
const EVENTS_MAX: usize = 4_000_000;
/// Deepest nesting; a rules document needs six.
const DEPTH_MAX: usize = 32;

/// A value and the line it starts on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node<'t> {
    pub(crate) line: u64,
    pub(crate) value: Value<'t>,
}

/// What a [`Node`] holds: a text that is written as it reads is that of the
/// document itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'t> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'t, str>),
    List(Box<[Node<'t>]>),
    Table(Box<[Field<'t>]>),
}

/// One key of a table with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field<'t> {
    pub(crate) name: Cow<'t, str>,
    pub(crate) line: u64,
    pub(crate) node: Node<'t>,
}

impl Value<'_> {
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
pub(crate) fn read(text: &str) -> Result<Vec<Node<'_>>, (u64, String)> {
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

fn read_with(text: &str, options: Options) -> Result<Vec<Node<'_>>, (u64, String)> {
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        (line, error.to_string())
    })
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Placed { line, value } = Placed::deserialize(deserializer)?;
        Ok(Self { line, value })
    }
}

/// A value and its line, by the protocol of `serde_saphyr::Spanned`. That reads
/// twelve numbers and a text for each value, which was a sixth of the time
/// that a process with thousands of rules took to start.
struct Placed<T> {
    line: u64,
    value: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct("__yaml_spanned", PlacedVisitor(PhantomData))
    }
}

struct PlacedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PlacedVisitor<T> {
    type Value = Placed<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its place")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    /// A mark, the value, and where it is written; the rest is not asked for.
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let missing = || A::Error::custom("the value has no place");
        entries.next_entry::<IgnoredAny, bool>()?.ok_or_else(missing)?;
        let (_, value) = entries.next_entry::<IgnoredAny, T>()?.ok_or_else(missing)?;
        let (_, Line(line)) = entries.next_entry::<IgnoredAny, Line>()?.ok_or_else(missing)?;
        Ok(Placed { line, value })
    }
}

/// The line of a place, which stands first in it.
struct Line(u64);

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Location", &["line"], LineVisitor)
    }
}

struct LineVisitor;

impl<'de> Visitor<'de> for LineVisitor {
    type Value = Line;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a place")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Line, A::Error> {
        let line = entries.next_entry::<IgnoredAny, u64>()?;
        line.map(|(_, line)| Line(line)).ok_or_else(|| A::Error::custom("a place has no line"))
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

/// The name of a field.
struct Name<'t>(Cow<'t, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor).map(Self)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut table = Vec::new();
        while let Some(Placed { line, value: Name(name) }) = entries.next_key()? {
            table.push(Field { name, line, node: entries.next_value()? });
        }
        Ok(Value::Table(table.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(node: &'a Node<'a>, name: &str) -> &'a Field<'a> {
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
        assert_eq!(field(&documents[1], "e").node.value, Value::Text("yes".into()));
    }

    #[test]
    fn texts_are_not_copied() {
        let text = "a: x\n'b': [y, 'z']\n";
        let [document] = &read(text).unwrap()[..] else { panic!("not one document") };
        let (a, b) = (field(document, "a"), field(document, "b"));
        let Value::List(items) = &b.node.value else { panic!("no list") };
        let nodes = [&a.node, &items[0], &items[1]];
        for node in nodes {
            assert!(matches!(node.value, Value::Text(Cow::Borrowed(_))), "{node:?}");
        }
        for field in [a, b] {
            assert!(matches!(field.name, Cow::Borrowed(_)), "{field:?}");
        }
    }

    #[test]
    fn json_is_read_by_the_same_reader() {
        let documents = read("{\n\t\"a\": [1, null],\n\t\"b\": \"x\\/y\"\n}\n").unwrap();
        assert_eq!(field(&documents[0], "b").node.value, Value::Text("x/y".into()));
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
