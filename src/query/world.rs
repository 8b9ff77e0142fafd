//! One snapshot made queryable: its pinned store, its relations, and a DataFusion context around them.
//!
//! A session has one at a time and replaces it whole, so a query sees one snapshot from its first name to its last row.

use super::catalog::{CATALOG, PUBLIC, Relations};
use super::footers::Footers;
use super::holdings::Holdings;
use super::in_turn::InTurn;
use super::last::LastResult;
use super::pinned::Pinned;
use super::postgres::{Origin, PgCatalog};
use super::system_tables::{SYSTEM, SystemTables};
use super::table_provider::{Source, WAREHOUSE_URL};
use super::views::View;
use crate::error::{Error, Result};
use crate::table::Definitions;
use crate::warehouse::Store;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionContext;
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreUrl};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::SessionConfig;
use std::sync::Arc;

/// What outlives a snapshot: a session's store, definitions, views, budget and caches.
#[derive(Debug)]
pub struct Ground {
    /// The warehouse.
    pub store: Store,
    /// What tables and columns mean.
    pub definitions: Arc<Definitions>,
    /// The views, in order.
    pub views: Arc<Vec<View>>,
    /// Footers read before.
    pub footers: Arc<Footers>,
    /// Memory budget and spill files.
    pub runtime: Arc<RuntimeEnv>,
    /// The result that is kept for `FROM _`.
    pub last: Arc<LastResult>,
    /// PostgreSQL's catalogs, where its clients are served.
    pub postgres: Option<Arc<PgCatalog>>,
}

/// See the module.
pub struct World {
    /// What there is to read.
    pub holdings: Arc<Holdings>,
    /// Names of tables, `all_events` and views.
    pub names: Vec<String>,
    engine: Arc<dyn Engine>,
}

/// DataFusion's context behind a trait object. It holds plans and syntax trees, and the compiler takes seconds to prove
/// that those may cross threads, anew in every async function of a trait that holds one. Here it does so once.
trait Engine: Send + Sync {
    fn context(&self) -> &SessionContext;
}

impl Engine for SessionContext {
    fn context(&self) -> &SessionContext {
        self
    }
}

impl World {
    /// DataFusion's context.
    pub fn context(&self) -> &SessionContext {
        self.engine.context()
    }

    /// A world over holdings; options set earlier in the session come with `config`.
    pub fn new(ground: &Ground, holdings: Holdings, config: SessionConfig) -> Result<World> {
        let holdings = Arc::new(holdings);
        let store = Arc::new(Pinned::new(ground.store.objects().clone(), holdings.clone()));
        let source =
            Arc::new(Source { holdings: holdings.clone(), store: store.clone(), footers: ground.footers.clone() });
        let tables = holdings.snapshot.table_names(&ground.definitions);
        let relations = Arc::new(Relations::new(
            source,
            ground.definitions.clone(),
            tables,
            ground.views.clone(),
            ground.last.clone(),
        ));
        let system = Arc::new(SystemTables {
            holdings: holdings.clone(),
            definitions: ground.definitions.clone(),
            store: ground.store.clone(),
        });
        // A registry of its own: a query of an older world keeps reading that world's versions.
        let registry = Arc::new(DefaultObjectStoreRegistry::new());
        let runtime = Arc::new(RuntimeEnv { object_store_registry: registry, ..(*ground.runtime).clone() });
        let wrong = |e| Error::failed("cannot set up the query engine").because(e);
        runtime.register_object_store(ObjectStoreUrl::parse(WAREHOUSE_URL).map_err(wrong)?.as_ref(), store);
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_physical_optimizer_rule(Arc::new(InTurn));
        let mut context = SessionContext::new_with_state(state.build());
        // Braze puts JSON into text columns: properties, `_extra`.
        datafusion_functions_json::register_all(&mut context).map_err(wrong)?;
        context.register_udf(super::local_time::local_time());
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(PUBLIC, relations.clone()).map_err(wrong)?;
        catalog.register_schema(SYSTEM, system.clone()).map_err(wrong)?;
        context.register_catalog(CATALOG, Arc::new(catalog));
        relations.plan_with(&context);
        if let Some(postgres) = &ground.postgres {
            let origin = Origin {
                holdings: holdings.clone(),
                definitions: ground.definitions.clone(),
                views: ground.views.clone(),
                relations: relations.clone(),
                system,
            };
            postgres.install(&context, origin).map_err(wrong)?;
        }
        Ok(World { holdings, names: relations.table_names(), engine: Arc::new(context) })
    }
}
