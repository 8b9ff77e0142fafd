//! What a session has to offer, for listings, descriptions and completion: relations, their columns, functions.

use super::Session;
use crate::error::Result;
use crate::query::complaint::{About, translate};
use crate::query::system_tables::{self, ColumnInfo, columns_of};
use crate::query::{all_events, sql_type::sql_type};
use datafusion::error::DataFusionError;

/// A table or view by name, for listings and completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its name, with the schema where that is not the default.
    pub name: String,
    /// What sort it is.
    pub sort: Sort,
    /// One line on what it holds.
    pub meaning: String,
}

/// Sorts of relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// One event type's cells.
    Table,
    /// A SELECT over others.
    View,
    /// What Eddyline knows itself.
    System,
}

impl Session {
    /// The names of all functions, sorted.
    pub fn functions(&self) -> Vec<String> {
        let state = self.world().context().state();
        let scalar = state.scalar_functions().keys();
        let names = scalar.chain(state.aggregate_functions().keys()).chain(state.window_functions().keys());
        names.cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// The columns of the result that was kept last, if there is one.
    pub fn last_columns(&self) -> Option<Vec<String>> {
        self.ground.last.columns()
    }

    /// Everything that can stand after FROM.
    pub fn relations(&self) -> Vec<Relation> {
        let snapshot = self.snapshot();
        let definitions = self.definitions();
        let relation = |name: String, sort, meaning: &str| Relation { name, sort, meaning: meaning.to_string() };
        let tables = snapshot.table_names(definitions).into_iter().map(|name| {
            let meaning = definitions.table(&name).map_or("Discovered in the data.", |d| d.meaning.as_str());
            relation(name.clone(), Sort::Table, meaning)
        });
        let views =
            self.views().iter().map(|v| relation(v.name.clone(), Sort::View, v.doc.lines().next().unwrap_or_default()));
        let system = system_tables::TABLES
            .iter()
            .map(|(n, m)| relation(format!("{}.{n}", system_tables::SYSTEM), Sort::System, m));
        let every = [relation(all_events::ALL_EVENTS.to_string(), Sort::View, all_events::MEANING)];
        tables.chain(every).chain(views).chain(system).collect()
    }

    /// The columns of a relation. Of views and system tables those have a meaning that are named like one of Braze's.
    pub async fn columns(&self, relation: &str) -> Result<Vec<ColumnInfo>> {
        let world = self.world();
        let name = relation.to_lowercase();
        if self.snapshot().table_names(self.definitions()).contains(&name) {
            return Ok(columns_of(&name, &world.holdings, self.definitions()));
        }
        let about = About { sql: "", file: None, tables: &world.names };
        let context = world.context().clone();
        let asked = name.clone();
        let table = self.workers.run(async move { context.table_provider(asked.as_str()).await }).await?;
        let table = table.map_err(|e| match e {
            e @ DataFusionError::External(_) => translate(e, about),
            _ => translate(DataFusionError::Plan(format!("table '{name}' not found")), about),
        })?;
        let column = |field: &arrow::datatypes::FieldRef| ColumnInfo {
            table: name.clone(),
            name: field.name().clone(),
            kind: sql_type(field.data_type()),
            pii: self.definitions().shared_column(field.name()).is_some_and(|(_, pii)| pii),
            // A view's own columns are told in its first comment.
            meaning: self.definitions().shared_column(field.name()).map_or(String::new(), |(m, _)| m.to_string()),
            discovered: false,
        };
        Ok(table.schema().fields().iter().map(column).collect())
    }
}
