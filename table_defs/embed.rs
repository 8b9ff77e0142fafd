//! The build script: puts the files of this folder into one JSON document, which the program reads at its start. TOML is for
//! people; read each time the program is started, it took a seventh of the instructions of a small load.

use serde_json::{Map, Value};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The file that defines columns; every other one defines tables.
const COLUMNS: &str = "columns.toml";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("table_defs");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let (mut columns, mut tables) = (Value::Null, Map::new());
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).ok_or("a file name is no text")?.to_string();
        let text = fs::read_to_string(&file)?;
        let content: Value = toml::from_str(&text).map_err(|e| format!("table_defs/{name}: {e}"))?;
        if name == COLUMNS {
            columns = content;
        } else {
            tables.insert(name, content);
        }
    }
    let all = Value::Object(Map::from_iter([("columns".to_string(), columns), ("tables".to_string(), tables.into())]));
    fs::write(Path::new(&env::var("OUT_DIR")?).join("definitions.json"), serde_json::to_vec(&all)?)?;
    Ok(())
}
