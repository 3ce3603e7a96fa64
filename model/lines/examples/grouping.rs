//! Grouping accuracy on samples of loghub: `grouping DIR [NAME]` reads each `NAME_2k.log_structured.csv` there, and
//! prints the share of lines whose group is exactly a true group, with one setting for all. Behind it stands that share
//! if templates were split again where the word that varies has no more than 6, 12 and 24 values in the whole file,
//! which is known at its end alone.

use std::collections::{BTreeMap, BTreeSet};
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

/// Of how many values a place has at the most where templates would be split.
const FEW: [usize; 3] = [6, 12, 24];
/// Of how many words a place proves variable, so that templates are joined there.
const WORDS_JOINED: usize = 5;

/// The share of lines whose group is exactly a true group.
fn accuracy<T: Ord>(labels: &[T], truth: &[Vec<usize>]) -> f64 {
    let found = groups(labels.iter());
    let right: usize = found.iter().filter(|g| truth.binary_search(g).is_ok()).map(Vec::len).sum();
    right as f64 / labels.len() as f64
}

/// The words of a line at the places of its template that vary: of those that have no digit, by place.
fn words(model: &mut LineModel, text: &str) -> (u32, Vec<(u32, String)>) {
    let reading = model.read(text.as_bytes(), None);
    let outcome = model.observe(&reading, 0.0);
    let word = |part: u32| {
        let word = String::from_utf8_lossy(model.part_text(&outcome, part)?).into_owned();
        (part < 1024 && !word.contains(|c: char| c.is_ascii_digit() || c == '/')).then_some((part, word))
    };
    (reading.template, outcome.parts.iter().filter_map(|part| word(part.part)).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("grouping DIR [NAME]")?;
    let shown = arguments.next();
    let mut files: Vec<_> = std::fs::read_dir(folder)?.filter_map(|f| Some(f.ok()?.path())).collect();
    files.sort();
    let (mut sums, mut count) = ([0.0; 4], 0);
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
        let truth = groups(rows.iter().map(|r| &r.1));
        let lines: Vec<_> = rows.iter().map(|(text, _)| words(&mut model, text)).collect();
        let mut values: BTreeMap<(u32, u32), BTreeSet<&str>> = BTreeMap::new();
        for (template, words) in &lines {
            words.iter().for_each(|(place, word)| {
                values.entry((*template, *place)).or_default().insert(word);
            });
        }
        let split = FEW.map(|few| {
            let is_few = |template: u32, place: u32| (WORDS_JOINED..=few).contains(&values[&(template, place)].len());
            let labels = lines.iter().zip(&found).map(|((template, words), found)| {
                (found, words.iter().filter(|(place, _)| is_few(*template, *place)).collect::<Vec<_>>())
            });
            accuracy(&labels.collect::<Vec<_>>(), &truth)
        });
        let accuracy = accuracy(&found, &truth);
        let found = groups(found.iter());
        println!("{name:12} {accuracy:.3}  split {split:.3?}  templates {} of {}", found.len(), truth.len());
        if shown.as_deref() == Some(name.as_str()) {
            for group in found.iter().filter(|g| truth.binary_search(g).is_err()) {
                println!("    {:4} {} {}", group.len(), rows[group[0]].1, rows[group[0]].0);
            }
        }
        [accuracy, split[0], split[1], split[2]].into_iter().zip(&mut sums).for_each(|(share, sum)| *sum += share);
        count += 1;
    }
    let [mean, split @ ..] = sums.map(|sum| sum / f64::from(count.max(1)));
    println!("{:12} {mean:.3}  split {split:.3?}", "mean");
    Ok(())
}
