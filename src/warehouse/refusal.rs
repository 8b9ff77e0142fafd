//! A store's refusal in our words: one sentence, one hint, and the exit code that fits.
//!
//! The client says what happened in its error's text only: on a listing, a missing bucket and a refused permission are
//! both `Generic`. So the text is read for the status and for the code that S3, GCS and Azure put into the body. What
//! is recognized is said in a sentence; the client's own words, with their address and their XML, are left out.

use super::wire::{METADATA, NO_METADATA};
use crate::error::{Error, Kind};
use std::error::Error as _;

/// The hint for an address that is none.
pub const NO_ADDRESS: &str = "use a path, s3://, gs://, az:// or abfss://";

const NO_BUCKET: [&str; 4] =
    ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist", "FilesystemNotFound"];
const WRONG_REGION: [&str; 3] = ["AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraint"];
const BAD_CREDENTIALS: [&str; 11] = [
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefresh",
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
    "InvalidIdentityToken",
    "invalid_grant",
    "invalid_client",
    "AADSTS",
];
const NO_ANSWER: [&str; 9] = [
    "error sending request",
    "error trying to connect",
    "dns error",
    "Connection refused",
    "operation timed out",
    "deadline has elapsed",
    "connection closed",
    "Connection reset",
    "request or response body error",
];

/// What a store's error means for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such bucket or container.
    NoBucket,
    /// There are no credentials: nobody who hands them out answers.
    NoCredentials,
    /// The credentials are not valid: unknown, expired, wrongly signed.
    BadCredentials,
    /// The credentials are valid and may not do this.
    Forbidden,
    /// The operating system does not let this user do that.
    NoRight,
    /// The clock of this machine is too far from the store's.
    Clock,
    /// The bucket lives in another region than was asked, or behind another endpoint.
    WrongRegion,
    /// The object is in cold storage and must be restored before it can be read.
    Archived,
    /// The store said to slow down for as long as we tried.
    Throttled,
    /// Nobody answers at that address.
    NoAnswer,
    /// The store keeps answering with errors of its own.
    Broken,
    /// The store, or its client's options, know no conditional writes.
    NoConditions,
}

impl Refusal {
    /// Reads an error's text: the status and the code in the store's answer, or else what became of the connection.
    /// Names of buckets and keys are left out, so that none of them is taken for an answer.
    pub fn of(error: &object_store::Error) -> Option<Refusal> {
        use object_store::Error as E;
        let text = words(error);
        // An error that names a host that hands out credentials is about those.
        let metadata = says(&text, &[NO_METADATA]) || says(&text, &METADATA);
        if matches!(error, E::NotImplemented { .. } | E::NotSupported { .. }) {
            return Some(Refusal::NoConditions);
        }
        let found = match (text.split_once("status code: "), error) {
            (Some((_, answer)), E::NotFound { .. }) if says(&without_names(answer), &NO_BUCKET) => Refusal::NoBucket,
            (Some(_), E::NotFound { .. }) => return None,
            (Some((_, answer)), _) => Refusal::answered(&without_names(answer), metadata)?,
            (None, E::NotFound { .. }) => return None,
            (None, _) if says(&text, &["(os error 13)"]) => Refusal::NoRight,
            (None, E::PermissionDenied { .. }) => Refusal::Forbidden,
            (None, E::Unauthenticated { .. }) => Refusal::BadCredentials,
            (None, _) if metadata => Refusal::NoCredentials,
            (None, _) if says(&text, &["Received redirect without LOCATION"]) => Refusal::WrongRegion,
            (None, _) if says(&text, &NO_ANSWER) => Refusal::NoAnswer,
            _ => return None,
        };
        Some(found)
    }

    /// Reads an answer: its status, and behind it the body.
    fn answered(answer: &str, metadata: bool) -> Option<Refusal> {
        let is = |needles: &[&str]| says(answer, needles);
        let status: u16 = answer.get(..3)?.parse().ok()?;
        Some(match status {
            _ if metadata && status < 500 && status != 429 => Refusal::NoCredentials,
            _ if is(&NO_BUCKET) => Refusal::NoBucket,
            _ if is(&["RequestTimeTooSkewed"]) => Refusal::Clock,
            _ if is(&["InvalidObjectState", "BlobArchived"]) => Refusal::Archived,
            _ if is(&WRONG_REGION) || status == 301 => Refusal::WrongRegion,
            401 => Refusal::BadCredentials,
            _ if is(&BAD_CREDENTIALS) => Refusal::BadCredentials,
            429 | 503 => Refusal::Throttled,
            _ if is(&["SlowDown", "ServerBusy", "TooManyRequests"]) => Refusal::Throttled,
            403 => Refusal::Forbidden,
            408 => Refusal::NoAnswer,
            501 => Refusal::NoConditions,
            500.. => Refusal::Broken,
            _ => return None,
        })
    }

