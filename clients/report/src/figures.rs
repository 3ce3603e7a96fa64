//! The figures of losses: how they went, beside experts, beside simple predictors, and beside other replays.

use crate::axis::{Axis, AxisNumbers};
use crate::contents::OtherReplay;
use crate::html::number;
use crate::plot::{Plot, PlotLayer, Tone};
use surmise_evaluation::{
    ComparedCurves, CourseMeasure, CourseSeries, LearningCourse, ReplayResult, difference_course,
};

/// Experts of a figure that have a colour and a name of their own; the others lie behind them.
const NAMED_EXPERTS_MAX: usize = 5;
/// Fields that have a learning curve of their own.
const FIELDS_MAX: usize = 6;
/// Simple predictors in a figure.
const BASELINES_MAX: usize = 5;
/// The factor between two marks of a curve over logarithmic rows.
const MARK_FACTOR: f64 = 1.15;
/// The part of a curve that its axis need not hold: what is learnt first costs many times as much as later.
const BEGINNING: f64 = 0.12;
/// How many times the median loss an axis holds at most.
const MEDIANS_MAX: f64 = 12.0;

const BITS: &str = "bits per event";
const EVENTS: &str = "events";

/// The marks of a course a factor apart, the last one among them.
fn spread_marks(course: &LearningCourse) -> Vec<usize> {
    let (mut marks, mut next) = (Vec::new(), 0.0);
    for (mark, row) in course.rows.iter().enumerate() {
        if *row as f64 >= next || mark + 1 == course.rows.len() {
            marks.push(mark);
            next = *row as f64 * MARK_FACTOR;
        }
    }
    marks
}

fn blocks(course: &LearningCourse) -> impl Iterator<Item = usize> + '_ {
    course.blocks.iter().map(|b| *b as usize)
}

/// The mean of a series over everything.
fn whole_mean(course: &LearningCourse, series: &CourseSeries) -> f64 {
    let last = course.rows.len().saturating_sub(1);
    series.sums.get(last).map_or(f64::NAN, |sum| sum / course.count(series, last).max(1.0))
}

