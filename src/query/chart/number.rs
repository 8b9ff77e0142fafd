//! Numbers and times as short labels.

use chrono::DateTime;

/// At most four digits after the point, thousands apart: `12,345`, `0.0417`.
pub fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |d| ("-", d));
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let rest = rest.trim_end_matches('0');
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{rest}")
}

/// A moment in seconds since 1970, as fine as the span it lies in needs.
pub fn moment(seconds: f64, span: f64) -> String {
    let Some(at) = DateTime::from_timestamp_micros((seconds * 1e6) as i64) else { return String::new() };
    let form = match span {
        span if span < 600.0 => "%H:%M:%S",
        span if span < 86_400.0 => "%H:%M",
        span if span < 3.0 * 86_400.0 => "%m-%d %H:%M",
        _ => "%Y-%m-%d",
    };
    at.format(form).to_string()
}

/// The marks of an axis, from its first to its last: three to six round numbers that take in all values, with zero where
/// that is near.
pub fn marks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let low = if low > 0.0 && low < high * 0.7 { 0.0 } else { low };
    // One value: the axis needs some extent.
    let (low, high) =
        if low < high { (low, high) } else { (low - low.abs().max(1.0) / 2.0, high + high.abs().max(1.0) / 2.0) };
    let rough = (high - low) / 4.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|s| s * power).find(|s| *s >= rough * 0.999).unwrap_or(rough);
    let (first, last) = ((low / step).floor(), (high / step).ceil());
    (0..=(last - first).clamp(1.0, 8.0) as usize).map(|n| (first + n as f64) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_their_thousands_apart() {
        for (value, text) in [
            (0.0, "0"),
            (7.0, "7"),
            (-1234.5, "-1,234.5"),
            (1_000_000.0, "1,000,000"),
            (0.041_666, "0.0417"),
            (-0.5, "-0.5"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn moments_are_as_fine_as_their_span() {
        for (span, text) in [(60.0, "00:00:05"), (7_200.0, "00:00"), (100_000.0, "01-01 00:00"), (1e7, "1970-01-01")] {
            assert_eq!(moment(5.0, span), text);
        }
    }

    #[test]
    fn an_axis_has_round_marks_around_all_values() {
        let of = |values: &[f64]| marks(values.iter().copied());
        assert_eq!(of(&[5.0, 10.0]), [0.0, 2.5, 5.0, 7.5, 10.0]);
        assert_eq!(of(&[1.0, 31.0]), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(of(&[95.0, 100.0]), [94.0, 96.0, 98.0, 100.0]);
        assert_eq!(of(&[-5.0, 10.0]), [-5.0, 0.0, 5.0, 10.0]);
        for values in [&[4.0, 4.0][..], &[0.0], &[1e-9, 3e-9], &[1e15, 9e15], &[-7.0, -6.5]] {
            let marks = of(values);
            let (first, last) = (marks[0], marks[marks.len() - 1]);
            assert!((2..=9).contains(&marks.len()), "{values:?}: {marks:?}");
            assert!(values.iter().all(|v| (first..=last).contains(v)), "{values:?}: {marks:?}");
        }
    }
}
