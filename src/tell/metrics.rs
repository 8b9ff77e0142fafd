//! A pass and the warehouse after it as Prometheus metrics in the text format. Gauges throughout: a job that runs and
//! ends cannot keep counters.

use super::pass_report::PassReport;
use crate::currents::QueueHour;
use crate::error::{Error, Result};
use crate::warehouse::gaps;
use crate::warehouse::status::Status;
use chrono::{DateTime, Utc};
use prometheus::{Gauge, GaugeVec, Opts, Registry, TextEncoder};

/// The gauge that an earlier text is searched for.
pub const LAST_SUCCESS: &str = "eddyline_last_success_timestamp_seconds";

/// The text. Without `status` it says nothing of quarantine and tables.
pub fn text(report: &PassReport, status: Option<&Status>) -> Result<String> {
    let registry = Registry::new();
    fill(&registry, report, status)
        .and_then(|()| TextEncoder::new().encode_to_string(&registry.gather()))
        .map_err(|e| Error::failed("cannot make the metrics").because(e))
}

fn fill(registry: &Registry, report: &PassReport, status: Option<&Status>) -> prometheus::Result<()> {
    let gauge = |name: &str, help: &str, value: f64| {
        let gauge = Gauge::new(name, help)?;
        gauge.set(value);
        registry.register(Box::new(gauge))
    };
    let last = |name: &str, help: &str, value: u64| gauge(&format!("eddyline_last_pass_{name}"), help, value as f64);
    let c = &report.pass.counters;
    let ended = seconds(report.pass.finished);
    gauge("eddyline_last_pass_timestamp_seconds", "When the last pass ended, since 1970.", ended)?;
    if let Some(at) = report.last_success {
        gauge(LAST_SUCCESS, "When a pass last ended with exit code 0, since 1970.", seconds(at))?;
    }
    gauge("eddyline_last_pass_duration_seconds", "How long the last pass took.", report.seconds())?;
    last("exit_code", "How the last pass ended: 0 is well.", report.exit_code.into())?;
    last("files", "Source files the last pass took up: loaded, quarantined or vanished.", c.files)?;
    last("records", "Records the last pass read.", c.read)?;
    last("rows", "Rows the last pass stored.", c.new)?;
    last("duplicates", "Records the last pass dropped as duplicates.", c.duplicates)?;
    last("rejected", "Records the last pass rejected.", c.rejected)?;
    last("quarantined", "Source files the last pass quarantined.", c.quarantined)?;
    last("cells", "Parquet objects the last pass wrote.", c.cells)?;
    last("read_bytes", "Bytes of source files the last pass read.", c.bytes)?;
    last("written_bytes", "Bytes of Parquet the last pass wrote.", c.written)?;

    let Some(status) = status else { return Ok(()) };
    let quarantined = status.quarantined.values().sum::<u64>();
    gauge("eddyline_quarantined_files", "Source files that are quarantined.", quarantined as f64)?;
    let by_table = |name: &str, help: &str| {
        let gauges = GaugeVec::new(Opts::new(format!("eddyline_table_{name}"), help), &["table"])?;
        registry.register(Box::new(gauges.clone()))?;
        prometheus::Result::Ok(gauges)
    };
    let rows = by_table("rows", "Rows stored.")?;
    let newest =
        by_table("newest_hour_timestamp_seconds", "When the newest queue hour that has a file began, since 1970.")?;
    let missing =
        by_table("missing_hours", "Hours of the week before the newest without a file, though other days have one.")?;
    let silent = by_table("gap_alert", "1 when the table always had files and has none now, else 0.")?;
    for table in &status.freshness {
        let name = [table.table.as_str()];
        rows.with_label_values(&name).set(table.rows as f64);
        missing.with_label_values(&name).set(table.missing_hours.len() as f64);
        let alert = report.gap_alerts.iter().any(|a| a.table == table.table);
        silent.with_label_values(&name).set(f64::from(u8::from(alert)));
        if let Some(hour) = table.newest.as_deref().and_then(QueueHour::parse) {
            newest.with_label_values(&name).set(seconds(gaps::start(hour)));
        }
    }
    Ok(())
}

/// Seconds since 1970.
fn seconds(moment: DateTime<Utc>) -> f64 {
    moment.timestamp_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::LoadReport;
    use crate::table::Definitions;
    use crate::warehouse::gaps::GapAlert;
    use crate::warehouse::status::Freshness;
    use crate::warehouse::{Counters, Snapshot, status::status};

    fn moment(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn report() -> PassReport {
        let counters = Counters { files: 3, read: 10, new: 7, bytes: 1 << 40, ..Counters::default() };
        let (started, finished) = (moment("2026-03-01T02:00:00Z"), moment("2026-03-01T02:00:01.5Z"));
        let pass = LoadReport { started, finished, counters, ..LoadReport::default() };
        let alert = GapAlert { table: "a".into(), newest: "2026-02-28-23".into(), silent_hours: 2 };
        PassReport::new(pass, None, vec![alert], None)
    }

    #[test]
    fn a_pass_and_its_tables_become_gauges_with_help() {
        let report = report();
        let mut status =
            status(&Snapshot::default(), &Definitions::builtin().unwrap(), moment("2026-03-01T02:00:00Z"), None);
        status.quarantined.extend([("truncated".to_string(), 2), ("empty".to_string(), 1)]);
        let table = |name: &str, newest: Option<&str>| Freshness {
            table: name.into(),
            rows: 5,
            newest: newest.map(str::to_string),
            hours_behind: None,
            watermark: None,
            missing_hours: vec!["2026-02-27-01".into()],
        };
        status.freshness = vec![table("a", Some("2026-02-28-23")), table("b", None)];
        let text = text(&report, Some(&status)).unwrap();
        for line in [
            "# TYPE eddyline_last_pass_files gauge",
            "# HELP eddyline_last_success_timestamp_seconds When a pass last ended with exit code 0, since 1970.",
            "eddyline_last_success_timestamp_seconds 1772330401.5",
            "eddyline_last_pass_timestamp_seconds 1772330401.5",
            "eddyline_last_pass_duration_seconds 1.5",
            "eddyline_last_pass_exit_code 0",
            "eddyline_last_pass_records 10",
            "eddyline_last_pass_read_bytes 1099511627776",
            "eddyline_quarantined_files 3",
            "eddyline_table_rows{table=\"b\"} 5",
            "eddyline_table_missing_hours{table=\"a\"} 1",
            "eddyline_table_gap_alert{table=\"a\"} 1",
            "eddyline_table_gap_alert{table=\"b\"} 0",
            "eddyline_table_newest_hour_timestamp_seconds{table=\"a\"} 1772319600",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("eddyline_table_newest_hour_timestamp_seconds{table=\"b\"}"), "{text}");
    }

    #[test]
    fn without_the_warehouse_there_is_nothing_of_tables() {
        let error = Error::new(crate::error::Kind::Unreachable, "no");
        let report =
            PassReport { last_success: None, ..PassReport::new(LoadReport::default(), Some(&error), vec![], None) };
        let text = text(&report, None).unwrap();
        assert!(text.contains("eddyline_last_pass_exit_code 4\n"), "{text}");
        assert!(!text.contains("table") && !text.contains(LAST_SUCCESS), "{text}");
    }
}
