//! Inputs as people have them: what each is read as, or what it is refused with.

use std::io::Write;
use std::path::PathBuf;
use surmise_event::{Data, Datum, Field, FieldKind, Limits, Record, Schema, format_time};
use surmise_recording::{Format, OddityKind, Source, SourceError, SourceOptions};

/// What was read of a file, as text: the fields with their kinds, the records, the oddities, and the notes.
struct Read {
    fields: String,
    records: Vec<String>,
    odd: Vec<(OddityKind, u64, u64)>,
    notes: String,
}

fn datum(datum: &Datum) -> String {
    match datum {
        Datum::Text(text) => format!("{text:?}"),
        Datum::Numbers(numbers) => format!("{numbers:?}"),
        other => other.describe(),
    }
}

fn record(r: &Record) -> String {
    let time = r.time_us.map_or(String::new(), |time| format_time(time) + " ");
    let data = match &r.data {
        Data::None | Data::Feedback(_) => String::new(),
        Data::One(one) => datum(one),
        Data::Fields(fields) => {
            let all: Vec<String> = fields.iter().map(|(name, d)| format!("{name}={}", datum(d))).collect();
            all.join(" ")
        }
    };
    time + &data
}

fn file(dir: &tempfile::TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn read(name: &str, content: &[u8], tune: impl FnOnce(&mut SourceOptions)) -> Result<Read, SourceError> {
    let dir = tempfile::tempdir().unwrap();
    let mut options = SourceOptions { files: vec![file(&dir, name, content)], ..SourceOptions::default() };
    tune(&mut options);
    let source = Source::open(&options)?;
    let kinds: Vec<String> = source.schema().fields.iter().map(|f| format!("{}:{}", f.name, f.kind.name())).collect();
    let (odd, notes) = (source.oddities(), source.notes().join("; "));
    let records = source.map(|item| item.map(|item| record(&item.record))).collect::<Result<_, _>>()?;
    let odd = odd.list().into_iter().map(|o| (o.kind, o.count, o.line)).collect();
    Ok(Read { fields: kinds.join(" "), records, odd, notes })
}

/// One input and what it has to be read as.
struct Case {
    what: &'static str,
    name: &'static str,
    content: Vec<u8>,
    tune: fn(&mut SourceOptions),
    fields: &'static str,
    records: &'static [&'static str],
    odd: &'static [(OddityKind, u64, u64)],
    /// A part of the notes.
    notes: &'static str,
}

fn case(what: &'static str, name: &'static str, content: impl AsRef<[u8]>) -> Case {
    let content = content.as_ref().to_vec();
    Case { what, name, content, tune: |_| (), fields: "", records: &[], odd: &[], notes: "" }
}

