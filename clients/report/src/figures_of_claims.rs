//! The figures of what predictions claim: whether probabilities, intervals and rarities came true, and how far ahead
//! forecasts reach.

use crate::axis::{Axis, AxisNumbers};
use crate::html::{number, percent};
use crate::plot::{Plot, PlotLayer, Tone};
use surmise_evaluation::{FieldResult, ReplayResult};

/// Number fields that have a figure of their tenths.
const TENTHS_MAX: usize = 4;
/// Lines of a figure.
const LINES_MAX: usize = 7;
/// Decisions from which a class of claims is shown.
const DECISIONS_MIN: f64 = 20.0;

/// Whether claims came true: of symbols by their probability, of numbers by the tenths of the distribution.
pub(crate) fn calibration(result: &ReplayResult) -> Vec<Plot> {
    let mut plots: Vec<Plot> = reliability(result).into_iter().collect();
    let fields = result.description.fields.iter().filter(|f| f.tenths.len() == 10);
    for field in fields.take(TENTHS_MAX) {
        let bars = field.tenths.iter().enumerate().map(|(i, share)| (i as f64 / 10.0, (i + 1) as f64 / 10.0, *share));
        let highest = field.tenths.iter().copied().fold(0.15, f64::max);
        let x = Axis::between("tenth of the predicted distribution", 0.0, 1.0).written(AxisNumbers::Percent);
        let y = Axis::between("share of the values", 0.0, highest * 1.08).written(AxisNumbers::Percent);
        let plot = Plot::new(&format!("tenths-{}", field.name), format!("Where values of {} fell", field.name), x, y)
            .square()
            .about("Each tenth of the distribution that was predicted should hold a tenth of the values that came.")
            .with(Tone::MAIN, "values", String::new(), PlotLayer::Bars(bars.collect()))
            .with(Tone::RULE, "calibrated", percent(0.1), PlotLayer::Rule(0.1));
        plots.push(plot);
    }
    plots
}

fn reliability(result: &ReplayResult) -> Option<Plot> {
    let points: Vec<(f64, f64)> = (result.description.claims.iter())
        .filter(|claim| claim[2] >= DECISIONS_MIN)
        .map(|[claimed, came, count]| (claimed / count, came / count))
        .collect();
    if points.len() < 2 {
        return None;
    }
    let share = |label| Axis::between(label, 0.0, 1.0).written(AxisNumbers::Percent);
    let decisions: f64 = result.description.claims.iter().map(|c| c[2]).sum();
    let plot =
        Plot::new("reliability", "Reliability of categories".into(), share("claimed probability"), share("came true"))
            .square()
            .about("Of the decisions that were claimed to come true with a probability, the part that did.")
            .with(Tone::MAIN, "decisions", crate::html::brief(decisions), PlotLayer::Dots(points))
            .with(Tone::RULE, "calibrated", String::new(), PlotLayer::Diagonal);
    Some(plot)
}

/// How often events were as rare as it was said of them.
pub(crate) fn rarity(result: &ReplayResult) -> Option<Plot> {
    let as_rare = &result.highlights.as_ref()?.as_rare;
    let events = *as_rare.first()? as f64;
    // what is rarer than the recording is long cannot be found as rare in it
    let points: Vec<(f64, f64)> = (as_rare.iter().enumerate().skip(1))
        .filter(|(class, n)| **n > 0 && 2f64.powi(*class as i32) <= events)
        .map(|(class, n)| (2f64.powi(class as i32), events / *n as f64))
        .collect();
    if points.len() < 3 {
        return None;
    }
    let rarest = points.iter().fold(4.0, |most: f64, p| most.max(p.0).max(p.1));
    let axis = |label| Axis::between(label, 1.0, rarest * 1.6).logarithmic().written(AxisNumbers::Brief);
    let plot = Plot::new(
        "rarity",
        "Rarity, said and found".into(),
        axis("said: once in … events"),
        axis("found: once in … events"),
    )
    .square()
    .about("Events that are said to come once in so many, and once in how many they came in this recording.")
    .with(Tone::MAIN, "events", String::new(), PlotLayer::Dots(points))
    .with(Tone::RULE, "as said", String::new(), PlotLayer::Diagonal);
    Some(plot)
}

/// What a step of forecasts is measured by.
type OfStep = fn(&FieldResult) -> &Vec<f64>;

/// The errors of forecasts by how far ahead they reach.
pub(crate) fn by_horizon(result: &ReplayResult) -> Vec<Plot> {
    let of: [(&str, &str, OfStep); 3] = [
        ("horizon-squared", "mean squared error", |f| &f.horizon_mse_by_step),
        ("horizon-absolute", "mean absolute error", |f| &f.horizon_mae_by_step),
        ("horizon-coverage", "within the 90 % interval", |f| &f.horizon_coverage_90),
    ];
    of.into_iter().filter_map(|(file, label, values)| by_step(result, file, label, values)).collect()
}

fn by_step(result: &ReplayResult, file: &str, label: &str, values: OfStep) -> Option<Plot> {
    let fields: Vec<_> = result.fields.iter().filter(|(_, f)| values(f).len() > 1).take(LINES_MAX).collect();
    let longest = fields.iter().map(|(_, f)| values(f).len()).max()?;
    let all = fields.iter().flat_map(|(_, f)| values(f).iter().copied());
    let is_share = file.ends_with("coverage");
    let y = if is_share {
        let least = all.fold(0.8, f64::min);
        Axis::between(label, (least - 0.05).max(0.0), 1.0).written(AxisNumbers::Percent)
    } else {
        let units = fields.iter().any(|(_, f)| f.unit_sd.is_some());
        let label = if units { format!("{label}, in units of the deviation") } else { label.to_owned() };
        Axis::over(&label, all.chain([0.0]))
    };
    let x = Axis::between("steps ahead", 1.0, longest as f64);
    let mut plot = Plot::new(file, format!("By horizon: {label}"), x, y)
        .about("Forecasts made after every event, scored when the truth of each step had come.");
    for (i, (name, field)) in fields.iter().enumerate() {
        let points: Vec<(f64, f64)> = values(field).iter().enumerate().map(|(i, v)| ((i + 1) as f64, *v)).collect();
        let mean = values(field).iter().sum::<f64>() / values(field).len() as f64;
        let tone = if i == 0 { Tone::MAIN } else { Tone::of(i - 1) };
        let value = if is_share { percent(mean) } else { number(mean) };
        plot = plot.with(tone, name, value, PlotLayer::Line(points));
    }
    if is_share {
        plot = plot.with(Tone::RULE, "calibrated", percent(0.9), PlotLayer::Rule(0.9));
    }
    Some(plot)
}
