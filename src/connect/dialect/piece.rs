//! A written expression: its text in the engine and what is known of its type.

use super::kind::Kind;

/// See the module.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The text.
    pub sql: String,
    /// The type.
    pub kind: Kind,
}

impl Piece {
    /// A text of a type.
    pub fn new(sql: impl Into<String>, kind: Kind) -> Piece {
        Piece { sql: sql.into(), kind }
    }

    /// The text as an operand: in parentheses unless it is one name, one number, one text, one call.
    pub fn operand(&self) -> String {
        if is_one(&self.sql) { self.sql.clone() } else { format!("({})", self.sql) }
    }
}

impl Piece {
    /// Whether it is a column, as it is.
    pub fn is_name(&self) -> bool {
        self.sql.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '`'))
    }
}

/// Whether a text is one name, literal or call, so that an operator beside it cannot take it apart.
fn is_one(sql: &str) -> bool {
    let mut depth = 0_usize;
    let mut quote: Option<char> = None;
    let mut closed = false;
    let mut before = '\0';
    for c in sql.chars() {
        let escaped = std::mem::replace(&mut before, c) == '\\';
        if let Some(open) = quote {
            if c == open && !escaped {
                quote = None;
            }
            continue;
        }
        match c {
            '\'' | '"' | '`' => quote = Some(c),
            '(' | '[' => {
                if closed && c == '(' {
                    return false;
                }
                depth += 1;
            }
            ')' | ']' => {
                depth = depth.saturating_sub(1);
                closed = depth == 0;
            }
            _ if depth > 0 => {}
            c if c.is_alphanumeric() || matches!(c, '_' | '.' | '$') => {}
            _ => return false,
        }
    }
    true
}

/// A template with `{0}`, `{1}` and so on put in; as operands, unless brackets or commas stand on both sides.
pub fn fill(template: &str, values: &[Piece]) -> String {
    let mut text = String::with_capacity(template.len() + values.iter().map(|v| v.sql.len()).sum::<usize>());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        match after.split_once('}').map(|(at, tail)| (at.parse::<usize>().ok().and_then(|at| values.get(at)), tail)) {
            Some((Some(value), tail)) => {
                let alone = text.ends_with(['(', '[']) || text.ends_with(", ");
                match alone && tail.starts_with([')', ']', ',']) {
                    true => text.push_str(&value.sql),
                    false => text.push_str(&value.operand()),
                }
                rest = tail;
            }
            _ => {
                text.push('{');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_literal_or_call_needs_no_parentheses() {
        for one in ["a", "a.b", "12", "'a + b'", "f(a + b)", "(a + b)", "f(a)[1]", "\"odd name\"", "f(')')"] {
            assert_eq!(Piece::new(one, Kind::Unknown).operand(), one);
        }
        for several in ["a + b", "-a", "f(a) + f(b)", "a IS NULL", "f(x) OVER (ORDER BY y)", "NOT f(x)"] {
            assert_eq!(Piece::new(several, Kind::Unknown).operand(), format!("({several})"));
        }
    }

    #[test]
    fn templates_are_filled_once() {
        let pieces = [Piece::new("a + 1", Kind::Integer), Piece::new("'{0}'", Kind::Text)];
        assert_eq!(fill("f({1}, '{x}', {0}, {0} - 1)", &pieces), "f('{0}', '{x}', a + 1, (a + 1) - 1)");
    }
}
