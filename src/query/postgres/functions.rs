//! The functions clients call to learn about the server and themselves, beside those of datafusion-pg-catalog.

use super::catalog::{Notes, OWNER, PgCatalog};
use super::{DATABASE, SERVER_VERSION};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Who asks, as far as SQL can ask back.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The name given at login.
    pub user: String,
    /// The client's settings, for `current_setting`.
    pub settings: Arc<BTreeMap<String, String>>,
}

impl Caller {
    /// Makes the caller known to one statement.
    pub(in crate::query) fn introduce(&self, state: &mut SessionState) -> Result<()> {
        for name in ["current_user", "session_user", "user", "current_role"] {
            state.register_udf(constant(name, ScalarValue::Utf8(Some(self.user.clone()))))?;
        }
        let setting = CurrentSetting { signature: any(), settings: self.settings.clone() };
        state.register_udf(Arc::new(ScalarUDF::new_from_impl(setting)))?;
        Ok(())
    }
}

/// Registers what does not depend on who asks.
pub fn register(context: &SessionContext, catalog: &Arc<PgCatalog>) {
    let text = |text: &str| ScalarValue::Utf8(Some(text.to_string()));
    let version = format!("PostgreSQL {SERVER_VERSION} (Eddyline {})", env!("CARGO_PKG_VERSION"));
    let none = || ScalarValue::Utf8(None);
    let yes = || ScalarValue::Boolean(Some(true));
    let fixed = [
        ("version", text(&version)),
        ("current_catalog", text(DATABASE)),
        ("pg_get_userbyid", text(OWNER)),
        ("pg_is_in_recovery", ScalarValue::Boolean(Some(false))),
        ("pg_is_other_temp_schema", ScalarValue::Boolean(Some(false))),
        ("pg_my_temp_schema", ScalarValue::Int32(Some(0))),
        ("pg_function_is_visible", yes()),
        ("pg_type_is_visible", yes()),
        ("has_column_privilege", yes()),
        ("has_function_privilege", yes()),
        ("has_sequence_privilege", yes()),
        ("has_type_privilege", yes()),
        ("pg_has_role", yes()),
        ("pg_table_size", ScalarValue::Int64(Some(0))),
        ("pg_indexes_size", ScalarValue::Int64(Some(0))),
        ("pg_database_size", ScalarValue::Int64(Some(0))),
        ("pg_size_pretty", none()),
        ("pg_get_indexdef", none()),
        ("pg_get_triggerdef", none()),
        ("pg_get_ruledef", none()),
        ("pg_get_functiondef", none()),
        ("pg_get_function_arguments", none()),
        ("pg_get_function_identity_arguments", none()),
        ("pg_get_function_result", none()),
        ("pg_get_serial_sequence", none()),
        ("pg_tablespace_location", none()),
        ("shobj_description", none()),
        ("pg_advisory_unlock_all", none()),
        ("inet_server_addr", none()),
        ("inet_client_addr", none()),
    ];
    for (name, value) in fixed {
        context.register_udf((*constant(name, value)).clone());
    }
    for what in [Noted::Relation, Noted::Column, Noted::View] {
        let lookup = Lookup { signature: any(), what, catalog: catalog.clone() };
        context.register_udf(ScalarUDF::new_from_impl(lookup));
    }
    context.register_udf(ScalarUDF::new_from_impl(NumberOf { signature: any(), catalog: catalog.clone() }));
    context.register_udf(ScalarUDF::new_from_impl(Format { signature: any() }));
}

fn any() -> Signature {
    Signature::one_of(vec![TypeSignature::Nullary, TypeSignature::VariadicAny], Volatility::Stable)
}

fn constant(name: &'static str, value: ScalarValue) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Constant { name, signature: any(), value }))
}

/// The same answer whatever it is asked.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Constant {
    name: &'static str,
    signature: Signature,
    value: ScalarValue,
}

impl ScalarUDFImpl for Constant {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.value.data_type())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }
}

/// `current_setting(name [, missing_ok])`
#[derive(Debug, PartialEq, Eq, Hash)]
struct CurrentSetting {
    signature: Signature,
    settings: Arc<BTreeMap<String, String>>,
}

