//! `information_schema` as PostgreSQL lays it out: DataFusion's own names its types, not those of SQL.

use super::super::catalog::CATALOG;
use super::catalog::OWNER;
use super::directory::{Entry, SCHEMAS};
use super::types::reads_as;
use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use datafusion::datasource::TableType;
use datafusion::error::Result;
use std::sync::Arc;

/// The tables there are.
pub const NAMES: [&str; 12] = [
    "tables",
    "columns",
    "schemata",
    "views",
    "table_constraints",
    "key_column_usage",
    "referential_constraints",
    "constraint_column_usage",
    "table_privileges",
    "routines",
    "parameters",
    "character_sets",
];

type Column<'a> = (&'a str, ArrayRef);

fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn optional<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

fn batch(columns: Vec<Column<'_>>) -> Result<RecordBatch> {
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))?)
}

/// All of them, filled.
pub fn tables(entries: &[Entry]) -> Result<Vec<(&'static str, RecordBatch)>> {
    Ok(vec![
        ("tables", relations(entries)?),
        ("columns", columns(entries)?),
        ("schemata", schemata()?),
        ("views", views(entries)?),
        (
            "table_constraints",
            empty(&[
                "constraint_catalog",
                "constraint_schema",
                "constraint_name",
                "table_catalog",
                "table_schema",
                "table_name",
                "constraint_type",
                "is_deferrable",
                "initially_deferred",
            ])?,
        ),
        (
            "key_column_usage",
            empty(&[
                "constraint_catalog",
                "constraint_schema",
                "constraint_name",
                "table_catalog",
                "table_schema",
                "table_name",
                "column_name",
                "ordinal_position",
                "position_in_unique_constraint",
            ])?,
        ),
        (
            "referential_constraints",
            empty(&[
                "constraint_catalog",
                "constraint_schema",
                "constraint_name",
                "unique_constraint_catalog",
                "unique_constraint_schema",
                "unique_constraint_name",
                "match_option",
                "update_rule",
                "delete_rule",
            ])?,
        ),
        (
            "constraint_column_usage",
            empty(&[
                "table_catalog",
                "table_schema",
                "table_name",
                "column_name",
                "constraint_catalog",
                "constraint_schema",
                "constraint_name",
            ])?,
        ),
        ("table_privileges", privileges(entries)?),
        (
            "routines",
            empty(&[
                "specific_catalog",
                "specific_schema",
                "specific_name",
                "routine_catalog",
                "routine_schema",
                "routine_name",
                "routine_type",
                "data_type",
                "type_udt_name",
                "routine_definition",
            ])?,
        ),
        (
            "parameters",
            empty(&[
                "specific_catalog",
                "specific_schema",
                "specific_name",
                "ordinal_position",
                "parameter_mode",
                "parameter_name",
                "data_type",
                "udt_name",
            ])?,
        ),
        (
            "character_sets",
            batch(vec![
                ("character_set_name", texts(["UTF8"])),
                ("character_repertoire", texts(["UCS"])),
                ("form_of_use", texts(["UTF8"])),
                ("default_collate_catalog", texts([CATALOG])),
                ("default_collate_schema", texts(["pg_catalog"])),
                ("default_collate_name", texts(["C"])),
            ])?,
        ),
    ])
}

fn empty(names: &[&str]) -> Result<RecordBatch> {
    batch(names.iter().map(|name| (*name, texts(Vec::<&str>::new()))).collect())
}

fn relations(entries: &[Entry]) -> Result<RecordBatch> {
    let kind = |e: &Entry| if e.kind == TableType::View { "VIEW" } else { "BASE TABLE" };
    batch(vec![
        ("table_catalog", texts(entries.iter().map(|_| CATALOG))),
        ("table_schema", texts(entries.iter().map(|e| e.place))),
        ("table_name", texts(entries.iter().map(|e| &e.name))),
        ("table_type", texts(entries.iter().map(kind))),
        ("self_referencing_column_name", optional(entries.iter().map(|_| None))),
        ("is_insertable_into", texts(entries.iter().map(|_| "NO"))),
        ("is_typed", texts(entries.iter().map(|_| "NO"))),
    ])
}

