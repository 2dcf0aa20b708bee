//! JSON values as YAML text in block style.

use serde_json::Value;

/// The value as one document, ending in a newline.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

/// The fields that a reader looks for first; the others follow by name.
const FIRST: [&str; 11] = [
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "namespace",
    "exact",
    "prefix",
    "regex",
    "on",
    "to",
    "keep",
];

fn block(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let (first, others): (Vec<_>, Vec<_>) =
                fields.iter().partition(|(name, _)| FIRST.contains(&name.as_str()));
            let known = |wanted: &&str| first.iter().find(|(name, _)| name == wanted).copied();
            let fields = FIRST.iter().filter_map(known).chain(others);
            for (index, (name, value)) in fields.enumerate() {
                if index > 0 {
                    text.push_str(&" ".repeat(indent));
                }
                text.push_str(&scalar(name));
                text.push(':');
                below(value, indent, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push_str(&" ".repeat(indent));
                }
                text.push_str("- ");
                block(item, indent + 2, text);
            }
        }
        other => {
            text.push_str(&inline(other));
            text.push('\n');
        }
    }
}

/// What follows the colon of a field.
fn below(value: &Value, indent: usize, text: &mut String) {
    let nested = match value {
        Value::Object(fields) if !fields.is_empty() => Some(indent + 2),
        Value::Array(items) if !items.is_empty() => Some(indent),
        _ => None,
    };
    match nested {
        Some(indent) => {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            block(value, indent, text);
        }
        None => {
            text.push(' ');
            block(value, indent, text);
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        // An empty list or table, a number, a boolean, null: as in JSON.
        other => other.to_string(),
    }
}

/// The text plain where no reader takes it for anything else, otherwise in
/// quotes.
fn scalar(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-@:".contains(&byte);
    let word = text.to_ascii_lowercase();
    let is_word = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_plain = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(plain)
        && !text.ends_with(':')
        && !is_word.contains(&word.as_str());
    match is_plain {
        true => text.to_owned(),
        false if text.contains(char::is_control) => Value::from(text).to_string(),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::node;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read_back() {
        let value = json!({
            "a": {"b": [{"c": "d", "e": ["f", "g"]}, {"h": {}}], "i": []},
            "j": ["yes", "1e3", "0x1", "12:30:45", "a: b", "it's", "#", "", "a #b", "- x", "\n\t", "5000", "~", "null"],
            "k": [[1, true], [null, 2.5]],
            "l.m/n": "registry.example:5000/a@sha256:b",
            "{x}": "^a\\.b(.+)$",
        });
        let text = document(&value);
        let nodes = node::read(&text).expect(&text);
        let [read] = &nodes[..] else { panic!("one document: {text}") };
        assert_eq!(super::super::input::json(read), value, "{text}");
    }

    #[test]
    fn what_is_written_is_read_with_ease() {
        let value = json!({"a": {}, "b": [], "c": "^a\\.b's(.+)$"});
        assert_eq!(document(&value), "a: {}\nb: []\nc: '^a\\.b''s(.+)$'\n");
    }
}
