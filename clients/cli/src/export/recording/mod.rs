//! `surmise export recording`: the events of a stream as a file.

mod cut;
mod interrupt;
mod log_pages;
mod part_file;

use crate::global::Global;
use clap::Args;
use cut::{Cut, CutBound};
use indicatif::{ProgressBar, ProgressStyle};
use interrupt::Interrupt;
use log_pages::LoggedStream;
use part_file::PartFile;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use surmise_event::{Data, Record};
use surmise_recording::{
    Format, RecordWriter, RecordingForm, RecordingOutput, SymbolHashes, WriteError, WrittenColumns,
};
use surmise_screen::plural;
use surmise_terminal::format::{count, size};
use surmise_terminal::{Exit, Failure, print_line};

/// Bytes of a key that nobody guesses.
const HASH_KEY_BYTES_MIN: usize = 16;

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct RecordingExportArgs {
    /// The stream.
    #[arg(value_name = "STREAM")]
    stream: String,
    /// The file to write: .ndjson or .csv, which may end with .gz or .zst, or .parquet. By default, or as `-`, NDJSON
    /// goes to standard output.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The format, where the name of the file does not say it: ndjson, csv or parquet.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Begin at this offset, a number, or at this time, such as 2026-11-23T12:00:00Z.
    #[arg(long, value_name = "OFFSET|TIME")]
    from: Option<CutBound>,
    /// End before this offset or time.
    #[arg(long, value_name = "OFFSET|TIME")]
    to: Option<CutBound>,
    /// Put names without a meaning in the place of every symbol, key, label and word: equal ones get equal names.
    #[arg(long)]
    hash_symbols: bool,
    /// A file of at least 16 bytes that decides these names, so that two exports agree. By default, it is a random key
    /// that is thrown away.
    #[arg(long, value_name = "FILE", requires = "hash_symbols")]
    hash_key: Option<PathBuf>,
}

const HELP: &str = "\
Examples:
  surmise export recording web web.ndjson.zst
  surmise export recording web - --from 5000 --to 6000 | jq .data
  surmise export recording web day.parquet --from 2026-11-23T00:00Z --to 2026-11-24T00:00Z
  surmise export recording web shared.ndjson.gz --hash-symbols
  surmise replay web.ndjson.zst                          ends in the stream's own state, if its settings are the same

ndjson is exact: a stream whose events decided its fields is replayed to the same state without --field. Only where
fields were declared, by the configuration or the hello of who sent first (as send does of a table), give replay these
fields in their order (--field NAME:KIND), but not gap, which comes of the times. Of who sent an event, and under which
number, nothing is written.
parquet is exact but for a column that holds both texts and others, which becomes one of texts. Its columns time, key
and end are read back as such. csv cannot tell an empty text from a missing one, nor a number from a text that looks
like one, and where keys end a reader of csv does not learn it; read it with --key key --time time --field end:ignore,
as far as it has these columns. In both, what people said of incidents is left out, as it is from a recording that does
not begin with the stream's first event or is cut by time.

A time is that of the event, or the one at which it came; an event that came late is in its place in the stream. An
event that takes several offsets has its first one.

--hash-symbols keeps numbers, times, true and false, and names of fields; in lines also numbers with a unit of up to two
letters, units, levels such as error, and nouns such as user. So what is written in digits, such as an address or an
account, can still be read, and how often a symbol comes can still be seen.

FILE has its name once it is whole; until then it is FILE.part.";

/// What a table cannot carry.
const ENDS_IN_CSV: &str = "keys end in this stream, which a reader of csv does not learn: the replay ends in another \
                           state; ndjson and parquet keep the ends";

/// What was left out of a recording, and where the log has nothing.
#[derive(Default)]
struct OmittedEvents {
    feedback: u64,
    unwritable: u64,
    /// The first offsets that the log lacks, with the one behind them, and how many there are in all.
    gap: Option<(u64, u64)>,
    missing: u64,
}

/// A recording that is being made.
struct Export {
    source: LoggedStream,
    cut: Cut,
    form: RecordingForm,
    hashes: Option<SymbolHashes>,
    interrupt: Interrupt,
}

pub(super) fn run(global: &Global, args: &RecordingExportArgs) -> Result<(), Failure> {
    let file = args.file.as_deref().filter(|file| file.as_os_str() != "-");
    let named = file.unwrap_or(Path::new("-.ndjson"));
    let form = RecordingForm::of(named, args.format).map_err(Failure::usage)?;
    let hashes = hashes(args)?;
    let source = LoggedStream::find(global.http()?, &args.stream)?;
    let cut = Cut { from: args.from, to: args.to };
    if source.begin > cut.first_offset() {
        eprintln!("the log of {} begins at offset {}: what came before was trimmed", args.stream, source.begin);
    }
    let export = Export { source, cut, form, hashes, interrupt: Interrupt::hold()? };
    let done = export.write_to(file);
    // nothing is left of the file by now
    export.interrupt.release();
    let Exported { events, bytes, left_out, columns } = done?;
    left_out.tell(form);
    let (stream, format) = (&args.stream, form.format.name());
    let (Some(file), Some(bytes)) = (file, bytes) else { return Ok(()) };
    if global.json() {
        let told =
            serde_json::json!({ "stream": stream, "file": file, "format": format, "events": events, "bytes": bytes });
        return Ok(print_line(&told.to_string())?);
    }
    let (events, bytes) = (plural(events, "event"), size(bytes));
    print_line(&format!("{events} of {stream} as {format}, {bytes} in {}", file.display()))?;
    let roles = columns.roles();
    let own = [("--key", roles.key), ("--time", roles.time)];
    let mut options: String =
        own.into_iter().filter_map(|(option, name)| Some(format!(" {option} {}", name?))).collect();
    if form.format != Format::Csv {
        return Ok(());
    }
    if let Some(end) = roles.end {
        eprintln!("{ENDS_IN_CSV}");
        options += &format!(" --field {end}:ignore");
    }
    if !options.is_empty() {
        print_line(&format!("read it with: surmise replay {}{options}", file.display()))?;
    }
    Ok(())
}

