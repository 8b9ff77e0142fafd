//! Parts of a union one after another instead of all at once.
//!
//! DataFusion runs every input of a union at the same time, on however few threads. For scans that is right: they wait
//! for the store together. For parts that join and aggregate, such as the six channels of `dispatch_lifecycle`, it means
//! that the memory of all of them is held at once. Here as many partitions come out as there are threads, and each takes
//! the next part when it is done with the one before.
//!
//! All partitions of one part run at the same time. They may wait for each other: a join whose build side narrows what
//! the probe side reads begins only when every partition of it has said what it built.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::sanity_checker::SanityCheckPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    SendableRecordBatchStream,
};
use futures::TryStreamExt;
use futures::stream::select_all;
use std::fmt;
use std::sync::Arc;

/// Puts [`InTurnExec`] over unions with several parts that hold much.
#[derive(Debug)]
pub struct InTurn;

impl PhysicalOptimizerRule for InTurn {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let width = config.execution.target_partitions.max(1);
        // What is above may rely on what only holds within one part, such as its constants. Then all stays as it was.
        let wrapped = wrapped(plan.clone(), width).and_then(|plan| SanityCheckPlan::new().optimize(plan, config));
        Ok(wrapped.unwrap_or(plan))
    }

    fn name(&self) -> &str {
        "in_turn"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn wrapped(plan: Arc<dyn ExecutionPlan>, width: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let wrapped = plan.transform_up(|node| {
        let partitions = node.output_partitioning().partition_count();
        let is_union = node.downcast_ref::<UnionExec>().is_some();
        // An order would have to be merged.
        if !is_union || partitions <= width || node.output_ordering().is_some() || !several_hold_much(&node)? {
            return Ok(Transformed::no(node));
        }
        Ok(Transformed::yes(Arc::new(InTurnExec::new(node, width)) as Arc<dyn ExecutionPlan>))
    })?;
    Ok(wrapped.data)
}

/// Whether at least two inputs have an operator that collects its rows.
fn several_hold_much(union: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let mut found = 0;
    for input in union.children() {
        let holds_much = input.exists(|node| {
            Ok(node.downcast_ref::<AggregateExec>().is_some()
                || node.downcast_ref::<HashJoinExec>().is_some()
                || node.downcast_ref::<NestedLoopJoinExec>().is_some()
                || node.downcast_ref::<SortMergeJoinExec>().is_some()
                || node.downcast_ref::<SortExec>().is_some())
        })?;
        found += usize::from(holds_much);
    }
    Ok(found > 1)
}

/// Fewer partitions than its input has, which is a union: each runs its share of one part, then of the next.
#[derive(Debug)]
struct InTurnExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    width: usize,
}

impl InTurnExec {
    fn new(input: Arc<dyn ExecutionPlan>, width: usize) -> InTurnExec {
        let mut equivalences = input.equivalence_properties().clone();
        equivalences.clear_orderings();
        equivalences.clear_per_partition_constants();
        let properties = PlanProperties::new(
            equivalences,
            Partitioning::UnknownPartitioning(width),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        InTurnExec { input, properties: Arc::new(properties), width }
    }
}

impl DisplayAs for InTurnExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partitions = self.input.output_partitioning().partition_count();
        write!(f, "InTurnExec: {partitions} partitions, {} at a time", self.width)
    }
}

