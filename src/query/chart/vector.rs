//! A chart as SVG, for a browser or a page.

use super::number::number;
use super::{Across, Chart, Form};
use crate::error::{Error, Result};
use charts_rs::{AxisType, HorizontalBarChart, LineChart, Series, Symbol};

const WIDTH: f32 = 900.0;
/// Height of a line chart, and what the frame of a bar chart takes.
const HEIGHT: f32 = 420.0;
const FRAME: f32 = 110.0;
const BAR: f32 = 26.0;
/// Room for the last label of the axis.
const MARGIN: f32 = 25.0;
/// Beyond this many points markers hide the line.
const MARKED: usize = 60;

/// The chart as one SVG element.
pub fn svg(chart: &Chart) -> Result<String> {
    let [across, up] = &chart.titles;
    let values: Vec<Option<f32>> = chart.points.iter().map(|p| Some(p.value as f32)).collect();
    // Values are drawn in 32 bits; what is read beside them is exact.
    let labels: Vec<String> = match chart.form {
        Form::Bars => chart.points.iter().map(|p| roomy(format!("{}  {}", p.label, number(p.value)))).collect(),
        Form::Line => chart.points.iter().map(|p| p.label.clone()).collect(),
    };
    let title = format!("{up} by {across}");
    let mut series = Series::new_nullable(up.clone(), values);
    let drawn = match chart.form {
        Form::Bars => {
            // The library draws from the bottom up.
            series.data.reverse();
            let mut bars = HorizontalBarChart::new(vec![series], labels.into_iter().rev().collect());
            bars.margin.right += MARGIN;
            bars.width = WIDTH;
            bars.height = FRAME + BAR * chart.points.len() as f32;
            bars.title.text = title;
            bars.legend.show = Some(false);
            bars.svg()
        }
        Form::Line => {
            let mut line = LineChart::new(vec![series], labels);
            line.margin.right += MARGIN;
            line.width = WIDTH;
            line.height = HEIGHT;
            line.title.text = title;
            line.legend.show = Some(false);
            line.series.smooth = false;
            line.series.symbol = (chart.points.len() > MARKED).then_some(Symbol::None);
            if chart.across != Across::Names {
                line.x_axis.values = chart.points.iter().map(|p| p.at).collect();
                line.x_axis.kind = if chart.across == Across::Times { AxisType::Time } else { AxisType::default() };
            }
            line.svg()
        }
    };
    drawn.map_err(|e| Error::failed("cannot draw the chart").because(e))
}

/// A label with blanks at its end. The chart is laid out before it is known which font the viewer has: one that is wider
/// by a quarter must not run into the bars.
fn roomy(label: String) -> String {
    let blanks = label.chars().count() / 4 + 2;
    label + &"\u{a0}".repeat(blanks)
}
