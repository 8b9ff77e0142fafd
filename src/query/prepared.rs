//! Statements of clients that stay: described before they run, run with values, over a moment the client may hold on
//! to. And the one place where work starts again because a cell was replaced under it.

use super::answer::Answer;
use super::complaint::{About, translate};
use super::postgres::{Caller, Request, Rows, read, read_only};
use super::reader::Trace;
use super::session::Session;
use super::watch::Watch;
use super::world::World;
use crate::error::{Error, Kind, Result};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::execute_stream;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

pub use datafusion::common::ParamValues as Values;

/// How often work starts again when cells are replaced under it.
const ATTEMPTS: usize = 5;
/// PostgreSQL's own limit of parameters.
const PARAMETERS: usize = 65_535;

type Outcome<T> = std::result::Result<T, DataFusionError>;

/// What the warehouse held at one moment. Whoever keeps one reads the same rows again, as far as the store still has
/// them.
#[derive(Clone)]
pub struct Moment(Arc<World>);

/// What a client learns of a statement before it runs.
#[derive(Debug, Clone)]
pub struct Described {
    /// The columns of the result.
    pub columns: SchemaRef,
    /// The type each parameter should have, from `$1` on; `None` where the statement does not tell.
    pub parameters: Vec<Option<DataType>>,
}

/// A statement to run.
#[derive(Debug, Clone)]
pub struct Order {
    /// The statement.
    pub rows: Arc<Rows>,
    /// Who asks.
    pub caller: Caller,
    /// The values of its parameters: never a part of its text.
    pub values: Option<Values>,
    /// Bytes of the result that may stay in memory; the rest lies in a temporary file until the client has taken it.
    pub keep: usize,
}

impl Session {
    /// What the warehouse holds, as far as this session knows.
    pub fn moment(&self) -> Moment {
        Moment(self.world())
    }

    /// Reads what a PostgreSQL client sent: one statement or several.
    pub async fn read(&self, text: &str) -> Result<Vec<Request>> {
        let world = self.world();
        let owned = text.to_string();
        let read = self.workers.run(async move { read(&owned) }).await?;
        read.map_err(|e| translate(e, About { sql: text, file: None, tables: &world.names }))
    }

    /// Plans a statement without running it. Values, nulls for instance, settle what its types depend on.
    pub async fn describe(
        &self,
        moment: &Moment,
        rows: &Arc<Rows>,
        caller: &Caller,
        values: Option<Values>,
    ) -> Result<Described> {
        let world = moment.0.clone();
        let about = About { sql: &rows.text, file: None, tables: &world.names };
        let work = describe(world.clone(), rows.clone(), caller.clone(), values);
        self.workers.run(work).await?.map_err(|e| translate(e, about))
    }

    /// Runs a statement to its end. The moment that comes back is a newer one when cells had been replaced.
    pub async fn answer(&self, moment: &Moment, order: Order) -> Result<(Answer, Moment)> {
        let world = moment.0.clone();
        let text = order.rows.text.clone();
        let about = About { sql: &text, file: None, tables: &world.names };
        let attempt = |world, trace| run(world, order.clone(), trace);
        let (answer, world) = self.insist(world.clone(), about, &Watch::default(), attempt).await?;
        Ok((answer, Moment(world)))
    }

    /// Runs work over a world, and again over a newer one when cells were replaced under it.
    pub(super) async fn insist<F>(
        &self,
        mut world: Arc<World>,
        about: About<'_>,
        watch: &Watch,
        attempt: impl Fn(Arc<World>, Arc<Trace>) -> F,
    ) -> Result<(Answer, Arc<World>)>
    where
        F: Future<Output = Outcome<Answer>> + Send + 'static,
    {
        for number in 1.. {
            let trace = Arc::new(Trace::default());
            watch.follow(trace.clone());
            let error = match self.workers.run(attempt(world.clone(), trace.clone())).await? {
                Ok(answer) => return Ok((answer, world)),
                Err(error) => error,
            };
            let moved = trace.moved();
            if moved.is_empty() {
                return Err(translate(error, about));
            }
            if number == ATTEMPTS {
                return Err(Error::new(Kind::Conflict, "cells were replaced under the query each time it was tried")
                    .because(translate(error, about))
                    .hint("run it again when the load that is writing has ended")
                    .with_sqlstate("40001"));
            }
            tracing::debug!(attempt = number, cells = moved.len(), "cells were replaced: the query starts again");
            world = self.follow(&world, &trace, number).await?;
        }
        Err(Error::failed("the query was never tried"))
    }
}