fn columns(entries: &[Entry]) -> Result<RecordBatch> {
    let all: Vec<_> = entries
        .iter()
        .flat_map(|e| (1..).zip(e.columns.fields().iter()).map(move |(at, field)| (e, at, field)))
        .collect();
    let yes = |is: bool| if is { "YES" } else { "NO" };
    let number = |bits: fn(&DataType) -> Option<i32>| -> ArrayRef {
        Arc::new(all.iter().map(|(_, _, field)| bits(field.data_type())).collect::<Int32Array>())
    };
    let no = || optional(all.iter().map(|_| None));
    batch(vec![
        ("table_catalog", texts(all.iter().map(|_| CATALOG))),
        ("table_schema", texts(all.iter().map(|(e, _, _)| e.place))),
        ("table_name", texts(all.iter().map(|(e, _, _)| &e.name))),
        ("column_name", texts(all.iter().map(|(_, _, field)| field.name()))),
        ("ordinal_position", Arc::new(all.iter().map(|(_, at, _)| Some(*at)).collect::<Int32Array>())),
        ("column_default", no()),
        ("is_nullable", texts(all.iter().map(|(_, _, field)| yes(field.is_nullable())))),
        ("data_type", texts(all.iter().map(|(_, _, field)| reads_as(field.data_type()).0))),
        ("character_maximum_length", number(|_| None)),
        ("numeric_precision", number(bits)),
        ("numeric_precision_radix", number(|kind| bits(kind).map(|_| 2))),
        ("numeric_scale", number(|kind| kind.is_integer().then_some(0))),
        ("datetime_precision", number(|kind| kind.is_temporal().then_some(6))),
        ("udt_catalog", texts(all.iter().map(|_| CATALOG))),
        ("udt_schema", texts(all.iter().map(|_| "pg_catalog"))),
        ("udt_name", texts(all.iter().map(|(_, _, field)| reads_as(field.data_type()).1))),
        ("is_identity", texts(all.iter().map(|_| "NO"))),
        ("is_generated", texts(all.iter().map(|_| "NEVER"))),
        ("is_updatable", texts(all.iter().map(|_| "NO"))),
    ])
}

fn bits(kind: &DataType) -> Option<i32> {
    Some(match kind {
        DataType::Int16 => 16,
        DataType::Int32 => 32,
        DataType::Int64 => 64,
        DataType::Float32 => 24,
        DataType::Float64 => 53,
        _ => return None,
    })
}

fn schemata() -> Result<RecordBatch> {
    batch(vec![
        ("catalog_name", texts(SCHEMAS.map(|_| CATALOG))),
        ("schema_name", texts(SCHEMAS)),
        ("schema_owner", texts(SCHEMAS.map(|_| OWNER))),
        ("default_character_set_name", optional(SCHEMAS.map(|_| None))),
        ("sql_path", optional(SCHEMAS.map(|_| None))),
    ])
}

fn views(entries: &[Entry]) -> Result<RecordBatch> {
    let views: Vec<&Entry> = entries.iter().filter(|e| e.kind == TableType::View).collect();
    batch(vec![
        ("table_catalog", texts(views.iter().map(|_| CATALOG))),
        ("table_schema", texts(views.iter().map(|e| e.place))),
        ("table_name", texts(views.iter().map(|e| &e.name))),
        ("view_definition", optional(views.iter().map(|e| e.definition.as_deref()))),
        ("check_option", texts(views.iter().map(|_| "NONE"))),
        ("is_updatable", texts(views.iter().map(|_| "NO"))),
        ("is_insertable_into", texts(views.iter().map(|_| "NO"))),
    ])
}

fn privileges(entries: &[Entry]) -> Result<RecordBatch> {
    batch(vec![
        ("grantor", texts(entries.iter().map(|_| OWNER))),
        ("grantee", texts(entries.iter().map(|_| "PUBLIC"))),
        ("table_catalog", texts(entries.iter().map(|_| CATALOG))),
        ("table_schema", texts(entries.iter().map(|e| e.place))),
        ("table_name", texts(entries.iter().map(|e| &e.name))),
        ("privilege_type", texts(entries.iter().map(|_| "SELECT"))),
        ("is_grantable", texts(entries.iter().map(|_| "NO"))),
        ("with_hierarchy", texts(entries.iter().map(|_| "NO"))),
    ])
}
