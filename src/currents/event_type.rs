//! The name of an event type, such as `users.messages.email.Open`: checked once, then safe everywhere.

use std::fmt;
use std::sync::Arc;

/// No type Braze has ever sent comes near this; it keeps folder names portable.
const LONGEST: usize = 200;

/// First words of the bare names that Braze's internal schema flavour uses (elsewhere the name follows `inner.`).
const ROOTS: [&str; 3] = ["users", "agentconsole", "contentoptimizer"];

/// A dotted name of identifiers (`[A-Za-z_][A-Za-z0-9_]*`), at most 200 bytes. Cheap to clone.
///
/// Two types may share a table (`users.a_b` and `users.a.b`); whoever cares compares [`EventType::table`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct EventType(Arc<str>);

impl EventType {
    /// The event type of that name, or `None` where the text is not a dotted name.
    pub fn parse(text: &str) -> Option<EventType> {
        let fits = text.len() <= LONGEST && text.split('.').all(is_identifier);
        fits.then(|| EventType(Arc::from(text)))
    }

    /// The event type a schema's full name tells: what follows `inner.`, or a bare name such as `users.canvas.Entry`.
    pub fn from_record_name(full_name: &str) -> Option<EventType> {
        let mut rest = full_name;
        loop {
            let (word, after) = rest.split_once('.')?;
            if word == "inner" {
                return EventType::parse(after);
            }
            if rest.len() == full_name.len() && ROOTS.contains(&word) {
                return EventType::parse(full_name);
            }
            rest = after;
        }
    }

    /// The name as Braze writes it, shared.
    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }

    /// The name as Braze writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The table its events lie in: lower case, dots become underscores.
    pub fn table(&self) -> String {
        self.0.chars().map(|c| if c == '.' { '_' } else { c.to_ascii_lowercase() }).collect()
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_identifier(word: &str) -> bool {
    let mut bytes = word.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dotted_identifiers() {
        let open = EventType::parse("users.messages.email.Open").unwrap();
        assert_eq!(open.table(), "users_messages_email_open");
        assert_eq!(open.to_string(), "users.messages.email.Open");
        for bad in
            ["", ".", "..", "users.", ".users", "users..x", "users/x", "a b", "users.é", "users.1x", "a\0b", "a-b"]
        {
            assert_eq!(EventType::parse(bad), None, "{bad:?}");
        }
        assert_eq!(EventType::parse(&"a".repeat(LONGEST + 1)), None);
        assert!(EventType::parse(&"a".repeat(LONGEST)).is_some());
    }

    #[test]
    fn record_names_tell_the_type() {
        let name = |text| EventType::from_record_name(text).map(|t| t.as_str().to_string());
        assert_eq!(name("dataexport.S3.inner.users.messages.email.Open").as_deref(), Some("users.messages.email.Open"));
        assert_eq!(
            name("dataexport.GCS.inner.agentconsole.ToolInvocation").as_deref(),
            Some("agentconsole.ToolInvocation")
        );
        assert_eq!(name("users.canvas.Entry").as_deref(), Some("users.canvas.Entry"));
        assert_eq!(name("dataexport.S3.inner."), None);
        assert_eq!(name("Open"), None);
        assert_eq!(name("com.example.users.Open"), None);
        assert_eq!(name(""), None);
    }
}
