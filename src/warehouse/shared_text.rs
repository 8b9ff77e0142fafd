//! How text that is shared is written and read: as text. A key stands in the plan, in its cell's footer and in the ledger;
//! a pass over many files should hold it once.

use serde::{Deserialize, Deserializer, Serializer};
use std::sync::Arc;

pub(super) fn serialize<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    String::deserialize(deserializer).map(Arc::from)
}
