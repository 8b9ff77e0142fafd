//! Results in the formats people and programs read.

mod delimited;
mod expanded;
mod json;
mod markdown;
mod page;
mod parquet;
mod table;
pub mod text;

use super::answer::Answer;
use super::chart::{Chart, svg};
use crate::error::{Error, Result};
use std::io::Write;

pub use expanded::expanded;

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// For a terminal: columns shrink to its width, and the middle ones are left out when that is not enough.
    Table,
    /// RFC 4180 with a header. Null is nothing, an empty text is `""`.
    Csv,
    /// One array of objects.
    Json,
    /// One object a line.
    Ndjson,
    /// A Markdown table.
    Markdown,
    /// A Parquet file.
    Parquet,
    /// A page for a browser: the rows, and their chart where they make one.
    Html,
    /// The chart of a result of two columns.
    Svg,
}

/// Names of the formats, as the command line takes them.
pub const FORMATS: [(&str, OutputFormat); 8] = [
    ("table", OutputFormat::Table),
    ("csv", OutputFormat::Csv),
    ("json", OutputFormat::Json),
    ("ndjson", OutputFormat::Ndjson),
    ("markdown", OutputFormat::Markdown),
    ("parquet", OutputFormat::Parquet),
    ("html", OutputFormat::Html),
    ("svg", OutputFormat::Svg),
];

impl OutputFormat {
    /// The format of that name.
    pub fn parse(name: &str) -> Option<OutputFormat> {
        FORMATS.iter().find(|(n, _)| *n == name).map(|(_, format)| *format)
    }

    /// The format a file's name asks for.
    pub fn of_file(path: &std::path::Path) -> Option<OutputFormat> {
        Some(match path.extension()?.to_str()?.to_lowercase().as_str() {
            "csv" => OutputFormat::Csv,
            "json" => OutputFormat::Json,
            "ndjson" | "jsonl" => OutputFormat::Ndjson,
            "md" => OutputFormat::Markdown,
            "parquet" => OutputFormat::Parquet,
            "html" | "htm" => OutputFormat::Html,
            "svg" => OutputFormat::Svg,
            _ => return None,
        })
    }

    /// Whether a file of this format is one result and no more.
    pub fn is_one_document(self) -> bool {
        matches!(self, OutputFormat::Json | OutputFormat::Parquet | OutputFormat::Html | OutputFormat::Svg)
    }
}

/// Writes a result. `width` (in terminal columns) and `max_rows` only concern tables: all other formats are complete.
pub fn write(
    answer: &Answer,
    format: OutputFormat,
    out: &mut (dyn Write + Send),
    width: Option<usize>,
    max_rows: Option<usize>,
) -> Result<()> {
    match format {
        OutputFormat::Table => table::write(answer, out, width, max_rows),
        OutputFormat::Csv => delimited::write(answer, out),
        OutputFormat::Json => json::array(answer, out),
        OutputFormat::Ndjson => json::lines(answer, out),
        OutputFormat::Markdown => markdown::write(answer, out),
        OutputFormat::Parquet => parquet::write(answer, out),
        OutputFormat::Html => page::write(answer, out),
        OutputFormat::Svg => {
            let drawn = svg(&Chart::of(answer, None)?)?;
            writeln!(out, "{drawn}").map_err(unwritable)
        }
    }?;
    out.flush().map_err(unwritable)
}

fn unwritable(error: std::io::Error) -> Error {
    Error::failed("cannot write the result").because(error)
}