    /// The exit code's kind: what will not go away by itself is `Denied`, what may is `Unreachable`.
    pub fn kind(self) -> Kind {
        match self {
            Refusal::NoBucket | Refusal::NoCredentials | Refusal::BadCredentials | Refusal::Forbidden => Kind::Denied,
            Refusal::NoRight | Refusal::Clock | Refusal::Archived => Kind::Denied,
            Refusal::NoConditions => Kind::Failed,
            Refusal::WrongRegion | Refusal::Throttled | Refusal::NoAnswer | Refusal::Broken => Kind::Unreachable,
        }
    }

    /// The sentence for the `because:` line.
    pub fn sentence(self) -> &'static str {
        match self {
            Refusal::NoBucket => "there is no such bucket or container",
            Refusal::NoCredentials => {
                "there are no credentials: none are given, and no cloud machine's metadata service answers"
            }
            Refusal::BadCredentials => "the store does not accept the credentials: unknown, expired, or wrongly signed",
            Refusal::Forbidden => "the credentials are valid and lack this permission",
            Refusal::NoRight => "the operating system says: permission denied",
            Refusal::Clock => "the clock of this machine differs too much from the store's",
            Refusal::Archived => "the object is archived in cold storage",
            Refusal::WrongRegion => "the bucket lives in another region, or behind another endpoint",
            Refusal::Throttled => "the store kept saying to slow down",
            Refusal::NoAnswer => "nobody answers there, or the connection keeps breaking",
            Refusal::NoConditions => "the store takes no conditional writes, and they are what keeps two loaders apart",
            Refusal::Broken => "the store kept answering with an error of its own",
        }
    }

    /// What to do.
    pub fn hint(self) -> &'static str {
        match self {
            Refusal::NoBucket => {
                "check the name in the address, and the account, project or endpoint it is looked for in"
            }
            Refusal::NoCredentials => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE), GOOGLE_APPLICATION_CREDENTIALS, or \
                 AZURE_STORAGE_ACCOUNT_NAME with a key, SAS or identity"
            }
            Refusal::BadCredentials => "renew or correct them; `eddyline doctor` tries them out",
            Refusal::Forbidden => {
                "`eddyline doctor` says which permission is missing, `--print-policy` how to grant it"
            }
            Refusal::NoRight => "let the user that runs eddyline read there, and write in the warehouse",
            Refusal::Clock => "set this machine's clock, for instance by NTP",
            Refusal::Archived => "restore it, then `eddyline load --retry-quarantined`",
            Refusal::WrongRegion => "set AWS_REGION to the bucket's region, or correct AWS_ENDPOINT",
            Refusal::Throttled => {
                "run again later, with fewer --requests at once, or let it try for longer: --retry-for"
            }
            Refusal::NoAnswer => "check the address, the endpoint, the proxy and the network; then run again",
            Refusal::NoConditions => {
                "take out aws_conditional_put = \"disabled\", or keep the warehouse elsewhere; `eddyline doctor` tries them out"
            }
            Refusal::Broken => "run again later; the provider's status page may know more",
        }
    }
}

/// A store's error in our words, with the exit code that fits.
pub fn store_error(what: impl Into<String>, error: object_store::Error) -> Error {
    if let Some(refusal) = Refusal::of(&error) {
        tracing::debug!(error = %told(&error), "the store refused");
        return Error::new(refusal.kind(), what).because(refusal.sentence()).hint(refusal.hint());
    }
    let kind = kind_of(&error);
    let hinted = Error::new(kind, what);
    let hinted = match kind {
        Kind::Unreachable => hinted.hint("check the address, the region or endpoint and the network; then run again"),
        _ => hinted,
    };
    match kind {
        // What a client says of an answer holds its address and its body.
        Kind::Unreachable => hinted.because(told(&error)),
        _ => hinted.because(error),
    }
}

/// What this machine's disk refused, with the exit code that fits.
pub fn disk_error(what: impl Into<String>, error: std::io::Error) -> Error {
    if error.kind() != std::io::ErrorKind::PermissionDenied {
        return Error::failed(what).because(error);
    }
    let refusal = Refusal::NoRight;
    Error::new(refusal.kind(), what).because(refusal.sentence()).hint(refusal.hint())
}

/// The exit code's kind for a store's error.
pub fn kind_of(error: &object_store::Error) -> Kind {
    use object_store::Error as E;
    match (Refusal::of(error), error) {
        (Some(refusal), _) => refusal.kind(),
        (None, E::Precondition { .. } | E::AlreadyExists { .. }) => Kind::Conflict,
        (None, E::Generic { store, .. }) if *store != "local disk" && *store != "LocalFileSystem" => Kind::Unreachable,
        (None, _) => Kind::Failed,
    }
}

fn says(text: &str, needles: &[&str]) -> bool {
    needles.iter().any(|needle| text.contains(needle))
}

/// An answer without the elements that repeat the names of what was asked for.
fn without_names(answer: &str) -> String {
    let mut text = answer.to_string();
    for element in ["Key", "Resource", "BucketName", "RequestId", "HostId"] {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        while let Some(from) = text.find(&open) {
            let to = text.get(from..).and_then(|rest| rest.find(&close)).map_or(text.len(), |n| from + n + close.len());
            text.replace_range(from..to, "");
        }
    }
    text
}

