//! A writer's schema, read from its JSON text into a flat list of nodes that refer to each other by number.
//!
//! All of Avro is read: named types and references (also recursive ones), namespaces, unions, logical types, and the
//! flavour that wraps every type in an object with attributes of its own. Unknown attributes mean nothing here.

use super::super::Limits;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Levels of JSON a schema may nest: a level of Avro takes up to three. Below serde_json's own bound.
const JSON_DEPTH: usize = 120;
/// Bytes of a field's name.
const LONGEST_NAME: usize = 256;

/// One type. Numbers are indices into [`Schema::nodes`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Node {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Date,
    TimestampMillis,
    TimestampMicros,
    Enum(Vec<String>),
    Fixed(usize),
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record(Vec<Field>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) node: usize,
}

/// A schema whose top level is a record.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) nodes: Vec<Node>,
    /// Fewest bytes a value of each node can take. What counts announce is checked against it.
    pub(super) least: Vec<usize>,
    /// Full name of the top-level record.
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
    /// Fields of all records together.
    pub(super) field_count: usize,
    /// Deepest level of types inside types.
    pub(super) depth: usize,
}

impl Schema {
    /// Reads a schema; the error says what is wrong with it.
    pub(super) fn parse(text: &[u8], limits: &Limits) -> Result<Schema, String> {
        if nesting(text) > JSON_DEPTH {
            return Err(format!("the schema is nested deeper than {JSON_DEPTH} levels"));
        }
        let json: Value = serde_json::from_slice(text)
            .map_err(|e| format!("the schema is not JSON (line {}, column {})", e.line(), e.column()))?;
        let mut reader = Reader { limits, nodes: vec![], least: vec![], names: HashMap::new(), fields: 0, deepest: 0 };
        let top = reader.read(&json, "", 0)?;
        let Some(Node::Record(fields)) = reader.nodes.get(top) else {
            return Err("the top level of the schema is not a record".to_string());
        };
        let fields = fields.clone();
        let name = reader.names.iter().find(|(_, node)| **node == top).map(|(name, _)| name.clone());
        let (field_count, depth) = (reader.fields, reader.deepest);
        let Reader { nodes, least, .. } = reader;
        Ok(Schema { nodes, least, name: name.unwrap_or_default(), fields, field_count, depth })
    }

    pub(super) fn node(&self, node: usize) -> &Node {
        self.nodes.get(node).unwrap_or(&Node::Null)
    }
}

