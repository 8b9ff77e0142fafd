//! A line over an axis of times or numbers, in Braille dots.

use super::bars::lines;
use super::number::{marks, moment, number};
use super::{Across, Chart};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Alignment, Rect};
use ratatui_core::symbols::Marker;
use ratatui_core::widgets::Widget;
use ratatui_widgets::chart::{Axis, Chart as Plot, Dataset, GraphType};

/// Lines a plot is high.
const HEIGHT: u16 = 18;

/// The chart at that width.
pub fn drawn(chart: &Chart, width: usize) -> String {
    let dots: Vec<(f64, f64)> = chart.points.iter().map(|p| (p.at, p.value)).collect();
    let (first, last) = (dots.first().map_or(0.0, |d| d.0), dots.last().map_or(0.0, |d| d.0));
    // One point, or all at one place, still needs an axis.
    let across = if first < last { [first, last] } else { [first - 0.5, last + 0.5] };
    let marks = marks(dots.iter().map(|d| d.1));
    let up = [marks.first().copied().unwrap_or(0.0), marks.last().copied().unwrap_or(1.0)];
    let label = |at: f64| match chart.across {
        Across::Times => moment(at, across[1] - across[0]),
        Across::Numbers => number(at),
        Across::Names => chart.points.get(at.round().max(0.0) as usize).map_or(String::new(), |p| p.label.clone()),
    };
    let middle = f64::midpoint(across[0], across[1]);
    let x_axis = Axis::default().bounds(across).labels([label(across[0]), label(middle), label(across[1])]);
    let y_axis = Axis::default()
        .bounds(up)
        .labels(marks.into_iter().map(number).collect::<Vec<_>>())
        .labels_alignment(Alignment::Right);
    let dataset = Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).data(&dots);
    let area = Rect::new(0, 0, width as u16, HEIGHT);
    let mut buffer = Buffer::empty(area);
    Plot::new(vec![dataset]).x_axis(x_axis).y_axis(y_axis).render(area, &mut buffer);
    format!("{} by {}\n{}", chart.titles[1], chart.titles[0], lines(&buffer))
}
