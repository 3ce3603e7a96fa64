//! What is written is read back: every format, and files that are damaged.

use super::{RecordingForm, UnwritableForm, WrittenColumns};
use crate::{Format, Source, SourceError, SourceOptions};
use std::path::{Path, PathBuf};
use surmise_event::{Data, Datum, Record};

fn text(text: &str) -> Datum {
    Datum::Text(text.into())
}

fn fields<const N: usize>(fields: [(&str, Datum); N]) -> Data {
    Data::Fields(fields.into_iter().map(|(name, datum)| (name.into(), datum)).collect())
}

/// Symbols, numbers of both kinds, texts with everything that CSV quotes, keys with times, and the ends of keys.
fn streams() -> Vec<(&'static str, Vec<Record>)> {
    let of = |data| Record { data, ..Record::default() };
    let symbols = ["up", "down", "up", "", "a \"b\", c\r\nd", "7", "ü"].map(|symbol| of(Data::One(text(symbol))));
    let numbers = [1.5, -0.0, 1e300, 0.1, 9e15].map(|x| of(Data::One(Datum::Number(x))));
    let whole = [1.0, -7.0, 9_007_199_254_740_992.0].map(|x| of(Data::One(Datum::Number(x))));
    let keyed = (0..3000).map(|i| Record {
        key: (i % 5 > 0).then(|| format!("k{}", i % 7).into()),
        time_us: (i % 11 > 0).then_some(1_700_000_000_000_000 + i * 1_000_001),
        data: fields([
            ("page", text(["/a", "/b"][i as usize % 2])),
            ("ms", if i % 3 == 0 { Datum::Null } else { Datum::Number(i as f64 / 8.0) }),
            ("count", Datum::Number(i as f64)),
            ("ok", Datum::Bool(i % 4 == 0)),
            ("time", text("noon")),
        ]),
        end: i % 13 == 0,
        ..Record::default()
    });
    let ends = Record { key: Some("k1".into()), end: true, ..Record::default() };
    vec![
        ("symbols", symbols.into()),
        ("numbers", numbers.into()),
        ("whole", whole.into()),
        ("keyed", keyed.chain([ends]).collect()),
    ]
}

fn write(path: &Path, records: &[Record]) {
    let form = RecordingForm::of(path, None).unwrap();
    let mut columns = WrittenColumns::default();
    records.iter().for_each(|record| columns.see(record));
    let mut writer = form.begin(Box::new(std::fs::File::create(path).unwrap()), columns).unwrap();
    records.iter().for_each(|record| writer.write(record).unwrap());
    writer.finish().unwrap();
}

fn read(files: &[PathBuf], options: SourceOptions) -> Result<Vec<Record>, SourceError> {
    let source = Source::open(&SourceOptions { files: files.to_vec(), ..options })?;
    source.map(|item| item.map(|item| item.record)).collect()
}

#[test]
fn every_format_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    for (name, records) in streams() {
        for ending in ["ndjson", "ndjson.gz", "ndjson.zst", "parquet"] {
            let path = dir.path().join(format!("{name}.{ending}"));
            write(&path, &records);
            let again = read(&[path], SourceOptions::default()).unwrap();
            assert_eq!(again.len(), records.len(), "{name}.{ending}");
            for (i, (a, b)) in records.iter().zip(&again).enumerate() {
                assert_eq!(a, b, "{name}.{ending}, record {i}");
            }
        }
    }
}

#[test]
fn a_table_is_read_as_others_are() {
    let dir = tempfile::tempdir().unwrap();
    let (_, keyed) = streams().remove(3);
    for ending in ["csv", "csv.gz", "csv.zst"] {
        let path = dir.path().join(format!("t.{ending}"));
        write(&path, &keyed);
        // a field is called time already
        let options = SourceOptions {
            key: Some("key".into()),
            time: Some("time_".into()),
            fields: ["count:number", "end:ignore"].map(|choice| choice.parse().unwrap()).into(),
            ..SourceOptions::default()
        };
        let again = read(&[path], options).unwrap();
        assert_eq!(again.len(), keyed.len());
        for (a, b) in keyed[..3000].iter().zip(&again) {
            assert_eq!((&a.key, a.time_us), (&b.key, b.time_us));
            let (Data::Fields(a), Data::Fields(b)) = (&a.data, &b.data) else { panic!("{b:?}") };
            assert_eq!(a[..3], b[..3]);
        }
    }
    let path = dir.path().join("quoted.csv");
    write(&path, &streams()[0].1);
    let plain = std::fs::read_to_string(&path).unwrap();
    assert!(plain.starts_with("value\r\nup\r\n") && plain.contains("\"a \"\"b\"\", c\r\nd\"\r\n"), "{plain}");
}