impl ScalarUDFImpl for CurrentSetting {
    fn name(&self) -> &str {
        "current_setting"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let names = argument(&args, 0, &DataType::Utf8)?;
        let of = |name: &str| self.settings.get(&name.to_lowercase()).map(String::as_str);
        let values: StringArray = names.as_string::<i32>().iter().map(|name| name.and_then(of)).collect();
        Ok(ColumnarValue::Array(Arc::new(values)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Noted {
    Relation,
    Column,
    View,
}

/// What is noted about a relation, by its number.
#[derive(Debug)]
struct Lookup {
    signature: Signature,
    what: Noted,
    catalog: Arc<PgCatalog>,
}

impl PartialEq for Lookup {
    fn eq(&self, other: &Self) -> bool {
        self.what == other.what && Arc::ptr_eq(&self.catalog, &other.catalog)
    }
}

impl Eq for Lookup {}

impl Hash for Lookup {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.what.hash(state);
    }
}

impl ScalarUDFImpl for Lookup {
    fn name(&self) -> &str {
        match self.what {
            Noted::Relation => "obj_description",
            Noted::Column => "col_description",
            Noted::View => "pg_get_viewdef",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let numbers = argument(&args, 0, &DataType::Int32)?;
        let numbers = numbers.as_primitive::<Int32Type>();
        let parts = match self.what {
            Noted::Column => Some(argument(&args, 1, &DataType::Int32)?),
            Noted::Relation | Noted::View => None,
        };
        let notes: Arc<Notes> = self.catalog.notes();
        let of = |row: usize| {
            let number = (!numbers.is_null(row)).then(|| numbers.value(row))?;
            let part = match &parts {
                Some(parts) if parts.is_null(row) => return None,
                Some(parts) => parts.as_primitive::<Int32Type>().value(row),
                None => 0,
            };
            match self.what {
                Noted::View => notes.definitions.get(&number),
                _ => notes.comments.get(&(number, part)),
            }
        };
        let values: StringArray = (0..numbers.len()).map(|row| of(row).map(String::as_str)).collect();
        Ok(ColumnarValue::Array(Arc::new(values)))
    }
}

/// `to_regclass(name)`: the number of a relation, or null.
#[derive(Debug)]
struct NumberOf {
    signature: Signature,
    catalog: Arc<PgCatalog>,
}

impl PartialEq for NumberOf {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.catalog, &other.catalog)
    }
}

impl Eq for NumberOf {}

impl Hash for NumberOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for NumberOf {
    fn name(&self) -> &str {
        "to_regclass"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let names = argument(&args, 0, &DataType::Utf8)?;
        let notes = self.catalog.notes();
        let of = |name: &str| {
            let name = name.replace('"', "");
            let (schema, name) = name.split_once('.').unwrap_or(("public", &name));
            notes.numbers.get(&(schema.to_string(), name.to_string())).copied()
        };
        let numbers: Int32Array = names.as_string::<i32>().iter().map(|name| name.and_then(of)).collect();
        Ok(ColumnarValue::Array(Arc::new(numbers)))
    }
}

/// `format(template, values...)` with `%s`, `%I` and `%L`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Format {
    signature: Signature,
}

impl ScalarUDFImpl for Format {
    fn name(&self) -> &str {
        "format"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let all: Vec<ArrayRef> =
            (0..args.args.len()).map(|at| argument(&args, at, &DataType::Utf8)).collect::<Result<_>>()?;
        let Some((templates, values)) = all.split_first() else {
            return Err(DataFusionError::Plan("format needs a template".into()));
        };
        let filled: StringArray = (0..args.number_rows)
            .map(|row| {
                let template = templates.as_string::<i32>();
                let mut values = values.iter().map(|v| v.is_valid(row).then(|| v.as_string::<i32>().value(row)));
                template.is_valid(row).then(|| filled(template.value(row), &mut values))
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(filled)))
    }
}

fn filled<'a>(template: &str, values: &mut impl Iterator<Item = Option<&'a str>>) -> String {
    let mut out = String::new();
    let mut chars = template.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '%' { chars.next() } else { None }) {
            ('%', Some('%')) => out.push('%'),
            ('%', Some(kind)) => {
                let value = values.next().flatten();
                let plain = |v: &str| v.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                match (kind, value) {
                    ('I', Some(v)) if !plain(v) => out.push_str(&format!("\"{}\"", v.replace('"', "\"\""))),
                    ('L', Some(v)) => out.push_str(&format!("'{}'", v.replace('\'', "''"))),
                    ('L', None) => out.push_str("NULL"),
                    (_, v) => out.push_str(v.unwrap_or_default()),
                }
            }
            (c, _) => out.push(c),
        }
    }
    out
}

fn argument(args: &ScalarFunctionArgs, at: usize, kind: &DataType) -> Result<ArrayRef> {
    let missing = || DataFusionError::Plan("an argument is missing".into());
    let array = args.args.get(at).ok_or_else(missing)?.to_array(args.number_rows)?;
    Ok(cast(&array, kind)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled() {
        let of = |template: &str, values: &[Option<&str>]| filled(template, &mut values.iter().copied());
        assert_eq!(
            of("%I.%I = %L, %s%%", &[Some("public"), Some("A b"), Some("it's"), Some("5")]),
            "public.\"A b\" = 'it''s', 5%"
        );
        assert_eq!(of("%s-%L", &[None, None]), "-NULL");
    }
}
