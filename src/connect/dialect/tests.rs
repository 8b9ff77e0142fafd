use super::*;
use crate::query::views::load;
use crate::table::Definitions;

fn all(dialect: Dialect) -> Vec<(String, Translation)> {
    let definitions = Definitions::builtin().unwrap();
    let relations = Relations::of(&definitions);
    let known = |name: &str| relations.get(name).is_some();
    let views = load(crate::query::BUILTIN_VIEWS, &[], known).unwrap();
    let mut translator = Translator::new(dialect, relations.clone());
    let write = |view: &View| (view.name.clone(), translator.translate(view).unwrap());
    views.iter().map(write).collect()
}

/// `DIALECT_OUT=folder` writes every view in every engine's SQL to files, to be tried there.
#[test]
fn every_view_is_said_in_every_engine() {
    for dialect in Dialect::ALL {
        let written = all(dialect);
        assert!(written.len() >= 42, "{dialect}: {} views", written.len());
        let Some(folder) = std::env::var_os("DIALECT_OUT") else { continue };
        let folder = std::path::Path::new(&folder).join(dialect.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        for (at, (name, view)) in written.iter().enumerate() {
            std::fs::write(folder.join(format!("{at:02}_{name}.sql")), &view.sql).unwrap();
        }
    }
}
