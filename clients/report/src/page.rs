//! The page: sections one below the other, with their figures.

use crate::contents::ReplayReport;
use crate::figures;
use crate::figures_of_claims;
use crate::html::escape;
use crate::plot::{Plot, PlotShape};
use crate::sections;
use crate::style::page_style;
use crate::svg::FigureWidth;
use crate::unusual;
use std::fmt::Write;
use surmise_event::words::count;

/// Figures of one kind that are shown at once; the others unfold.
const FIGURES_SHOWN: usize = 3;

/// What the page may do: nothing but show itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The page of a report.
pub(crate) fn page(report: &ReplayReport<'_>) -> String {
    let sections = sections(report);
    let title = escape(report.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"referrer\" content=\"no-referrer\">\
         <title>{title} · surmise replay</title><style>{}</style></head><body><main>\
         <header class=\"top\"><p class=\"brand\">surmise replay</p><h1><bdi>{title}</bdi></h1><p class=\"dim\">{}</p></header>{}<nav aria-label=\"Contents\"><ul>",
        page_style(),
        escape(&report.result.choices),
        sections::tiles(report.result)
    );
    for section in &sections {
        let _ = write!(out, "<li><a href=\"#{}\">{}</a></li>", section.id, section.title);
    }
    out.push_str("</ul></nav>");
    for section in &sections {
        let _ = write!(
            out,
            "<section id=\"{id}\" aria-labelledby=\"{id}-title\"><h2 id=\"{id}-title\">{}</h2>{}</section>",
            section.title,
            section.body,
            id = section.id
        );
    }
    let _ = writeln!(
        out,
        "</main><footer><p>Made {} by surmise {}. This page is complete: it loads nothing.</p></footer></body></html>",
        escape(report.made),
        escape(&report.result.version)
    );
    out
}

/// A section of the page.
struct Section {
    id: &'static str,
    title: &'static str,
    body: String,
}

fn sections(report: &ReplayReport<'_>) -> Vec<Section> {
    let result = report.result;
    let mut all = Vec::new();
    let mut add = |id, title, body: String| {
        if !body.is_empty() {
            all.push(Section { id, title, body });
        }
    };
    let curves = figures::learning_curves(result);
    let course: Vec<Plot> = figures::whole_course(result).into_iter().collect();
    add(
        "learning",
        "How well it predicts",
        format!(
            "{}{}<h3>Fields</h3>{}<h3>Experts, each as if it had predicted alone</h3>{}",
            drawn(&curves, "learning curves"),
            drawn(&course, ""),
            sections::fields(result),
            sections::experts(result)
        ),
    );
    if !report.others.is_empty() {
        let body = sections::comparison(report.others) + &drawn(&figures::comparison(result, report.others), "");
        add("comparison", "Compared with other replays", body);
    }
    if !report.beside.is_empty() {
        let body = sections::beside(report.beside) + &drawn(&figures::beside_baselines(report.beside), "measures");
        add("simple", "Beside simple predictors", body);
    }
    let mut claims = figures_of_claims::calibration(result);
    claims.extend(figures_of_claims::rarity(result));
    add("calibration", "Whether claims come true", drawn(&claims, "figures"));
    add("horizon", "Error by horizon", drawn(&figures_of_claims::by_horizon(result), ""));
    if let Some(found) = &result.highlights {
        add("unusual", "What was unusual", unusual::section(found) + &drifts(report));
    }
    let cost: Vec<Plot> = figures::cost(result).into_iter().collect();
    add("cost", "What it cost", drawn(&cost, "") + &sections::cost(result));
    add("again", "How to get it again", sections::reproduce(report));
    all
}

/// Lasting changes that are listed at most.
const DRIFTS_MAX: usize = 12;

fn drifts(report: &ReplayReport<'_>) -> String {
    let drifts = &report.result.drifts;
    if drifts.is_empty() {
        return String::new();
    }
    let mut out = "<h3>Lasting changes</h3><ul class=\"plain\">".to_owned();
    for d in drifts.iter().take(DRIFTS_MAX) {
        let what = d.words(d.field.as_ref().map(|field| crate::html::isolated(field)).as_deref(), crate::html::number);
        let _ = write!(
            out,
            "<li>since event {}: {what} <span class=\"dim\">(noticed with event {})</span></li>",
            count(d.began),
            count(d.noticed)
        );
    }
    out.push_str("</ul>");
    if drifts.len() > DRIFTS_MAX {
        let _ = write!(out, "<p class=\"dim\">and {} more</p>", drifts.len() - DRIFTS_MAX);
    }
    out
}

/// Figures below each other, square ones side by side; beyond some they unfold.
fn drawn(plots: &[Plot], of: &str) -> String {
    let mut out = String::new();
    let (squares, courses): (Vec<&Plot>, Vec<&Plot>) = plots.iter().partition(|p| p.shape == PlotShape::Square);
    if !squares.is_empty() {
        out.push_str("<div class=\"squares\">");
        squares.iter().for_each(|p| out.push_str(&figure(p)));
        out.push_str("</div>");
    }
    let shown = if courses.len() > FIGURES_SHOWN + 1 { FIGURES_SHOWN } else { courses.len() };
    courses[..shown].iter().for_each(|p| out.push_str(&figure(p)));
    if shown < courses.len() {
        let _ = write!(out, "<details><summary>{} {of} more</summary>", courses.len() - shown);
        courses[shown..].iter().for_each(|p| out.push_str(&figure(p)));
        out.push_str("</details>");
    }
    out
}

fn figure(plot: &Plot) -> String {
    let drawings = match plot.shape {
        PlotShape::Course => plot.inline(FigureWidth::Wide) + &plot.inline(FigureWidth::Narrow),
        PlotShape::Square => plot.inline(FigureWidth::Wide).replacen("plot wide", "plot", 1),
    };
    format!(
        "<figure><figcaption><strong>{}</strong> <span class=\"dim\">{}</span></figcaption>{drawings}</figure>",
        escape(&plot.title),
        escape(&plot.about)
    )
}
