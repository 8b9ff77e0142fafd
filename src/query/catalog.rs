//! The default schema: every table, `all_events`, and the views. A view is planned when a query first names it:
//! planning them all would make every start slow.

use super::all_events::{ALL_EVENTS, all_events};
use super::complaint::{About, translate};
use super::last::{LAST, LastResult};
use super::table_provider::{CellTable, Source};
use super::views::View;
use crate::table::Definitions;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::datasource::{TableType, ViewTable};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::execution::context::SessionContext;
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The catalog's name.
pub const CATALOG: &str = "eddyline";
/// The default schema's name.
pub const PUBLIC: &str = "public";

/// See the module.
pub struct Relations {
    source: Arc<Source>,
    definitions: Arc<Definitions>,
    tables: Vec<String>,
    views: Arc<Vec<View>>,
    last: Arc<LastResult>,
    by_name: BTreeMap<String, usize>,
    made: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
    state: OnceLock<Box<dyn Fn() -> Option<SessionState> + Send + Sync>>,
}

impl fmt::Debug for Relations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relations").field("tables", &self.tables.len()).field("views", &self.views.len()).finish()
    }
}

impl Relations {
    /// The relations of one snapshot.
    pub fn new(
        source: Arc<Source>,
        definitions: Arc<Definitions>,
        tables: Vec<String>,
        views: Arc<Vec<View>>,
        last: Arc<LastResult>,
    ) -> Self {
        let by_name = views.iter().enumerate().map(|(at, v)| (v.name.clone(), at)).collect();
        Relations {
            source,
            definitions,
            tables,
            views,
            last,
            by_name,
            made: Mutex::new(HashMap::new()),
            state: OnceLock::new(),
        }
    }

    /// Tells which session plans the views.
    pub fn plan_with(&self, context: &SessionContext) {
        let weak = context.state_weak_ref();
        let _ = self.state.set(Box::new(move || weak.upgrade().map(|state| state.read().clone())));
    }

    fn is_table(&self, name: &str) -> bool {
        self.tables.binary_search_by(|t| t.as_str().cmp(name)).is_ok()
    }

    fn view(&self, name: &str) -> Option<&View> {
        self.by_name.get(name).and_then(|at| self.views.get(*at))
    }

    async fn make(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if name == ALL_EVENTS {
            return Ok(Some(Arc::new(all_events(&self.tables, &self.definitions, self.source.clone()))));
        }
        if self.is_table(name) {
            let schema = self.source.holdings.snapshot.schema(name, &self.definitions);
            return Ok(Some(Arc::new(CellTable::of_one(name, schema.arrow(), self.source.clone()))));
        }
        let Some(view) = self.view(name) else { return Ok(None) };
        let state = self.state.get().and_then(|state| state());
        let state = state.ok_or_else(|| DataFusionError::Internal("the session is gone".into()))?;
        let plan = state.create_logical_plan(&view.sql).await;
        // Branches of a UNION agree on types only after coercion: without it a column that is NULL in the first branch
        // would be described as having no type.
        let plan = plan.and_then(|plan| TypeCoercion::new().analyze(plan, state.config_options())).map_err(|e| {
            let about = About { sql: &view.sql, file: Some((&view.file, 1)), tables: &self.tables };
            DataFusionError::External(Box::new(translate(e, about)))
        })?;
        Ok(Some(Arc::new(ViewTable::new(plan, Some(view.sql.clone())))))
    }
}

#[async_trait]
impl SchemaProvider for Relations {
    fn table_names(&self) -> Vec<String> {
        let views = self.views.iter().map(|v| v.name.clone());
        self.tables.iter().cloned().chain([ALL_EVENTS.to_string()]).chain(views).collect()
    }

    fn table_exist(&self, name: &str) -> bool {
        name == ALL_EVENTS
            || (name == LAST && self.last.columns().is_some())
            || self.is_table(name)
            || self.view(name).is_some()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if name == LAST {
            return self.last.table();
        }
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if made.is_some() {
            return Ok(made);
        }
        let provider = self.make(name).await?;
        if let Some(provider) = &provider {
            self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_string(), provider.clone());
        }
        Ok(provider)
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(match self.view(name) {
            Some(_) => Some(TableType::View),
            None => self.table_exist(name).then_some(TableType::Base),
        })
    }
}
