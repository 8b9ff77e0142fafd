//! `pg_catalog` and `information_schema`: made when a client first asks, of datafusion-pg-catalog's tables and ours.
//!
//! The library lists relations, columns and schemas, and holds what is the same in every PostgreSQL. It has no
//! comments, no views in `pg_views`, every view in `pg_tables`, and a database of its own invention: those are ours.

use super::super::catalog::CATALOG;
use super::directory::{Directory, Entry, Origin, Shape};
use super::{functions, information_schema};
use crate::error::Error;
use arrow::array::{ArrayRef, AsArray, BooleanArray, Int32Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Field, Int32Type};
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::datasource::{MemTable, TableType};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionContext;
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::context::{PgCatalogContextProvider, Role};
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::{
    PG_CATALOG_TABLES, PgCatalogSchemaProvider, PgCatalogStaticTables,
};
use datafusion_postgres::datafusion_pg_catalog::setup_pg_catalog;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Who owns everything there is.
pub const OWNER: &str = "eddyline";
const PG_CATALOG: &str = "pg_catalog";
const INFORMATION_SCHEMA: &str = "information_schema";
/// The number of pg_class in every PostgreSQL: comments name the catalog of what they are about.
const PG_CLASS: i32 = 1259;

/// The catalogs of one server, whatever snapshot its clients read.
pub struct PgCatalog {
    library: PgCatalogSchemaProvider<Directory, Owner>,
    directory: Directory,
    fixed: Arc<PgCatalogStaticTables>,
    made: tokio::sync::Mutex<Option<Arc<Made>>>,
    notes: RwLock<Arc<Notes>>,
}

/// The tables made for one shape of the warehouse.
struct Made {
    shape: Shape,
    pg_catalog: HashMap<&'static str, Arc<dyn TableProvider>>,
    information: HashMap<&'static str, Arc<dyn TableProvider>>,
}

/// What functions look up by a relation's number.
#[derive(Debug, Default)]
pub struct Notes {
    /// Comments, by relation and column; 0 is the relation itself.
    pub comments: HashMap<(i32, i32), String>,
    /// The SELECTs of views.
    pub definitions: HashMap<i32, String>,
    /// The number of each relation, by schema and name.
    pub numbers: HashMap<(String, String), i32>,
}

#[derive(Debug, Clone)]
struct Owner;

#[async_trait]
impl PgCatalogContextProvider for Owner {
    async fn roles(&self) -> Vec<String> {
        vec![OWNER.to_string()]
    }

    async fn role(&self, name: &str) -> Option<Role> {
        (name == OWNER).then(|| Role {
            name: OWNER.to_string(),
            is_superuser: false,
            can_login: true,
            can_create_db: false,
            can_create_role: false,
            can_create_user: false,
            can_replication: false,
            grants: Vec::new(),
            inherited_roles: Vec::new(),
        })
    }
}

impl fmt::Debug for PgCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgCatalog").finish_non_exhaustive()
    }
}

impl PgCatalog {
    /// Catalogs that list nothing yet.
    pub fn new() -> crate::error::Result<PgCatalog> {
        let wrong = |e| Error::failed("cannot set up PostgreSQL's catalogs").because(e);
        let fixed = Arc::new(PgCatalogStaticTables::try_new().map_err(wrong)?);
        let directory = Directory::default();
        let library = PgCatalogSchemaProvider::try_new(directory.clone(), fixed.clone(), Owner).map_err(wrong)?;
        Ok(PgCatalog {
            library,
            directory,
            fixed,
            made: tokio::sync::Mutex::new(None),
            notes: RwLock::new(Arc::default()),
        })
    }

    /// Puts the catalogs, their functions and their types into a context.
    pub fn install(self: &Arc<Self>, context: &SessionContext, origin: Origin) -> Result<()> {
        setup_pg_catalog(context, CATALOG, Owner).map_err(|e| *e)?;
        functions::register(context, self);
        let catalog =
            context.catalog(CATALOG).ok_or_else(|| DataFusionError::Internal("the catalog is gone".into()))?;
        let origin = Arc::new(origin);
        for place in [PG_CATALOG, INFORMATION_SCHEMA] {
            let schema = Schema { place, catalog: self.clone(), origin: origin.clone() };
            catalog.register_schema(place, Arc::new(schema))?;
        }
        Ok(())
    }

