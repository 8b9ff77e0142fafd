//! Bars from left to right, one a line, each behind its name and value.

use super::Chart;
use super::number::number;
use crate::query::print::text::cut;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::widgets::Widget;
use ratatui_widgets::barchart::{Bar, BarChart};
use unicode_width::UnicodeWidthStr;

/// Steps a bar's length is measured in: the widget counts in whole numbers.
const STEPS: f64 = 1e6;

/// The chart at that width.
pub fn drawn(chart: &Chart, width: usize) -> String {
    let most = chart.points.iter().map(|p| p.value).fold(0.0, f64::max);
    let values: Vec<String> = chart.points.iter().map(|p| number(p.value)).collect();
    let values_width = values.iter().map(|v| v.width()).max().unwrap_or(0);
    let names_width = chart.points.iter().map(|p| p.label.width()).max().unwrap_or(0).min(width / 3);
    let bars: Vec<Bar> = chart
        .points
        .iter()
        .zip(&values)
        .map(|(point, value)| {
            let name = fitted(&point.label, names_width);
            let gap = " ".repeat(values_width.saturating_sub(value.width()));
            let steps = if most > 0.0 { (point.value / most * STEPS).round() as u64 } else { 0 };
            Bar::with_label(format!("{name}  {gap}{value}"), steps).text_value("")
        })
        .collect();
    let rows = bars.len();
    let area = Rect::new(0, 0, width as u16, rows as u16);
    let mut buffer = Buffer::empty(area);
    BarChart::horizontal(bars).bar_gap(0).max(STEPS as u64).render(area, &mut buffer);
    format!("{} by {}\n{}", chart.titles[1], chart.titles[0], lines(&buffer))
}

/// A name at exactly that width.
fn fitted(name: &str, width: usize) -> String {
    let text = cut(name, width);
    let blanks = width.saturating_sub(text.width());
    text + &" ".repeat(blanks)
}

/// What stands in a buffer, a line each, without the blanks at their ends.
pub fn lines(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut covered = 0;
        for x in 0..buffer.area.width {
            if covered > 0 {
                // The second half of a wide character.
                covered -= 1;
                continue;
            }
            let symbol = buffer.cell((x, y)).map_or(" ", |cell| cell.symbol());
            covered = symbol.width().saturating_sub(1);
            line.push_str(symbol);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
