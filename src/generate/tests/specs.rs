//! The event types of `table_defs/`, read with nothing but a TOML parser, so that this room is tested by itself.

use crate::generate::{AvroType, FieldSpec, TypeSpec};
use std::path::Path;

fn read(path: &Path) -> toml::Table {
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn avro(name: &str) -> AvroType {
    match name {
        "int" | "timestamp_s" => AvroType::Int,
        "long" | "timestamp_ms" => AvroType::Long,
        "float" => AvroType::Float,
        "boolean" => AvroType::Boolean,
        "array<string>" => AvroType::StringArray,
        "string" => AvroType::String,
        other => panic!("the type {other}"),
    }
}

/// Every type that is sent and whose fields are known.
pub fn active(folder: &Path) -> Vec<TypeSpec> {
    let columns = read(&folder.join("columns.toml"));
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut types = Vec::new();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "toml") && !f.ends_with("columns.toml")) {
        for table in read(file)["table"].as_array().unwrap() {
            let flag = |name: &str, or: bool| table.get(name).map_or(or, |v| v.as_bool().unwrap());
            if !flag("current", true) || flag("incomplete", false) {
                continue;
            }
            let text = |name: &str| table.get(name).map(|v| v.as_str().unwrap().to_string());
            let required: Vec<&str> =
                table["required"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
            let fields = table["columns"].as_array().unwrap().iter().map(|name| {
                let name = name.as_str().unwrap();
                let own = table.get("types").and_then(|t| t.get(name));
                let kind = own.unwrap_or_else(|| &columns[name]["type"]).as_str().unwrap();
                FieldSpec { name: name.into(), avro: avro(kind), required: required.contains(&name) }
            });
            types.push(TypeSpec {
                event_type: text("event_type").unwrap(),
                channel: text("channel"),
                stage: text("stage"),
                fields: fields.collect(),
            });
        }
    }
    types
}
