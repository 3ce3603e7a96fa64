//! Grouping accuracy on samples of loghub: `grouping DIR [NAME]` reads each `NAME_2k.log_structured.csv` there, and
//! prints the share of lines whose group is exactly a true group, with one setting for all.

use std::collections::BTreeMap;
use std::error::Error;
use surmise_lines::{LineLimits, LineModel};

/// The groups of lines that have the same label.
fn groups<T: Ord>(labels: impl Iterator<Item = T>) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<T, Vec<usize>> = BTreeMap::new();
    labels.enumerate().for_each(|(line, label)| groups.entry(label).or_default().push(line));
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.sort();
    groups
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("grouping DIR [NAME]")?;
    let shown = arguments.next();
    let mut files: Vec<_> = std::fs::read_dir(folder)?.filter_map(|f| Some(f.ok()?.path())).collect();
    files.sort();
    let (mut sum, mut count) = (0.0, 0);
    for file in files.iter().filter(|f| f.to_string_lossy().ends_with("_structured.csv")) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().replace("_2k.log_structured.csv", "");
        let mut reader = csv::Reader::from_path(file)?;
        let columns = reader.headers()?.clone();
        let column = |name: &str| columns.iter().position(|c| c == name).ok_or("no such column");
        let (content, event) = (column("Content")?, column("EventId")?);
        let rows: Vec<(String, String)> = reader
            .records()
            .map(|r| r.map(|r| (r[content].to_owned(), r[event].to_owned())))
            .collect::<Result<_, _>>()?;
        let mut model = LineModel::new(LineLimits::default());
        let mut first = Vec::new();
        for (text, _) in &rows {
            let reading = model.read(text.as_bytes(), None);
            model.observe(&reading, 0.0);
            first.push(reading.template);
        }
        // the template that each line has by now, since templates were joined
        let found: Vec<u32> = first.iter().map(|template| model.current_template(*template)).collect();
        let (found, truth) = (groups(found.iter()), groups(rows.iter().map(|r| &r.1)));
        let right: usize = found.iter().filter(|g| truth.binary_search(g).is_ok()).map(Vec::len).sum();
        let accuracy = right as f64 / rows.len() as f64;
        println!("{name:12} {accuracy:.3}   templates {} of {}", found.len(), truth.len());
        if shown.as_deref() == Some(name.as_str()) {
            for group in found.iter().filter(|g| truth.binary_search(g).is_err()) {
                println!("    {:4} {} {}", group.len(), rows[group[0]].1, rows[group[0]].0);
            }
        }
        (sum, count) = (sum + accuracy, count + 1);
    }
    println!("{:12} {:.3}", "mean", sum / f64::from(count.max(1)));
    Ok(())
}
