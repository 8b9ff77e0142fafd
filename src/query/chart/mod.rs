//! A result of two columns as a chart: a line over times and numbers, bars for names.

mod bars;
mod line;
mod number;
mod vector;

use super::answer::Answer;
use super::print::text::{Texts, harmless};
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};

pub use vector::svg;

/// More bars than this are no chart any more.
const MOST_BARS: usize = 200;
/// More points than this are drawn by nobody.
const MOST_POINTS: usize = 100_000;

/// How the points are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A bar per row, in the order of the result.
    Bars,
    /// A line from left to right.
    Line,
}

impl Form {
    /// By the name a person types.
    pub fn parse(name: &str) -> Option<Form> {
        match name {
            "bar" | "bars" => Some(Form::Bars),
            "line" => Some(Form::Line),
            _ => None,
        }
    }
}

/// What the first column measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Across {
    Names,
    Numbers,
    /// Seconds since 1970.
    Times,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
struct Point {
    /// The first column as text.
    label: String,
    /// The first column as a number, where it is one; else the row's.
    at: f64,
    /// The second column.
    value: f64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    form: Form,
    across: Across,
    /// The names of the two columns.
    titles: [String; 2],
    points: Vec<Point>,
    /// Rows without a value, which are not drawn.
    nulls: usize,
}

impl Chart {
    /// The chart of a result: what is across comes from its first column, what is up from its second, which must be
    /// numbers. Without a wish for its form, times and numbers make a line and anything else bars.
    pub fn of(answer: &Answer, wish: Option<Form>) -> Result<Chart> {
        let [first, second] = answer.schema.fields().as_ref() else {
            return Err(Error::usage(format!(
                "a chart is drawn of two columns, and the result has {}",
                answer.schema.fields().len()
            ))
            .hint(
                "SELECT what is across, then a number: SELECT event_date, sum(sends) FROM campaign_daily GROUP BY 1",
            ));
        };
        if !second.data_type().is_numeric() {
            return Err(Error::usage(format!(
                "the second column of a chart is a number, and {} is not",
                second.name()
            ))
            .hint("put the name or the time first and the number second"));
        }
        let across = across(first.data_type());
        let form = wish.unwrap_or(match across {
            Across::Names => Form::Bars,
            Across::Numbers | Across::Times => Form::Line,
        });
        let most = if form == Form::Bars { MOST_BARS } else { MOST_POINTS };
        if answer.rows > most {
            return Err(Error::usage(format!(
                "the result has {} rows: more than {most} cannot be told apart",
                answer.rows
            ))
            .hint("group it, or end it with ORDER BY 2 DESC LIMIT 20"));
        }
        let (points, nulls) = points(answer, across)?;
        if points.is_empty() {
            return Err(Error::usage("there is nothing to draw").because(if nulls > 0 {
                "every value is null"
            } else {
                "the result has no rows"
            }));
        }
        let mut chart = Chart {
            form,
            across,
            titles: [first.name(), second.name()].map(|n| harmless(n).into_owned()),
            points,
            nulls,
        };
        match form {
            Form::Line => chart.points.sort_by(|a, b| a.at.total_cmp(&b.at)),
            Form::Bars if chart.points.iter().any(|p| p.value < 0.0) => {
                return Err(Error::usage("bars begin at zero, and some values are below it")
                    .hint("\\plot line draws them; in SQL, put a time or a number first"));
            }
            Form::Bars => {}
        }
        Ok(chart)
    }

    /// The chart in characters, at most that wide.
    pub fn drawn(&self, width: usize) -> String {
        let width = width.clamp(30, 160);
        let mut text = match self.form {
            Form::Bars => bars::drawn(self, width),
            Form::Line => line::drawn(self, width),
        };
        if self.nulls > 0 {
            let rows = if self.nulls == 1 { "row has" } else { "rows have" };
            text.push_str(&format!("{} {rows} no value\n", self.nulls));
        }
        text
    }
}

fn across(kind: &DataType) -> Across {
    match kind {
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Across::Times,
        kind if kind.is_numeric() => Across::Numbers,
        _ => Across::Names,
    }
}

/// Rows with a value, and how many have none.
fn points(answer: &Answer, across: Across) -> Result<(Vec<Point>, usize)> {
    let mut points: Vec<Point> = Vec::with_capacity(answer.rows);
    let mut nulls = 0;
    for batch in answer.batches()? {
        let batch = batch?;
        let [first, second] = batch.columns() else { continue };
        let labels = Texts::of(first)?;
        let (places, values) = (places(first, across)?, numbers(second)?);
        for row in 0..batch.num_rows() {
            let place = places.as_ref().is_none_or(|p| p.is_valid(row) && p.value(row).is_finite());
            if values.is_null(row) || !values.value(row).is_finite() || !place {
                nulls += 1;
                continue;
            }
            let label = labels.get(row)?.as_deref().map_or("NULL".into(), harmless).into_owned();
            let at = places.as_ref().map_or(points.len() as f64, |p| p.value(row));
            points.push(Point { label, at, value: values.value(row) });
        }
    }
    Ok((points, nulls))
}

fn numbers(column: &ArrayRef) -> Result<Float64Array> {
    let wrong = |e| Error::failed("cannot draw the result").because(e);
    let numbers = cast(column, &DataType::Float64).map_err(wrong)?;
    Ok(numbers.as_any().downcast_ref::<Float64Array>().cloned().unwrap_or_else(|| Float64Array::new_null(column.len())))
}

/// Where on the axis the first column's values lie; `None` for names.
fn places(column: &ArrayRef, across: Across) -> Result<Option<Float64Array>> {
    let wrong = |e| Error::failed("cannot draw the result").because(e);
    Ok(match across {
        Across::Names => None,
        Across::Numbers => Some(numbers(column)?),
        Across::Times => {
            let micros = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None)).map_err(wrong)?;
            let micros = numbers(&cast(&micros, &DataType::Int64).map_err(wrong)?)?;
            Some(micros.unary(|m| m / 1e6))
        }
    })
}

#[cfg(test)]
mod tests;
