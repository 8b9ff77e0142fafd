//! Charts of hand-made results.

use super::*;
use arrow::array::{Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use std::sync::Arc;
use unicode_width::UnicodeWidthStr;

fn answer(columns: Vec<(&str, ArrayRef)>) -> Answer {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    Answer::of(batch.schema(), vec![batch])
}

fn channels() -> Answer {
    answer(vec![
        ("channel", Arc::new(StringArray::from(vec![Some("email"), Some("push <b>"), None, Some("値値")]))),
        ("sends", Arc::new(Int64Array::from(vec![Some(1200), Some(600), Some(0), None]))),
    ])
}

fn days() -> Answer {
    answer(vec![
        ("day", Arc::new(Date32Array::from(vec![20_000, 20_002, 20_001]))),
        ("opens", Arc::new(Float64Array::from(vec![1.0, 9.0, 4.5]))),
    ])
}

#[test]
fn names_make_bars_of_proportional_length() {
    let text = Chart::of(&channels(), None).unwrap().drawn(60);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "sends by channel");
    let bar = |line: &str| line.chars().filter(|c| *c == '█').count();
    let (email, push, null) = (bar(lines[1]), bar(lines[2]), bar(lines[3]));
    assert!(lines[1].starts_with("email") && lines[1].contains("1,200"), "{text}");
    assert!(email > 20 && email.abs_diff(2 * push) <= 1 && null == 0, "{text}");
    assert!(lines[3].starts_with("NULL") && lines[3].ends_with('0'), "{text}");
    assert_eq!(lines[4], "1 row has no value");
}

#[test]
fn no_line_is_wider_than_asked() {
    for width in [30, 47, 100] {
        for chart in [Chart::of(&channels(), None), Chart::of(&days(), None), Chart::of(&channels(), Some(Form::Line))]
        {
            for line in chart.unwrap().drawn(width).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }
}

#[test]
fn times_make_a_line_in_their_order_with_labelled_axes() {
    let chart = Chart::of(&days(), None).unwrap();
    assert_eq!(chart.points.iter().map(|p| p.value).collect::<Vec<_>>(), [1.0, 4.5, 9.0]);
    let text = chart.drawn(80);
    assert!(text.starts_with("opens by day\n"), "{text}");
    for label in ["10-04 00:00", "10-05 00:00", "10-06 00:00"] {
        assert!(text.contains(label), "{label}\n{text}");
    }
    assert!(text.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)), "{text}");
    assert!(text.contains(" 10│"), "{text}");
}

#[test]
fn what_cannot_be_drawn_says_why() {
    let one = answer(vec![("n", Arc::new(Int64Array::from(vec![1])))]);
    let words =
        answer(vec![("n", Arc::new(Int64Array::from(vec![1]))), ("name", Arc::new(StringArray::from(vec!["x"])))]);
    let below =
        answer(vec![("name", Arc::new(StringArray::from(vec!["x"]))), ("n", Arc::new(Int64Array::from(vec![-1])))]);
    let none =
        answer(vec![("name", Arc::new(StringArray::from(vec!["x"]))), ("n", Arc::new(Int64Array::from(vec![None])))]);
    for (answer, why) in [
        (&one, "two columns"),
        (&words, "second column of a chart is a number"),
        (&below, "below it"),
        (&none, "nothing to draw"),
    ] {
        let error = Chart::of(answer, None).unwrap_err();
        assert!(error.what().contains(why), "{}", error.show());
    }
    assert!(Chart::of(&below, Some(Form::Line)).is_ok());
    let many: Vec<String> = (0..=MOST_BARS).map(|n| n.to_string()).collect();
    let values = Int64Array::from_iter_values(0..=MOST_BARS as i64);
    let many = answer(vec![("name", Arc::new(StringArray::from(many))), ("n", Arc::new(values))]);
    assert!(Chart::of(&many, None).unwrap_err().what().contains("more than 200"));
}

#[test]
fn one_point_and_equal_values_are_drawn() {
    let one = answer(vec![("at", Arc::new(Int64Array::from(vec![5]))), ("n", Arc::new(Int64Array::from(vec![7])))]);
    assert!(Chart::of(&one, None).unwrap().drawn(40).lines().count() > 5);
    assert!(svg(&Chart::of(&one, None).unwrap()).unwrap().contains("</svg>"));
    let zeros = answer(vec![
        ("name", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("n", Arc::new(Int64Array::from(vec![0, 0]))),
    ]);
    assert!(!Chart::of(&zeros, None).unwrap().drawn(40).contains('█'));
}

#[test]
fn svg_is_one_element_with_escaped_names() {
    let text = svg(&Chart::of(&channels(), None).unwrap()).unwrap();
    assert!(text.trim_start().starts_with("<svg") && text.trim_end().ends_with("</svg>"), "{text}");
    assert!(text.contains("push &lt;b&gt;") && !text.contains("<b>"), "{text}");
    assert!(text.contains("1,200"), "{text}");
    let line = svg(&Chart::of(&days(), None).unwrap()).unwrap();
    assert!(line.contains("opens by day"), "{line}");
}
