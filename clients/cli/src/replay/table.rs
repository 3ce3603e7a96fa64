//! The result of a replay for people, as tables.

use crate::incident_line::IncidentLines;
use crate::recording::odd_lines;
use crate::watch::drift_line;
use surmise_evaluation::{FieldResult, LabelsResult, ReplayIncidents, ReplayResult, SessionLabelsResult};
use surmise_event::Drift;
use surmise_screen::plural;
use surmise_terminal::format::{count, number, number_or_blank, percent_or_blank, size};
use surmise_terminal::{Paint, Table};

/// The result for people: the losses of the mixture and of every expert, the fields, and what it took.
pub(crate) fn table(r: &ReplayResult, paint: Paint) -> Vec<String> {
    let scored =
        if r.events_scored < r.events { format!(", {} scored", count(r.events_scored)) } else { String::new() };
    let keys = if r.keys > 1 { format!(" of {} keys", count(r.keys)) } else { String::new() };
    let mut out = vec![String::new(), format!("{} events{keys}{scored}", count(r.events)), String::new()];
    out.extend(loss_table(r).lines(paint));
    out.push(String::new());
    out.push(format!(
        "regret {:+.1} bits against the best single expert{}, at most {:.1}",
        r.regret_bits,
        if r.fields.len() > 1 { " of every field" } else { "" },
        r.regret_bound_bits
    ));
    out.push(format!("calibration error {:.4}", r.calibration_error));
    out.push(r.choices.clone());
    out.extend(odd_lines(&r.odd));
    if r.late_events > 0 {
        out.push(format!("{} events came late: learnt with a gap of zero", count(r.late_events)));
    }
    out.extend(drift_lines(&r.drifts, paint));
    out.extend(incident_lines(&r.incidents));
    out.push(String::new());
    out.extend(field_table(r).lines(paint));
    out.push(String::new());
    if let Some(l) = &r.labels {
        out.extend(labels_table(l).lines(paint));
        out.push(String::new());
    }
    if let Some(l) = &r.session_labels {
        out.extend(session_labels_table(l).lines(paint));
        out.push(String::new());
    }
    out.push(format!(
        "{} events/s, {:.2} s ({:.2} s of processor time), {} at most, state {}, {} weights, {} engine on {}",
        count(r.events_per_second as u64),
        r.wall_seconds,
        r.cpu_seconds,
        size(r.peak_memory_bytes),
        size(r.state_bytes),
        count(r.parameters),
        r.engine,
        r.kernel
    ));
    out.push(format!("state {}", r.state_hash));
    out
}

/// Drifts that are shown at most.
const DRIFTS_SHOWN_MAX: usize = 20;

fn drift_lines(drifts: &[Drift], paint: Paint) -> Vec<String> {
    let mut out: Vec<String> = drifts.iter().take(DRIFTS_SHOWN_MAX).map(|d| drift_line(d, paint)).collect();
    if drifts.len() > DRIFTS_SHOWN_MAX {
        out.push(format!("… and {} more drifts", drifts.len() - DRIFTS_SHOWN_MAX));
    }
    out
}

/// Incidents that are shown at most.
const INCIDENTS_SHOWN_MAX: usize = 20;

/// How many incidents there were, and what each of them shows.
fn incident_lines(found: &ReplayIncidents) -> Vec<String> {
    let ReplayIncidents { budget, promised, begun, incidents } = found;
    let lines = IncidentLines::stdout();
    let mut out = vec![format!(
        "{}, where the budget of {budget} allows {promised:.1} in the long run",
        plural(*begun, "incident")
    )];
    out.extend(incidents.iter().take(INCIDENTS_SHOWN_MAX).map(|incident| lines.past(&incident.told)));
    let more = begun.saturating_sub(INCIDENTS_SHOWN_MAX as u64);
    if more > 0 {
        out.push(format!("… and {} more; --output json has the first 1,000", plural(more, "incident")));
    }
    out
}

/// The losses of the mixture and of every expert; field by field where there are several and they fit.
fn loss_table(r: &ReplayResult) -> Table {
    const COLUMNS_MAX: usize = 8;
    let split = |e: &str| e.rsplit_once('/').map(|(f, x)| (f.to_owned(), x.to_owned()));
    let fields: Vec<&String> = in_schema_order(r)
        .into_iter()
        .map(|(n, _)| n)
        .filter(|n| r.experts.iter().any(|e| split(&e.name).is_some_and(|(f, _)| f == **n)))
        .collect();
    if fields.is_empty() || fields.len() > COLUMNS_MAX {
        let mut t = Table::new(1, ["bits per event", "", "beside the mixture"]);
        t.row(["mixture".into(), format!("{:.4}", r.loss_bits_per_event), String::new()]);
        for e in &r.experts {
            let beside = if fields.is_empty() {
                format!("{:+.4}", e.loss_bits_per_event - r.loss_bits_per_event)
            } else {
                String::new()
            };
            t.row([e.name.clone(), format!("{:.4}", e.loss_bits_per_event), beside]);
        }
        return t;
    }
    let head: Vec<String> =
        std::iter::once("bits per event".to_owned()).chain(fields.iter().map(|f| (*f).clone())).collect();
    let mut t = Table::with_head(1, head);
    let scored = r.events_scored.max(1) as f64;
    let share = |f: &String| r.fields.get(f).map_or(f64::NAN, |m| m.report.loss_bits * m.report.count as f64 / scored);
    t.cells(std::iter::once("mixture".to_owned()).chain(fields.iter().map(|f| format!("{:.4}", share(f)))).collect());
    let mut names: Vec<String> = Vec::new();
    for (_, expert) in r.experts.iter().filter_map(|e| split(&e.name)) {
        if !names.contains(&expert) {
            names.push(expert);
        }
    }
    for expert in names {
        let loss = |f: &&String| {
            let named = r
                .experts
                .iter()
                .find(|e| e.name.strip_prefix(f.as_str()).and_then(|n| n.strip_prefix('/')) == Some(&expert));
            named.map_or(String::new(), |e| format!("{:.4}", e.loss_bits_per_event))
        };
        t.cells(std::iter::once(expert.clone()).chain(fields.iter().map(loss)).collect());
    }
    t
}

