//! `GET /api/v1/series`: what is expected next of chosen streams, as series for Prometheus.
//!
//! The names are those of vmanomaly: `yhat`, `yhat_lower`, `yhat_upper` and `anomaly_score`. Labels name streams and
//! fields, which those of `/metrics` never do; so the streams are chosen, and the series of an answer are bounded.
//! Predictions come from snapshots, as those of every reader do.

use super::answer::{AnswerSize, question_permit};
use super::problem::ProblemResponse;
use super::streams::{AsOf, Cost, predict};
use crate::access::Grant;
use crate::directory::{Snapshot, StreamView};
use crate::hub::Hub;
use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream::{self, StreamExt};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use surmise_config::SeriesTable;
use surmise_event::{BudgetSpan, Expected, FieldKind};
use surmise_learner::Learner;
use tokio::time::{Instant, timeout_at};

/// How long an answer may take. Prometheus waits for ten seconds, if it is not told otherwise.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// Streams that are asked at the same time.
const STREAMS_TOGETHER: usize = 8;
/// Series of a number: its mean and the two ends of its interval.
const NUMBER_SERIES: usize = 3;
/// The rarity that the least strict budget allows: one event in so many.
const BUDGET_EVENTS_MIN: f64 = 10.0;
/// Levels of the ends of the interval that the next value is in nine times in ten.
const INTERVAL_LEVELS: [&str; 2] = ["0.05", "0.95"];

/// What is expected of one number: the mean, and the two ends of its interval.
type NumberSeries = (String, [f64; NUMBER_SERIES]);

/// The series of one stream.
struct StreamSeries {
    stream: Arc<str>,
    score: Option<f64>,
    numbers: Vec<NumberSeries>,
}

/// The number fields of a stream.
fn number_fields(view: &StreamView) -> usize {
    view.schema.load().fields.iter().filter(|field| field.kind == FieldKind::Number).count()
}

/// The streams whose series fit into an answer, in the order of names, and how many do not.
fn chosen(hub: &Hub, grant: &Grant, table: &SeriesTable) -> (Vec<Arc<StreamView>>, usize) {
    let mut series = 0;
    let all = hub.directory.all().into_iter().filter(|view| table.covers(&view.name) && grant.covers(&view.name));
    let (fitting, beyond): (Vec<_>, Vec<_>) = all.partition(|view| {
        series += 1 + NUMBER_SERIES * number_fields(view);
        series <= table.series_max
    });
    (fitting, beyond.len())
}

/// How many events of a stream its budget of alarms has for one incident. A budget of so many incidents in a span of
/// time promises more of them where events are few, so there it is what was promised of the events so far.
fn budget_events(learner: &Learner) -> f64 {
    let budget = learner.options().alarm_budget;
    let account = learner.budget_account();
    let promised = account.promised - account.wanted;
    let rate = match budget.per {
        BudgetSpan::Seconds(_) if promised > 0.0 => promised / learner.offset().max(1) as f64,
        BudgetSpan::Events(_) | BudgetSpan::Seconds(_) => budget.per_event(None),
    };
    (1.0 / rate).max(BUDGET_EVENTS_MIN)
}

/// The anomaly score in units of the budget, for rules that look for more than 1: how many tens an event is rare by,
/// over how many the budget asks for.
fn budgeted(rarity_events: f64, budget_events: f64) -> f64 {
    rarity_events.max(1.0).log10() / budget_events.log10()
}

/// What is asked of a stream: how many events its budget has for one incident, and what is expected of the numbers of
/// its next event.
async fn asked_of(hub: &Hub, view: &StreamView) -> Result<(f64, Vec<NumberSeries>), ProblemResponse> {
    let has_numbers = number_fields(view) > 0;
    // a stream with nothing to tell is not woken for it
    if !has_numbers && view.last_rarity().is_none() {
        return Ok((1.0, Vec::new()));
    }
    let question = move |snapshot: &Snapshot| {
        let learner = &snapshot.learner;
        let budget = budget_events(learner);
        if !has_numbers {
            return Some((budget, Vec::new()));
        }
        let expected = learner.forecast(None, 1, 1).pop()?.fields;
        let number = |(name, expected): (String, Expected)| match expected {
            Expected::Number { mean, quantiles, .. } => {
                let [lower, upper] = INTERVAL_LEVELS.map(|level| quantiles.get(level).copied().unwrap_or(mean));
                Some((name, [mean, lower, upper]))
            }
            Expected::Symbols { .. } => None,
        };
        let is_number = |name: &String| {
            let field = learner.schema().fields.iter().find(|field| *field.name == **name);
            field.is_some_and(|field| field.kind == FieldKind::Number)
        };
        let numbers = expected.into_iter().filter(|(name, _)| is_number(name)).filter_map(number);
        Some((budget, numbers.collect()))
    };
    let size = AnswerSize { horizon: 1, top: 1 };
    let (asked, _) = predict(hub, &view.name, AsOf::Latest, Cost::Brief, size, question).await?;
    Ok(asked)
}