impl Case {
    fn as_(self, fields: &'static str, records: &'static [&'static str]) -> Case {
        Case { fields, records, ..self }
    }
    fn odd(self, odd: &'static [(OddityKind, u64, u64)]) -> Case {
        Case { odd, ..self }
    }
    fn says(self, notes: &'static str) -> Case {
        Case { notes, ..self }
    }
    fn with(self, tune: fn(&mut SourceOptions)) -> Case {
        Case { tune, ..self }
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap()
}

fn bzip2(text: &str) -> Vec<u8> {
    let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap()
}

const TABLE: &str = "t,x\n2026-01-01 00:00:00,1.5\n2026-01-01 00:01:00,2.5\n";
const FIELDS: &str = "gap:gap x:number";
const RECORDS: &[&str] = &["2026-01-01T00:00:00Z x=1.5", "2026-01-01T00:01:00Z x=2.5"];
const AB: &str = "a:number b:category";
const NUMBERS: &str = "a:number b:number";

use OddityKind::{InvalidUtf8, LeftOut, NotFinite, NulBytes, RaggedRow, TextInNumbers};

/// Files that are compressed or encoded in some way.
fn files() -> Vec<Case> {
    let zstd = ruzstd::encoding::compress_to_vec(TABLE.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    let members = [gzip("t,x\n2026-01-01 00:00:00,1.5\n"), gzip("2026-01-01 00:01:00,2.5\n")].concat();
    vec![
        case("gzip", "t.csv.gz", gzip(TABLE)).as_(FIELDS, RECORDS),
        case("gzip of two members", "t.csv.gz", members).as_(FIELDS, RECORDS),
        case("zstd without a telling name", "t", zstd).as_(FIELDS, RECORDS),
        case("bzip2", "t.csv.bz2", bzip2(TABLE)).as_(FIELDS, RECORDS),
        case("a mark of byte order", "t.csv", format!("\u{feff}{TABLE}")).as_(FIELDS, RECORDS),
        case("UTF-16 with a mark", "t.csv", utf16(&format!("\u{feff}{TABLE}"))).as_(FIELDS, RECORDS).says("UTF-16LE"),
        case("UTF-16 without one", "t.csv", utf16(TABLE)).as_(FIELDS, RECORDS).says("UTF-16LE"),
        case("line ends of Windows", "t.csv", TABLE.replace('\n', "\r\n")).as_(FIELDS, RECORDS),
        case("Latin-1", "t.csv", b"a,b\n1.5,caf\xe9\n2.5,y\n")
            .as_(AB, &["a=1.5 b=\"caf�\"", "a=2.5 b=\"y\""])
            .odd(&[(InvalidUtf8, 1, 2)]),
        case("NUL bytes", "t.log", b"up\n\0\0down\n")
            .as_("value:category", &["\"up\"", "\"down\""])
            .odd(&[(NulBytes, 1, 2)]),
    ]
}

/// Tables whose lines or headers are odd.
fn tables() -> Vec<Case> {
    let two: &[&str] = &["a=1.5 b=\"x\"", "a=2.5 b=\"y\""];
    vec![
        case("remarks", "t.csv", format!("# made today\n{TABLE}")).as_(FIELDS, RECORDS).says("begin with #"),
        case("ragged rows", "t.csv", "a,b\n1.5,x\n2.5\n3.5,z,9\n")
            .as_(AB, &["a=1.5 b=\"x\"", "a=2.5 b=null", "a=3.5 b=\"z\""])
            .odd(&[(RaggedRow, 2, 3)]),
        case("a separator at the end of lines", "t.csv", "a,b,\n1.5,x,\n2.5,y,\n").as_(AB, two),
        case("no header", "t.csv", "1.5,x\n2.5,y\n")
            .as_("c1:number c2:category", &["c1=1.5 c2=\"x\"", "c1=2.5 c2=\"y\""])
            .says("no header"),
        case("no header, as said", "t.csv", "a,b\nx,y\n")
            .as_("c1:category c2:category", &["c1=\"a\" c2=\"b\"", "c1=\"x\" c2=\"y\""])
            .with(|o| o.header = Some(false)),
        case("names twice, and none", "t.csv", "x,x,\n1.5,2.5,3.5\n")
            .as_("x:number x.2:number c3:number", &["x=1.5 x.2=2.5 c3=3.5"])
            .says("\"x\" is \"x.2\""),
        case("joined files", "t.csv", "a,b\n1.5,x\na,b\n2.5,y\n").as_(AB, two).odd(&[(LeftOut, 1, 3)]),
        case("a spreadsheet's separator", "t.csv", "sep=;\na;b\n1,5;x\n2,5;y\n").as_(AB, two),
        case("bars", "t.csv", "a|b\n1.5|x\n2.5|y\n").as_(AB, two),
        case("tabs", "t.tsv", "a\tb\n1.5\tx\n2.5\ty\n").as_(AB, two),
    ]
}

/// Numbers and missing values as people write them.
fn numbers() -> Vec<Case> {
    vec![
        case("decimal commas", "t.csv", "a;b\n1,5;1.234,5\n2;2.000\n")
            .as_(NUMBERS, &["a=1.5 b=1234.5", "a=2 b=2000"])
            .says("decimal commas"),
        case("separators of thousands", "t.csv", "a;b\n1,234;1 234 567.5\n5.5;1\n")
            .as_(NUMBERS, &["a=1234 b=1234567.5", "a=5.5 b=1"]),
        case("percents and money", "t.csv", "a,b\n12%,($5)\n13.5 %,\"$1,200\"\n")
            .as_(NUMBERS, &["a=12 b=-5", "a=13.5 b=1200"])
            .says("\"a\" is in %"),
        case("units that are multiples", "t.csv", "a,b\n12 s,1.2k\n25 min,3M\n")
            .as_(NUMBERS, &["a=12 b=1200", "a=1500 b=3000000"])
            .says("is in s"),
        case("one unit, and several", "t.csv", "a,b\n12ms,12ms\n15ms,1.5s\n")
            .as_(NUMBERS, &["a=12 b=0.012", "a=15 b=1.5"])
            .says("\"a\" is in ms"),
        case("words for nothing", "t.csv", "a,b\n1.5,NA\nN/A,2.5\n-,null\n2.5,1\n")
            .as_(NUMBERS, &["a=1.5 b=null", "a=null b=2.5", "a=null b=null", "a=2.5 b=1"]),
        case("infinite numbers", "t.csv", "a,b\n1.5,inf\n2.5,1.5\n")
            .as_(NUMBERS, &["a=1.5 b=null", "a=2.5 b=1.5"])
            .odd(&[(NotFinite, 1, 2)]),
        case("identifiers beyond 2^53", "t.csv", "id,x\n9007199254740993,1.5\n9007199254740995,2.5\n")
            .as_("id:category x:number", &["id=\"9007199254740993\" x=1.5", "id=\"9007199254740995\" x=2.5"])
            .says("identifiers"),
        case("digits with leading zeros", "t.csv", "zip,x\n01067,1.5\n80331,2.5\n")
            .as_("zip:category x:number", &["zip=\"01067\" x=1.5", "zip=\"80331\" x=2.5"])
            .says("leading zeros"),
        case("a number a line", "t", "3.5\nNA\n4.5\n").as_("value:number", &["3.5", "null", "4.5"]),
        case("a text among numbers", "t.csv", "a\n1.5\nslow\n2.5\n")
            .as_("a:number", &["a=1.5", "a=\"slow\"", "a=2.5"])
            .with(|o| o.fields = vec!["a:number".parse().unwrap()])
            .odd(&[(TextInNumbers, 1, 3)]),
    ]
}

/// Times as people write them; the field `x` is a number.
fn times() -> Vec<Case> {
    const TWO: &[&str] = &["2026-01-30T10:00:00Z x=1.5", "2026-02-01T10:00:00Z x=2.5"];
    const NO_YEAR: &[&str] = &["2000-01-30T10:00:00Z x=1.5", "2000-02-01T10:00:00Z x=2.5"];
    const SAID: &[&str] = &["2026-02-03T00:00:00Z x=1.5", "2026-02-04T00:00:00Z x=2.5"];
    let at = |what, first: &str, second: &str| {
        case(what, "t.csv", format!("ts;x\n{first};1.5\n{second};2.5\n")).as_(FIELDS, TWO)
    };
    vec![
        at("RFC 3339 with offsets", "2026-01-30T12:00:00+02:00", "2026-02-01T09:00:00-01:00"),
        at("seconds", "1769767200", "1769940000"),
        at("milliseconds", "1769767200000", "1769940000000").says("ms since 1970"),
        at("microseconds", "1769767200000000", "1769940000000000").says("us since 1970"),
        at("nanoseconds", "1769767200000000000", "1769940000000000000").says("ns since 1970"),
        at("common log", "[30/Jan/2026:10:00:00 +0000]", "[01/Feb/2026:12:00:00 +0200]"),
        at("syslog, without a year", "Jan 30 10:00:00", "Feb  1 10:00:00").as_(FIELDS, NO_YEAR),
        at("the day first", "30/01/2026 10:00", "01/02/2026 10:00").says("dmy"),
        at("the month first", "1/30/2026 10:00 AM", "2/1/2026 10:00 AM").says("mdy"),
        at("an order that was said", "02/03/2026", "02/04/2026")
            .as_(FIELDS, SAID)
            .with(|o| o.time_format = Some("mdy".parse().unwrap())),
        at("a local time zone", "2026-01-30 11:00:00", "2026-02-01 11:00:00")
            .with(|o| o.time_zone = Some("Europe/Berlin".parse().unwrap())),
        at("a pattern", "30.01.26 10-00", "01.02.26 10-00").with(|o| {
            o.time_format = Some("%d.%m.%y %H-%M".parse().unwrap());
            o.time = Some("ts".to_owned());
        }),
    ]
}

/// Lines of JSON.
fn json() -> Vec<Case> {
    let container = r#"{"log":"up","stream":"stdout","time":"2026-01-30T10:00:00.000000000Z"}"#;
    let nested = r#"{"ts":1769767200.0,"level":"info","http":{"status":200,"ok":true}}"#;
    vec![
        case("a JSON log", "app", nested).as_(
            "gap:gap level:category http.status:number http.ok:category",
            &["2026-01-30T10:00:00Z level=\"info\" http.status=200 http.ok=true"],
        ),
        case("arrays", "t.ndjson", r#"{"tags":["a","b"],"v":[1,2]}"#).as_(
            "tags[0]:category tags[1]:category v[0]:number v[1]:number",
            &["tags[0]=\"a\" tags[1]=\"b\" v=[1.0, 2.0]"],
        ),
        case("lines cut off", "t.ndjson", "{\"a\":1}\n{\"a\":\n{\"a\":2}\n{\"a\"")
            .as_("a:number", &["a=1", "a=2"])
            .odd(&[(LeftOut, 1, 2), (LeftOut, 1, 4)]),
        case("big identifiers", "t.ndjson", r#"{"id":12345678901234567890}"#)
            .as_("id:category", &["id=\"12345678901234567890\""]),
        case("a container's log", "t.json", container)
            .as_("gap:gap log:category stream:category", &["2026-01-30T10:00:00Z log=\"up\" stream=\"stdout\""]),
    ]
}

#[test]
fn inputs_are_read_as_people_have_them() {
    let cases: Vec<Case> = [files(), tables(), numbers(), times(), json()].into_iter().flatten().collect();
    assert!(cases.len() >= 40, "{}", cases.len());
    for Case { what, name, content, tune, fields, records, odd, notes } in cases {
        let read = read(name, &content, tune).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(read.fields, fields, "{what}: {}", read.notes);
        assert_eq!(read.records, records, "{what}");
        assert_eq!(read.odd, odd, "{what}");
        assert!(read.notes.contains(notes), "{what}: {}", read.notes);
    }
}

#[test]
fn what_cannot_be_read_names_file_line_field_and_mend() {
    let strict = |o: &mut SourceOptions| o.strict = true;
    let strict_number = |o: &mut SourceOptions| (o.strict, o.fields) = (true, vec!["a:number".parse().unwrap()]);
    let strict_time = |o: &mut SourceOptions| (o.strict, o.time) = (true, Some("ts".into()));
    let none = |_: &mut SourceOptions| ();
    type Refused = (&'static str, &'static [u8], fn(&mut SourceOptions), &'static [&'static str]);
    let cases: [Refused; 12] = [
        ("short.csv", b"a,b\n1,2\n3\n", strict, &["short.csv:3", "\"row\"", "1 cells where", "quote cells"]),
        ("text.csv", b"a,b\n1.5,x\nfast,x\n", strict_number, &["text.csv:3", "\"a\"", "got \"fast\"", "a:category"]),
        ("inf.csv", b"a\n1.5\ninf\n", strict, &["inf.csv:3", "\"a\"", "not a finite number", "leave the cell empty"]),
        ("latin.log", b"ok\ncaf\xe9\n", strict, &["latin.log:2", "\"line\"", "byte 3", "iconv"]),
        ("nul.log", b"ok\n\0\n", strict, &["nul.log:2", "NUL", "tr -d"]),
        ("bad.ndjson", b"{\"a\":1}\n{\"a\":\n", strict, &["bad.ndjson:2", "\"a\"", "one whole JSON object a line"]),
        (
            "time.csv",
            b"ts,x\n2026-01-01,1\nsoon,2\n",
            strict_time,
            &["time.csv:3", "\"time\"", "soon", "--time-format"],
        ),
        ("all.ndjson", b"{a:1}\n{b:2}\n", none, &["all.ndjson:1", "no line of the recording is an event"]),
        ("array.json", b"[{\"a\":1},{\"a\":2}]", none, &["array.json", "jq -c"]),
        ("t.zip", b"PK\x03\x04 and so on", none, &["t.zip", "a zip archive", "unzip -p"]),
        ("cut.csv.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b", none, &["cut.csv.gz", "gzip", "cut off", "copy the file"]),
        ("empty.csv", b"", none, &["empty.csv:1", "\"header\"", "the file is empty"]),
    ];
    for (name, content, tune, says) in cases {
        let error = read(name, content, tune).map(|r| r.records).expect_err(name).to_string();
        for part in says {
            assert!(error.contains(part), "{name}: {error} should say {part:?}");
        }
    }
}

#[test]
fn a_column_of_counts_is_a_number_and_texts_go_to_its_companion() {
    // counts around a mean, as volumes of quiet hours are
    let counts = [2, 3, 1, 2, 4, 2, 3, 2, 1, 0, 2, 3, 5, 3, 2, 1, 2, 2, 3, 4, 3, 2, 1, 1, 2, 6, 3, 2];
    let mut rows = "timestamp,x\n".to_owned();
    for i in 0..280 {
        rows += &format!("2026-01-01 {:02}:{:02}:00,{}\n", i / 60, i % 60, counts[i * 5 % 28]);
    }
    let read = read("volumes.csv", rows.as_bytes(), |_| ()).unwrap();
    assert_eq!(read.fields, "gap:gap x:number", "{}", read.notes);
    let mut schema = Schema::new([Field::new("x", FieldKind::Number)]);
    let text = Record { data: Data::Fields(vec![("x".into(), Datum::Text("lost".into()))]), ..Record::default() };
    schema.bind(&text, &Limits::default()).unwrap();
    assert_eq!(schema.fields[1].name, "x.text");
}

#[test]
fn several_files_are_one_stream_whatever_each_is_compressed_with() {
    let dir = tempfile::tempdir().unwrap();
    let files = vec![
        file(&dir, "a.csv.gz", &gzip("a,b\n1.5,x\n")),
        file(&dir, "b.csv", "\u{feff}a,b\n2.5,y\n".as_bytes()),
        file(&dir, "c.csv.bz2", &bzip2("a,b\n3.5,z\n")),
    ];
    let other = file(&dir, "other.csv", b"c,d e\n1,x\n");
    let source = Source::open(&SourceOptions { files: vec![files[1].clone(), other], ..SourceOptions::default() });
    let error = source.unwrap().find_map(Result::err).unwrap().to_string();
    assert!(error.contains("the columns are \"c, d e\", but the first file's are \"a, b\"; name"), "{error}");
    let source = Source::open(&SourceOptions { files, ..SourceOptions::default() }).unwrap();
    assert_eq!(source.format(), Format::Csv);
    let all: Vec<String> = source.map(|item| record(&item.unwrap().record)).collect();
    assert_eq!(all, ["a=1.5 b=\"x\"", "a=2.5 b=\"y\"", "a=3.5 b=\"z\""]);
}
