//! Recordings: files of several formats as streams of events.
//!
//! A [`Source`] reads files, compressed or not, as [`surmise_event::Record`]s, in bounded memory and in one pass.
//! `surmise send` sends exactly the records that `surmise replay` learns from. Nothing here knows how predictions are
//! made.
//!
//! ```
//! use surmise_event::{Data, Datum};
//! use surmise_recording::{Format, Source, SourceOptions};
//!
//! # let folder = tempfile::tempdir()?;
//! let file = folder.path().join("readings.csv");
//! std::fs::write(&file, "sensor,celsius\nkitchen,21.5\ncellar,12.0\n")?;
//! let source = Source::open(&SourceOptions { files: vec![file], ..SourceOptions::default() })?;
//! // neither the format nor the kinds of the columns were said: the name and the first rows tell
//! assert_eq!(source.format(), Format::Csv);
//! let kinds: Vec<_> = source.schema().fields.iter().map(|f| (f.name.as_str(), f.kind.name())).collect();
//! assert_eq!(kinds, [("sensor", "category"), ("celsius", "number")]);
//! for item in source {
//!     let item = item?; // an error names the file, the line, the field and the reason
//!     let Data::Fields(fields) = item.record.data else { unreachable!("a row has fields") };
//!     assert!(matches!(fields[1].1, Datum::Number(celsius) if celsius > 10.0));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`RecordingForm`] writes records as files that are read back as the same ones.
//!
//! A new format is a variant of [`Format`] and a reader in `read`; the compiler names the places that have to know it.

mod choice;
mod compression;
mod encoding;
mod error;
mod fingerprint;
mod format;
mod input;
mod inspect;
mod oddity;
mod picture;
mod read;
mod reader;
mod roles;
mod source;
mod symbol_hashes;
mod times;
mod write;

pub use choice::{FieldChoice, KindChoice, UnknownFieldChoice};
pub use compression::Compression;
pub use encoding::Encoding;
pub use error::{SourceError, UsageError};
pub use fingerprint::Fingerprint;
pub use format::{Format, UnknownFormat};
pub use inspect::{Inspection, inspect, pinned, stream_of};
pub use oddity::{Oddity, OddityKind, OddityLog};
pub use picture::{FieldPicture, NumberPicture};
pub use reader::{Item, SourceOptions, TableReading};
pub use roles::ColumnRoles;
pub use source::Source;
pub use symbol_hashes::SymbolHashes;
pub use times::{TimeFormat, TimeZoneName, UnknownTimeFormat, UnknownTimeZone};
pub use write::{RecordWriter, RecordingForm, RecordingOutput, UnwritableForm, WriteError, WrittenColumns};
