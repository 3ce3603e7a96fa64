//! The tables of a report.

use crate::contents::{OtherReplay, ReplayReport};
use crate::html::{difference, escape, isolated, number, percent, size};
use std::fmt::Write;
use surmise_evaluation::{
    ComparedCurves, ComparisonVerdict, CourseMeasure, FieldResult, ReplayDifference, ReplayResult,
};
use surmise_event::words::count;

/// Rows of a table that are shown at once; the others unfold.
const ROWS_SHOWN: usize = 12;
/// Rows of a table at most.
const ROWS_MAX: usize = 400;

/// A table: its head and its rows, whose cells are HTML. Cells after the first one hold numbers.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>".to_owned();
    for (i, name) in head.iter().enumerate() {
        let class = if i == 0 { "" } else { " class=\"n\"" };
        let _ = write!(out, "<th{class}>{}</th>", escape(name));
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows.iter().take(ROWS_MAX) {
        out.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            let _ = if i == 0 {
                write!(out, "<th scope=\"row\">{cell}</th>")
            } else {
                write!(out, "<td class=\"n\">{cell}</td>")
            };
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    if rows.len() > ROWS_MAX {
        let _ = write!(out, "<p class=\"dim\">and {} rows more</p>", rows.len() - ROWS_MAX);
    }
    out
}

/// A table whose later rows unfold.
fn folding(head: &[&str], rows: &[Vec<String>], more: &str) -> String {
    if rows.len() <= ROWS_SHOWN + 4 {
        return table(head, rows);
    }
    let (first, rest) = rows.split_at(ROWS_SHOWN);
    format!(
        "{}<details><summary>{} {more} more</summary>{}</details>",
        table(head, first),
        rest.len(),
        table(head, rest)
    )
}

/// What is known at a glance.
pub(crate) fn tiles(result: &ReplayResult) -> String {
    let mut all: Vec<(String, &str, String)> = vec![
        (
            count(result.events),
            "events",
            if result.keys > 1 { format!("of {} keys", count(result.keys)) } else { String::new() },
        ),
        (format!("{:.4}", result.loss_bits_per_event), "bits per event", "each scored before it was learnt".into()),
        (
            difference(result.regret_bits),
            "bits of regret",
            format!("against the best expert; at most {}", number(result.regret_bound_bits)),
        ),
        (format!("{:.4}", result.calibration_error), "calibration error", "claimed against found".into()),
        (count(result.events_per_second as u64), "events per second", format!("{:.1} s in all", result.wall_seconds)),
        (size(result.state_bytes), "state", format!("{} memory at most", size(result.peak_memory_bytes))),
    ];
    if let Some(found) = &result.highlights {
        all.insert(3, (count(found.incidents_begun), "incidents", String::new()));
    }
    let mut out = "<dl class=\"tiles\">".to_owned();
    for (value, name, about) in all {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd><dd class=\"dim\">{about}</dd></div>");
    }
    out.push_str("</dl>");
    out
}

/// Every expert, had it predicted alone.
pub(crate) fn experts(result: &ReplayResult) -> String {
    let mixture = result.loss_bits_per_event;
    let split = result.fields.len() > 1;
    let mut sorted: Vec<_> = result.experts.iter().collect();
    sorted.sort_by(|a, b| a.loss_bits_per_event.total_cmp(&b.loss_bits_per_event));
    if split {
        // the best of every field first, in the order of the fields
        let place = |name: &str| result.schema.position(name.rsplit_once('/').map_or(name, |(field, _)| field));
        let mut seen = std::collections::BTreeSet::new();
        let is_best: Vec<bool> = sorted.iter().map(|e| seen.insert(place(&e.name))).collect();
        let mut ranked: Vec<_> = sorted.into_iter().zip(is_best).collect();
        ranked.sort_by_key(|(e, is_best)| (!is_best, place(&e.name)));
        sorted = ranked.into_iter().map(|(e, _)| e).collect();
    }
    let mut rows =
        vec![vec!["<strong>mixture</strong>".into(), format!("<strong>{mixture:.4}</strong>"), String::new()]];
    rows.extend(sorted.iter().map(|e| {
        let beside = if split { String::new() } else { difference(e.loss_bits_per_event - mixture) };
        vec![isolated(&e.name), format!("{:.4}", e.loss_bits_per_event), beside]
    }));
    folding(&["predictor", "bits per event", "beside the mixture"], &rows, "experts")
}

/// How well each field was predicted.
pub(crate) fn fields(result: &ReplayResult) -> String {
    let mut fields: Vec<(&String, &FieldResult)> = result.fields.iter().collect();
    fields.sort_by_key(|(name, _)| result.schema.position(name).unwrap_or(usize::MAX));
    let some = |x: Option<f64>| x.map_or(String::new(), number);
    let share = |x: Option<f64>| x.map_or(String::new(), percent);
    let any = |of: fn(&FieldResult) -> bool| fields.iter().any(|(_, f)| of(f));
    let (symbols, numbers) = (any(|f| f.report.top1.is_some()), any(|f| f.report.mse.is_some()));
    let mut head = vec!["field", "kind", "bits"];
    if symbols {
        head.extend(["top 1", "top 5", "distinct"]);
    }
    if numbers {
        head.extend(["MSE", "MAE", "CRPS", "in 50 %", "in 90 %", "in 99 %"]);
    }
    let rows: Vec<Vec<String>> = (fields.iter())
        .map(|(name, f)| {
            let m = &f.report;
            let kind = if f.unit_sd.is_some() { "number, in sd".to_owned() } else { m.kind.clone() };
            let mut row = vec![isolated(name), escape(&kind), format!("{:.4}", m.loss_bits)];
            if symbols {
                row.extend([share(m.top1), share(m.top5), m.distinct.map_or(String::new(), count)]);
            }
            if numbers {
                row.extend([some(m.mse), some(m.mae), some(m.crps)]);
                row.extend([share(m.coverage_50), share(m.coverage_90), share(m.coverage_99)]);
            }
            row
        })
        .collect();
    folding(&head, &rows, "fields")
}