/// Deepest nesting of brackets outside of strings, found without recursion.
fn nesting(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text {
        match (quoted, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

struct Reader<'a> {
    limits: &'a Limits,
    nodes: Vec<Node>,
    least: Vec<usize>,
    names: HashMap<String, usize>,
    fields: usize,
    deepest: usize,
}

impl Reader<'_> {
    /// Reads one type, within `namespace`, `depth` levels down.
    fn read(&mut self, json: &Value, namespace: &str, depth: usize) -> Result<usize, String> {
        if depth > self.limits.depth {
            return Err(format!("the schema is nested deeper than {} levels", self.limits.depth));
        }
        self.deepest = self.deepest.max(depth);
        match json {
            Value::String(name) => self.named(name, namespace),
            Value::Array(branches) => {
                let mut union = Vec::with_capacity(branches.len());
                for branch in branches {
                    let node = self.read(branch, namespace, depth + 1)?;
                    if matches!(self.nodes.get(node), Some(Node::Union(_))) {
                        return Err("a union stands directly inside a union".to_string());
                    }
                    union.push(node);
                }
                if union.is_empty() {
                    return Err("a union has no branches".to_string());
                }
                Ok(self.add(Node::Union(union), 1))
            }
            Value::Object(object) => self.object(object, namespace, depth),
            _ => Err("a type is neither text, list nor object".to_string()),
        }
    }

    fn object(&mut self, object: &Map<String, Value>, namespace: &str, depth: usize) -> Result<usize, String> {
        let kind = match object.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            // A type wrapped in an object that only adds attributes.
            Some(inner @ (Value::Object(_) | Value::Array(_))) => return self.read(inner, namespace, depth + 1),
            _ => return Err("an object has no type".to_string()),
        };
        let logical = object.get("logicalType").and_then(Value::as_str);
        match (kind, logical) {
            ("int", Some("date")) => Ok(self.add(Node::Date, 1)),
            ("long", Some("timestamp-millis")) => Ok(self.add(Node::TimestampMillis, 1)),
            ("long", Some("timestamp-micros")) => Ok(self.add(Node::TimestampMicros, 1)),
            ("array", _) => {
                let items = object.get("items").ok_or("an array has no items")?;
                let items = self.read(items, namespace, depth + 1)?;
                Ok(self.add(Node::Array(items), 1))
            }
            ("map", _) => {
                let values = object.get("values").ok_or("a map has no values")?;
                let values = self.read(values, namespace, depth + 1)?;
                Ok(self.add(Node::Map(values), 1))
            }
            ("enum", _) => {
                let symbols = object.get("symbols").and_then(Value::as_array).ok_or("an enum has no symbols")?;
                let symbols: Option<Vec<String>> = symbols.iter().map(|s| s.as_str().map(str::to_string)).collect();
                let symbols = symbols.ok_or("a symbol of an enum is not text")?;
                let node = self.add(Node::Enum(symbols), 1);
                self.name(object, namespace, node).map(|_| node)
            }
            ("fixed", _) => {
                let size = object.get("size").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or("a fixed type has no size")?;
                let node = self.add(Node::Fixed(size), size);
                self.name(object, namespace, node).map(|_| node)
            }
            ("record" | "error", _) => self.record(object, namespace, depth),
            (name, _) => self.named(name, namespace),
        }
    }

    fn record(&mut self, object: &Map<String, Value>, namespace: &str, depth: usize) -> Result<usize, String> {
        // The name must be known before the fields are read: they may refer to it.
        let record = self.add(Node::Record(Vec::new()), 0);
        let namespace = self.name(object, namespace, record)?;
        let listed = object.get("fields").and_then(Value::as_array).ok_or("a record has no list of fields")?;
        self.fields = self.fields.saturating_add(listed.len());
        if self.fields > self.limits.fields {
            return Err(format!("the schema has more than {} fields", self.limits.fields));
        }
        let mut fields = Vec::with_capacity(listed.len());
        let mut seen = HashSet::new();
        let mut least = 0usize;
        for field in listed {
            let name = field.get("name").and_then(Value::as_str).ok_or("a field has no name")?;
            if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
                return Err("a field's name is empty, too long or has control characters".to_string());
            }
            if !seen.insert(name) {
                return Err(format!("field `{name}` occurs twice"));
            }
            let json = field.get("type").ok_or_else(|| format!("field `{name}` has no type"))?;
            let node = self.read(json, &namespace, depth + 1)?;
            least = least.saturating_add(self.least.get(node).copied().unwrap_or(0));
            fields.push(Field { name: name.to_string(), node });
        }
        if let (Some(node), Some(size)) = (self.nodes.get_mut(record), self.least.get_mut(record)) {
            (*node, *size) = (Node::Record(fields), least);
        }
        Ok(record)
    }

    /// A primitive, or a reference to a type read before.
    fn named(&mut self, name: &str, namespace: &str) -> Result<usize, String> {
        let (node, least) = match name {
            "null" => (Node::Null, 0),
            "boolean" => (Node::Boolean, 1),
            "int" => (Node::Int, 1),
            "long" => (Node::Long, 1),
            "float" => (Node::Float, 4),
            "double" => (Node::Double, 8),
            "bytes" => (Node::Bytes, 1),
            "string" => (Node::Text, 1),
            _ => {
                let inside = if name.contains('.') { None } else { self.names.get(&join(namespace, name)) };
                return inside
                    .or_else(|| self.names.get(name))
                    .copied()
                    .ok_or_else(|| format!("type `{}` is not defined", short(name)));
            }
        };
        Ok(self.add(node, least))
    }

    /// Registers a named type; returns the namespace that holds inside it.
    fn name(&mut self, object: &Map<String, Value>, namespace: &str, node: usize) -> Result<String, String> {
        let name = object.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or("a record, enum or fixed type has no name")?;
        let namespace = object.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
        let full = if name.contains('.') { name.to_string() } else { join(namespace, name) };
        let inside = full.rsplit_once('.').map_or("", |(namespace, _)| namespace).to_string();
        if self.names.insert(full, node).is_some() {
            return Err(format!("type `{}` is defined twice", short(name)));
        }
        Ok(inside)
    }

    fn add(&mut self, node: Node, least: usize) -> usize {
        self.nodes.push(node);
        self.least.push(least);
        self.nodes.len() - 1
    }
}

fn join(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_string() } else { format!("{namespace}.{name}") }
}

fn short(name: &str) -> String {
    name.chars().take(80).flat_map(char::escape_debug).collect()
}
