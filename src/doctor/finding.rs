//! One check and what it found. Values only.

use super::permission::{Need, permission};
use super::place::Place;
use crate::error::{Error, Kind};
use crate::warehouse::refusal::Refusal;
use serde::Serialize;
use std::error::Error as _;

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The export.
    Source,
    /// The warehouse.
    Warehouse,
}

/// A check, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// A listing.
    List,
    /// One object of the source.
    ReadOne,
    /// One writer at a time in a folder.
    Lock,
    /// A key that does not exist is said not to exist.
    Missing,
    /// Create-if-absent of a new key.
    Create,
    /// Create-if-absent of the same key again.
    CreateAgain,
    /// This machine's clock against the store's.
    Clock,
    /// Whether replaced objects keep their old versions.
    Versions,
    /// What was written comes back.
    ReadBack,
    /// A read of the right version.
    ReadIfMatch,
    /// A replacement of the right version.
    Replace,
    /// A replacement of a version that is gone.
    ReplaceStale,
    /// A read of a version that is gone.
    ReadStale,
    /// Two writers create one key at the same moment.
    CreateRace,
    /// Two writers replace one version at the same moment.
    ReplaceRace,
    /// Deleting the probes.
    TidyUp,
}

impl Check {
    /// What is checked, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Check::List => "list the keys",
            Check::ReadOne => "read one object",
            Check::Lock => "a second writer is locked out",
            Check::Missing => "a missing object is said to be missing",
            Check::Create => "create an object",
            Check::CreateAgain => "a second create of it is refused",
            Check::Clock => "the clocks agree",
            Check::Versions => "old versions are not piled up",
            Check::ReadBack => "read it back",
            Check::ReadIfMatch => "read exactly this version",
            Check::Replace => "replace exactly this version",
            Check::ReplaceStale => "a stale replacement is refused",
            Check::ReadStale => "a stale read is refused",
            Check::CreateRace => "two create at once, one wins",
            Check::ReplaceRace => "two replace at once, one wins",
            Check::TidyUp => "delete the probes",
        }
    }

    /// Whether two loaders at once would lose data where this fails.
    pub fn keeps_loaders_apart(self) -> bool {
        use Check::*;
        matches!(self, Lock | Create | CreateAgain | Replace | ReplaceStale | CreateRace | ReplaceRace)
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It works.
    Ok,
    /// Eddyline works, but someone should know.
    Warning,
    /// It could not be found out.
    Unknown,
    /// It does not work.
    Failed,
}

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Where.
    pub side: Side,
    /// What was checked.
    pub check: Check,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, milliseconds.
    pub milliseconds: u64,
    /// What was seen, or what could not be done.
    pub detail: String,
    /// Why, where an error ended it.
    pub because: Option<String>,
    /// What to do about it.
    pub hints: Vec<String>,
    /// The permission that is missing, where the store refused.
    pub permission: Option<String>,
    /// What kind of failure it is; set exactly when it failed.
    #[serde(skip)]
    pub kind: Option<Kind>,
}

/// What a check saw when no error ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub outcome: Outcome,
    pub detail: String,
    pub hint: Option<String>,
}

impl Seen {
    /// It works; what was seen.
    pub fn ok(detail: impl Into<String>) -> Seen {
        Seen { outcome: Outcome::Ok, detail: detail.into(), hint: None }
    }

    /// It works, but.
    pub fn warning(detail: impl Into<String>, hint: impl Into<String>) -> Seen {
        Seen { outcome: Outcome::Warning, detail: detail.into(), hint: Some(hint.into()) }
    }

    /// It could not be found out, and why.
    pub fn unknown(detail: impl Into<String>) -> Seen {
        Seen { outcome: Outcome::Unknown, detail: detail.into(), hint: None }
    }

    /// It answered, and wrongly.
    pub fn failed(detail: impl Into<String>, hint: impl Into<String>) -> Seen {
        Seen { outcome: Outcome::Failed, detail: detail.into(), hint: Some(hint.into()) }
    }
}

impl Finding {
    /// The finding of a check that saw something.
    pub fn seen(side: Side, check: Check, milliseconds: u64, seen: Seen) -> Finding {
        Finding {
            side,
            check,
            outcome: seen.outcome,
            milliseconds,
            detail: seen.detail,
            because: None,
            hints: seen.hint.into_iter().collect(),
            permission: None,
            kind: (seen.outcome == Outcome::Failed).then_some(Kind::Check),
        }
    }

