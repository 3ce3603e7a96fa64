//! `surmise next --plot` and `surmise forecast --plot`: what is expected, as a picture.

use serde_json::Value;
use std::collections::BTreeMap;
use surmise_event::{Expected, GAP, Prediction, VALUE, parse_time};
use surmise_protocol::LoggedEvents;
use surmise_screen::{PlotStyle, bars, fan, interval, symbol_bars};
use surmise_terminal::{Failure, Http, Paint, plain, print_line, segment};

/// What was asked, for a picture of the answer.
pub(crate) struct PlotQuestion<'a> {
    pub(crate) stream: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) is_ascii: bool,
}

/// Past events in which values are looked for, and of a key, whose events are among others.
const PAST_EVENTS: u64 = 96;
const PAST_EVENTS_OF_KEY: u64 = 200;

/// Draws the steps of a forecast, or the one of a prediction.
pub(crate) fn draw(http: &Http, asked: &PlotQuestion<'_>, steps: &[Prediction]) -> Result<(), Failure> {
    let Some(first) = steps.first() else { return Ok(()) };
    let style = PlotStyle::of_terminal(asked.is_ascii);
    let paint = Paint::stdout();
    let has_numbers = first.fields.values().any(|expected| matches!(expected, Expected::Number { .. }));
    let past = if has_numbers { past(http, asked, first.offset) } else { Vec::new() };
    for (name, expected) in &first.fields {
        print_line(&paint.bold(&plain(name)))?;
        let lines = match expected {
            Expected::Symbols { top, other } if steps.len() == 1 => symbol_bars(top, *other, style),
            Expected::Symbols { .. } => likeliest(name, steps, style),
            Expected::Number { .. } => {
                let values = numbers(&past, name);
                match quantiles(name, steps).as_slice() {
                    [only] if values.is_empty() => interval(only, style),
                    quantiles => fan(&values, quantiles, style),
                }
            }
        };
        for line in lines {
            print_line(&line)?;
        }
    }
    let ends: Vec<(String, f64)> = match steps {
        [only] => only.end.map(|p| ("ends".to_owned(), p)).into_iter().collect(),
        steps => steps.iter().zip(1..).filter_map(|(step, i)| Some((format!("+{i}"), step.end?))).collect(),
    };
    if !ends.is_empty() {
        print_line(&paint.bold("end of the key"))?;
        bars(&ends, style).iter().try_for_each(|line| print_line(line))?;
    }
    Ok(())
}

/// The likeliest symbol of each step, with its bar.
fn likeliest(name: &str, steps: &[Prediction], style: PlotStyle) -> Vec<String> {
    let best = |(step, i): (&Prediction, usize)| match step.fields.get(name)? {
        Expected::Symbols { top, .. } => {
            let (symbol, p) = top.first()?;
            Some((format!("+{i}  {}", surmise_screen::symbol(symbol.as_deref())), *p))
        }
        Expected::Number { .. } => None,
    };
    let labelled: Vec<(String, f64)> = steps.iter().zip(1..).filter_map(best).collect();
    bars(&labelled, style)
}

fn quantiles(name: &str, steps: &[Prediction]) -> Vec<BTreeMap<String, f64>> {
    let of_step = |step: &Prediction| match step.fields.get(name) {
        Some(Expected::Number { quantiles, median, .. }) => {
            let mut quantiles = quantiles.clone();
            quantiles.entry("0.5".into()).or_insert(*median);
            quantiles
        }
        _ => BTreeMap::new(),
    };
    steps.iter().map(of_step).collect()
}

/// The latest events before an offset, as far as the log still holds them; a picture without them is one all the same.
fn past(http: &Http, asked: &PlotQuestion<'_>, offset: u64) -> Vec<Value> {
    let count = if asked.key.is_some() { PAST_EVENTS_OF_KEY } else { PAST_EVENTS };
    let query = [("from", offset.saturating_sub(count).to_string()), ("count", count.to_string())];
    let path = format!("/api/v1/streams/{}/events", segment(asked.stream));
    let Ok(logged) = http.get::<LoggedEvents>(&path, &query) else { return Vec::new() };
    let events = logged.events.into_iter().filter(|logged| logged.offset < offset);
    let events = events.filter_map(|logged| serde_json::from_str::<Value>(logged.event.get()).ok());
    events.filter(|event| asked.key.is_none() || event["key"].as_str() == asked.key).collect()
}

/// The numbers that events have in a field; of the time between events, its seconds.
fn numbers(events: &[Value], field: &str) -> Vec<f64> {
    if field == GAP {
        let time = |event: &Value| parse_time(event["time"].as_str()?).ok();
        let times: Vec<i64> = events.iter().filter_map(time).collect();
        return times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
    }
    events.iter().filter_map(|event| number(&event["data"], field)).collect()
}

/// The number that the data of an event have in a field. An element of a vector is a field `name[3]`.
fn number(data: &Value, field: &str) -> Option<f64> {
    let own = |name: &str| if data.is_object() { data.get(name) } else { Some(data).filter(|_| name == VALUE) };
    let element = |name: &str| {
        let (name, place) = name.strip_suffix(']')?.rsplit_once('[')?;
        own(name)?.get(place.parse::<usize>().ok()?)
    };
    own(field).or_else(|| element(field))?.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_those_of_the_field_that_is_drawn() {
        let bare =
            [json!({"data": 5, "time": "2026-11-29T10:00:00Z"}), json!({"data": 7, "time": "2026-11-29T10:00:30Z"})];
        assert_eq!((numbers(&bare, "value"), numbers(&bare, "gap")), (vec![5.0, 7.0], vec![30.0]));
        let vector = [json!({"data": {"v": [1.5, 2.5], "w": 3}}), json!({"data": {"w": "text"}})];
        assert_eq!((numbers(&vector, "v[1]"), numbers(&vector, "w")), (vec![2.5], vec![3.0]));
        assert_eq!((numbers(&[json!({"data": [4, 8]})], "value[0]"), numbers(&bare, "v[1]")), (vec![4.0], vec![]));
    }
}
