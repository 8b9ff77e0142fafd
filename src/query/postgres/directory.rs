//! The relations there are, as catalogs list them: names, columns, what they mean. Made from one world, kept while no
//! table's columns change.

use super::super::all_events::{ALL_EVENTS, MEANING};
use super::super::catalog::{CATALOG, PUBLIC, Relations};
use super::super::holdings::Holdings;
use super::super::system_tables::{SYSTEM, TABLES};
use super::super::views::View;
use super::types::outward;
use crate::table::Definitions;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::SchemaProvider;
use datafusion::datasource::TableType;
use datafusion::error::DataFusionError;
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::catalog_info::CatalogInfo;
use std::sync::{Arc, PoisonError, RwLock};

/// The schemas a client sees; the last two hold catalogs and are not listed further.
pub const SCHEMAS: [&str; 4] = [PUBLIC, SYSTEM, "information_schema", "pg_catalog"];

/// What decides how the listing looks: every table with its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape(Vec<(String, SchemaRef)>);

/// One relation.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The schema it lies in.
    pub place: &'static str,
    /// Its name.
    pub name: String,
    /// Its columns, in types clients know.
    pub columns: SchemaRef,
    /// Table or view.
    pub kind: TableType,
    /// What it holds, in one line.
    pub meaning: String,
    /// What each column means; empty where nothing is known.
    pub columns_mean: Vec<String>,
    /// The SELECT of a view.
    pub definition: Option<String>,
}

/// Where a listing comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// What there is to read.
    pub holdings: Arc<Holdings>,
    /// What it means.
    pub definitions: Arc<Definitions>,
    /// The views.
    pub views: Arc<Vec<View>>,
    /// Tables and views by name.
    pub relations: Arc<Relations>,
    /// `system.*`
    pub system: Arc<dyn SchemaProvider>,
}

impl Origin {
    /// The shape of what there is.
    pub fn shape(&self) -> Shape {
        let names = self.holdings.snapshot.table_names(&self.definitions);
        let shape = names.into_iter().map(|name| {
            let columns = self.holdings.snapshot.schema(&name, &self.definitions).arrow().clone();
            (name, columns)
        });
        Shape(shape.collect())
    }

    /// Every relation. Plans every view, which takes its time.
    pub async fn list(&self) -> Result<Vec<Entry>, DataFusionError> {
        let mut all = Vec::new();
        for name in self.relations.table_names() {
            let view = self.views.iter().find(|v| v.name == name);
            let columns = match self.relations.table(&name).await {
                Ok(Some(table)) => outward(&table.schema()),
                // One view that cannot be planned must not hide all others.
                Ok(None) | Err(_) => Arc::new(Schema::empty()),
            };
            let defined = self.definitions.table(&name);
            let column_means = |column: &str| {
                let own = defined.and_then(|d| d.columns.iter().find(|c| c.name == column)).map(|c| c.meaning.as_str());
                let meaning = own.or(self.definitions.shared_column(column).map(|(meaning, _)| meaning));
                meaning.unwrap_or_default().to_string()
            };
            let meaning = match (view, defined) {
                (Some(view), _) => view.doc.lines().next().unwrap_or_default(),
                (None, Some(defined)) => defined.meaning.as_str(),
                (None, None) if name == ALL_EVENTS => MEANING,
                (None, None) => "Discovered in the data.",
            };
            all.push(Entry {
                place: PUBLIC,
                columns_mean: columns.fields().iter().map(|f| column_means(f.name())).collect(),
                columns,
                kind: if view.is_some() { TableType::View } else { TableType::Base },
                meaning: meaning.to_string(),
                definition: view.map(|v| v.sql.clone()),
                name,
            });
        }
        for (name, meaning) in TABLES {
            let Some(table) = self.system.table(name).await? else { continue };
            let columns = outward(&table.schema());
            all.push(Entry {
                place: SYSTEM,
                name: name.to_string(),
                columns_mean: vec![String::new(); columns.fields().len()],
                columns,
                kind: TableType::Base,
                meaning: meaning.to_string(),
                definition: None,
            });
        }
        Ok(all)
    }
}

/// The listing as the library's catalogs ask for it. Numbers they gave to relations stay, whatever is listed later.
#[derive(Debug, Clone, Default)]
pub struct Directory(Arc<RwLock<Arc<Vec<Entry>>>>);

impl Directory {
    /// Lists other relations from now on.
    pub fn list(&self, entries: Arc<Vec<Entry>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = entries;
    }

    fn entries(&self) -> Arc<Vec<Entry>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn find<T>(&self, schema: &str, table: &str, what: impl Fn(&Entry) -> T) -> Option<T> {
        self.entries().iter().find(|e| e.place == schema && e.name == table).map(what)
    }
}

#[async_trait]
impl CatalogInfo for Directory {
    async fn catalog_names(&self) -> Result<Vec<String>, DataFusionError> {
        Ok(vec![CATALOG.to_string()])
    }

    async fn schema_names(&self, _: &str) -> Result<Option<Vec<String>>, DataFusionError> {
        Ok(Some(SCHEMAS.map(str::to_string).to_vec()))
    }

    async fn table_names(&self, _: &str, schema: &str) -> Result<Option<Vec<String>>, DataFusionError> {
        let entries = self.entries();
        Ok(Some(entries.iter().filter(|e| e.place == schema).map(|e| e.name.clone()).collect()))
    }

    async fn table_schema(&self, _: &str, schema: &str, table: &str) -> Result<Option<SchemaRef>, DataFusionError> {
        Ok(self.find(schema, table, |e| e.columns.clone()))
    }

    async fn table_type(&self, _: &str, schema: &str, table: &str) -> Result<Option<TableType>, DataFusionError> {
        Ok(self.find(schema, table, |e| e.kind))
    }
}
