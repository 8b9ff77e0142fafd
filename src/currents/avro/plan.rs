//! A schema compiled to columns, once, and kept: most files are tiny, and their schema text is most of them.

use super::super::coded_text::coded_type;
use super::super::decode::json_metadata;
use super::super::text_column::list_type;
use super::super::{EventType, Limits, Reason};
use super::schema::{Node, Schema};
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use xxhash_rust::xxh3::xxh3_64;

/// How a two-branch union with null is read. `null` is -1 where the union has only the value's branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Branches {
    pub(super) value: i64,
    pub(super) null: i64,
}

/// What is read for a column, once its union is out of the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Read {
    Boolean,
    Int32,
    Int64,
    Float32,
    Float64,
    Text,
    /// Symbols by number.
    Enum(Arc<[String]>),
    /// Items that may be null have branches of their own.
    List(Option<Branches>),
    /// Any type at all, written as JSON text; the number of its node.
    Json(usize),
    /// Takes no bytes.
    Null,
}

/// One field of the writer's record.
pub(super) struct ColumnPlan {
    pub(super) name: String,
    pub(super) read: Read,
    pub(super) union: Option<Branches>,
    /// Whether values of an earlier file hardly repeated: then it is read as plain text.
    pub(super) plain: AtomicBool,
}

impl ColumnPlan {
    /// Whether it is read as coded text, see [`super::super::coded_text`].
    pub(super) fn is_coded(&self) -> bool {
        self.read == Read::Text && !self.plain.load(Ordering::Relaxed)
    }
}

/// Everything that can be known before the first row.
pub(super) struct Plan {
    pub(super) schema: Schema,
    pub(super) columns: Vec<ColumnPlan>,
    pub(super) arrow: SchemaRef,
    pub(super) record_name: String,
    pub(super) event_type: Option<EventType>,
    /// xxh3 of the schema's text.
    pub(super) fingerprint: u64,
    /// Fewest bytes a record can take in the file.
    pub(super) least: usize,
    /// Bytes a row takes in memory before any text.
    pub(super) row_bytes: usize,
    text: Box<[u8]>,
    /// The schemas of batches with some columns coded, by which they are.
    coded: RwLock<Vec<(Vec<bool>, SchemaRef)>>,
}

impl Plan {
    fn compile(text: &[u8], fingerprint: u64, limits: &Limits) -> Result<Plan, String> {
        let schema = Schema::parse(text, limits)?;
        let (mut columns, mut fields) = (Vec::new(), Vec::new());
        let (mut least, mut row_bytes) = (0usize, 0usize);
        for field in &schema.fields {
            let (read, union) = column(&schema, field.node);
            let (data_type, width) = arrow_type(&schema, field.node, &read, union);
            let arrow = Field::new(&field.name, data_type, true);
            let json = matches!(read, Read::Json(_) | Read::Null);
            fields.push(if json { arrow.with_metadata(json_metadata()) } else { arrow });
            // Ids are different in every row.
            let plain = AtomicBool::new(matches!(field.name.as_str(), "id" | "user_id"));
            columns.push(ColumnPlan { name: field.name.clone(), read, union, plain });
            least = least.saturating_add(schema.least.get(field.node).copied().unwrap_or(0));
            row_bytes += width;
        }
        Ok(Plan {
            columns,
            arrow: Arc::new(arrow::datatypes::Schema::new(fields)),
            event_type: EventType::from_record_name(&schema.name),
            record_name: schema.name.clone(),
            fingerprint,
            least,
            row_bytes,
            text: text.into(),
            coded: RwLock::default(),
            schema,
        })
    }

    /// Whether this is the schema's text.
    pub(super) fn is_of(&self, text: &[u8]) -> bool {
        *self.text == *text
    }

    /// The schema of a batch whose columns are coded where `coded` says so. The same one each time: what is worked out
    /// for a schema is found again by it.
    pub(super) fn arrow(&self, coded: &[bool]) -> SchemaRef {
        if !coded.contains(&true) {
            return self.arrow.clone();
        }
        let known = |all: &Vec<(Vec<bool>, SchemaRef)>| all.iter().find(|(of, _)| of == coded).map(|(_, s)| s.clone());
        if let Some(schema) = known(&self.coded.read().unwrap_or_else(PoisonError::into_inner)) {
            return schema;
        }
        let fields = self.arrow.fields().iter().zip(coded).map(|(field, coded)| match coded {
            true => Arc::new(field.as_ref().clone().with_data_type(coded_type())),
            false => field.clone(),
        });
        let schema = Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()));
        let mut all = self.coded.write().unwrap_or_else(PoisonError::into_inner);
        // Columns only ever turn plain, so there are no more of these than columns, and two are usual.
        all.push((coded.to_vec(), schema.clone()));
        schema
    }
}

/// How a field's type becomes a column.
fn column(schema: &Schema, node: usize) -> (Read, Option<Branches>) {
    match schema.node(node) {
        Node::Union(branches) => {
            let null = |node: &usize| matches!(schema.node(*node), Node::Null);
            match branches.as_slice() {
                [a, b] if null(a) && !null(b) => (read(schema, *b), Some(Branches { null: 0, value: 1 })),
                [a, b] if null(b) && !null(a) => (read(schema, *a), Some(Branches { null: 1, value: 0 })),
                [a] if !null(a) => (read(schema, *a), Some(Branches { null: -1, value: 0 })),
                _ => (Read::Json(node), None),
            }
        }
        _ => (read(schema, node), None),
    }
}

