//! A session: SQL over one warehouse, always over one snapshot at a time, trying again when a cell was replaced.

mod relations;

use super::all_events;
use super::answer::Answer;
use super::builtin_views;
use super::catalog::{CATALOG, PUBLIC};
use super::complaint::{About, translate};
use super::footers::Footers;
use super::holdings::Holdings;
use super::memory::SharedPool;
use super::postgres::PgCatalog;
use super::reader::Trace;
use super::statement::{Effect, ParseFailure, Statement, effect, parse};
use super::system_tables;
use super::views::{self, View};
use super::watch::Watch;
use super::workers::Workers;
use super::world::{Ground, World};
use crate::error::{Error, Result};
use crate::table::Definitions;
use crate::warehouse::{CellKey, Snapshot, Store};
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement as Parsed;
use futures::{StreamExt, TryStreamExt};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// How many replaced cells are looked up at a time.
const LOOKUPS: usize = 32;

pub use relations::{Relation, Sort};

/// What a session may use, and the user's own views.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes of memory for running queries; what does not fit goes to temporary files where the operator can.
    pub memory: usize,
    /// How many partitions run at once.
    pub threads: usize,
    /// View files, (name, text); each replaces the built-in of its name.
    pub views: Vec<(String, String)>,
    /// The folder for temporary files; the system's when `None`.
    pub spill: Option<PathBuf>,
    /// Whether PostgreSQL's catalogs are there too, for its clients.
    pub postgres: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { memory: 2 << 30, threads: 2, views: Vec::new(), spill: None, postgres: false }
    }
}

/// See the module.
pub struct Session {
    pub(super) ground: Ground,
    memory: usize,
    pub(super) workers: Workers,
    world: RwLock<Arc<World>>,
}