/// Plans a statement as its caller may run it.
async fn plan(world: &World, rows: &Rows, caller: &Caller) -> Outcome<(SessionState, LogicalPlan)> {
    let mut state = world.context().state();
    caller.introduce(&mut state)?;
    let plan = planned(&state, rows).await?;
    // What looks like reading can hide writing: WITH ... INSERT, SELECT INTO.
    let only_reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    only_reading
        .verify_plan(&plan)
        .map_err(|_| DataFusionError::External(Box::new(read_only("a statement that writes"))))?;
    Ok((state, plan))
}

/// A question about catalogs that cannot be planned is replaced by the first that can.
async fn planned(state: &SessionState, rows: &Rows) -> Outcome<LogicalPlan> {
    if let [only] = rows.syntax.trees() {
        return state.statement_to_plan(only.clone()).await;
    }
    let mut first = None;
    for parsed in rows.syntax.trees() {
        // Much of what cannot be done is found out only while optimizing.
        match state.statement_to_plan(parsed.clone()).await.and_then(|p| state.optimize(&p).map(|_| p)) {
            Ok(plan) => return Ok(plan),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| DataFusionError::Internal("there is nothing to plan".into())))
}

async fn describe(world: Arc<World>, rows: Arc<Rows>, caller: Caller, values: Option<Values>) -> Outcome<Described> {
    let (state, mut plan) = plan(&world, &rows, &caller).await?;
    let parameters = parameters(&plan)?;
    if let Some(values) = values {
        plan = plan.with_param_values(values)?;
    }
    // Types are final only after coercion. A parameter of unknown type can make it fail; the result is cast then.
    let coerced = state.analyzer().execute_and_check(plan.clone(), state.config_options(), |_, _| {});
    let schema = coerced.as_ref().unwrap_or(&plan).schema().clone();
    Ok(Described { columns: Arc::new(schema.as_arrow().clone()), parameters })
}

async fn run(world: Arc<World>, order: Order, trace: Arc<Trace>) -> Outcome<Answer> {
    let (mut state, mut plan) = plan(&world, &order.rows, &order.caller).await?;
    if let Some(values) = order.values {
        plan = plan.with_param_values(values)?;
    }
    state.config_mut().set_extension(trace);
    let physical = state.create_physical_plan(&plan).await?;
    let runtime = state.runtime_env().clone();
    Answer::collect(execute_stream(physical, state.task_ctx())?, &runtime, order.keep).await
}

/// The types of parameters: what stands beside each in the plan, or the type it is cast to.
fn parameters(plan: &LogicalPlan) -> Outcome<Vec<Option<DataType>>> {
    let mut found = plan.get_parameter_types()?;
    if found.values().any(Option::is_none) {
        cast_to(plan, &mut found)?;
    }
    let mut types = Vec::new();
    for (name, kind) in found {
        let Some(at) = name.trim_start_matches('$').parse::<usize>().ok().filter(|n| (1..=PARAMETERS).contains(n))
        else {
            continue;
        };
        if types.len() < at {
            types.resize(at, None);
        }
        if let Some(place) = types.get_mut(at - 1) {
            *place = kind;
        }
    }
    Ok(types)
}

fn cast_to(plan: &LogicalPlan, found: &mut HashMap<String, Option<DataType>>) -> Outcome<()> {
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Cast(cast) = expr
                    && let Expr::Placeholder(parameter) = cast.expr.as_ref()
                    && let Some(kind @ None) = found.get_mut(&parameter.id)
                {
                    *kind = Some(cast.field.data_type().clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(())
}
