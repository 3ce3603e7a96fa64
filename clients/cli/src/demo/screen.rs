//! The live table of the demonstration.

use super::ledger::Ledger;
use surmise_terminal::format::count;
use surmise_terminal::{Paint, Table};

/// The addresses of the daemon, for commands to copy.
pub(crate) struct DaemonAddresses {
    pub(crate) http: String,
    pub(crate) tcp: String,
    /// Whether these are the default addresses, which commands need not name.
    pub(crate) usual: bool,
}

impl DaemonAddresses {
    /// Commands to try next.
    pub(crate) fn hints(&self) -> Vec<String> {
        let server = if self.usual { String::new() } else { format!(" --server {}", self.http) };
        vec![
            format!("the page        {}/", self.http),
            format!("what comes next surmise next --stream demo{server}"),
            format!("as it comes     surmise watch --stream demo{server}"),
            format!("over HTTP       curl '{}/api/v1/streams/demo/next?top=5'", self.http),
            format!("metrics         curl {}/metrics", self.http),
            format!(
                "your own events echo '{{\"stream\":\"mine\",\"data\":\"hello\"}}' | nc {}",
                self.tcp.replace(':', " ")
            ),
        ]
    }
}

/// Characters of the curve at most.
const CURVE_CHARS_MAX: usize = 64;

/// The whole picture, line by line.
pub(crate) fn picture(ledger: &Ledger, seconds: f64, place: &DaemonAddresses, paint: Paint) -> Vec<String> {
    let (events, window) = ledger.events();
    let rate = count((events as f64 / seconds.max(0.1)) as u64);
    let mut out = vec![
        format!(
            "{}  {} events learnt in {seconds:.0} s ({rate}/s), each predicted before it came",
            paint.bold("surmise demo"),
            count(events)
        ),
        String::new(),
    ];
    out.extend(table(ledger, window).lines(paint).into_iter().map(|l| emphasise(&l, paint)));
    out.push(String::new());
    out.extend(curve(ledger, paint));
    out.push(String::new());
    out.extend(place.hints().iter().map(|h| format!("  {}", paint.dim(h))));
    out
}

fn emphasise(line: &str, paint: Paint) -> String {
    match line.trim_start() {
        l if l.starts_with("mixture") => paint.bold(line),
        l if l.starts_with("entropy") => paint.green(line),
        _ => line.to_owned(),
    }
}

/// Entropy, mixture, network and experts, a line each.
pub(crate) fn table(ledger: &Ledger, window: u64) -> Table {
    let last = format!("last {}", count(window));
    let mut t = Table::new(1, ["bits per event", last.as_str(), "since the start", "above the entropy, lately"]);
    let floor = ledger.entropy();
    t.row([floor.name.clone(), format!("{:.4}", floor.lately), format!("{:.4}", floor.overall), String::new()]);
    for l in ledger.losses() {
        let above = l.lately - floor.lately;
        t.row([l.name, format!("{:.4}", l.lately), format!("{:.4}", l.overall), format!("{above:+.4}")]);
    }
    t
}

/// The mixture's loss from the start, between the entropy and the first loss.
fn curve(ledger: &Ledger, paint: Paint) -> Vec<String> {
    let Some((first, _)) = ledger.curve.first().copied() else { return Vec::new() };
    let above: Vec<f64> = ledger.curve.iter().map(|(loss, floor)| (loss - floor).max(0.0)).collect();
    let top = above.iter().copied().fold(0.0, f64::max);
    let (mixture, floor) = ledger.curve.last().copied().unwrap_or_default();
    vec![
        format!("  {}", paint.dim("mixture, from the first events until now; the ground is the entropy")),
        format!("  {first:.2} {} {mixture:.2}  (entropy {floor:.2})", sparkline(&above, top, CURVE_CHARS_MAX)),
    ]
}

/// Values from 0 to `top` as a line of blocks, at most `width` of them.
pub(crate) fn sparkline(values: &[f64], top: f64, width: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let columns = values.len().min(width);
    let mean = |i: usize| {
        let part =
            &values[i * values.len() / columns..((i + 1) * values.len() / columns).max(i * values.len() / columns + 1)];
        part.iter().sum::<f64>() / part.len() as f64
    };
    let block = |v: f64| BLOCKS[((v / top.max(1e-9)) * 7.99).clamp(0.0, 7.0) as usize];
    (0..columns).map(|i| block(mean(i))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_fall() {
        assert_eq!(sparkline(&[8.0, 4.0, 0.0], 8.0, 10), "█▄▁");
        assert_eq!(sparkline(&[8.0, 8.0, 0.0, 0.0], 8.0, 2), "█▁");
        assert_eq!(sparkline(&[], 8.0, 2), "");
    }
}