#[test]
fn several_parquet_files_are_one_stream_and_pipes_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let (_, keyed) = streams().remove(3);
    let (a, b) = (dir.path().join("a.parquet"), dir.path().join("b.parquet"));
    write(&a, &keyed);
    write(&b, &keyed[..20]);
    assert_eq!(read(&[a.clone(), b], SourceOptions::default()).unwrap().len(), keyed.len() + 20);
    let other = dir.path().join("other.parquet");
    write(&other, &streams()[0].1);
    let error = read(&[a.clone(), other], SourceOptions::default()).unwrap_err().to_string();
    assert!(error.contains("other.parquet") && error.contains("alike"), "{error}");
    let key = SourceOptions { key: Some("pag".into()), ..SourceOptions::default() };
    let error = read(std::slice::from_ref(&a), key).unwrap_err().to_string();
    assert!(error.contains("did you mean \"page\""), "{error}");
    // what is compressed once more cannot be read at any place
    let packed = dir.path().join("a.parquet.zst");
    std::fs::write(&packed, zstd::encode_all(&*std::fs::read(&a).unwrap(), 1).unwrap()).unwrap();
    assert_eq!(read(&[packed], SourceOptions::default()).unwrap(), keyed);
    // options go before what the file says of itself
    let page = SourceOptions { key: Some("page".into()), ..SourceOptions::default() };
    assert_eq!(read(&[a], page).unwrap()[1].key.as_deref(), Some("/b"));
}

#[test]
fn damaged_parquet_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("whole.parquet");
    write(&path, &streams()[3].1);
    let whole = std::fs::read(&path).unwrap();
    let damaged = dir.path().join("damaged.parquet");
    let error_of = |bytes: &[u8]| {
        std::fs::write(&damaged, bytes).unwrap();
        let read = read(std::slice::from_ref(&damaged), SourceOptions::default());
        read.map(|records| records.len()).unwrap_err().to_string()
    };
    for bytes in [&whole[..whole.len() / 2], &whole[..whole.len() - 1], b"PAR1", b"PAR1PAR1", b"no parquet", b""] {
        let error = error_of(bytes);
        assert!(error.contains("damaged.parquet") && error.contains("not a whole parquet file"), "{error}");
        assert!(error.contains("again"), "{error}");
    }
    // the head of a column's first page is overwritten, and what the file says of it is not
    let mut bytes = whole.clone();
    bytes[4..60].fill(0xa5);
    let error = error_of(&bytes);
    assert!(error.contains("damaged.parquet:1: ") && error.contains("time_"), "{error}");
    assert!(error.contains("again"), "{error}");
    // whatever is damaged, it ends
    for i in 0..600 {
        let mut bytes = whole.clone();
        let place = if i % 2 == 0 { i * 7919 % whole.len() } else { whole.len() - 1 - i * 3 };
        bytes[place] ^= 1 << (i % 8);
        std::fs::write(&damaged, &bytes).unwrap();
        let _ = read(std::slice::from_ref(&damaged), SourceOptions::default());
    }
}

#[test]
fn names_say_what_is_written() {
    let of = |name: &str, format| RecordingForm::of(Path::new(name), format);
    assert_eq!(of("a/B.NDJSON.zst", None).unwrap().format, Format::Ndjson);
    assert_eq!(of("a.gz", Some(Format::Csv)).unwrap().format, Format::Csv);
    assert_eq!(of("a.parquet.gz", None), Err(UnwritableForm::Twice("gz")));
    assert_eq!(of("a.tokens", Some(Format::Tokens)), Err(UnwritableForm::Format(Format::Tokens)));
    for name in ["a.txt", "a", "a.csv.bz2"] {
        assert!(of(name, None).unwrap_err().to_string().contains("."), "{name}");
    }
}
