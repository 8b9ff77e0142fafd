//! Our errors as clients get them: the code they branch on, what failed, why, and what can be done.

use crate::error::{Error, Kind};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError};

/// An error of the statement: the connection stays.
pub fn failure(error: &Error) -> PgWireError {
    let code = error.sqlstate().unwrap_or(match error.kind() {
        Kind::Usage => "42000",
        Kind::Denied => "42501",
        Kind::Unreachable => "58030",
        Kind::Conflict => "40001",
        _ => "XX000",
    });
    let mut info = ErrorInfo::new("ERROR".into(), code.into(), error.what().into());
    let (causes, hints) = (error.causes(), error.hints());
    info.detail = (!causes.is_empty()).then(|| causes.join("\n"));
    info.hint = (!hints.is_empty()).then(|| hints.join("\n"));
    PgWireError::UserError(Box::new(info))
}

/// An error of the statement, in our own words.
pub fn error(code: &str, what: impl Into<String>) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("ERROR".into(), code.into(), what.into())))
}

/// An error that ends the connection.
pub fn fatal(code: &str, what: impl Into<String>, hint: Option<&str>) -> PgWireError {
    let mut info = ErrorInfo::new("FATAL".into(), code.into(), what.into());
    info.hint = hint.map(str::to_string);
    PgWireError::UserError(Box::new(info))
}

/// Whether the client is to be gone after this error.
pub fn is_fatal(error: &PgWireError) -> bool {
    match error {
        PgWireError::UserError(info) => info.is_fatal(),
        PgWireError::PortalNotFound(_)
        | PgWireError::PortalNotStarted
        | PgWireError::StatementNotFound(_)
        | PgWireError::ParameterIndexOutOfBound(_)
        | PgWireError::InvalidRustTypeForParameter(_)
        | PgWireError::FailedToParseParameter(_)
        | PgWireError::QueryCanceled
        | PgWireError::ApiError(_)
        | PgWireError::InvalidOptionValue(_) => false,
        _ => true,
    }
}

/// What the library says, without what may be a value.
pub fn guarded(error: &mut PgWireError, user: &str) {
    let replaced = match error {
        PgWireError::InvalidPassword(_) => {
            fatal("28P01", format!("password authentication failed for user \"{user}\""), None)
        }
        PgWireError::FailedToParseParameter(_) => self::error("22P02", "a parameter cannot be read as its type"),
        PgWireError::ApiError(_) => self::error("XX000", "a value cannot be sent in the type of its column"),
        PgWireError::PortalNotFound(name) => self::error("34000", format!("there is no portal \"{name}\"")),
        PgWireError::StatementNotFound(name) => {
            self::error("26000", format!("there is no prepared statement \"{name}\""))
        }
        _ => return,
    };
    *error = replaced;
}
