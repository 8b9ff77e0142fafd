//! The event types an export is made of, taken from the table definitions.

use super::options::{AvroType, FieldSpec, TypeSpec};
use crate::error::{Error, Result};
use crate::table::{ColumnType, Definitions};

/// The event types (or tables) that match `pattern`, a glob; without one, all that are sent and whose fields are known.
pub fn type_specs(definitions: &Definitions, pattern: Option<&str>) -> Result<Vec<TypeSpec>> {
    let glob = match pattern {
        Some(text) => {
            let glob = globset::GlobBuilder::new(text).case_insensitive(true).build();
            Some(
                glob.map_err(|e| Error::usage(format!("--types: `{text}` is not a pattern")).because(e))?
                    .compile_matcher(),
            )
        }
        None => None,
    };
    let wanted = definitions.tables().filter(|(name, def)| match &glob {
        Some(glob) => glob.is_match(def.event_type.as_str()) || glob.is_match(name),
        None => def.current && !def.incomplete,
    });
    let types: Vec<TypeSpec> = wanted
        .map(|(_, def)| TypeSpec {
            event_type: def.event_type.as_str().to_string(),
            channel: def.channel.clone(),
            stage: def.stage.clone(),
            fields: def
                .columns
                .iter()
                .map(|column| FieldSpec {
                    name: column.name.clone(),
                    avro: avro(definitions.written_as(&def.event_type, &column.name).unwrap_or(column.kind)),
                    required: def.required.contains(&column.name) || column.name == "id",
                })
                .collect(),
        })
        .collect();
    if types.is_empty() {
        return Err(Error::usage("no event type matches --types").hint("`eddyline tables` lists them"));
    }
    Ok(types)
}

fn avro(kind: ColumnType) -> AvroType {
    match kind {
        ColumnType::Int | ColumnType::TimestampSeconds => AvroType::Int,
        ColumnType::Long | ColumnType::TimestampMillis => AvroType::Long,
        ColumnType::Float | ColumnType::Double => AvroType::Float,
        ColumnType::Boolean => AvroType::Boolean,
        ColumnType::StringArray => AvroType::StringArray,
        ColumnType::String | ColumnType::Date => AvroType::String,
    }
}
