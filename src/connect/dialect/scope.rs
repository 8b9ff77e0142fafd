//! Which names mean which columns: the relations of a FROM, those of the queries around it, and what WITH defines.

use super::kind::Kind;
use super::relations::Columns;

/// One relation of a FROM.
#[derive(Debug, Clone)]
pub struct Source {
    /// What qualifies its columns.
    pub alias: Option<String>,
    /// Its columns; nothing where they are not known.
    pub columns: Option<Columns>,
}

impl Source {
    fn kind(&self, column: &str) -> Option<&Kind> {
        self.columns.as_ref()?.iter().find(|(name, _)| name == column).map(|(_, kind)| kind)
    }
}

/// The names of one query.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The relations of its FROM.
    pub sources: Vec<Source>,
    /// What its WITH defines, the latest last.
    pub defined: Vec<(String, Option<Columns>)>,
}

impl Scope {
    /// Whether a relation of the FROM surely has a column of this name.
    pub fn has(&self, column: &str) -> bool {
        self.sources.iter().any(|s| s.kind(column).is_some())
    }

    /// All columns in order, of one relation or of all; nothing where some are not known.
    pub fn all(&self, alias: Option<&str>) -> Option<Columns> {
        let chosen = self.sources.iter().filter(|s| alias.is_none() || s.alias.as_deref() == alias);
        let mut columns = Columns::new();
        for source in chosen {
            columns.extend(source.columns.clone()?);
        }
        Some(columns)
    }
}

/// The type of a column as seen from the innermost of the scopes.
pub fn kind_of(scopes: &[Scope], alias: Option<&str>, column: &str) -> Kind {
    for scope in scopes.iter().rev() {
        let mut named = scope.sources.iter().filter(|s| alias.is_none() || s.alias.as_deref() == alias);
        if let Some(kind) = named.clone().find_map(|s| s.kind(column)) {
            return kind.clone();
        }
        if named.any(|s| s.columns.is_none()) {
            return Kind::Unknown;
        }
    }
    Kind::Unknown
}

/// What a name that WITH defines has for columns: nothing where no WITH defines it.
pub fn defined<'a>(scopes: &'a [Scope], name: &str) -> Option<&'a Option<Columns>> {
    scopes.iter().rev().find_map(|s| s.defined.iter().rev().find(|(n, _)| n == name)).map(|(_, columns)| columns)
}