fn unprintable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::failed("cannot print the result").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        ArrayRef, Float64Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder,
        TimestampMicrosecondArray,
    };
    use std::sync::Arc;

    fn answer() -> Answer {
        let mut list = ListBuilder::new(StringBuilder::new());
        list.append_value([Some("x"), None]);
        list.append_null();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("name", Arc::new(StringArray::from(vec![Some("a|\"b\",\nc\u{1b}"), Some("")]))),
            ("n", Arc::new(Int64Array::from(vec![Some(-5), None]))),
            ("f", Arc::new(Float64Array::from(vec![12.34, 0.1]))),
            ("t", Arc::new(TimestampMicrosecondArray::from(vec![Some(0), None]).with_timezone("UTC"))),
            ("l", Arc::new(list.finish())),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
        Answer::of(batch.schema(), vec![batch.slice(0, 1), batch.slice(1, 1)])
    }

    fn written(answer: &Answer, format: OutputFormat, width: Option<usize>, rows: Option<usize>) -> String {
        let mut out = Vec::new();
        write(answer, format, &mut out, width, rows).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn csv_quotes_as_rfc_4180_says() {
        assert_eq!(
            written(&answer(), OutputFormat::Csv, None, None),
            "name,n,f,t,l\n\"a|\"\"b\"\",\nc\u{1b}\",-5,12.34,1970-01-01T00:00:00Z,\"[\"\"x\"\",null]\"\n\"\",,0.1,,\n"
        );
    }

    #[test]
    fn json_is_one_array_and_ndjson_a_line_each() {
        let one = r#"{"name":"a|\"b\",\nc\u001b","n":-5,"f":12.34,"t":"1970-01-01T00:00:00Z","l":["x",null]}"#;
        let two = r#"{"name":"","n":null,"f":0.1,"t":null,"l":null}"#;
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let array = written(&answer(), OutputFormat::Json, None, None);
        assert_eq!(parsed(&array), parsed(&format!("[{one},{two}]")));
        let lines = written(&answer(), OutputFormat::Ndjson, None, None);
        let lines: Vec<_> = lines.lines().map(parsed).collect();
        assert_eq!(lines, [parsed(one), parsed(two)]);
        let none = Answer::of(answer().schema, vec![]);
        assert_eq!(written(&none, OutputFormat::Json, None, None), "[]\n");
        assert_eq!(written(&none, OutputFormat::Ndjson, None, None), "");
    }

    #[test]
    fn markdown_escapes_what_would_end_a_cell() {
        assert_eq!(
            written(&answer(), OutputFormat::Markdown, None, None),
            "| name | n | f | t | l |\n| --- | ---: | ---: | --- | --- |\n\
             | a\\|\"b\",<br>c\\u{1b} | -5 | 12.34 | 1970-01-01T00:00:00Z | [\"x\",null] |\n|  | NULL | 0.1 | NULL | NULL |\n"
        );
    }

    #[test]
    fn a_table_shows_no_control_characters_and_counts_rows() {
        let text = written(&answer(), OutputFormat::Table, None, None);
        assert!(text.contains("a|\"b\",\\nc\\u{1b}"), "{text}");
        assert!(text.ends_with("2 rows\n"), "{text}");
        let text = written(&answer(), OutputFormat::Table, None, Some(1));
        assert!(text.ends_with("2 rows (1 shown)\n"), "{text}");
    }

    #[test]
    fn a_table_never_exceeds_the_terminal() {
        let columns: Vec<(String, ArrayRef)> = (0..30)
            .map(|n| {
                let value = "wide 値 ".repeat(n);
                (format!("column_{n}"), Arc::new(StringArray::from(vec![value])) as ArrayRef)
            })
            .collect();
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let answer = Answer::of(batch.schema(), vec![batch]);
        for width in [1, 10, 20, 40, 80, 200, 400] {
            let text = written(&answer, OutputFormat::Table, Some(width), None);
            for line in text.lines() {
                let columns = unicode_width::UnicodeWidthStr::width(line);
                assert!(columns <= width.max(24), "{width}: {columns}\n{text}");
            }
            assert!(text.contains("column_0") || width < 24, "{text}");
            assert!(text.contains("of 30 columns shown") || width == 400, "{width}\n{text}");
        }
    }

    #[test]
    fn parquet_holds_plain_text_and_no_arrow_schema() {
        use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
        let view = arrow::compute::cast(&StringArray::from(vec!["v"]), &arrow::datatypes::DataType::Utf8View).unwrap();
        let batch = RecordBatch::try_from_iter([("s", view)]).unwrap();
        let mut out = Vec::new();
        write(&Answer::of(batch.schema(), vec![batch]), OutputFormat::Parquet, &mut out, None, None).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(out)).unwrap();
        assert!(reader.metadata().file_metadata().key_value_metadata().is_none());
        assert_eq!(reader.schema().field(0).data_type(), &arrow::datatypes::DataType::Utf8);
        assert_eq!(reader.build().unwrap().next().unwrap().unwrap().num_rows(), 1);
    }

    #[test]
    fn expanded_puts_each_column_on_a_line() {
        let mut out = Vec::new();
        expanded(&answer(), &mut out, Some(1)).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("row 1\n  name  a|"), "{text}");
        assert!(text.ends_with("2 rows (1 shown)\n"), "{text}");
    }
}
