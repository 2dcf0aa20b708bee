//! The files of an old configuration: settings and YAML with their lines.

use super::MigrateError;
use super::report::Origin;
use crate::rules::node::{self, Field, Node, Value};

/// One file of the old configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path, as the report names it.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// A variable of the environment, or an entry of a ConfigMap.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) origin: Origin,
}

/// One document of a YAML file.
#[derive(Debug)]
pub(super) struct Document<'f> {
    pub(super) file: &'f File,
    pub(super) node: Node<'f>,
}

impl File {
    /// The last part of the path.
    fn base(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it holds `NAME=VALUE` lines.
    pub(super) fn is_environment(&self) -> bool {
        self.base() == "env" || self.base().ends_with(".env")
    }

    /// Whether it holds YAML or JSON.
    pub(super) fn is_yaml(&self) -> bool {
        [".yaml", ".yml", ".json"].iter().any(|end| self.base().ends_with(end))
    }

    /// The text without the mark that some editors put before it.
    pub(super) fn without_mark(&self) -> &str {
        self.text.strip_prefix('\u{feff}').unwrap_or(&self.text)
    }

    pub(super) fn origin(&self, line: u64, old: impl Into<String>) -> Origin {
        Origin { file: self.name.clone(), line, old: old.into() }
    }

    /// The documents in it; those that are empty are left out.
    fn documents(&self) -> Result<Vec<Document<'_>>, MigrateError> {
        let nodes = node::read(self.without_mark()).map_err(|(line, reason)| {
            MigrateError::Unreadable { file: self.name.clone(), line, reason }
        })?;
        let nodes = nodes.into_iter().filter(|node| node.value != Value::Null);
        Ok(nodes.map(|node| Document { file: self, node }).collect())
    }
}

/// The documents of all YAML files; an object of kind List stands for its items.
pub(super) fn documents(files: &[File]) -> Result<Vec<Document<'_>>, MigrateError> {
    let mut all = Vec::new();
    for file in files.iter().filter(|file| file.is_yaml()) {
        for document in file.documents()? {
            let is_list = text(&document.node, "kind").is_some_and(|kind| kind.ends_with("List"));
            match get(&document.node, "items").map(|field| &field.node.value) {
                Some(Value::List(items)) if is_list => {
                    all.extend(items.iter().cloned().map(|node| Document { file, node }));
                }
                _ => all.push(document),
            }
        }
    }
    Ok(all)
}

/// The variables in the files of the environment, in order; of two of one
/// name the later counts.
pub(super) fn variables(files: &[File]) -> Vec<Setting> {
    let mut settings = Vec::new();
    for file in files.iter().filter(|file| file.is_environment()) {
        for (index, line) in file.without_mark().lines().enumerate() {
            let text = line.trim();
            let text = text.strip_prefix("export ").unwrap_or(text);
            let Some((name, value)) = text.split_once('=').filter(|_| !text.starts_with('#'))
            else {
                continue;
            };
            let value = value.trim();
            let quoted = ['"', '\''].iter().find_map(|mark| {
                value.strip_prefix(*mark).and_then(|rest| rest.strip_suffix(*mark))
            });
            let name = name.trim();
            // A secret is not told.
            let old =
                if name.ends_with("PASSWORD") { format!("{name}=…") } else { text.to_owned() };
            settings.push(Setting {
                name: name.to_owned(),
                value: quoted.unwrap_or(value).to_owned(),
                origin: file.origin(index as u64 + 1, old),
            });
        }
    }
    settings
}

/// The entries of the ConfigMaps among the documents.
pub(super) fn config_maps(documents: &[Document<'_>]) -> Vec<ConfigMap> {
    let is_config_map =
        |document: &&Document<'_>| text(&document.node, "kind").as_deref() == Some("ConfigMap");
    documents.iter().filter(is_config_map).map(ConfigMap::new).collect()
}

/// A ConfigMap of the cluster.
#[derive(Debug)]
pub(super) struct ConfigMap {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) data: Vec<Setting>,
}

impl ConfigMap {
    fn new(document: &Document<'_>) -> Self {
        let metadata = get(&document.node, "metadata").map(|field| &field.node);
        let of_metadata =
            |name| metadata.and_then(|metadata| text(metadata, name)).unwrap_or_default();
        let data = get(&document.node, "data").map(|field| &field.node);
        let setting = |field: &Field<'_>| {
            let value = plain(&field.node)?;
            let old = match value.contains('\n') {
                true => field.name.to_string(),
                false => format!("{}: {value}", field.name),
            };
            let origin = document.file.origin(field.line, old);
            Some(Setting { name: field.name.to_string(), value, origin })
        };
        Self {
            name: of_metadata("name"),
            namespace: of_metadata("namespace"),
            data: data.map(fields).unwrap_or_default().iter().filter_map(setting).collect(),
        }
    }
}

/// The fields of a table; none of anything else.
pub(super) fn fields<'n, 't>(node: &'n Node<'t>) -> &'n [Field<'t>] {
    match &node.value {
        Value::Table(fields) => fields,
        _ => &[],
    }
}

/// The items of a list; none of anything else.
pub(super) fn items<'n, 't>(node: &'n Node<'t>) -> &'n [Node<'t>] {
    match &node.value {
        Value::List(items) => items,
        _ => &[],
    }
}

/// The field of this name that is not null.
pub(super) fn get<'n, 't>(node: &'n Node<'t>, name: &str) -> Option<&'n Field<'t>> {
    let field = fields(node).iter().find(|field| field.name == name)?;
    (field.node.value != Value::Null).then_some(field)
}

/// The text under this name, also of a number or a boolean.
pub(super) fn text(node: &Node<'_>, name: &str) -> Option<String> {
    get(node, name).and_then(|field| plain(&field.node))
}

/// The text of a scalar.
pub(super) fn plain(node: &Node<'_>) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null => Some(String::new()),
        Value::List(_) | Value::Table(_) => None,
    }
}

/// The node as JSON, for what is handed on unread.
pub(super) fn json(node: &Node<'_>) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) if number.fract() == 0.0 => (*number as i64).into(),
        Value::Number(number) => (*number).into(),
        Value::Text(text) => text.as_ref().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Table(fields) => {
            fields.iter().map(|field| (field.name.to_string(), json(&field.node))).collect()
        }
    }
}
