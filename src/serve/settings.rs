//! The settings of one client. They are its own: no other client sees them, and most only have to be remembered,
//! because drivers set them and ask again.

use super::failure::error;
use crate::query::postgres::SERVER_VERSION;
use arrow::array::timezone::Tz;
use datafusion_postgres::pgwire::error::PgWireResult;
use datafusion_postgres::pgwire::types::format::FormatOptions;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Settings a client may change, with what they are before.
const CHANGEABLE: [(&str, &str); 38] = [
    ("application_name", ""),
    ("bytea_output", "hex"),
    ("check_function_bodies", "on"),
    ("client_encoding", "UTF8"),
    ("client_min_messages", "notice"),
    ("cursor_tuple_fraction", "0.1"),
    ("datestyle", "ISO, MDY"),
    ("default_transaction_deferrable", "off"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "on"),
    ("effective_cache_size", "4GB"),
    ("escape_string_warning", "on"),
    ("extra_float_digits", "1"),
    ("geqo", "on"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("intervalstyle", "postgres"),
    ("jit", "off"),
    ("lc_messages", "C"),
    ("lc_monetary", "C"),
    ("lc_numeric", "C"),
    ("lc_time", "C"),
    ("lock_timeout", "0"),
    ("max_parallel_workers_per_gather", "0"),
    ("plan_cache_mode", "auto"),
    ("quote_all_identifiers", "off"),
    ("random_page_cost", "4"),
    ("row_security", "on"),
    ("search_path", "public"),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("synchronize_seqscans", "on"),
    ("synchronous_commit", "on"),
    ("timezone", "UTC"),
    ("transaction_isolation", "read committed"),
    ("transaction_read_only", "on"),
    ("work_mem", "4MB"),
    ("xmloption", "content"),
];

/// Settings a client may read.
const FIXED: [(&str, &str); 13] = [
    ("block_size", "8192"),
    ("in_hot_standby", "off"),
    ("integer_datetimes", "on"),
    ("is_superuser", "off"),
    ("lc_collate", "C"),
    ("lc_ctype", "C"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("scram_iterations", "4096"),
    ("server_encoding", "UTF8"),
    ("server_version", SERVER_VERSION),
    ("server_version_num", "160006"),
    ("transaction_deferrable", "off"),
];

/// Settings whose value clients are told at the start and whenever it changes, as they spell them.
const TOLD: [(&str, &str); 14] = [
    ("application_name", "application_name"),
    ("client_encoding", "client_encoding"),
    ("datestyle", "DateStyle"),
    ("default_transaction_read_only", "default_transaction_read_only"),
    ("in_hot_standby", "in_hot_standby"),
    ("integer_datetimes", "integer_datetimes"),
    ("intervalstyle", "IntervalStyle"),
    ("is_superuser", "is_superuser"),
    ("scram_iterations", "scram_iterations"),
    ("search_path", "search_path"),
    ("server_encoding", "server_encoding"),
    ("server_version", "server_version"),
    ("standard_conforming_strings", "standard_conforming_strings"),
    ("timezone", "TimeZone"),
];

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    values: Arc<BTreeMap<String, String>>,
    /// What the client asked for when it connected: what a reset goes back to.
    first: Arc<BTreeMap<String, String>>,
}

impl Default for Settings {
    fn default() -> Settings {
        let all = CHANGEABLE.iter().chain(&FIXED).map(|(name, value)| (name.to_string(), value.to_string()));
        let values = Arc::new(all.collect::<BTreeMap<_, _>>());
        Settings { first: values.clone(), values }
    }
}

impl Settings {
    /// The settings of a client that connects. What it asks for and is not known here is passed over: drivers ask for
    /// much that only some servers have.
    pub fn of_client<'a>(wishes: impl Iterator<Item = (&'a str, &'a str)>) -> Settings {
        let mut settings = Settings::default();
        for (name, value) in wishes {
            let _ = settings.set(name, Some(value));
        }
        settings.first = settings.values.clone();
        settings
    }

    /// Changes one; without a value it goes back to what it was at first.
    pub fn set(&mut self, name: &str, value: Option<&str>) -> PgWireResult<()> {
        let name = name.to_lowercase();
        if FIXED.iter().any(|(fixed, _)| *fixed == name) {
            return Err(error("55P02", format!("the setting \"{name}\" cannot be changed")));
        }
        if name.starts_with("datafusion.") {
            return Err(error("55P02", format!("the setting \"{name}\" belongs to the server and cannot be changed")));
        }
        // What PostgreSQL's planner may do means nothing here, and is set by some tools.
        let known = self.values.contains_key(&name) || name.starts_with("enable_");
        if !known {
            return Err(error("42704", format!("there is no setting \"{name}\"")));
        }
        let value = match value {
            Some(value) => accepted(&name, value)?,
            None => self.first.get(&name).cloned().unwrap_or_else(|| "on".into()),
        };
        Arc::make_mut(&mut self.values).insert(name, value);
        Ok(())
    }

    /// Everything as it was at first.
    pub fn reset(&mut self) {
        self.values = self.first.clone();
    }

    /// The value of one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(&name.to_lowercase()).map(String::as_str)
    }

    /// All of them, by name.
    pub fn all(&self) -> &Arc<BTreeMap<String, String>> {
        &self.values
    }

    /// What clients are told: (their spelling, value).
    pub fn told(&self) -> impl Iterator<Item = (&'static str, &str)> {
        TOLD.iter().filter_map(|(name, spelling)| Some((*spelling, self.get(name)?)))
    }

    /// How clients spell a setting's name.
    pub fn spelling(name: &str) -> &str {
        TOLD.iter().find(|(known, _)| *known == name).map_or(name, |(_, spelling)| spelling)
    }

    /// The zone times are shown in.
    pub fn zone(&self) -> &str {
        self.get("timezone").unwrap_or("UTC")
    }

    /// How long a statement may run.
    pub fn statement_timeout(&self) -> Option<Duration> {
        self.get("statement_timeout").and_then(milliseconds).filter(|ms| *ms > 0).map(Duration::from_millis)
    }

    /// How values are written as text.
    pub fn format(&self) -> FormatOptions {
        FormatOptions::from_client_metadata(&self.values.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
    }
}

