//! The one error type: what failed, because of what, and what to do about it.
//!
//! There is deliberately no `From` for foreign errors: every `?` has to say what it was doing. An error names
//! things (a key, a `table.column`, a `file:line`), never a row's value.

use std::fmt::{self, Write as _};

/// What kind of failure this is; each kind has one frozen exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anything without a better name.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// Credentials or permission.
    Denied,
    /// The store could not be reached, after retries.
    Unreachable,
    /// Another writer won and trying again did not help.
    Conflict,
    /// A check the user asked for failed: verify, a gap, a frozen schema.
    Check,
    /// Files are quarantined or records rejected and `--strict` was given.
    Strict,
    /// Stopped by SIGINT; the warehouse is consistent.
    Interrupted,
    /// Stopped by SIGTERM; the warehouse is consistent.
    Terminated,
}

impl Kind {
    /// The process exit code. Frozen: schedulers branch on it.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Denied => 3,
            Kind::Unreachable => 4,
            Kind::Conflict => 5,
            Kind::Strict => 6,
            Kind::Check => 7,
            Kind::Interrupted => 130,
            Kind::Terminated => 143,
        }
    }

    /// One word for it, as reports and logs name it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Failed => "failed",
            Kind::Usage => "usage",
            Kind::Denied => "denied",
            Kind::Unreachable => "unreachable",
            Kind::Conflict => "conflict",
            Kind::Strict => "strict",
            Kind::Check => "check",
            Kind::Interrupted => "interrupted",
            Kind::Terminated => "terminated",
        }
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What failed, why, and hints.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    what: String,
    hints: Vec<String>,
    cause: Option<Cause>,
    sqlstate: Option<&'static str>,
}

/// The result of everything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of the given kind; `what` says what could not be done.
    pub fn new(kind: Kind, what: impl Into<String>) -> Error {
        Error(Box::new(Inner { kind, what: what.into(), hints: Vec::new(), cause: None, sqlstate: None }))
    }

    /// An error without a better kind.
    pub fn failed(what: impl Into<String>) -> Error {
        Error::new(Kind::Failed, what)
    }

    /// A mistake in the command line or the configuration.
    pub fn usage(what: impl Into<String>) -> Error {
        Error::new(Kind::Usage, what)
    }

    /// Adds the cause, shown on the `because:` line. An [`Error`] as cause keeps its hints.
    pub fn because(mut self, cause: impl Into<Cause>) -> Error {
        self.0.cause = Some(cause.into());
        self
    }

    /// Adds a `hint:` line: something the reader can do.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hints.push(hint.into());
        self
    }

    /// Adds the code that SQL's own clients branch on, such as 42P01 for a table that is not there.
    pub fn with_sqlstate(mut self, code: &'static str) -> Error {
        self.0.sqlstate = Some(code);
        self
    }

    /// The code for SQL clients, where the failure has one.
    pub fn sqlstate(&self) -> Option<&'static str> {
        self.0.sqlstate
    }

    /// The kind of failure.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What could not be done, without cause and hints.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// The causes, outermost first: what stands on the `because:` lines.
    pub fn causes(&self) -> Vec<String> {
        self.chain().0
    }

    /// What the reader can do: the hints of this error and of the causes that are ours.
    pub fn hints(&self) -> Vec<String> {
        self.chain().1
    }

    fn chain(&self) -> (Vec<String>, Vec<String>) {
        let (mut causes, mut hints) = (Vec::new(), self.0.hints.clone());
        let mut cause = std::error::Error::source(self);
        let mut last = self.0.what.clone();
        while let Some(at) = cause {
            let line = at.to_string();
            if let Some(ours) = at.downcast_ref::<Error>() {
                hints.extend(ours.0.hints.iter().cloned());
            }
            // Foreign errors like to repeat their source in their own text.
            if !last.contains(&line) {
                causes.push(line.clone());
                last = line;
            }
            cause = at.source();
        }
        (causes, hints)
    }

    /// The error as the user sees it: `error:`, then `because:` per cause, then `hint:` lines.
    pub fn show(&self) -> String {
        let (causes, hints) = self.chain();
        let mut text = format!("error: {}", self.0.what);
        for cause in causes {
            let _ = write!(text, "\nbecause: {cause}");
        }
        for hint in hints {
            let _ = write!(text, "\nhint: {hint}");
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_deref().map(|c| c as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_because_and_hints_once() {
        let disk = std::io::Error::other("disk is full");
        let inner = Error::failed("cannot write part-00.parquet").because(disk).hint("free some space");
        let outer = Error::new(Kind::Unreachable, "the pass stopped").because(inner).hint("run it again");
        assert_eq!(
            outer.show(),
            "error: the pass stopped\nbecause: cannot write part-00.parquet\nbecause: disk is full\n\
             hint: run it again\nhint: free some space"
        );
        assert_eq!(outer.kind().exit_code(), 4);
        assert_eq!(outer.causes(), ["cannot write part-00.parquet", "disk is full"]);
        assert_eq!(outer.hints(), ["run it again", "free some space"]);
    }
}