/// What hides symbols, if they are to be hidden.
fn hashes(args: &RecordingExportArgs) -> Result<Option<SymbolHashes>, Failure> {
    if !args.hash_symbols {
        return Ok(None);
    }
    let Some(path) = &args.hash_key else {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|e| Failure::internal(format!("there is no random key: {e}")))?;
        return Ok(Some(SymbolHashes::new(&key)));
    };
    let key = std::fs::read(path).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
    if key.len() < HASH_KEY_BYTES_MIN {
        let path = path.display();
        let mend = format!("head -c 32 /dev/urandom > {path}");
        return Err(Failure::usage(format!("{path}: a key of {} bytes can be guessed; make one: {mend}", key.len())));
    }
    Ok(Some(SymbolHashes::new(&key)))
}

/// What came of an export.
struct Exported {
    events: u64,
    /// Bytes of the file; none of standard output.
    bytes: Option<u64>,
    left_out: OmittedEvents,
    columns: WrittenColumns,
}

impl Export {
    /// Writes the recording to a file, or to standard output. A table is read twice: first for its columns.
    fn write_to(&self, file: Option<&Path>) -> Result<Exported, Failure> {
        let part = file.map(PartFile::create).transpose()?;
        let mut columns = WrittenColumns::default();
        if self.form.is_table() {
            self.each_record("looking at", |record| {
                columns.see(record);
                Ok(())
            })?;
        }
        let output: RecordingOutput = match &part {
            Some(part) => Box::new(part.output()?),
            None => Box::new(std::io::stdout()),
        };
        let mut writer = self.form.begin(output, columns.clone()).map_err(unwritten)?;
        let mut events = 0;
        let left_out = self.each_record("writing", |record| {
            events += 1;
            RecordWriter::write(&mut *writer, record).map_err(unwritten)
        })?;
        writer.finish().map_err(unwritten)?;
        let bytes = part.map(PartFile::keep).transpose()?;
        Ok(Exported { events, bytes, left_out, columns })
    }

    /// Calls a function with every record that is written, and shows how far it is.
    fn each_record(
        &self,
        doing: &str,
        mut each: impl FnMut(&Record) -> Result<(), Failure>,
    ) -> Result<OmittedEvents, Failure> {
        let (source, cut) = (&self.source, self.cut);
        let (first, end) = (cut.first_offset().max(source.begin), cut.end_offset(source.end));
        let bar = progress_bar(end.saturating_sub(first), doing);
        let keeps_offsets = cut.keeps_offsets() && source.begin == 0;
        let is_bytes = source.schema.is_bytes();
        let mut left_out = OmittedEvents::default();
        let mut expected = first;
        let mut pages = source.read(cut);
        while let Some(event) = pages.next() {
            let event = event?;
            if self.interrupt.came() {
                return Err(Failure::new(Exit::Unreachable, "interrupted: the recording was not written"));
            }
            bar.set_position(pages.offset().saturating_sub(first));
            let Some(mut record) = event.record else {
                left_out.unwritable += 1;
                continue;
            };
            if event.offset > expected && keeps_offsets {
                left_out.gap.get_or_insert((expected, event.offset));
                left_out.missing += event.offset - expected;
            }
            expected = event.offset + record.offsets(is_bytes);
            if matches!(record.data, Data::Feedback(_)) && (self.form.is_table() || !keeps_offsets) {
                left_out.feedback += 1;
                continue;
            }
            if let Some(hashes) = &self.hashes {
                hashes.hide(&mut record, &source.schema);
            }
            each(&record)?;
        }
        bar.finish_and_clear();
        Ok(left_out)
    }
}

impl OmittedEvents {
    /// Says what is not in the recording.
    fn tell(&self, form: RecordingForm) {
        let OmittedEvents { feedback, unwritable, gap, missing } = self;
        if *feedback > 0 {
            let why = if form.is_table() { "it is no row of a table" } else { "it names events by their offsets" };
            eprintln!("left out: what people said of {}; {why}", plural(*feedback, "incident"));
        }
        if *unwritable > 0 {
            eprintln!("left out: {} that JSON cannot carry", plural(*unwritable, "event"));
        }
        if let Some((from, to)) = gap {
            let missing = count(*missing);
            eprintln!("the log has lost {missing} offsets, first {from} to {}: surmise fsck says more", to - 1);
        }
    }
}

/// Why a recording could not be written.
fn unwritten(error: WriteError) -> Failure {
    match error {
        WriteError::Output(e) => e.into(),
        WriteError::Parquet(e) => Failure::new(Exit::Storage, format!("the parquet file cannot be written: {e}")),
        WriteError::Record(refusal) => Failure::new(Exit::Data, refusal),
        changed @ WriteError::UnknownColumn(_) => Failure::new(Exit::Data, changed),
    }
}

/// A progress bar over offsets, where standard error is a terminal.
fn progress_bar(offsets: u64, doing: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{elapsed} {wide_bar:.cyan} {msg} {human_pos} of {human_len} events");
    let style = style.expect("invariant: the template is well formed");
    ProgressBar::new(offsets).with_style(style).with_message(doing.to_owned())
}
