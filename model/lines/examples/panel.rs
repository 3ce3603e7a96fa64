//! Scores the lines of a file: `panel FILE OUT.csv` writes `offset,anomaly_score,score,reason` for each line that is
//! not blank, and prints the lines read in a second. A third argument, whatever it is, prints the templates.

use std::error::Error;
use std::io::Write;
use surmise_lines::{LINE_CHANNELS, LineLimits, LineModel};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else {
        return Err("panel FILE OUT.csv".into());
    };
    let text = std::fs::read(from)?;
    let mut out = std::io::BufWriter::new(std::fs::File::create(to)?);
    let mut model = LineModel::new(LineLimits::default());
    writeln!(out, "offset,anomaly_score,score,reason")?;
    let begin = std::time::Instant::now();
    let lines = text.split(|b| *b == b'\n').filter(|l| !l.trim_ascii().is_empty());
    for (offset, line) in lines.enumerate() {
        let reading = model.read(line, None);
        let outcome = model.observe(&reading, 0.0);
        let sum = outcome.judgement.sum;
        let reason = outcome.judgement.best.map_or(String::new(), |best| {
            let piece = outcome.evidence[best];
            let part = model.part_name(reading.template, piece.part).unwrap_or_else(|| "line".into());
            format!("{}: {}", LINE_CHANNELS[piece.channel as usize].name, part.replace([',', '"'], " "))
        });
        writeln!(out, "{offset},{:.12},{sum:.4},{reason}", 1.0 - (-sum / 8.0).exp2())?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    eprintln!(
        "{} lines, {} templates, {:.0} lines a second",
        model.lines(),
        model.templates(),
        model.lines() as f64 / seconds
    );
    if arguments.next().is_some() {
        for (number, count) in model.template_counts() {
            println!("{count:7} {}", model.template_text(number).unwrap_or_default());
            for slot in model.slots(number).unwrap_or_default() {
                let values: Vec<String> =
                    slot.likeliest.iter().map(|v| format!("{} {:.2}", v.text, v.probability)).collect();
                println!(
                    "            {} <{}> new {:.3}: {}",
                    slot.name,
                    slot.shape.name(),
                    slot.novelty,
                    values.join(", ")
                );
            }
        }
    }
    Ok(())
}