/// An axis of losses on which those of the first events do not flatten the rest.
fn loss_axis(label: &str, lines: &[&[(f64, f64)]]) -> Axis {
    let later = |line: &&[(f64, f64)]| line.len().min((line.len() as f64 * BEGINNING).ceil() as usize);
    let values = lines.iter().flat_map(|line| line[later(line)..].iter().map(|p| p.1));
    let mut values: Vec<f64> = values.filter(|y| y.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let most = values.get(values.len() / 2).map_or(1.0, |median| median.abs().max(1e-3) * MEDIANS_MAX);
    Axis::over(label, values.into_iter().take_while(|y| *y <= most))
}

/// An axis of events in a row.
fn event_axis(label: &str, last: f64) -> Axis {
    Axis::between(label, 0.0, last.max(1.0)).written(AxisNumbers::Brief)
}

/// The curves of the mixture and every expert, field by field, from the first events on.
pub(crate) fn learning_curves(result: &ReplayResult) -> Vec<Plot> {
    let Some(course) = result.course.as_ref().filter(|c| c.rows.len() > 1) else { return Vec::new() };
    let mut fields: Vec<&CourseSeries> = (course.series.iter())
        .filter(|s| s.field.is_some() && s.expert.is_none() && s.measure == CourseMeasure::Bits)
        .collect();
    let alone = fields.len() == 1;
    fields.sort_by(|a, b| whole_mean(course, b).total_cmp(&whole_mean(course, a)));
    let mut plots: Vec<Plot> = Vec::new();
    if !alone {
        plots.extend(fields_together(course, &fields));
    }
    plots.extend(fields.iter().take(FIELDS_MAX).filter_map(|field| learning_curve(course, field, alone)));
    plots
}

/// All fields in one figure.
fn fields_together(course: &LearningCourse, fields: &[&CourseSeries]) -> Option<Plot> {
    let whole = course.series_of(None, None, CourseMeasure::Bits)?;
    let marks = spread_marks(course);
    let curve = |series: &CourseSeries| course.means(series, marks.iter().copied());
    let main = curve(whole);
    let parts: Vec<_> = fields.iter().map(|f| curve(f)).collect();
    let lines: Vec<&[(f64, f64)]> = std::iter::once(&main[..]).chain(parts.iter().map(|p| &p[..])).collect();
    let y = loss_axis(BITS, &lines);
    let mut plot = Plot::new("learning-curve", "Learning curve of whole events".into(), row_axis(course), y)
        .about("Surprise of whole events and of each field, within spans that grow with the number of events.")
        .with(Tone::MAIN, "whole events", number(whole_mean(course, whole)), PlotLayer::Line(main));
    for (i, (field, points)) in fields.iter().zip(parts).enumerate() {
        let name = field.field.as_deref().unwrap_or_default();
        plot = plot.with(Tone::of(i), name, number(whole_mean(course, field)), PlotLayer::Line(points));
    }
    Some(plot)
}

fn row_axis(course: &LearningCourse) -> Axis {
    let scored = course.events.iter().position(|events| *events > 0).unwrap_or(0);
    let first = course.rows.get(scored).copied().unwrap_or(1) as f64;
    let last = course.rows.last().copied().unwrap_or(2) as f64;
    Axis::between("events learnt, logarithmic", first, last).logarithmic().written(AxisNumbers::Brief)
}

/// The curve of one field: its mixture and its experts.
fn learning_curve(course: &LearningCourse, field: &CourseSeries, alone: bool) -> Option<Plot> {
    let name = field.field.as_deref()?;
    let mut experts: Vec<&CourseSeries> = (course.series.iter())
        .filter(|s| s.field.as_deref() == Some(name) && s.expert.is_some())
        // what is switched off has lost nothing
        .filter(|s| s.sums.last().is_some_and(|sum| *sum > 0.0))
        .collect();
    experts.sort_by(|a, b| whole_mean(course, a).total_cmp(&whole_mean(course, b)));
    // the network is always named
    if let Some(at) = experts.iter().position(|e| e.expert.as_deref() == Some("network")) {
        let network = experts.remove(at);
        experts.insert(at.min(NAMED_EXPERTS_MAX - 1), network);
    }
    let marks = spread_marks(course);
    let curve = |series: &CourseSeries| course.means(series, marks.iter().copied());
    let main = curve(field);
    let lines: Vec<_> = experts.iter().map(|e| curve(e)).collect();
    let shown: Vec<&[(f64, f64)]> =
        std::iter::once(&main[..]).chain(lines.iter().take(NAMED_EXPERTS_MAX).map(|l| &l[..])).collect();
    let (file, title) = if alone {
        ("learning-curve".to_owned(), "Learning curve".to_owned())
    } else {
        (format!("learning-curve-{name}"), format!("Learning curve of {name}"))
    };
    let mut plot = Plot::new(&file, title, row_axis(course), loss_axis(BITS, &shown))
        .about(
            "Surprise of the mixture and of every expert as if it had predicted alone, each event scored before it was \
             learnt; the mean within spans that grow with the number of events.",
        )
        .with(Tone::MAIN, "mixture", number(whole_mean(course, field)), PlotLayer::Line(main));
    let others = lines.len().saturating_sub(NAMED_EXPERTS_MAX);
    for (i, (expert, points)) in experts.iter().zip(lines).enumerate() {
        let (tone, name) = match expert.expert.as_deref() {
            Some(name) if i < NAMED_EXPERTS_MAX => (Tone::of(i), name.to_owned()),
            _ if i == NAMED_EXPERTS_MAX => (Tone::FAINT, format!("{others} more experts")),
            _ => (Tone::FAINT, String::new()),
        };
        let value = if i < NAMED_EXPERTS_MAX { number(whole_mean(course, expert)) } else { String::new() };
        plot = plot.with(tone, &name, value, PlotLayer::Line(points));
    }
    Some(plot)
}

/// The loss block by block, with what was unusual and where the stream changed.
pub(crate) fn whole_course(result: &ReplayResult) -> Option<Plot> {
    let course = result.course.as_ref().filter(|c| c.blocks.len() > 1)?;
    let whole = course.series_of(None, None, CourseMeasure::Bits)?;
    let points = course.means(whole, blocks(course));
    let mean = whole_mean(course, whole);
    let x = event_axis(EVENTS, *course.rows.last()? as f64);
    let mut plot = Plot::new("course", "Block by block".into(), x, loss_axis(BITS, &[&points]))
        .about("Surprise within blocks of equally many events, with the incidents that began and the lasting changes.")
        .with(Tone::MAIN, "mixture", String::new(), PlotLayer::Line(points))
        .with(Tone::RULE, "mean", number(mean), PlotLayer::Rule(mean));
    if let Some(found) = result.highlights.as_ref().filter(|h| !h.places.is_empty()) {
        let places = found.places.iter().map(|p| p.0 as f64).collect();
        plot = plot.with(Tone::ALARM, "incidents", found.incidents_begun.to_string(), PlotLayer::Marks(places));
    }
    if !result.drifts.is_empty() {
        let places = result.drifts.iter().map(|d| d.began as f64).collect();
        plot = plot.with(Tone::of(0), "lasting changes", result.drifts.len().to_string(), PlotLayer::Marks(places));
    }
    Some(plot)
}

/// Every measure beside the best simple predictors of the same events.
pub(crate) fn beside_baselines(beside: &[ComparedCurves]) -> Vec<Plot> {
    beside.iter().filter_map(beside_one).collect()
}

fn beside_one(curves: &ComparedCurves) -> Option<Plot> {
    let compared = &curves.compared;
    if curves.surmise.len() < 2 || curves.baselines.is_empty() {
        return None;
    }
    let line =
        |values: &[f64]| -> Vec<(f64, f64)> { curves.events.iter().copied().zip(values.iter().copied()).collect() };
    let ours = line(&curves.surmise);
    let theirs: Vec<_> = curves.baselines.iter().take(BASELINES_MAX).map(|(_, values)| line(values)).collect();
    let lines: Vec<&[(f64, f64)]> = std::iter::once(&ours[..]).chain(theirs.iter().take(2).map(|t| &t[..])).collect();
    let of = if compared.field.is_empty() { String::new() } else { format!(" of {}", compared.field) };
    let measure = compared.measure.name();
    let title = format!("Beside simple predictors: {measure}{of}");
    let x = event_axis("events scored", *curves.events.last()?);
    let mut plot = Plot::new(&format!("beside-{measure}-{}", compared.field), title, x, loss_axis(measure, &lines))
        .about("The same events, predicted by what somebody would write in an afternoon; the mean within each block.")
        .with(Tone::MAIN, "surmise", number(compared.surmise), PlotLayer::Line(ours));
    for (i, (points, (name, _))) in theirs.into_iter().zip(&curves.baselines).enumerate() {
        let value = compared.baselines.iter().find(|b| b.name == *name).map_or(f64::NAN, |b| b.value);
        plot = plot.with(Tone::of(i), name, number(value), PlotLayer::Line(points));
    }
    Some(plot)
}

/// Other replays beside the one that is reported: their losses, and the differences with how sure they are.
pub(crate) fn comparison(result: &ReplayResult, others: &[OtherReplay]) -> Vec<Plot> {
    let Some(course) = result.course.as_ref().filter(|c| !others.is_empty() && c.blocks.len() > 1) else {
        return Vec::new();
    };
    let Some(whole) = course.series_of(None, None, CourseMeasure::Bits) else { return Vec::new() };
    let ours = course.means(whole, blocks(course));
    let theirs: Vec<_> = (others.iter())
        .filter_map(|o| {
            let series = o.summary.course.series_of(None, None, CourseMeasure::Bits)?;
            Some((o, o.summary.course.means(series, blocks(&o.summary.course)), whole_mean(&o.summary.course, series)))
        })
        .collect();
    let lines: Vec<&[(f64, f64)]> = std::iter::once(&ours[..]).chain(theirs.iter().map(|t| &t.1[..])).collect();
    let last = course.rows.last().copied().unwrap_or(1) as f64;
    let mut both = Plot::new("compared", "Compared".into(), event_axis(EVENTS, last), loss_axis(BITS, &lines))
        .about("Surprise within blocks of equally many events.")
        .with(Tone::MAIN, "this replay", number(whole_mean(course, whole)), PlotLayer::Line(ours.clone()));
    for (i, (other, points, mean)) in theirs.iter().enumerate() {
        both = both.with(Tone::of(i), &other.name, number(*mean), PlotLayer::Line(points.clone()));
    }
    let grown: Vec<_> = others.iter().map(|o| difference_course(course, &o.summary.course)).collect();
    let reach = |p: &(f64, f64, Option<f64>)| {
        let margin = p.2.unwrap_or(0.0);
        [p.1 - margin, p.1 + margin]
    };
    let late = grown.iter().flatten().filter(|p| p.2.is_some() && p.0 > 0.15 * last);
    let y = Axis::over("bits per event more than this replay", late.flat_map(reach).chain([0.0]));
    let mut apart = Plot::new("difference", "Difference so far".into(), event_axis(EVENTS, last), y)
        .about(
            "The mean difference over all events up to there, and the band that holds it in 95 of 100 cases; below the \
             dashed line is better than this replay.",
        )
        .with(Tone::RULE, "", String::new(), PlotLayer::Rule(0.0));
    for (i, (other, points)) in others.iter().zip(&grown).enumerate() {
        let sure = || points.iter().filter(|p| p.2.is_some());
        let line = sure().map(|p| (p.0, p.1)).collect();
        let band = sure().map(|p| (p.0, reach(p)[0], reach(p)[1])).collect();
        apart = apart.with(Tone::of(i), &other.name, String::new(), PlotLayer::Line(line));
        apart = apart.with(Tone::of(i), "", String::new(), PlotLayer::Band(band));
    }
    vec![both, apart]
}

/// How fast events were learnt.
pub(crate) fn cost(result: &ReplayResult) -> Option<Plot> {
    let course = result.course.as_ref().filter(|c| c.blocks.len() > 1)?;
    let mut before = (0.0, 0.0);
    let mut points = Vec::new();
    for mark in blocks(course) {
        let now = (course.rows[mark] as f64, course.seconds[mark]);
        // a clock that is read in thousandths says nothing of shorter times
        if now.1 - before.1 >= 0.005 {
            points.push((now.0, (now.0 - before.0) / (now.1 - before.1)));
            before = now;
        }
    }
    if points.len() < 2 {
        return None;
    }
    let y = Axis::over("events per second", points.iter().map(|p| p.1).chain([0.0])).written(AxisNumbers::Brief);
    let x = event_axis(EVENTS, *course.rows.last()? as f64);
    let mean = result.events_per_second;
    let plot = Plot::new("cost", "Events learnt per second".into(), x, y)
        .about("Throughput within blocks of equally many events, on this machine.")
        .with(Tone::MAIN, "within a block", String::new(), PlotLayer::Line(points))
        .with(Tone::RULE, "mean", number(mean), PlotLayer::Rule(mean));
    Some(plot)
}