    /// What functions look up.
    pub fn notes(&self) -> Arc<Notes> {
        self.notes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn made(&self, origin: &Origin) -> Result<Arc<Made>> {
        let mut made = self.made.lock().await;
        let shape = origin.shape();
        if let Some(there) = made.as_ref().filter(|m| m.shape == shape) {
            return Ok(there.clone());
        }
        let entries = Arc::new(origin.list().await?);
        self.directory.list(entries.clone());
        let fresh = Arc::new(self.make(shape, &entries).await?);
        *made = Some(fresh.clone());
        Ok(fresh)
    }

    async fn make(&self, shape: Shape, entries: &[Entry]) -> Result<Made> {
        let context = SessionContext::new();
        let namespaces = self.listed(&context, "pg_namespace").await?;
        let classes = self.listed(&context, "pg_class").await?;
        let columns = self.listed(&context, "pg_attribute").await?;
        let databases = only(&self.listed(&context, "pg_database").await?, "datname", CATALOG)?;
        let notes = Arc::new(notes(entries, numbers(&namespaces, &classes)?));
        let comments = concat(self.fixed.pg_description.data(), comments(&notes, self)?)?;
        *self.notes.write().unwrap_or_else(PoisonError::into_inner) = notes;
        let mut pg_catalog: HashMap<&'static str, Arc<dyn TableProvider>> = HashMap::new();
        for (name, batch) in [
            ("pg_namespace", namespaces),
            ("pg_class", with_missing(&classes)?),
            ("pg_settings", with_limits(self.listed(&context, "pg_settings").await?)?),
            ("pg_attribute", columns),
            ("pg_database", databases),
            ("pg_description", comments),
            ("pg_tables", pg_tables(entries)?),
            ("pg_views", pg_views(entries)?),
        ] {
            pg_catalog.insert(name, memory(batch)?);
        }
        let information = information_schema::tables(entries)?.into_iter();
        let information = information.map(|(name, batch)| Ok((name, memory(batch)?))).collect::<Result<_>>()?;
        Ok(Made { shape, pg_catalog, information })
    }

    /// A table of the library, read once.
    async fn listed(&self, context: &SessionContext, name: &str) -> Result<RecordBatch> {
        let missing = || DataFusionError::Internal(format!("{name} is no catalog"));
        let table = self.library.table(name).await?.ok_or_else(missing)?;
        let schema = table.schema();
        let batches = context.read_table(table)?.collect().await?;
        let batches: Vec<RecordBatch> = batches
            .into_iter()
            .map(|b| RecordBatch::try_new(schema.clone(), b.columns().to_vec()))
            .collect::<std::result::Result<_, _>>()?;
        Ok(concat_batches(&schema, &batches)?)
    }
}

fn memory(batch: RecordBatch) -> Result<Arc<dyn TableProvider>> {
    Ok(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| DataFusionError::Internal(format!("a catalog lacks {name}")))
}

fn only(batch: &RecordBatch, name: &str, value: &str) -> Result<RecordBatch> {
    let names = column(batch, name)?.as_string::<i32>();
    let is: BooleanArray = names.iter().map(|n| Some(n == Some(value))).collect();
    Ok(filter_record_batch(batch, &is)?)
}

/// The number of each relation, by schema and name.
fn numbers(namespaces: &RecordBatch, classes: &RecordBatch) -> Result<HashMap<(String, String), i32>> {
    let texts = |batch, name| column(batch, name).map(|c| c.as_string::<i32>());
    let ints = |batch, name| column(batch, name).map(|c| c.as_primitive::<Int32Type>());
    let schemas: HashMap<i32, &str> =
        ints(namespaces, "oid")?.iter().flatten().zip(texts(namespaces, "nspname")?.iter().flatten()).collect();
    let mut numbers = HashMap::new();
    let rows = ints(classes, "oid")?.iter().zip(ints(classes, "relnamespace")?).zip(texts(classes, "relname")?);
    for ((number, schema), name) in rows {
        if let (Some(number), Some(schema), Some(name)) = (number, schema.and_then(|s| schemas.get(&s)), name) {
            numbers.insert((schema.to_string(), name.to_string()), number);
        }
    }
    Ok(numbers)
}

fn notes(entries: &[Entry], numbers: HashMap<(String, String), i32>) -> Notes {
    let mut notes = Notes::default();
    for entry in entries {
        let Some(number) = numbers.get(&(entry.place.to_string(), entry.name.clone())) else { continue };
        let all = std::iter::once(&entry.meaning).chain(&entry.columns_mean);
        let said = (0..).zip(all).filter(|(_, text)| !text.is_empty());
        notes.comments.extend(said.map(|(at, text)| ((*number, at), text.clone())));
        notes.definitions.extend(entry.definition.clone().map(|sql| (*number, sql)));
    }
    notes.numbers = numbers;
    notes
}

/// The rows of pg_description that are ours.
fn comments(notes: &Notes, catalog: &PgCatalog) -> Result<RecordBatch> {
    let mut all: Vec<_> = notes.comments.iter().collect();
    all.sort();
    let about: ArrayRef = Arc::new(all.iter().map(|((number, _), _)| Some(*number)).collect::<Int32Array>());
    let class: ArrayRef = Arc::new(Int32Array::from(vec![PG_CLASS; all.len()]));
    let part: ArrayRef = Arc::new(all.iter().map(|((_, part), _)| Some(*part)).collect::<Int32Array>());
    let text: ArrayRef = Arc::new(StringArray::from_iter_values(all.iter().map(|(_, text)| text)));
    let ours = [("objoid", about), ("classoid", class), ("objsubid", part), ("description", text)];
    let schema = catalog.fixed.pg_description.schema();
    let columns = schema.fields().iter().map(|field| {
        let column = ours.iter().find(|(name, _)| name == field.name()).map(|(_, column)| column);
        let column = column.ok_or_else(|| DataFusionError::Internal("a comment lacks a column".into()))?;
        Ok(arrow::compute::cast(column, field.data_type())?)
    });
    Ok(RecordBatch::try_new(schema.clone(), columns.collect::<Result<_>>()?)?)
}

/// Columns that clients read and the library leaves out.
fn with_missing(classes: &RecordBatch) -> Result<RecordBatch> {
    let mut fields: Vec<_> = classes.schema().fields().iter().cloned().collect();
    let mut columns = classes.columns().to_vec();
    for name in ["relacl", "reloptions"] {
        fields.push(Arc::new(Field::new_list(name, Field::new_list_field(DataType::Utf8, true), true)));
        columns.push(new_null_array(fields.last().map_or(&DataType::Utf8, |f| f.data_type()), classes.num_rows()));
    }
    Ok(RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), columns)?)
}