/// What was reached beside the best simple predictor of each measure.
pub(crate) fn beside(beside: &[ComparedCurves]) -> String {
    let rows: Vec<Vec<String>> = (beside.iter())
        .filter_map(|curves| {
            let c = &curves.compared;
            let best = c.baselines.first()?;
            let skill = c.skill.map_or(String::new(), |s| {
                let margin = c.interval.as_ref().and_then(|i| i.skill_margin);
                let margin = margin.map_or(String::new(), |m| format!(" ± {}", percent(m)));
                format!("{}{margin}", percent(s))
            });
            let of = if c.field.is_empty() { String::new() } else { format!(" of {}", isolated(&c.field)) };
            Some(vec![
                format!("{}{of}", escape(c.measure.name())),
                number(c.surmise),
                number(best.value),
                escape(&best.name),
                skill,
            ])
        })
        .collect();
    table(&["measure", "surmise", "best simple", "which", "skill"], &rows)
}

/// The measure of a difference in words.
fn measure_name(d: &ReplayDifference) -> String {
    let name = match d.measure {
        CourseMeasure::Bits => "bits",
        CourseMeasure::Squared => "squared error",
        CourseMeasure::Absolute => "absolute error",
        CourseMeasure::Hits => "top 1",
    };
    match &d.field {
        Some(field) => format!("{name} of {}", isolated(field)),
        None => format!("{name} per event"),
    }
}

fn verdict(v: ComparisonVerdict) -> &'static str {
    match v {
        ComparisonVerdict::Better => "<span class=\"good\">better</span>",
        ComparisonVerdict::Worse => "<span class=\"bad\">worse</span>",
        ComparisonVerdict::Same => "the same",
        ComparisonVerdict::Unsure => "may be chance",
    }
}

/// Every measure of every other replay beside this one.
pub(crate) fn comparison(others: &[OtherReplay]) -> String {
    let mut out = String::new();
    for other in others {
        let _ = write!(out, "<h3>{}</h3>", isolated(&other.name));
        let rows: Vec<Vec<String>> = (other.differences.iter())
            .map(|d| {
                let margin = d.margin.map_or(String::new(), |m| format!("± {}", number(m)));
                let change =
                    if d.base != 0.0 { format!("{:+.2} %", 100.0 * d.difference / d.base) } else { String::new() };
                vec![
                    measure_name(d),
                    number(d.base),
                    number(d.other),
                    difference(d.difference),
                    margin,
                    change.replace('-', "−"),
                    verdict(d.verdict).to_owned(),
                ]
            })
            .collect();
        out.push_str(&folding(
            &["measure", "this replay", "other", "difference", "95 % margin", "change", ""],
            &rows,
            "measures",
        ));
        let s = &other.summary;
        let _ = write!(
            out,
            "<p class=\"dim\">{} · {} events/s · {:.1} s of processor time · state {} · hash <code>{}</code></p>",
            escape(&s.choices),
            count(s.events_per_second as u64),
            s.cpu_seconds,
            size(s.state_bytes),
            escape(&s.state_hash)
        );
    }
    out
}

/// What it took.
pub(crate) fn cost(result: &ReplayResult) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row("events per second", count(result.events_per_second as u64)),
        row("time", format!("{:.2} s", result.wall_seconds)),
        row("processor time", format!("{:.2} s", result.cpu_seconds)),
        row("most memory of the process", size(result.peak_memory_bytes)),
        row("state of the learner", size(result.state_bytes)),
        row("weights of networks", count(result.parameters)),
        row("bytes read", size(result.bytes)),
        row("engine and kernel", format!("{} on {}", escape(&result.engine), escape(&result.kernel))),
    ];
    if let Some(jobs) = result.gradient_jobs_by_workers {
        rows.push(row("gradient jobs of worker threads", count(jobs)));
    }
    table(&["", ""], &rows).replace("<thead><tr><th></th><th class=\"n\"></th></tr></thead>", "")
}

/// How to get the same result again.
pub(crate) fn reproduce(report: &ReplayReport<'_>) -> String {
    let result = report.result;
    let toml = toml::to_string(&result.options).unwrap_or_default();
    let odd: String = result.odd.iter().map(|o| format!("<li>{}</li>", escape(&o.to_string()))).collect();
    let odd = if odd.is_empty() { odd } else { format!("<p>Odd in the recording:</p><ul>{odd}</ul>") };
    format!(
        "<p>What is learnt depends on the events, the options and the seed alone: the same command on the same recording \
         ends in the same state, bit for bit.</p><pre class=\"command\"><code>{}</code></pre>{}{odd}\
         <h3>Configuration</h3><pre tabindex=\"0\"><code>[model]\n{}</code></pre>",
        escape_lines(report.command),
        table(
            &["", ""],
            &[
                vec!["state hash".into(), format!("<code>{}</code>", escape(&result.state_hash))],
                vec!["version".into(), format!("surmise {}", escape(&result.version))],
                vec!["chosen for the fields".into(), escape(&result.choices)],
                vec!["read as".into(), escape(result.format.name())],
                vec!["made".into(), escape(report.made)],
            ]
        )
        .replace("<thead><tr><th></th><th class=\"n\"></th></tr></thead>", ""),
        escape_lines(&toml)
    )
}

/// A text of several lines, which stay lines.
fn escape_lines(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}
