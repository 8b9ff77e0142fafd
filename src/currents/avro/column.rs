//! One column under construction, and how one value is read into it. This is where the time goes: no allocation per
//! value, one `match` per value, nothing looked up by name.

use super::super::Limits;
use super::super::coded_text::CodedText;
use super::super::text_column::{Bits, ListColumn, NotUtf8, TextColumn};
use super::as_json::AsJson;
use super::cursor::{Cursor, Fault};
use super::plan::{Branches, ColumnPlan, Read};
use super::schema::Schema;
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float32Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, TimeUnit};
use std::sync::Arc;

/// Bytes that may still be spent on what is larger in memory than in the file: enum symbols, JSON text, list items,
/// and the fixed part of each row.
pub(super) struct Budget {
    pub(super) left: usize,
}

impl Budget {
    #[inline]
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), Fault> {
        self.left = self.left.checked_sub(bytes).ok_or(Fault::TooLarge)?;
        Ok(())
    }
}

/// What reading a value may need besides the cursor.
pub(super) struct Context<'a> {
    pub(super) schema: &'a Schema,
    pub(super) limits: &'a Limits,
    pub(super) budget: &'a mut Budget,
}

enum Values {
    Boolean(Bits),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Text(TextColumn),
    Coded(CodedText),
    Enum(TextColumn, Arc<[String]>),
    List(ListColumn, Option<Branches>),
    Json(TextColumn, usize),
    Null,
}

/// Values read so far, and which of them are there.
pub(super) struct Column {
    values: Values,
    union: Option<Branches>,
    valid: Bits,
    /// Only columns that can have nulls keep `valid`.
    nullable: bool,
    /// Whether it was a dictionary and its values hardly repeated.
    gave_up: bool,
}

impl Column {
    /// `coded`: text that repeats may be kept as a dictionary.
    pub(super) fn new(plan: &ColumnPlan, coded: bool) -> Column {
        let values = match &plan.read {
            Read::Text if coded && plan.is_coded() => Values::Coded(CodedText::default()),
            Read::Boolean => Values::Boolean(Bits::default()),
            Read::Int32 => Values::Int32(Vec::new()),
            Read::Int64 => Values::Int64(Vec::new()),
            Read::Float32 => Values::Float32(Vec::new()),
            Read::Float64 => Values::Float64(Vec::new()),
            Read::Text => Values::Text(TextColumn::default()),
            Read::Enum(symbols) => Values::Enum(TextColumn::default(), symbols.clone()),
            Read::List(items) => Values::List(ListColumn::default(), *items),
            Read::Json(node) => Values::Json(TextColumn::default(), *node),
            Read::Null => Values::Null,
        };
        let nullable = plan.union.is_some() || matches!(plan.read, Read::Json(_));
        Column { values, union: plan.union, valid: Bits::default(), nullable, gave_up: false }
    }

