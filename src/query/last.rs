//! The result before this one as a table: `FROM _`.

use super::answer::Answer;
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

/// Its name.
pub const LAST: &str = "_";

/// Where a session keeps it.
#[derive(Debug, Default)]
pub struct LastResult(RwLock<Option<Arc<Answer>>>);

impl LastResult {
    /// Keeps a result in place of the one before. One without columns is not kept.
    pub fn keep(&self, answer: Arc<Answer>) {
        if !answer.schema.fields().is_empty() {
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        }
    }

    /// The columns it has.
    pub fn columns(&self) -> Option<Vec<String>> {
        let answer = self.0.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(distinct(&answer.schema).fields().iter().map(|f| f.name().clone()).collect())
    }

    /// The table, if there was a result.
    pub fn table(&self) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(answer) = self.0.read().unwrap_or_else(PoisonError::into_inner).clone() else { return Ok(None) };
        let schema = distinct(&answer.schema);
        let rows = Arc::new(Rows { answer, schema: schema.clone() });
        Ok(Some(Arc::new(StreamingTable::try_new(schema, vec![rows])?)))
    }
}

/// The columns under names of their own: a result may have two of one name, a table may not. The second `id` is `id_1`.
fn distinct(schema: &SchemaRef) -> SchemaRef {
    let mut taken: HashSet<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    let mut seen = HashSet::new();
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| {
            if seen.insert(field.name().clone()) {
                return field.as_ref().clone();
            }
            let free = (1..).map(|n| format!("{}_{n}", field.name())).find(|name| !taken.contains(name));
            let name = free.unwrap_or_default();
            taken.insert(name.clone());
            field.as_ref().clone().with_name(name)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

#[derive(Debug)]
struct Rows {
    answer: Arc<Answer>,
    schema: SchemaRef,
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = self.schema.clone();
        let renamed = move |batch: crate::error::Result<RecordBatch>| {
            let batch = batch.map_err(|e| DataFusionError::External(Box::new(e)))?;
            Ok(RecordBatch::try_new(schema.clone(), batch.columns().to_vec())?)
        };
        let batches = self.answer.clone().shared_batches();
        let stream = futures::stream::iter(batches.map(renamed));
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::DataType;

    #[test]
    fn no_two_columns_share_a_name() {
        let field = |name: &str| Field::new(name, DataType::Int64, true);
        let schema: SchemaRef = Arc::new(Schema::new(vec![field("id"), field("id"), field("id_1"), field("id")]));
        let names: Vec<String> = distinct(&schema).fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(names, ["id", "id_2", "id_1", "id_3"]);
    }
}