impl Session {
    /// Opens a session: folds the log, checks the views' names and order. Plans nothing yet, and leaves the ledger of
    /// files unread: queries of events do not need it.
    pub async fn open(store: Store, definitions: Arc<Definitions>, options: Options) -> Result<Session> {
        let snapshot = Snapshot::open_without_files(&store).await?;
        let tables = snapshot.table_names(&definitions);
        let workers = Workers::start(options.threads)?;
        let (overlay, names) = (options.views.clone(), tables.clone());
        let views =
            workers.run(async move { views::load(builtin_views::FILES, &overlay, |n| known(&names, n)) }).await?;
        let views = Arc::new(views?);
        let mut runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(SharedPool::new(options.memory.max(1))));
        if let Some(folder) = &options.spill {
            runtime = runtime.with_temp_file_path(folder);
        }
        let runtime = runtime.build_arc().map_err(|e| Error::failed("cannot set up the query engine").because(e))?;
        let postgres = options.postgres.then(PgCatalog::new).transpose()?.map(Arc::new);
        let footers = Arc::new(Footers::default());
        let ground = Ground { store, definitions, views, footers, runtime, last: Arc::default(), postgres };
        let holdings = Holdings { snapshot: Arc::new(snapshot), ahead: HashMap::new() };
        let mut config = config(options.threads, options.memory).with_information_schema(!options.postgres);
        if options.postgres {
            // What PostgreSQL calls a time with a zone has one.
            config.options_mut().execution.time_zone = Some("UTC".into());
        }
        let world = World::new(&ground, holdings, config)?;
        Ok(Session { ground, memory: options.memory, workers, world: RwLock::new(Arc::new(world)) })
    }

    pub(super) fn world(&self) -> Arc<World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs one statement to its end.
    pub async fn run(&self, sql: &str) -> Result<Answer> {
        self.run_from(sql, None, &Watch::default()).await
    }

    /// Runs one statement to its end while `watch` follows it. Errors name the script, if it is of one, and the line
    /// in it.
    pub async fn run_watched(&self, statement: &Statement, script: Option<&str>, watch: &Watch) -> Result<Answer> {
        self.run_from(&statement.text, script.map(|name| (name, statement.line)), watch).await
    }

    /// Keeps a result: the next statement can read it as `_`.
    pub fn remember(&self, answer: Arc<Answer>) {
        self.ground.last.keep(answer);
    }

    async fn run_from(&self, sql: &str, file: Option<(&str, usize)>, watch: &Watch) -> Result<Answer> {
        let world = self.world();
        // Even parsing recurses: it too runs where stacks are large.
        let text = sql.to_string();
        let prepared = self.workers.run(async move { prepare(&text) }).await?;
        let Prepared { effect, target } = prepared.map_err(|e| match e {
            Unprepared::Syntax(e) => translate(e, About { sql, file, tables: &world.names }),
            Unprepared::Refused(e) => e,
        })?;
        self.may_write(target.as_deref())?;
        let (about, memory) = (About { sql, file, tables: &world.names }, self.memory / 4);
        let attempt = |world, trace| attempt_once(world, sql.to_string(), effect, trace, memory);
        Ok(self.insist(world.clone(), about, watch, attempt).await?.0)
    }

    /// COPY must not put a stranger among the warehouse's objects.
    fn may_write(&self, target: Option<&str>) -> Result<()> {
        let (Some(target), Some(folder)) = (target, self.ground.store.folder()) else { return Ok(()) };
        let target = std::path::absolute(target).unwrap_or_else(|_| target.into());
        // The target need not exist yet, nor its folder.
        let there = target.ancestors().find_map(|a| a.canonicalize().ok()).unwrap_or_default();
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        if there.starts_with(&folder) || target.starts_with(&folder) {
            return Err(Error::usage("COPY may not write into the warehouse").hint("name a file elsewhere"));
        }
        Ok(())
    }

    /// The world to try next, after cells turned out to be replaced: the newest snapshot, and where the log does not
    /// explain the change, the objects the store holds now.
    pub(super) async fn follow(&self, failed: &Arc<World>, trace: &Trace, attempt: usize) -> Result<Arc<World>> {
        let mut snapshot = (*failed.holdings.snapshot).clone();
        if snapshot.catch_up(&self.ground.store).await? > 0 {
            tracing::debug!(seq = snapshot.seq, "a newer snapshot");
        }
        let mut ahead = still_ahead(&failed.holdings, &snapshot);
        let before = &failed.holdings.snapshot.cells;
        let explained = |cell: &CellKey| {
            let tag = |cells: &std::collections::BTreeMap<CellKey, crate::warehouse::CellState>| {
                cells.get(cell).and_then(|c| c.e_tag.clone())
            };
            tag(&snapshot.cells) != tag(before)
        };
        let moved = trace.moved();
        if attempt > 1 || !moved.iter().all(explained) {
            // What the query reads may have moved elsewhere too: look at all of it once instead of finding out one by one.
            let wanted: Vec<CellKey> = trace.planned().into_iter().chain(moved).collect();
            let store = &self.ground.store;
            let lookups = futures::stream::iter(wanted).map(|key| async move {
                let object = store.head(&key.path()).await?;
                Ok::<_, Error>((key, object))
            });
            let found: Vec<_> = lookups.buffer_unordered(LOOKUPS).try_collect().await?;
            for (key, object) in found {
                let Some(state) = snapshot.cells.get(&key) else { continue };
                let object = object.ok_or_else(|| {
                    Error::failed(format!("{} is gone from the store", key.path()))
                        .hint("`eddyline verify` lists what is missing; `eddyline load --rebuild` writes it again")
                })?;
                if object.e_tag == state.e_tag {
                    ahead.remove(&key);
                } else {
                    ahead.insert(key, object);
                }
            }
        }
        self.replace(snapshot, ahead)
    }

    #[cfg(test)]
    pub(super) async fn phases(&self, sql: &str) -> String {
        let (world, sql) = (self.world(), sql.to_string());
        let work = async move {
            use std::time::Instant;
            let state = world.context().state();
            let at = Instant::now();
            let plan = state.create_logical_plan(&sql).await.unwrap();
            let logical = at.elapsed();
            let at = Instant::now();
            let plan = state.optimize(&plan).unwrap();
            let optimized = at.elapsed();
            let at = Instant::now();
            let physical = state.query_planner().create_physical_plan(&plan, &state).await.unwrap();
            let planned = at.elapsed();
            let lines =
                datafusion::physical_plan::displayable(physical.as_ref()).indent(false).to_string().lines().count();
            format!("logical {logical:?}, optimize {optimized:?}, physical {planned:?}, {lines} nodes")
        };
        self.workers.run(work).await.unwrap()
    }

    fn replace(&self, snapshot: Snapshot, ahead: HashMap<CellKey, object_store::ObjectMeta>) -> Result<Arc<World>> {
        let config = self.world().context().copied_config();
        let holdings = Holdings { snapshot: Arc::new(snapshot), ahead };
        let world = Arc::new(World::new(&self.ground, holdings, config)?);
        let mut newest = self.world.write().unwrap_or_else(PoisonError::into_inner);
        // Several may look at the log at once: what one of them has seen is not taken back by another.
        if newest.holdings.snapshot.seq <= world.holdings.snapshot.seq {
            *newest = world.clone();
        }
        Ok(world)
    }

    /// Folds what was loaded since. Returns whether there was anything.
    /// Queries that run go on over what they began with.
    pub async fn refresh(&self) -> Result<bool> {
        let world = self.world();
        let mut snapshot = (*world.holdings.snapshot).clone();
        if snapshot.catch_up(&self.ground.store).await? == 0 {
            return Ok(false);
        }
        let ahead = still_ahead(&world.holdings, &snapshot);
        self.replace(snapshot, ahead)?;
        Ok(true)
    }

    /// The snapshot queries read now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.world().holdings.snapshot.clone()
    }

    /// What tables and columns mean.
    pub fn definitions(&self) -> &Definitions {
        &self.ground.definitions
    }

    /// The warehouse.
    pub fn store(&self) -> &Store {
        &self.ground.store
    }

    /// The views, each after those it reads.
    pub fn views(&self) -> &[View] {
        &self.ground.views
    }
}

