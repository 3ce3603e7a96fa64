//! `surmise next` and `surmise forecast`: what is expected.

use crate::global::Global;
use crate::plot::{self, PlotQuestion};
use crate::stream_name::StreamName;
use clap::Args;
use serde_json::{Map, Value};
use surmise_event::{Expected, Prediction};
use surmise_terminal::format::{bar, number, told_apart};
use surmise_terminal::{Failure, Paint, from_json, print_line, segment};

/// What both questions say.
#[derive(Args, Debug)]
struct QuestionArgs {
    #[command(flatten)]
    stream: StreamName,
    /// One of the stream's keys.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// How many symbols are listed.
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: u32,
    /// Draw a picture, as wide as the terminal: bars of symbols; of numbers, the 5-95 % and 25-75 % bands and the
    /// median (░ ▒ ─) behind the latest values (•).
    #[arg(long)]
    plot: bool,
    /// Draw with characters of ASCII alone; a dumb terminal needs not be told.
    #[arg(long, requires = "plot")]
    ascii: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise next web
  surmise next web --plot                   a picture: bars of symbols, quantiles of numbers
  surmise next web --key user-7 --top 20 --output json
  surmise next flowers --given '{\"petals\":5}'  the other fields of an event of which this much is known")]
pub(crate) struct NextArgs {
    #[command(flatten)]
    question: QuestionArgs,
    /// Fields of the event that are known, as a JSON object: what is expected of the others is told. A stream that has
    /// a target is asked for that.
    #[arg(long, value_name = "JSON", value_parser = fields)]
    given: Option<Map<String, Value>>,
}

/// Reads the fields that are given.
fn fields(text: &str) -> Result<Map<String, Value>, serde_json::Error> {
    serde_json::from_str(text)
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise forecast load --horizon 24
  surmise forecast load --horizon 24 --plot    a fan of quantiles behind the latest values
  surmise forecast web --key user-7 --horizon 5 --top 3")]
pub(crate) struct ForecastArgs {
    #[command(flatten)]
    question: QuestionArgs,
    /// How many events ahead.
    #[arg(long, value_name = "N", default_value_t = 10)]
    horizon: u32,
}

impl QuestionArgs {
    fn asked(&self) -> PlotQuestion<'_> {
        PlotQuestion { stream: self.stream.name(), key: self.key.as_deref(), is_ascii: self.ascii }
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        // who asks once can wait for what was acknowledged to be learnt
        let mut q = vec![("top", self.top.to_string()), ("fresh", "true".to_owned())];
        q.extend(self.key.clone().map(|k| ("key", k)));
        q
    }
}

pub(crate) fn next(global: &Global, args: &NextArgs) -> Result<(), Failure> {
    let (http, NextArgs { question: args, given }) = (global.http()?, args);
    let path = format!("/api/v1/streams/{}", segment(args.stream.name()));
    let answer: Value = match given {
        None => http.get(&format!("{path}/next"), &args.query())?,
        Some(fields) => {
            let mut event = serde_json::json!({ "data": fields });
            if let Some(key) = &args.key {
                event["key"] = key.as_str().into();
            }
            http.post_json(&format!("{path}/predict?fresh=true&top={}", args.top), &event)?
        }
    };
    if global.json() {
        return Ok(print_line(&answer.to_string())?);
    }
    let paint = Paint::stdout();
    let p = prediction(answer)?;
    let key = p.key.as_ref().map_or(String::new(), |k| format!(", key {k}"));
    print_line(&paint.dim(&format!(
        "stream {}{key}, offset {}, model version {}",
        args.stream.name(),
        p.offset,
        p.model_version
    )))?;
    if args.plot {
        return plot::draw(&http, &args.asked(), &[p]);
    }
    for line in lines(&p, paint) {
        print_line(&line)?;
    }
    Ok(())
}

pub(crate) fn forecast(global: &Global, args: &ForecastArgs) -> Result<(), Failure> {
    let mut query = args.question.query();
    query.push(("horizon", args.horizon.to_string()));
    let path = format!("/api/v1/streams/{}/forecast", segment(args.question.stream.name()));
    let http = global.http()?;
    let answer: Value = http.get(&path, &query)?;
    if global.json() {
        return Ok(print_line(&answer.to_string())?);
    }
    if args.question.plot {
        let steps: Result<Vec<Prediction>, Failure> = steps(answer)?.into_iter().map(prediction).collect();
        return plot::draw(&http, &args.question.asked(), &steps?);
    }
    let paint = Paint::stdout();
    for (i, step) in steps(answer)?.into_iter().enumerate() {
        let p = prediction(step)?;
        print_line(&format!("{} {}", paint.bold(&format!("+{:<4}", i + 1)), in_one_line(&p)))?;
    }
    Ok(())
}

fn prediction(v: Value) -> Result<Prediction, Failure> {
    from_json(v)
}

/// The steps of a forecast: a list, or an object that has one.
fn steps(answer: Value) -> Result<Vec<Value>, Failure> {
    match answer {
        Value::Array(steps) => Ok(steps),
        Value::Object(o) => match o.into_iter().find(|(_, v)| v.is_array()) {
            Some((_, Value::Array(steps))) => Ok(steps),
            _ => Err(Failure::internal("the answer holds no list of steps")),
        },
        _ => Err(Failure::internal("the answer holds no list of steps")),
    }
}

const BAR: usize = 24;

fn lines(p: &Prediction, paint: Paint) -> Vec<String> {
    let mut out = Vec::new();
    for (name, expected) in &p.fields {
        out.push(paint.bold(name));
        match expected {
            Expected::Symbols { top, other } => {
                let shown = symbols(top, SYMBOL_CHARS_MAX);
                let wide = shown.iter().map(|s| s.chars().count()).max().unwrap_or(0).max(5);
                for (s, (_, p)) in shown.into_iter().zip(top) {
                    let pad = " ".repeat(wide.saturating_sub(s.chars().count()));
                    out.push(format!("  {s}{pad}  {:>6.2} %  {}", p * 100.0, paint.green(&bar(*p, BAR))));
                }
                out.push(paint.dim(&format!("  {:wide$}  {:>6.2} %", "other", other * 100.0)));
            }
            Expected::Number { mean, median, quantiles, missing } => {
                out.push(format!("  mean {}  median {}", number(*mean), number(*median)));
                let levels: Vec<String> = quantiles.iter().map(|(q, x)| format!("{q}: {}", number(*x))).collect();
                out.push(format!("  quantiles  {}", levels.join("  ")));
                if let Some(m) = missing {
                    out.push(paint.dim(&format!("  missing {:.2} %", m * 100.0)));
                }
            }
        }
    }
    if let Some(e) = p.end {
        out.push(format!("{}  {:.2} %  {}", paint.bold("end of the key"), e * 100.0, paint.green(&bar(e, BAR))));
    }
    out
}

pub(crate) fn in_one_line(p: &Prediction) -> String {
    let field = |(name, e): (&String, &Expected)| match e {
        Expected::Symbols { top, .. } => {
            let shown = symbols(&top[..top.len().min(3)], WORD_CHARS_MAX);
            let likely: Vec<String> =
                shown.iter().zip(top).map(|(s, (_, p))| format!("{s} {:.0} %", p * 100.0)).collect();
            format!("{name}: {}", likely.join(", "))
        }
        Expected::Number { mean, quantiles, .. } => {
            let (low, high) = (quantiles.get("0.05"), quantiles.get("0.95"));
            let width = low.zip(high).map_or(f64::INFINITY, |(l, h)| h - l);
            let number = |x: &f64| resolved(*x, width);
            let within = low.zip(high).map_or(String::new(), |(l, h)| format!(" ({} to {})", number(l), number(h)));
            format!("{name}: {}{within}", number(mean))
        }
    };
    let mut parts: Vec<String> = p.fields.iter().map(field).collect();
    parts.extend(p.end.map(|e| format!("end {:.0} %", e * 100.0)));
    parts.join("   ")
}

/// A number beside others that lie within so much of it: a large one with all the digits in which they differ.
fn resolved(x: f64, width: f64) -> String {
    let is_large = (1e6..1e15).contains(&x.abs());
    if !is_large || width > 0.01 * x.abs() {
        return number(x);
    }
    let decimals = (1 - width.max(1e-6).log10().floor() as i32).clamp(0, 3) as usize;
    format!("{x:.decimals$}")
}

/// Characters of a symbol on a line of its own, and among others.
const SYMBOL_CHARS_MAX: usize = 72;
pub(crate) const WORD_CHARS_MAX: usize = 40;

/// Symbols as words on the screen, which can be told apart.
pub(crate) fn symbols(top: &[(Option<String>, f64)], chars_max: usize) -> Vec<String> {
    let word = |(s, _): &(Option<String>, f64)| match s.as_deref() {
        None => "(missing)".into(),
        Some(s) if s.chars().any(char::is_control) || s.trim() != s || s.is_empty() => format!("{s:?}"),
        Some(s) => s.into(),
    };
    told_apart(&top.iter().map(word).collect::<Vec<String>>(), chars_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_told() {
        let json = r#"{"offset":7,"model_version":7,"end":0.25,"fields":{
            "page":{"top":[["/home",0.61],[" ",0.2],[null,0.1]],"other":0.09},
            "ms":{"mean":10.5,"median":10,"quantiles":{"0.05":1,"0.95":20}}}}"#;
        let p = prediction(serde_json::from_str(json).unwrap()).unwrap();
        let one = in_one_line(&p);
        assert_eq!(one, "ms: 10.5 (1 to 20)   page: /home 61 %, \" \" 20 %, (missing) 10 %   end 25 %");
        let count = r#"{"offset":7,"model_version":7,"fields":{
            "count":{"mean":1000003000,"median":1000003000,"quantiles":{"0.05":1000002990,"0.95":1000003010}}}}"#;
        let count = prediction(serde_json::from_str(count).unwrap()).unwrap();
        assert_eq!(in_one_line(&count), "count: 1000003000 (1000002990 to 1000003010)");
        assert_eq!([resolved(1e9, 1e8), resolved(12.5, 0.001)], ["1.000e9", "12.5"]);
        assert!(lines(&p, Paint::stdout()).iter().any(|l| l.contains("61.00 %")));
        assert_eq!(steps(serde_json::json!({"stream":"x","steps":[1,2]})).unwrap().len(), 2);
    }
}
