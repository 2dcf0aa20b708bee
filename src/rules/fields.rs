//! Typed access to a [`Node`] that notes every fault and goes on.

use super::fault::{Fault, FaultKind, Place, Report};
use super::node::{Field, Node, Value};

/// Longest text in a rules document, in bytes.
pub const TEXT_BYTES_MAX: usize = 512;

/// Most items in a list or table other than the rules.
pub const ITEMS_MAX: usize = 256;

/// Walks one document; what it cannot use becomes a fault at [`Place`].
#[derive(Debug)]
pub(super) struct Checker {
    pub(super) place: Place,
    pub(super) report: Report,
}

/// The fields of a table whose names are all known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'n> {
    fields: &'n [Field<'n>],
}

impl<'n> Table<'n> {
    /// The field's value; a field that is null counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&'n Node<'n>> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        (field.node.value != Value::Null).then_some(&field.node)
    }
}

impl Checker {
    pub(super) fn fault(&mut self, line: u64, what: impl Into<String>, hint: impl Into<String>) {
        self.fault_of(FaultKind::Invalid, line, what, hint);
    }

    pub(super) fn fault_of(
        &mut self,
        kind: FaultKind,
        line: u64,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.report.faults.push(Fault { kind, ..self.place.fault(line, what, hint) });
    }

    pub(super) fn warn(&mut self, line: u64, what: impl Into<String>, hint: impl Into<String>) {
        self.report.warnings.push(self.place.fault(line, what, hint));
    }

    /// The table under `name`, with a fault for each field not in `known`.
    pub(super) fn table<'n>(
        &mut self,
        node: &'n Node<'n>,
        name: &str,
        known: &[&str],
    ) -> Option<Table<'n>> {
        let Value::Table(fields) = &node.value else {
            self.wrong_kind(node, name, "a table");
            return None;
        };
        for field in fields.iter().filter(|field| !known.contains(&&*field.name)) {
            let what = format!("unknown field {:?} in {name}", field.name);
            self.fault(field.line, what, format!("known here: {}", known.join(", ")));
        }
        Some(Table { fields })
    }

    /// Text of at most [`TEXT_BYTES_MAX`] bytes.
    pub(super) fn text<'n>(&mut self, node: &'n Node<'n>, name: &str) -> Option<&'n str> {
        let Value::Text(text) = &node.value else {
            self.wrong_kind(node, name, "text");
            return None;
        };
        self.bounded(node.line, name, text)
    }

    /// The text, unless it is longer than [`TEXT_BYTES_MAX`].
    pub(super) fn bounded<'n>(&mut self, line: u64, name: &str, text: &'n str) -> Option<&'n str> {
        if text.len() > TEXT_BYTES_MAX {
            let what = format!("{name} has {} bytes", text.len());
            let hint = format!("the limit is {TEXT_BYTES_MAX}");
            self.fault_of(FaultKind::Limit, line, what, hint);
            return None;
        }
        Some(text)
    }

    pub(super) fn boolean(&mut self, node: &Node<'_>, name: &str) -> Option<bool> {
        match node.value {
            Value::Bool(value) => Some(value),
            _ => {
                self.wrong_kind(node, name, "true or false");
                None
            }
        }
    }

    pub(super) fn number(&mut self, node: &Node<'_>, name: &str) -> Option<f64> {
        match node.value {
            Value::Number(value) => Some(value),
            _ => {
                self.wrong_kind(node, name, "a number");
                None
            }
        }
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node<'n>, name: &str) -> Option<&'n [Node<'n>]> {
        match &node.value {
            Value::List(items) => Some(items),
            _ => {
                self.wrong_kind(node, name, "a list");
                None
            }
        }
    }

    /// A list of at most [`ITEMS_MAX`] items; one with more counts as empty.
    pub(super) fn short_list<'n>(&mut self, node: &'n Node<'n>, name: &str) -> &'n [Node<'n>] {
        let items = self.list(node, name).unwrap_or_default();
        if self.is_short(node.line, name, items.len()) { items } else { &[] }
    }

    /// Whether there are no more than [`ITEMS_MAX`]; a fault if there are.
    pub(super) fn is_short(&mut self, line: u64, name: &str, items: usize) -> bool {
        if items > ITEMS_MAX {
            let what = format!("{name} has {items} items");
            self.fault_of(FaultKind::Limit, line, what, format!("the limit is {ITEMS_MAX}"));
        }
        items <= ITEMS_MAX
    }

    /// A short list of texts with their lines; items that are none are faults.
    pub(super) fn texts<'n>(&mut self, node: &'n Node<'n>, name: &str) -> Vec<(u64, &'n str)> {
        let items = self.short_list(node, name);
        let text = |item: &'n Node<'n>| self.text(item, name).map(|text| (item.line, text));
        items.iter().filter_map(text).collect()
    }

    fn wrong_kind(&mut self, node: &Node<'_>, name: &str, wanted: &str) {
        let hint = match (&node.value, wanted) {
            (Value::Bool(_) | Value::Number(_), "text") => "put it in quotes",
            (Value::Text(_), "true or false") => "write it without quotes, in full",
            (Value::Text(_), "a number") => "write it without quotes",
            (Value::Text(_), "a list") => "write it in brackets: [\"...\"]",
            _ => "see the documented example",
        };
        let what = format!("{name} must be {wanted}, not {}", node.value.kind());
        self.fault(node.line, what, hint);
    }
}