/// The value as it is kept, or why it cannot be.
fn accepted(name: &str, value: &str) -> PgWireResult<String> {
    let invalid = || error("22023", format!("invalid value for the setting \"{name}\""));
    let lower = value.to_lowercase();
    match name {
        "timezone" => {
            let zone = if matches!(lower.as_str(), "utc" | "gmt" | "z" | "etc/utc") { "UTC" } else { value };
            zone.parse::<Tz>().map_err(|_| invalid())?;
            Ok(zone.to_string())
        }
        "client_encoding" => match lower.replace(['-', '_'], "").as_str() {
            "utf8" | "unicode" | "sqlascii" => Ok("UTF8".to_string()),
            _ => Err(error("22023", "texts are sent in UTF8 only")),
        },
        "datestyle" => {
            let style = lower.split(',').next().unwrap_or_default().trim().to_string();
            let order = lower.split(',').nth(1).map_or("MDY", str::trim).to_uppercase();
            let style = match style.as_str() {
                "iso" => "ISO",
                "sql" => "SQL",
                "german" => "German",
                "postgres" => "Postgres",
                // Only the order.
                "mdy" | "dmy" | "ymd" => return Ok(format!("ISO, {}", style.to_uppercase())),
                _ => return Err(invalid()),
            };
            Ok(format!("{style}, {order}"))
        }
        "statement_timeout" => milliseconds(value).map(|_| value.to_string()).ok_or_else(invalid),
        "extra_float_digits" => value.parse::<i8>().map(|_| value.to_string()).map_err(|_| invalid()),
        "default_transaction_read_only" | "transaction_read_only" => match lower.as_str() {
            "on" | "true" | "yes" | "1" => Ok("on".to_string()),
            _ => Err(error("25006", "the warehouse is served read only")),
        },
        "standard_conforming_strings" if !matches!(lower.as_str(), "on" | "true" | "yes" | "1") => Err(invalid()),
        _ => Ok(value.to_string()),
    }
}

/// A length of time as PostgreSQL writes it: a number of milliseconds, or one with its unit.
fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let unit = match unit.trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(settings: &mut Settings, name: &str, value: &str) -> String {
        match settings.set(name, Some(value)).unwrap_err() {
            datafusion_postgres::pgwire::error::PgWireError::UserError(info) => info.code,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn what_a_client_may_set_and_what_not() {
        let mut settings = Settings::of_client([("TimeZone", "Asia/Tokyo"), ("_pq_.x", "1")].into_iter());
        assert_eq!(settings.zone(), "Asia/Tokyo");
        settings.set("timezone", Some("Europe/Vienna")).unwrap();
        settings.set("TimeZone", None).unwrap();
        assert_eq!(settings.zone(), "Asia/Tokyo");
        settings.set("DateStyle", Some("ISO")).unwrap();
        assert_eq!(settings.get("datestyle"), Some("ISO, MDY"));
        settings.set("client_encoding", Some("UTF-8")).unwrap();
        assert_eq!(settings.get("client_encoding"), Some("UTF8"));
        settings.set("enable_seqscan", Some("off")).unwrap();
        assert_eq!(code(&mut settings, "timezone", "Atlantis/Capital"), "22023");
        assert_eq!(code(&mut settings, "client_encoding", "LATIN1"), "22023");
        assert_eq!(code(&mut settings, "server_version", "99"), "55P02");
        assert_eq!(code(&mut settings, "datafusion.execution.batch_size", "1"), "55P02");
        assert_eq!(code(&mut settings, "nonsense", "1"), "42704");
        assert_eq!(code(&mut settings, "default_transaction_read_only", "off"), "25006");
        settings.reset();
        assert_eq!(settings.zone(), "Asia/Tokyo");
    }

    #[test]
    fn lengths_of_time() {
        let mut settings = Settings::default();
        assert_eq!(settings.statement_timeout(), None);
        for (text, length) in [("1500", 1500), ("20s", 20_000), ("1min", 60_000), ("250 ms", 250)] {
            settings.set("statement_timeout", Some(text)).unwrap();
            assert_eq!(settings.statement_timeout(), Some(Duration::from_millis(length)), "{text}");
        }
        assert_eq!(code(&mut settings, "statement_timeout", "soon"), "22023");
    }
}