    /// Room for `rows` more rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        match &mut self.values {
            Values::Int32(values) => values.reserve(rows),
            Values::Int64(values) => values.reserve(rows),
            Values::Float32(values) => values.reserve(rows),
            Values::Float64(values) => values.reserve(rows),
            Values::Text(text) | Values::Enum(text, _) | Values::Json(text, _) => text.reserve(rows),
            Values::Coded(text) => text.reserve(rows),
            Values::Boolean(_) | Values::List(..) | Values::Null => {}
        }
    }

    /// Whether it is a dictionary.
    pub(super) fn is_coded(&self) -> bool {
        matches!(self.values, Values::Coded(_))
    }

    /// Whether it is a dictionary that is not worth it, or was one.
    pub(super) fn hardly_repeats(&self) -> bool {
        self.gave_up || matches!(&self.values, Values::Coded(text) if text.hardly_repeats())
    }

    /// Reads the next value.
    #[inline]
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>, context: &mut Context<'_>) -> Result<(), Fault> {
        if let Some(branches) = self.union {
            if !not_null(cursor, branches)? {
                self.valid.push(false);
                return self.push_null();
            }
            self.valid.push(true);
        }
        match &mut self.values {
            Values::Text(text) => Ok(text.push(cursor.bytes()?)?),
            Values::Coded(text) => {
                let value = cursor.bytes()?;
                if !text.push(value)? {
                    self.gave_up = text.hardly_repeats();
                    let mut plain = std::mem::take(text).into_plain(&self.valid)?;
                    plain.push(value)?;
                    self.values = Values::Text(plain);
                }
                Ok(())
            }
            Values::Boolean(bits) => {
                bits.push(cursor.boolean()?);
                Ok(())
            }
            Values::Int32(values) => {
                values.push(cursor.int()?);
                Ok(())
            }
            Values::Int64(values) => {
                values.push(cursor.long()?);
                Ok(())
            }
            Values::Float32(values) => {
                values.push(cursor.float()?);
                Ok(())
            }
            Values::Float64(values) => {
                values.push(cursor.double()?);
                Ok(())
            }
            Values::Enum(text, symbols) => {
                let symbol = usize::try_from(cursor.int()?).ok().and_then(|number| symbols.get(number));
                let symbol = symbol.ok_or(Fault::Symbol)?;
                context.budget.spend(symbol.len())?;
                Ok(text.push(symbol.as_bytes())?)
            }
            Values::List(list, items) => read_list(list, *items, cursor, context.budget),
            Values::Json(text, node) => {
                let start = text.data.len();
                let mut json = AsJson { schema: context.schema, limits: context.limits, out: &mut text.data, start };
                let there = json.value(*node, cursor)?;
                if self.union.is_none() {
                    self.valid.push(there);
                }
                context.budget.spend(text.data.len().saturating_sub(start))?;
                Ok(text.close()?)
            }
            Values::Null => Ok(()),
        }
    }

    /// The place of a null.
    #[inline]
    fn push_null(&mut self) -> Result<(), Fault> {
        match &mut self.values {
            Values::Text(text) | Values::Enum(text, _) | Values::Json(text, _) => text.close()?,
            Values::Coded(text) => text.push_null(),
            Values::Boolean(bits) => bits.push(false),
            Values::Int32(values) => values.push(0),
            Values::Int64(values) => values.push(0),
            Values::Float32(values) => values.push(0.0),
            Values::Float64(values) => values.push(0.0),
            Values::List(list, _) => list.close()?,
            Values::Null => {}
        }
        Ok(())
    }

    /// The finished column of `rows` rows. The error names the first row whose text is not UTF-8.
    pub(super) fn finish(self, rows: usize, data_type: &DataType) -> Result<ArrayRef, NotUtf8> {
        let Column { values, valid, nullable, .. } = self;
        if let Values::List(mut list, _) = values {
            if nullable {
                list.valid = valid;
            }
            return list.finish();
        }
        if let Values::Coded(mut text) = values {
            if nullable {
                text.valid = valid;
            }
            return text.finish();
        }
        if let Values::Text(mut text) | Values::Enum(mut text, _) | Values::Json(mut text, _) = values {
            if nullable {
                text.valid = valid;
            }
            return Ok(Arc::new(text.finish()?));
        }
        let nulls = if nullable { valid.finish_nulls() } else { None };
        Ok(match (values, data_type) {
            (Values::Boolean(bits), _) => Arc::new(BooleanArray::new(bits.finish(), nulls)),
            (Values::Int32(values), DataType::Date32) => Arc::new(Date32Array::new(values.into(), nulls)),
            (Values::Int32(values), _) => Arc::new(Int32Array::new(values.into(), nulls)),
            (Values::Int64(values), DataType::Timestamp(TimeUnit::Millisecond, zone)) => {
                Arc::new(TimestampMillisecondArray::new(values.into(), nulls).with_timezone_opt(zone.clone()))
            }
            (Values::Int64(values), DataType::Timestamp(_, zone)) => {
                Arc::new(TimestampMicrosecondArray::new(values.into(), nulls).with_timezone_opt(zone.clone()))
            }
            (Values::Int64(values), _) => Arc::new(Int64Array::new(values.into(), nulls)),
            (Values::Float32(values), _) => Arc::new(Float32Array::new(values.into(), nulls)),
            (Values::Float64(values), _) => Arc::new(Float64Array::new(values.into(), nulls)),
            (
                Values::Null
                | Values::Text(_)
                | Values::Coded(_)
                | Values::Enum(..)
                | Values::Json(..)
                | Values::List(..),
                _,
            ) => Arc::new(StringArray::new_null(rows)),
        })
    }
}

/// Reads a union's branch number.
#[inline(always)]
fn not_null(cursor: &mut Cursor<'_>, branches: Branches) -> Result<bool, Fault> {
    match cursor.long()? {
        branch if branch == branches.value => Ok(true),
        branch if branch == branches.null && branch >= 0 => Ok(false),
        _ => Err(Fault::Branch),
    }
}

fn read_list(
    list: &mut ListColumn,
    items: Option<Branches>,
    cursor: &mut Cursor<'_>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    while let Some(block) = cursor.items()? {
        // Each item takes at least a byte: a count that the bytes cannot hold is not worth a loop.
        let count = usize::try_from(block.count).ok().filter(|count| *count <= cursor.left()).ok_or(Fault::End)?;
        budget.spend(count.saturating_mul(5))?;
        for _ in 0..count {
            let there = items.map_or(Ok(true), |branches| not_null(cursor, branches))?;
            if items.is_some() {
                list.items.valid.push(there);
            }
            list.items.push(if there { cursor.bytes()? } else { &[] })?;
        }
        block.close(cursor)?;
    }
    Ok(list.close()?)
}
