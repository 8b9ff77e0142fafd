//! The views in an engine's SQL, each after those it reads; what the engine cannot have is said with the reason.

use super::dialect::{Columns, Dialect, Kind as Said, Relations, Translator};
use super::script::Script;
use super::warehouse::{Kind, Table, Warehouse};
use crate::table::QUEUE_DATE;
use std::collections::BTreeSet;

/// How a tool takes views.
pub struct Views<'a> {
    /// Its SQL.
    pub dialect: Dialect,
    /// Whether it has `system_files` and the others.
    pub system: bool,
    /// The schema relations are named with; none where the session has one.
    pub schema: Option<&'static str>,
    /// The statement that makes a view: its name, its SELECT.
    pub create: &'a dyn Fn(&mut Script, &str, &str),
}

impl Views<'_> {
    /// Writes every view that the engine can have.
    pub fn write(&self, script: &mut Script, warehouse: &Warehouse) {
        let mut relations = Relations::new().lie_within(self.schema.as_slice());
        for table in &warehouse.tables {
            relations.add(&table.name, columns(table));
        }
        let mut translator = Translator::new(self.dialect, relations);
        let mut left_out: BTreeSet<&str> = BTreeSet::new();
        for view in &warehouse.views {
            let without = |name: &str| (name.starts_with("system.") && !self.system) || left_out.contains(name);
            let reason = match view.reads.iter().find(|(name, _)| without(name)) {
                Some((name, _)) if name.starts_with("system.") => format!("it reads {name}, which is not made here"),
                Some((name, _)) => format!("it reads {name}"),
                None => match translator.translate(view) {
                    Ok(translation) => {
                        let meaning = view.doc.lines().next().unwrap_or_default();
                        let notes: String = translation.notes.iter().map(|n| format!("\n{n}")).collect();
                        script.about(&format!("{meaning}{notes}"));
                        (self.create)(script, &view.name, &translation.sql);
                        continue;
                    }
                    Err(e) => e.what().to_string(),
                },
            };
            script.about(&format!("The view {} is left out: {reason}.", view.name));
            left_out.insert(&view.name);
        }
    }
}

fn columns(table: &Table) -> Columns {
    let theirs = table.columns.iter().map(|c| (c.name.clone(), said(c.kind)));
    theirs.chain([(QUEUE_DATE.to_string(), Said::Date)]).collect()
}

fn said(kind: Kind) -> Said {
    match kind {
        Kind::Text => Said::Text,
        Kind::Integer => Said::Integer,
        Kind::Double => Said::Double,
        Kind::Boolean => Said::Boolean,
        Kind::Moment => Said::Timestamp,
        Kind::Day => Said::Date,
        Kind::Texts => Said::List(Box::new(Said::Text)),
    }
}
