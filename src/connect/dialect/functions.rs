//! The functions whose meaning is known, with the type each yields. What is not here is refused: a function of the same
//! name in another engine can mean something else.

use super::kind::Kind;

/// What a function yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yields {
    /// Text.
    Text,
    /// An integer.
    Integer,
    /// A float.
    Double,
    /// True or false.
    Boolean,
    /// A moment.
    Timestamp,
    /// What a clock shows.
    Local,
    /// A day.
    Date,
    /// The type of its first argument.
    First,
    /// What all arguments have together.
    All,
    /// A list of its first argument.
    ListOfFirst,
    /// An item of its first argument, a list.
    ItemOfFirst,
}

/// Where a function may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Row by row.
    Scalar,
    /// Over a group, or over a window.
    Aggregate,
    /// Over a group in an order: the ORDER BY in the parentheses decides.
    Ordered,
    /// Over a window alone.
    Window,
}

/// How an engine says a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// By the same name.
    Same,
    /// By another name.
    Named(&'static str),
    /// In its own way: `{0}` is the first argument.
    As(&'static str),
    /// As `concat` of arguments whose NULLs are made empty texts.
    NullsAsEmpty,
    /// By the same name, two at a time: of two, one of them NULL, the other is what is left.
    WithoutNulls,
    /// By another name, and what it takes out of a list cast to the type it has there.
    Item(&'static str),
    /// As `sequence`, which would count down where the end is the lesser.
    Series,
}

/// Every function: name, role, what it yields.
const KNOWN: &[(&str, Role, Yields)] = &[
    ("avg", Role::Aggregate, Yields::Double),
    ("bool_and", Role::Aggregate, Yields::Boolean),
    ("bool_or", Role::Aggregate, Yields::Boolean),
    ("count", Role::Aggregate, Yields::Integer),
    ("max", Role::Aggregate, Yields::First),
    ("min", Role::Aggregate, Yields::First),
    ("sum", Role::Aggregate, Yields::First),
    ("array_agg", Role::Ordered, Yields::ListOfFirst),
    ("first_value", Role::Ordered, Yields::First),
    ("last_value", Role::Ordered, Yields::First),
    ("string_agg", Role::Ordered, Yields::Text),
    ("dense_rank", Role::Window, Yields::Integer),
    ("lag", Role::Window, Yields::First),
    ("lead", Role::Window, Yields::First),
    ("ntile", Role::Window, Yields::Integer),
    ("rank", Role::Window, Yields::Integer),
    ("row_number", Role::Window, Yields::Integer),
    ("abs", Role::Scalar, Yields::First),
    ("array_append", Role::Scalar, Yields::First),
    ("array_has", Role::Scalar, Yields::Boolean),
    ("array_length", Role::Scalar, Yields::Integer),
    ("array_max", Role::Scalar, Yields::ItemOfFirst),
    ("array_min", Role::Scalar, Yields::ItemOfFirst),
    ("array_position", Role::Scalar, Yields::Integer),
    ("array_slice", Role::Scalar, Yields::First),
    ("array_to_string", Role::Scalar, Yields::Text),
    ("ceil", Role::Scalar, Yields::Double),
    ("coalesce", Role::Scalar, Yields::All),
    ("concat", Role::Scalar, Yields::Text),
    ("current_date", Role::Scalar, Yields::Date),
    ("ends_with", Role::Scalar, Yields::Boolean),
    ("exp", Role::Scalar, Yields::Double),
    ("floor", Role::Scalar, Yields::Double),
    ("generate_series", Role::Scalar, Yields::ListOfFirst),
    ("greatest", Role::Scalar, Yields::All),
    ("least", Role::Scalar, Yields::All),
    ("left", Role::Scalar, Yields::Text),
    ("length", Role::Scalar, Yields::Integer),
    ("ln", Role::Scalar, Yields::Double),
    ("local_time", Role::Scalar, Yields::Local),
    ("lower", Role::Scalar, Yields::Text),
    ("lpad", Role::Scalar, Yields::Text),
    ("ltrim", Role::Scalar, Yields::Text),
    ("make_array", Role::Scalar, Yields::ListOfFirst),
    ("now", Role::Scalar, Yields::Timestamp),
    ("nullif", Role::Scalar, Yields::First),
    ("pi", Role::Scalar, Yields::Double),
    ("power", Role::Scalar, Yields::Double),
    ("replace", Role::Scalar, Yields::Text),
    ("reverse", Role::Scalar, Yields::Text),
    ("right", Role::Scalar, Yields::Text),
    ("round", Role::Scalar, Yields::Double),
    ("rpad", Role::Scalar, Yields::Text),
    ("rtrim", Role::Scalar, Yields::Text),
    ("split_part", Role::Scalar, Yields::Text),
    ("sqrt", Role::Scalar, Yields::Double),
    ("starts_with", Role::Scalar, Yields::Boolean),
    ("strpos", Role::Scalar, Yields::Integer),
    ("substr", Role::Scalar, Yields::Text),
    ("to_timestamp_seconds", Role::Scalar, Yields::Timestamp),
    ("to_unixtime", Role::Scalar, Yields::Integer),
    ("trim", Role::Scalar, Yields::Text),
    ("upper", Role::Scalar, Yields::Text),
];

/// Other names of the same functions.
const ALIASES: &[(&str, &str)] = &[
    ("array_contains", "array_has"),
    ("array_join", "array_to_string"),
    ("btrim", "trim"),
    ("cardinality", "array_length"),
    ("char_length", "length"),
    ("character_length", "length"),
    ("ifnull", "coalesce"),
    ("instr", "strpos"),
    ("list_append", "array_append"),
    ("list_contains", "array_has"),
    ("mean", "avg"),
    ("nvl", "coalesce"),
    ("pow", "power"),
    ("substring", "substr"),
    ("today", "current_date"),
];

/// The name we know a function by.
pub fn known_name(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, known)| known)
}

/// What is known of a function.
pub fn find(name: &str) -> Option<(Role, Yields)> {
    KNOWN.iter().find(|(known, _, _)| *known == name).map(|(_, role, yields)| (*role, *yields))
}

/// The type a call yields, from those of its arguments.
pub fn yielded(yields: Yields, args: &[Kind]) -> Kind {
    let first = || args.first().cloned().unwrap_or(Kind::Unknown);
    match yields {
        Yields::Text => Kind::Text,
        Yields::Integer => Kind::Integer,
        Yields::Double => Kind::Double,
        Yields::Boolean => Kind::Boolean,
        Yields::Timestamp => Kind::Timestamp,
        Yields::Local => Kind::Local,
        Yields::Date => Kind::Date,
        Yields::First => first(),
        Yields::All => Kind::of_all(args.iter()),
        Yields::ListOfFirst => Kind::List(Box::new(first())),
        Yields::ItemOfFirst => first().item(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::dialect::Dialect;

    #[test]
    fn every_scalar_is_said_or_refused_knowingly_in_every_engine() {
        for dialect in Dialect::ALL {
            for (name, role, _) in KNOWN {
                if *role == Role::Scalar {
                    assert!(dialect.calls().iter().any(|(n, _)| n == name), "{dialect} does not say {name}");
                }
            }
            for (name, _) in dialect.calls() {
                assert!(find(name).is_some(), "{dialect} says {name}, which is not known");
            }
        }
    }

    #[test]
    fn aliases_are_of_known_functions() {
        for (alias, name) in ALIASES {
            assert!(find(alias).is_none() && find(name).is_some_and(|(role, _)| role != Role::Window), "{alias}");
        }
    }
}