/// What a statement is, before it runs.
struct Prepared {
    effect: Effect,
    /// The file COPY writes.
    target: Option<String>,
}

enum Unprepared {
    Syntax(DataFusionError),
    Refused(Error),
}

fn prepare(sql: &str) -> std::result::Result<Prepared, Unprepared> {
    let parsed = parse(sql).map_err(|e| match e {
        ParseFailure::Syntax(e) => Unprepared::Syntax(e),
        ParseFailure::Count(what) => Unprepared::Refused(Error::usage(what)),
    })?;
    let effect = effect(&parsed).map_err(Unprepared::Refused)?;
    let target = match parsed {
        Parsed::CopyTo(copy) => Some(copy.target),
        _ => None,
    };
    Ok(Prepared { effect, target })
}

/// Plans a statement and reads its result to the end.
async fn attempt_once(
    world: Arc<World>,
    sql: String,
    effect: Effect,
    trace: Arc<Trace>,
    memory: usize,
) -> std::result::Result<Answer, DataFusionError> {
    let parsed = parse(&sql).map_err(|e| match e {
        ParseFailure::Syntax(e) => e,
        ParseFailure::Count(what) => DataFusionError::Plan(what),
    })?;
    let mut state = world.context().state();
    let plan = state.statement_to_plan(parsed).await?;
    if effect == Effect::Sets {
        let frame = world.context().execute_logical_plan(plan).await?;
        return Ok(Answer::of(Arc::new(frame.schema().as_arrow().clone()), Vec::new()));
    }
    state.config_mut().set_extension(trace);
    let physical = state.create_physical_plan(&plan).await?;
    let runtime = state.runtime_env().clone();
    Answer::collect(execute_stream(physical, state.task_ctx())?, &runtime, memory).await
}

/// Of the cells that were ahead of the log, those whose log entry has not changed since.
fn still_ahead(before: &Holdings, now: &Snapshot) -> HashMap<CellKey, object_store::ObjectMeta> {
    let same = |key: &CellKey| {
        let (then, now) = (before.snapshot.cells.get(key), now.cells.get(key));
        then.zip(now).is_some_and(|(then, now)| then.e_tag == now.e_tag)
    };
    before.ahead.iter().filter(|(key, _)| same(key)).map(|(key, object)| (key.clone(), object.clone())).collect()
}

/// Whether a view may read a name that is no view: a table, `all_events`, a system table.
fn known(tables: &[String], name: &str) -> bool {
    let name = name.strip_prefix("public.").unwrap_or(name);
    let system = name.strip_prefix("system.");
    name == all_events::ALL_EVENTS
        || tables.binary_search_by(|t| t.as_str().cmp(name)).is_ok()
        || system.is_some_and(|n| system_tables::TABLES.iter().any(|(t, _)| *t == n))
}

fn config(threads: usize, memory: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(threads.max(1))
        .with_information_schema(true)
        .with_default_catalog_and_schema(CATALOG, PUBLIC)
        .with_create_default_catalog_and_schema(false);
    // On two threads, shuffling both sides of a join costs more than building its table once does.
    config.options_mut().optimizer.repartition_joins = threads > 2;
    // Errors point into the statement.
    config.options_mut().sql_parser.collect_spans = true;
    // What each sort keeps back for merging; the default alone exceeds a small budget.
    let reserve = (memory / 16 / threads.max(1)).clamp(64 << 10, 10 << 20);
    config.options_mut().execution.sort_spill_reservation_bytes = reserve;
    config
}