/// The texts of an error's sources: its own may name the key.
fn words(error: &object_store::Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(at) = cause {
        text.push_str(&at.to_string());
        text.push_str(" | ");
        cause = at.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

/// A store's error on one line, without what may be secret or personal: of an address no query, of a body nothing but
/// its code. Both may hold signatures, and bodies repeat what was asked.
fn told(error: &object_store::Error) -> String {
    let text = error.to_string();
    let (before, body) = text.split_once('<').unwrap_or((&text, ""));
    let bare = |word: &'_ str| match word.split_once('?') {
        Some((address, _)) if address.contains("://") => address.to_string(),
        _ => word.to_string(),
    };
    let mut told: Vec<String> = before.split_whitespace().map(bare).collect();
    let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    told.extend(code.map(|(code, _)| code.to_string()));
    // A message that is no XML may say anything.
    told.join(" ").chars().filter(|c| !c.is_control() && *c != '\u{feff}').take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::Error as E;

    fn generic(text: &str) -> E {
        E::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn the_refusals_users_meet_have_a_sentence_a_hint_and_a_code() {
        let listing = |status: &str, code: &str| {
            generic(&format!(
                "Error performing list request: Error performing GET http://127.0.0.1:1/b?list-type=2&prefix=secret in \
                 1.2ms - Server returned non-2xx status code: {status}: <Error><Code>{code}</Code></Error>"
            ))
        };
        for (error, refusal, code) in [
            (listing("404 Not Found", "NoSuchBucket"), Refusal::NoBucket, 3),
            (listing("404 Not Found", "ContainerNotFound"), Refusal::NoBucket, 3),
            (listing("403 Forbidden", "AccessDenied"), Refusal::Forbidden, 3),
            (listing("403 Forbidden", "InvalidAccessKeyId"), Refusal::BadCredentials, 3),
            (listing("403 Forbidden", "RequestTimeTooSkewed"), Refusal::Clock, 3),
            (listing("400 Bad Request", "AuthorizationHeaderMalformed"), Refusal::WrongRegion, 4),
            (listing("503 Service Unavailable", "SlowDown"), Refusal::Throttled, 4),
            (listing("501 Not Implemented", "NotImplemented"), Refusal::NoConditions, 1),
            (listing("500 Internal Server Error", "InternalError"), Refusal::Broken, 4),
            (generic("error sending request | tcp connect error | Connection refused"), Refusal::NoAnswer, 4),
            (generic("Unable to open file /w/x: Permission denied (os error 13)"), Refusal::NoRight, 3),
            (generic("Error performing PUT http://169.254.169.254/latest"), Refusal::NoCredentials, 3),
            (
                generic("Error performing PUT http://169.254.169.254/latest - status code: 503 Service Unavailable: "),
                Refusal::Throttled,
                4,
            ),
        ] {
            assert_eq!(Refusal::of(&error), Some(refusal), "{error}");
            let ours = store_error("cannot list s3://b", error);
            assert_eq!(ours.kind().exit_code(), code, "{}", ours.show());
            assert_eq!(ours.show().lines().count(), 3, "{}", ours.show());
            assert!(!ours.show().contains("secret"), "{}", ours.show());
        }
    }

    #[test]
    fn names_of_keys_are_no_answers() {
        let absent = |body: &str| E::NotFound {
            path: "NoSuchBucket/AccessDenied 503 Service/x.avro".into(),
            source: format!("GET http://h/b/NoSuchBucket - status code: 404 Not Found: {body}").into(),
        };
        let key = "<Error><Code>NoSuchKey</Code><Key>NoSuchBucket/SlowDown</Key></Error>";
        assert_eq!(Refusal::of(&absent(key)), None);
        assert_eq!(Refusal::of(&absent("<Code>NoSuchBucket</Code>")), Some(Refusal::NoBucket));
        let denied = E::PermissionDenied {
            path: "x".into(),
            source: "status code: 403 Forbidden: <Code>AccessDenied</Code><Key>InvalidToken</Key>".into(),
        };
        assert_eq!(Refusal::of(&denied), Some(Refusal::Forbidden));
    }

    #[test]
    fn an_error_nobody_knows_is_shown_as_it_is() {
        let ours = store_error("cannot list", generic("something new"));
        assert_eq!(ours.kind(), Kind::Unreachable);
        assert!(ours.show().contains("something new"));
        let telling =
            generic("GET http://h/b?list-type=2&sig=SECRET in 1ms: 400 Bad: <?xml?>\n<E><Code>New</Code>SECRET</E>");
        assert!(
            store_error("cannot list", telling)
                .show()
                .contains("\nbecause: Generic S3 error: GET http://h/b in 1ms: 400 Bad: New\n")
        );
        let disk = E::Generic { store: "local disk", source: "disk is full".into() };
        assert_eq!(store_error("cannot write", disk).kind(), Kind::Failed);
    }
}
