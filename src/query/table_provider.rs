//! A SQL table over cells: the files, their sizes, versions and statistics come from the snapshot, so planning lists
//! nothing and infers nothing.
//!
//! Usually one table's cells. `all_events` is the same thing over every table's cells in ONE scan: constants of each
//! table (event type, channel, ...) are partition values of its files, so a query plans no slower over 106 tables than
//! over one, and a filter on them leaves out whole tables.

use super::footers::Footers;
use super::holdings::{Cell, Holdings};
use super::pinned::Pinned;
use super::prune::{decided_by, needed, partition_batch};
use super::reader::{CellReaders, Trace};
use super::scan_statistics::{file_statistics, total};
use crate::table::QUEUE_DATE;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use chrono::NaiveDate;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::{Result, ScalarValue, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema as ScanSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use std::sync::Arc;

/// The address under which DataFusion finds the pinned store.
pub const WAREHOUSE_URL: &str = "eddyline://warehouse";

/// What every scan of one snapshot shares.
#[derive(Debug)]
pub struct Source {
    /// The cells.
    pub holdings: Arc<Holdings>,
    /// The store that reads them.
    pub store: Arc<Pinned>,
    /// Footers read before.
    pub footers: Arc<Footers>,
}

/// Tables whose files can be read by one scan: one file schema, the same partition columns.
#[derive(Debug)]
pub struct Part {
    /// The columns in the files, then `queue_date`, then each table's constants.
    pub schema: ScanSchema,
    /// Each table with the values of its constants.
    pub tables: Vec<(String, Vec<ScalarValue>)>,
    /// For every column of the provider, its position in `schema`.
    pub columns: Vec<usize>,
}

/// See the module.
#[derive(Debug)]
pub struct CellTable {
    schema: SchemaRef,
    parts: Vec<Part>,
    source: Arc<Source>,
}

impl CellTable {
    /// One table: the columns of its files and `queue_date`.
    pub fn of_one(table: &str, stored: &Schema, source: Arc<Source>) -> CellTable {
        let schema = scan_schema(stored, vec![queue_date_field()]);
        let columns = (0..schema.table_schema().fields().len()).collect();
        let whole = schema.table_schema().clone();
        CellTable { schema: whole, parts: vec![Part { schema, tables: vec![(table.into(), vec![])], columns }], source }
    }

    /// Several parts under one schema.
    pub fn of_parts(schema: SchemaRef, parts: Vec<Part>, source: Arc<Source>) -> CellTable {
        CellTable { schema, parts, source }
    }

    fn scan_part(
        &self,
        part: &Part,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let mut cells: Vec<Cell<'_>> = Vec::new();
        let mut values: Vec<Vec<ScalarValue>> = Vec::new();
        for (table, constants) in &part.tables {
            for cell in self.source.holdings.cells(table) {
                cells.push(cell);
                let day = ScalarValue::Date32(Some(days(cell.state.key.queue_date)));
                values.push(std::iter::once(day).chain(constants.iter().cloned()).collect());
            }
        }
        if cells.is_empty() {
            return Ok(None);
        }
        let whole = part.schema.table_schema();
        let partitions = partition_batch(&Schema::new(part.schema.table_partition_cols().clone()), &values)?;
        let keep = needed(state, whole, &partitions, &cells, filters)?;
        let mut kept: Vec<(Cell<'_>, Vec<ScalarValue>)> =
            cells.into_iter().zip(values).zip(keep).filter(|(_, keep)| *keep).map(|(cell, _)| cell).collect();
        if let Some(limit) = limit.filter(|_| filters.is_empty()) {
            enough(&mut kept, limit);
        }
        if kept.is_empty() {
            return Ok(None);
        }
        let trace = state.config().get_extension::<Trace>().unwrap_or_default();
        trace.plan(kept.iter().map(|(cell, _)| cell.state.key.clone()));
        let statistics = total(whole, &kept);
        let each = file_statistics(whole, &kept);
        let files = kept.iter().enumerate().map(|(at, (cell, values))| {
            let mut file = PartitionedFile::new_from_meta(cell.object()).with_partition_values(values.clone());
            file.statistics = each.get(at).cloned();
            file
        });
        let groups = FileGroup::new(files.collect()).split_files(state.config().target_partitions().max(1));
        let readers = CellReaders { store: self.source.store.clone(), footers: self.source.footers.clone(), trace };
        let options = TableParquetOptions {
            global: state.config_options().execution.parquet.clone(),
            ..TableParquetOptions::default()
        };
        let parquet = ParquetSource::new(part.schema.clone())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(readers));
        let wanted: Option<Vec<usize>> =
            projection.map(|p| p.iter().filter_map(|at| part.columns.get(*at).copied()).collect());
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(WAREHOUSE_URL)?, Arc::new(parquet))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(wanted.or_else(|| Some(part.columns.clone())))?
            .with_limit(limit)
            .build();
        Ok(Some(DataSourceExec::from_data_source(config)))
    }
}

#[async_trait]
impl TableProvider for CellTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut scans = Vec::new();
        for part in &self.parts {
            scans.extend(self.scan_part(part, state, projection, filters, limit)?);
        }
        match scans.len() {
            0 => Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?))),
            1 => Ok(scans.remove(0)),
            _ => UnionExec::try_new(scans),
        }
    }

    /// Filters on partition values alone are decided here; all others leave out cells, and DataFusion applies them.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let exact = |filter: &Expr| {
            self.parts.iter().all(|part| {
                let names: Vec<&str> = part.schema.table_partition_cols().iter().map(|f| f.name().as_str()).collect();
                decided_by(filter, &names)
            })
        };
        Ok(filters
            .iter()
            .map(|f| if exact(f) { TableProviderFilterPushDown::Exact } else { TableProviderFilterPushDown::Inexact })
            .collect())
    }
}

/// Without filters a LIMIT needs no more cells than hold that many rows.
fn enough(cells: &mut Vec<(Cell<'_>, Vec<ScalarValue>)>, limit: usize) {
    let mut rows = 0usize;
    let wanted = cells.iter().position(|(cell, _)| {
        rows = rows.saturating_add(cell.rows().unwrap_or(0));
        rows >= limit
    });
    if let Some(last) = wanted {
        cells.truncate(last + 1);
    }
}

/// The partition column every table has.
pub fn queue_date_field() -> Arc<Field> {
    Arc::new(Field::new(QUEUE_DATE, DataType::Date32, false))
}

/// Days since 1970.
pub fn days(date: NaiveDate) -> i32 {
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).unwrap_or(i32::MAX)
}

/// The columns of files and partitions as one scan reads them.
pub fn scan_schema(stored: &Schema, partitions: Vec<Arc<Field>>) -> ScanSchema {
    ScanSchema::builder(Arc::new(as_read(stored))).with_table_partition_cols(partitions).build()
}

/// The stored columns as queries see them: text as views, which DataFusion groups and compares fastest.
fn as_read(stored: &Schema) -> Schema {
    let fields = stored.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        _ => field.clone(),
    });
    Schema::new(fields.collect::<Vec<_>>())
}