/// `GET /api/v1/series`: the series of the streams that the configuration chooses.
pub async fn series(
    State(hub): State<Arc<Hub>>,
    Extension(grant): Extension<Arc<Grant>>,
) -> Result<Response, ProblemResponse> {
    let (views, mut left_out) =
        hub.config.export.series.as_ref().map_or_else(Default::default, |table| chosen(&hub, &grant, table));
    let _permit = question_permit(&hub).await?;
    let until = Instant::now() + ANSWER_TIME_MAX;
    let asked = stream::iter(views).map(|view| {
        let hub = hub.clone();
        async move {
            let answer = timeout_at(until, asked_of(&hub, &view)).await.ok().and_then(Result::ok);
            (view, answer)
        }
    });
    let answers: Vec<_> = asked.buffered(STREAMS_TOGETHER).collect().await;
    let mut all = Vec::new();
    for (view, answer) in answers {
        let Some((budget, numbers)) = answer else {
            left_out += 1;
            continue;
        };
        let score = view.last_rarity().map(|rarity| budgeted(rarity, budget));
        all.push(StreamSeries { stream: view.name.clone(), score, numbers });
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], exposition(&all, left_out)).into_response())
}

/// The series in the format of Prometheus, which has all of one name together.
fn exposition(all: &[StreamSeries], left_out: usize) -> String {
    let mut text = String::new();
    let names = [
        ("yhat", "What is expected of a number of the next event: the mean"),
        ("yhat_lower", "What a number of the next event is below once in twenty events"),
        ("yhat_upper", "What a number of the next event is above once in twenty events"),
    ];
    for (which, (name, help)) in names.into_iter().enumerate() {
        begin(&mut text, name, help);
        for one in all {
            for (field, values) in one.numbers.iter().filter(|(_, values)| values[which].is_finite()) {
                let (stream, field) = (escaped(&one.stream), escaped(field));
                let _ = writeln!(text, "{name}{{stream=\"{stream}\",field=\"{field}\"}} {}", values[which]);
            }
        }
    }
    let help = "How rare the latest event is for its stream: above 1, rarer than the budget of alarms allows";
    begin(&mut text, "anomaly_score", help);
    for (stream, score) in all.iter().filter_map(|one| Some((&one.stream, one.score?))) {
        let _ = writeln!(text, "anomaly_score{{stream=\"{}\"}} {score}", escaped(stream));
    }
    let help = "Chosen streams without series here: beyond series_max, not learning, or too slow to answer";
    begin(&mut text, "surmise_series_left_out", help);
    let _ = writeln!(text, "surmise_series_left_out {left_out}");
    text
}

fn begin(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

/// The value of a label.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::Schema;
    use surmise_learner::Options;

    #[test]
    fn a_score_is_above_one_for_what_is_rarer_than_the_budget_allows() {
        assert!((budgeted(1e4, 1e4) - 1.0).abs() < 1e-12 && (budgeted(100.0, 100.0) - 1.0).abs() < 1e-12);
        assert!(budgeted(1e4, 1e5) < 1.0 && budgeted(1.1e4, 1e4) > 1.0);
        assert_eq!(budgeted(1.0, 1e4), 0.0);
    }

    #[test]
    fn a_budget_is_so_many_events_for_an_incident() {
        let of = |budget: &str| {
            let options = Options { alarm_budget: budget.parse().unwrap(), ..Options::default() };
            budget_events(&Learner::new(Schema::default(), options).unwrap())
        };
        assert_eq!([of("1/500"), of("2/500"), of("1/day"), of("1/1")], [500.0, 250.0, 10_000.0, 10.0]);
    }

    #[test]
    fn series_of_one_name_are_together_and_what_is_not_known_is_left_out() {
        let of = |stream: &str, score, numbers| StreamSeries { stream: stream.into(), score, numbers };
        let all = [
            of("a\"b", Some(0.5), vec![("ms".to_owned(), [3.0, 1.5, f64::NAN])]),
            of("c", None, vec![("x\n".to_owned(), [1.0, 0.0, 2.0])]),
        ];
        let text = exposition(&all, 2);
        let rows: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "yhat{stream=\"a\\\"b\",field=\"ms\"} 3",
            "yhat{stream=\"c\",field=\"x\\n\"} 1",
            "yhat_lower{stream=\"a\\\"b\",field=\"ms\"} 1.5",
            "yhat_lower{stream=\"c\",field=\"x\\n\"} 0",
            "yhat_upper{stream=\"c\",field=\"x\\n\"} 2",
            "anomaly_score{stream=\"a\\\"b\"} 0.5",
            "surmise_series_left_out 2",
        ];
        assert_eq!(rows, expected);
    }
}