    /// The finding of a check that an error ended.
    pub fn error(place: &Place, side: Side, check: Check, milliseconds: u64, need: Need, error: &Error) -> Finding {
        let kind = kind_of(error);
        let text = error.show();
        let (story, hints) = text.split_once("\nhint: ").map_or((text.as_str(), None), |(s, h)| (s, Some(h)));
        let because = story.split_once("\nbecause: ").map(|(_, cause)| cause.replace("\nbecause: ", ": "));
        // To a reader of the doctor's report "ask the doctor" is no help.
        let hints = hints.into_iter().flat_map(|h| h.split("\nhint: ")).filter(|h| !h.contains("`eddyline doctor`"));
        let hints = hints.map(str::to_string).collect();
        let other = because.as_deref().and_then(no_permission_mends);
        Finding {
            side,
            check,
            outcome: Outcome::Failed,
            milliseconds,
            detail: error.what().to_string(),
            because,
            hints,
            permission: if kind == Kind::Denied && other.is_none() { permission(place, need) } else { None },
            kind: Some(kind),
        }
    }

    /// Whether every other check would end the same.
    pub fn stops_all(&self) -> bool {
        match self.because.as_deref().and_then(no_permission_mends) {
            Some(refusal) => refusal != Refusal::Archived,
            None => self.kind == Some(Kind::Unreachable),
        }
    }

    /// What failed and why, in one line.
    pub fn sentence(&self) -> String {
        // Recognized causes are a sentence; others may be a page of XML.
        match self.because.as_deref().filter(|because| because.len() < 120) {
            Some(because) => format!("{}: {because}", self.detail),
            None => self.detail.clone(),
        }
    }
}

/// The refusal an error's text tells of, where it is one that no permission mends.
fn no_permission_mends(because: &str) -> Option<Refusal> {
    const OTHERS: [Refusal; 5] =
        [Refusal::NoBucket, Refusal::NoCredentials, Refusal::BadCredentials, Refusal::Clock, Refusal::Archived];
    OTHERS.into_iter().find(|refusal| because.contains(refusal.sentence()))
}

/// The error's kind; a refusal by the file system below it is one of permission.
pub fn kind_of(error: &Error) -> Kind {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let mut cause = error.source();
    while let Some(at) = cause {
        let io = at.downcast_ref::<std::io::Error>();
        if io.is_some_and(|e| matches!(e.kind(), PermissionDenied | ReadOnlyFilesystem)) {
            return Kind::Denied;
        }
        cause = at.source();
    }
    error.kind()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_becomes_a_finding_with_cause_hints_and_permission() {
        let refused = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let error = Error::failed("cannot lock meta/lock").because(refused).hint("one").hint("two");
        let place = Place::of("s3://acme/w");
        let finding = Finding::error(&place, Side::Warehouse, Check::Create, 5, Need::Create, &error);
        assert_eq!(finding.detail, "cannot lock meta/lock");
        assert_eq!(finding.because.as_deref(), Some("permission denied"));
        assert_eq!(finding.hints, ["one", "two"]);
        assert_eq!(finding.permission.as_deref(), Some("s3:PutObject on arn:aws:s3:::acme/w/*"));
        assert_eq!(finding.kind, Some(Kind::Denied));
    }

    #[test]
    fn only_a_refusal_for_want_of_a_permission_names_one() {
        let place = Place::of("s3://acme/w");
        let found = |refusal: Refusal| {
            let error = Error::new(refusal.kind(), "cannot list").because(refusal.sentence()).hint(refusal.hint());
            Finding::error(&place, Side::Source, Check::List, 5, Need::List, &error)
        };
        let forbidden = found(Refusal::Forbidden);
        assert!(forbidden.permission.is_some() && !forbidden.stops_all(), "{forbidden:?}");
        assert!(forbidden.hints.is_empty(), "{forbidden:?}");
        for refusal in [Refusal::NoBucket, Refusal::NoCredentials, Refusal::BadCredentials, Refusal::Clock] {
            let finding = found(refusal);
            assert!(finding.permission.is_none() && finding.stops_all(), "{finding:?}");
        }
        assert!(found(Refusal::NoAnswer).stops_all() && !found(Refusal::Archived).stops_all());
    }
}