fn read(schema: &Schema, node: usize) -> Read {
    match schema.node(node) {
        Node::Null => Read::Null,
        Node::Boolean => Read::Boolean,
        Node::Int | Node::Date => Read::Int32,
        Node::Long | Node::TimestampMillis | Node::TimestampMicros => Read::Int64,
        Node::Float => Read::Float32,
        Node::Double => Read::Float64,
        Node::Text => Read::Text,
        Node::Enum(symbols) => Read::Enum(symbols.as_slice().into()),
        Node::Array(item) => match (schema.node(*item), column(schema, *item)) {
            // Enums and other things that read as text stay JSON: only an array of strings is a list.
            (Node::Text, _) => Read::List(None),
            (Node::Union(_), (Read::Text, Some(branches))) => Read::List(Some(branches)),
            _ => Read::Json(node),
        },
        Node::Bytes | Node::Fixed(_) | Node::Map(_) | Node::Union(_) | Node::Record(_) => Read::Json(node),
    }
}

/// The arrow type of a column, and the bytes each row of it takes (text itself not counted).
fn arrow_type(schema: &Schema, node: usize, read: &Read, union: Option<Branches>) -> (DataType, usize) {
    let value = match (schema.node(node), union) {
        (Node::Union(branches), Some(at)) => {
            usize::try_from(at.value).ok().and_then(|at| branches.get(at)).copied().unwrap_or(node)
        }
        _ => node,
    };
    let utc = || Some(Arc::from("UTC"));
    match (read, schema.node(value)) {
        (Read::Boolean, _) => (DataType::Boolean, 2),
        (Read::Int32, Node::Date) => (DataType::Date32, 5),
        (Read::Int32, _) => (DataType::Int32, 5),
        (Read::Int64, Node::TimestampMillis) => (DataType::Timestamp(TimeUnit::Millisecond, utc()), 9),
        (Read::Int64, Node::TimestampMicros) => (DataType::Timestamp(TimeUnit::Microsecond, utc()), 9),
        (Read::Int64, _) => (DataType::Int64, 9),
        (Read::Float32, _) => (DataType::Float32, 5),
        (Read::Float64, _) => (DataType::Float64, 9),
        (Read::Text | Read::Enum(_) | Read::Json(_) | Read::Null, _) => (DataType::Utf8, 5),
        (Read::List(_), _) => (list_type(), 5),
    }
}

/// Compiled schemas, shared by all threads of a pass. Found by a hash of the schema's bytes, then compared byte by
/// byte, so that two schemas with one hash are two entries.
pub struct SchemaCache {
    plans: RwLock<Plans>,
}

#[derive(Default)]
struct Plans {
    by_hash: HashMap<u64, Vec<Arc<Plan>>>,
    bytes: usize,
}

/// Schema text kept. Braze has a few hundred schemas of some 5 KB alive at a time; each costs several times its text.
const CACHE_BYTES: usize = 32 << 20;

impl SchemaCache {
    /// An empty cache.
    pub fn new() -> SchemaCache {
        SchemaCache { plans: RwLock::default() }
    }

    /// The plan for a schema's text, compiled now or earlier.
    pub(super) fn plan(&self, text: &[u8], limits: &Limits) -> Result<Arc<Plan>, (Reason, String)> {
        if text.len() > limits.schema_bytes {
            return Err((Reason::LimitExceeded, format!("the schema is larger than {} bytes", limits.schema_bytes)));
        }
        let fingerprint = xxh3_64(text);
        // A poisoned lock only means that another thread died: the entries are whole, as they are never changed.
        let found = {
            let plans = self.plans.read().unwrap_or_else(PoisonError::into_inner);
            let same_hash = plans.by_hash.get(&fingerprint);
            same_hash.and_then(|plans| plans.iter().find(|plan| plan.is_of(text))).cloned()
        };
        if let Some(plan) = found {
            // It may have been compiled under wider limits.
            if plan.schema.field_count <= limits.fields && plan.schema.depth <= limits.depth {
                return Ok(plan);
            }
        }
        let plan = Arc::new(Plan::compile(text, fingerprint, limits).map_err(|what| (Reason::BadSchema, what))?);
        let mut plans = self.plans.write().unwrap_or_else(PoisonError::into_inner);
        if plans.bytes + text.len() > CACHE_BYTES {
            *plans = Plans::default();
        }
        let same_hash = plans.by_hash.entry(fingerprint).or_default();
        if !same_hash.iter().any(|plan| plan.is_of(text)) {
            same_hash.push(plan.clone());
            plans.bytes += text.len();
        }
        Ok(plan)
    }

    #[cfg(test)]
    pub(in crate::currents) fn len(&self) -> usize {
        self.plans.read().unwrap_or_else(PoisonError::into_inner).by_hash.values().map(Vec::len).sum()
    }
}

impl Default for SchemaCache {
    fn default() -> SchemaCache {
        SchemaCache::new()
    }
}