/// The limits drivers look up before they ask about keys.
fn with_limits(settings: RecordBatch) -> Result<RecordBatch> {
    const LIMITS: [(&str, &str); 4] = [
        ("max_index_keys", "32"),
        ("max_identifier_length", "63"),
        ("server_version", super::SERVER_VERSION),
        ("server_encoding", "UTF8"),
    ];
    let schema = settings.schema();
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "name" => texts(LIMITS.iter().map(|(name, _)| *name)),
        "setting" => texts(LIMITS.iter().map(|(_, value)| *value)),
        _ => new_null_array(field.data_type(), LIMITS.len()),
    });
    let ours = RecordBatch::try_new(schema.clone(), columns.collect())?;
    concat(&[settings], ours)
}

fn concat(first: &[RecordBatch], last: RecordBatch) -> Result<RecordBatch> {
    let schema = last.schema();
    let mut all = first.to_vec();
    all.push(last);
    Ok(concat_batches(&schema, &all)?)
}

fn pg_tables(entries: &[Entry]) -> Result<RecordBatch> {
    let tables: Vec<&Entry> = entries.iter().filter(|e| e.kind == TableType::Base).collect();
    let no: ArrayRef = Arc::new(BooleanArray::from(vec![false; tables.len()]));
    let nothing: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>; tables.len()]));
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("schemaname", texts(tables.iter().map(|e| e.place)), true),
        ("tablename", texts(tables.iter().map(|e| e.name.as_str())), true),
        ("tableowner", texts(tables.iter().map(|_| OWNER)), true),
        ("tablespace", nothing, true),
        ("hasindexes", no.clone(), true),
        ("hasrules", no.clone(), true),
        ("hastriggers", no.clone(), true),
        ("rowsecurity", no, true),
    ])?)
}

fn pg_views(entries: &[Entry]) -> Result<RecordBatch> {
    let views: Vec<&Entry> = entries.iter().filter(|e| e.kind == TableType::View).collect();
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("schemaname", texts(views.iter().map(|e| e.place)), true),
        ("viewname", texts(views.iter().map(|e| e.name.as_str())), true),
        ("viewowner", texts(views.iter().map(|_| OWNER)), true),
        ("definition", texts(views.iter().map(|e| e.definition.as_deref().unwrap_or_default())), true),
    ])?)
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// One of the two schemas, in one world.
struct Schema {
    place: &'static str,
    catalog: Arc<PgCatalog>,
    origin: Arc<Origin>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.place)
    }
}

#[async_trait]
impl SchemaProvider for Schema {
    fn table_names(&self) -> Vec<String> {
        let names = if self.place == PG_CATALOG { PG_CATALOG_TABLES } else { &information_schema::NAMES };
        names.iter().map(|n| n.to_string()).collect()
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().iter().any(|n| n == name)
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if !self.table_exist(name) {
            return Ok(None);
        }
        let made = self.catalog.made(&self.origin).await?;
        let ours = if self.place == PG_CATALOG { &made.pg_catalog } else { &made.information };
        match ours.get(name) {
            Some(table) => Ok(Some(table.clone())),
            None if self.place == PG_CATALOG => self.catalog.library.table(name).await,
            None => Ok(None),
        }
    }
}
