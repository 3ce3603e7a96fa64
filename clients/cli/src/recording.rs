//! The options of a recording on the command line, for `send` and `replay` alike.

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;
use surmise_event::{Field, FieldKind, Schema};
use surmise_recording::{FieldChoice, Format, Oddity, Source, SourceOptions, TimeFormat, TimeZoneName};
use surmise_terminal::format::{count, size};

#[derive(Args, Clone, Debug)]
pub(crate) struct RecordingArgs {
    /// Files, in order; several are one stream. `-` is standard input. gzip, zstd and bzip2 are decompressed.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How the files are streams: bytes, text, tokens, lines, csv, ndjson, parquet. Names and content tell by default;
    /// text that comes by a pipe is lines.
    ///
    /// bytes, text: every byte is an event of one sequence.
    /// tokens: each line is one key's sequence of symbols separated by blanks, and its end is an event.
    /// lines: each line that is not blank is an event.
    /// csv: one event a row, mostly behind a header; separated by , ; | or tabs.
    /// ndjson: events as on the wire, one JSON object a line.
    /// parquet: one event a row; a column of timestamps is the time.
    #[arg(long, value_name = "FORMAT", verbatim_doc_comment)]
    pub(crate) format: Option<Format>,
    /// What a field holds: category, number, bytes (text), gap or ignore; by default, the first rows tell.
    #[arg(long = "field", value_name = "NAME:KIND")]
    pub(crate) fields: Vec<FieldChoice>,
    /// The column that names the key: which of many sequences a row belongs to.
    #[arg(long, value_name = "COL")]
    pub(crate) key: Option<String>,
    /// The column that holds the time; the time since the key's last event is then predicted as the field `gap`.
    #[arg(long, value_name = "COL")]
    pub(crate) time: Option<String>,
    /// How times are written: s, ms, us or ns since 1970, the order of dates (ymd, dmy, mdy), or a pattern such as
    /// '%d.%m.%Y %H:%M'. By default, the first rows tell.
    #[arg(long, value_name = "FORM")]
    pub(crate) time_format: Option<TimeFormat>,
    /// The time zone of times that have none: a name such as Europe/Berlin, or an offset. By default, UTC.
    #[arg(long, value_name = "ZONE")]
    pub(crate) time_zone: Option<TimeZoneName>,
    /// Whether a table begins with a header: yes or no. By default, the first rows tell.
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    pub(crate) header: Option<bool>,
    /// Stop at the first line that is not as its format promises, instead of counting such lines and reading on.
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Reads `yes` or `no`.
pub(crate) fn yes_or_no(word: &str) -> Result<bool, &'static str> {
    match word {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("say yes or no"),
    }
}

impl RecordingArgs {
    /// How the recording is read, to fit the fields that are known where there are any.
    pub(crate) fn options(&self, known: Option<Schema>) -> SourceOptions {
        SourceOptions {
            files: self.files.clone(),
            format: self.format,
            fields: self.fields.clone(),
            key: self.key.clone(),
            time: self.time.clone(),
            time_format: self.time_format.clone(),
            time_zone: self.time_zone.clone(),
            header: self.header,
            strict: self.strict,
            patient: false,
            known,
        }
    }

    /// The files, the format and the size in a few words.
    pub(crate) fn describe(&self, source: &Source) -> String {
        let files = match self.files.as_slice() {
            [] => "standard input".to_owned(),
            [f] if f.as_os_str() == "-" => "standard input".to_owned(),
            [f] => f.display().to_string(),
            many => format!("{} files", many.len()),
        };
        let bytes = source.bytes_total().map_or(String::new(), |b| format!(", {}", size(b)));
        let compression = source.compression().map_or(String::new(), |c| format!(" in {}", c.name()));
        format!("{files} as {}{compression}{bytes}", source.format().name())
    }
}

/// The fields in a few words.
pub(crate) fn fields(schema: &Schema) -> String {
    if schema.fields.is_empty() {
        return "fields come with the events".into();
    }
    const FIELDS_SHOWN_MAX: usize = 16;
    // a gap is computed: nobody has to say it
    let is_said = |f: &Field| f.kind != FieldKind::Gap;
    let named = |f: &Field| if is_said(f) { format!("{}:{}", f.name, f.kind.name()) } else { f.name.clone() };
    let names: Vec<String> = schema.fields.iter().take(FIELDS_SHOWN_MAX).map(named).collect();
    let more = schema.fields.len().saturating_sub(FIELDS_SHOWN_MAX);
    let more = if more > 0 { format!(" and {} more", count(more as u64)) } else { String::new() };
    format!("fields {}{more}", names.join(" "))
}

/// What was odd in a recording, a line each.
pub(crate) fn odd_lines(odd: &[Oddity]) -> Vec<String> {
    odd.iter().map(|o| format!("odd: {o}")).collect()
}

/// A progress bar over bytes read, where standard error is a terminal.
pub(crate) fn progress_bar(bytes_total: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, style) = match bytes_total {
        Some(total) => (ProgressBar::new(total), "{elapsed} {wide_bar:.cyan} {bytes}/{total_bytes}  {msg}"),
        None => (ProgressBar::new_spinner(), "{elapsed} {spinner} {bytes}  {msg}"),
    };
    bar.set_style(ProgressStyle::with_template(style).expect("invariant: the template is well formed"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_computed_does_not_look_like_a_choice() {
        let schema = Schema::new([Field::new("gap", FieldKind::Gap), Field::new("ms", FieldKind::Number)]);
        assert_eq!(fields(&schema), "fields gap ms:number");
    }
}