impl ExecutionPlan for InTurnExec {
    fn name(&self) -> &str {
        "InTurnExec"
    }

    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().unwrap_or_else(|| self.input.clone());
        Ok(Arc::new(InTurnExec::new(input, self.width)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.clone();
        // Lazy: a part begins when the one before has ended.
        let parts = self.shares(partition).into_iter().map(move |share| {
            let streams = share.into_iter().map(|partition| input.execute(partition, context.clone()));
            streams.collect::<Result<Vec<_>>>().map(select_all)
        });
        let rows = futures::stream::iter(parts).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

impl InTurnExec {
    /// The union's partitions that one partition of ours runs, part by part.
    fn shares(&self, partition: usize) -> Vec<Vec<usize>> {
        let mut begins = 0;
        let mut shares = Vec::new();
        for (number, part) in self.input.children().into_iter().enumerate() {
            let partitions = part.output_partitioning().partition_count();
            // Parts of a single partition go round.
            let ours = (0..partitions).filter(|at| (at + number) % self.width == partition);
            shares.push(ours.map(|at| begins + at).collect());
            begins += partitions;
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{AsArray, RecordBatch};
    use datafusion::arrow::compute::cast;
    use datafusion::arrow::datatypes::{DataType, Int64Type};
    use datafusion::execution::SessionStateBuilder;
    use datafusion::physical_plan::{collect, displayable};
    use datafusion::prelude::{SessionConfig, SessionContext};
    use std::time::Duration;

    const PART: &str = "SELECT count(*) AS n FROM (SELECT unnest(range(0, 1000)) AS a) GROUP BY a % 7";

    async fn run(sql: &str) -> (String, usize) {
        let (plan, batches) = answer(sql).await;
        (plan, batches.iter().map(|batch| batch.num_rows()).sum())
    }

    async fn answer(sql: &str) -> (String, Vec<RecordBatch>) {
        let config = SessionConfig::new().with_target_partitions(2);
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_default_features()
            .with_physical_optimizer_rule(Arc::new(InTurn))
            .build();
        let context = SessionContext::new_with_state(state);
        let plan = context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let text = displayable(plan.as_ref()).indent(false).to_string();
        (text, collect(plan, context.task_ctx()).await.unwrap())
    }

    #[tokio::test]
    async fn parts_that_aggregate_take_turns_and_no_row_is_lost() {
        let (plan, rows) = run(&[PART; 5].join(" UNION ALL ")).await;
        assert!(plan.contains("InTurnExec: 10 partitions, 2 at a time"), "{plan}");
        assert_eq!(rows, 35);
        // 142 or 143 numbers have the same remainder.
        let over = format!("SELECT n, count(*) FROM ({}) GROUP BY n", [PART; 3].join(" UNION ALL "));
        assert_eq!(run(&over).await.1, 2);
    }

    #[tokio::test]
    async fn constants_of_one_part_are_none_of_all_and_those_of_all_stay() {
        let part = |channel: &str| {
            format!(
                "SELECT '{channel}' AS channel, 1 AS one, count(*) AS n FROM (SELECT unnest(range(0, 1000)) AS a) GROUP BY a % 7"
            )
        };
        let parts = ["b", "a", "c"].map(part).join(" UNION ALL ");
        for sql in [
            format!("SELECT channel, n FROM ({parts}) ORDER BY channel, one, n"),
            format!(
                "SELECT channel, n FROM (SELECT *, row_number() OVER (PARTITION BY one, channel ORDER BY n) AS r FROM ({parts})) ORDER BY channel, r"
            ),
        ] {
            let (plan, batches) = answer(&sql).await;
            let mut rows = Vec::new();
            for batch in &batches {
                let (channel, n) = (cast(batch.column(0), &DataType::Utf8), cast(batch.column(1), &DataType::Int64));
                let (channel, n) = (channel.unwrap(), n.unwrap());
                let both = channel.as_string::<i32>().iter().zip(n.as_primitive::<Int64Type>().iter());
                rows.extend(both.map(|(channel, n)| (channel.unwrap().to_string(), n.unwrap())));
            }
            assert_eq!(rows.len(), 21);
            assert!(rows.is_sorted(), "{rows:?}\n{plan}");
        }
    }

    #[tokio::test]
    async fn partitions_of_a_part_that_wait_for_each_other_run_together() {
        let scans = ["SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t (k, v) WHERE k > 0"; 5].join(" UNION ALL ");
        let small = "SELECT k, max(w) AS w FROM (VALUES (1, 'x'), (3, 'y')) AS s (k, w) GROUP BY k";
        let part = format!("SELECT v, w FROM ({scans}) a JOIN ({small}) b ON a.k = b.k");
        let sql = [part.as_str(); 3].join(" UNION ALL ");
        let (plan, rows) = tokio::time::timeout(Duration::from_secs(60), run(&sql)).await.expect("it waits for ever");
        assert!(plan.contains("InTurnExec") && plan.contains("HashJoinExec"), "{plan}");
        assert_eq!(rows, 15);
    }

    #[tokio::test]
    async fn parts_that_only_read_run_at_once() {
        let part = "SELECT * FROM (VALUES (1), (2)) AS t (a) WHERE a > 0";
        let (plan, rows) = run(&[part; 4].join(" UNION ALL ")).await;
        assert!(!plan.contains("InTurnExec"), "{plan}");
        assert_eq!(rows, 8);
    }
}