fn field_table(r: &ReplayResult) -> Table {
    let mut t = Table::new(
        2,
        ["field", "kind", "bits", "regret", "top 1", "top 5", "distinct", "mse", "mae", "crps", "in 90 %"],
    );
    let (share, num) = (percent_or_blank, number_or_blank);
    for (name, f) in in_schema_order(r) {
        let FieldResult { report: m, unit_sd, .. } = f;
        let unit = if unit_sd.is_some() { "number, sd" } else { &m.kind };
        t.row([
            name.clone(),
            unit.to_owned(),
            format!("{:.4}", m.loss_bits),
            format!("{:+.1}", m.regret_bits),
            share(m.top1),
            share(m.top5),
            m.distinct.map_or(String::new(), count),
            num(m.mse),
            num(m.mae),
            num(m.crps),
            share(m.coverage_90),
        ]);
        if m.mse_regret.is_some() {
            let blank = String::new;
            let of = |regret, most| format!("{} ≤ {}", number_or_blank(regret), number_or_blank(most));
            let mut row = vec!["  above the best expert".to_owned()];
            row.resize_with(7, blank);
            row.push(of(m.mse_regret, m.mse_regret_bound));
            row.push(of(m.mae_regret, m.mae_regret_bound));
            row.resize_with(11, blank);
            t.cells(row);
        }
        if let Some(h) = r.horizon
            && (f.horizon_mse.is_some() || f.horizon_top1.is_some())
        {
            // the mean over all of them
            let label = if h > 1 { format!("  1 to {h} steps ahead") } else { "  1 step ahead".to_owned() };
            let blank = String::new;
            t.row([
                label,
                blank(),
                blank(),
                blank(),
                share(f.horizon_top1),
                blank(),
                blank(),
                num(f.horizon_mse),
                num(f.horizon_mae),
                blank(),
                blank(),
            ]);
        }
    }
    t
}

/// How well anomaly scores found the known anomalies.
fn labels_table(l: &LabelsResult) -> Table {
    let (share, num) = (percent_or_blank, number_or_blank);
    let nab = |x: Option<f64>| x.map_or(String::new(), |x| format!("{x:.1}"));
    let mut t = Table::new(1, ["known anomalies", "", ""]);
    let found = format!("{} of {}", count(l.detected), count(l.windows));
    let delay = l.mean_delay_seconds.map_or(String::new(), |s| format!("{} s", number(s)));
    t.row(["found, false alarms".into(), found, count(l.false_alarms)]);
    t.row(["precision, recall".into(), share(l.precision), share(l.recall)]);
    t.row(["F1, from a score of".into(), share(l.f1), num(l.threshold)]);
    t.row(["mean delay in events, in time".into(), num(l.mean_delay_rows), delay]);
    t.row(["NAB score, standard".into(), nab(l.nab.standard), String::new()]);
    t.row(["NAB score, fewer false alarms, fewer misses".into(), nab(l.nab.reward_low_fp), nab(l.nab.reward_low_fn)]);
    t
}

/// How well the verdicts on sessions found the anomalous ones.
fn session_labels_table(l: &SessionLabelsResult) -> Table {
    let share = percent_or_blank;
    let mut t = Table::new(1, ["sessions with labels", "", ""]);
    t.row(["anomalous, all".into(), count(l.anomalous), count(l.sessions)]);
    t.row([
        "average precision".into(),
        l.average_precision.map_or(String::new(), |x| format!("{x:.3}")),
        String::new(),
    ]);
    t.row(["best F1, from a score of".into(), share(l.f1), number_or_blank(l.threshold)]);
    t.row(["precision, recall there".into(), share(l.precision), share(l.recall)]);
    t
}

fn in_schema_order(r: &ReplayResult) -> Vec<(&String, &FieldResult)> {
    let mut fields: Vec<_> = r.fields.iter().collect();
    fields.sort_by_key(|(name, _)| r.schema.position(name).unwrap_or(usize::MAX));
    fields
}
