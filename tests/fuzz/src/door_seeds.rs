//! Inputs to begin from for the targets of the doors.

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::Write;

/// Each text with each of these bytes before it.
fn begun(firsts: &[u8], texts: &[&str]) -> Vec<Vec<u8>> {
    let with = |first: &u8| texts.iter().map(|text| [&[*first], text.as_bytes()].concat()).collect::<Vec<_>>();
    firsts.iter().flat_map(with).collect()
}

const CLOUD_EVENT: &str = concat!(
    r#"{"specversion":"1.0","id":"a-1","source":"/shop","type":"order","subject":"user-7","#,
    r#""time":"2026-01-02T03:04:05Z","data":{"page":"/cart","ms":12.5}}"#
);

pub fn arrays() -> Vec<Vec<u8>> {
    let batch = format!("[{CLOUD_EVENT},{CLOUD_EVENT}]");
    begun(
        &[4, 5, 254, 255],
        &[
            "{\"data\":1}\n{\"data\":2,\"id\":\"x\"}\n",
            " [ {\"page\":\"/a\",\"n\":[1,2]} , {\"page\":\"]},{\\\"\"}\n]\n",
            "{\"metrics\":[{\"name\":\"cpu\",\"fields\":{\"user\":1.5},\"timestamp\":1700000000}]}",
            "[1,2,3]\n\"text\"\n[]",
            &batch,
        ],
    )
}

pub fn cloud_events() -> Vec<Vec<u8>> {
    let base64 = CLOUD_EVENT.replace(r#""data":{"page":"/cart","ms":12.5}"#, r#""data_base64":"aGVsbG8=""#);
    let headers = "1.0\na-1\n/shop\norder\n2026-01-02T03:04:05Z\ncaf%C3%A9 5%\n{\"page\":\"/cart\"}".to_owned();
    [CLOUD_EVENT.to_owned(), base64, headers].map(String::into_bytes).into()
}

pub fn compressed() -> Vec<Vec<u8>> {
    let text = format!("{CLOUD_EVENT}\n").repeat(20).into_bytes();
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory can be written")
    };
    let zlib = |bytes: &[u8]| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory can be written")
    };
    let blanks = vec![b' '; 1 << 20];
    let named = {
        let mut encoder =
            flate2::GzBuilder::new().filename("a").comment("b").extra("c").write(Vec::new(), Compression::none());
        encoder.write_all(b"{}\n").and_then(|()| encoder.finish()).expect("memory can be written")
    };
    vec![
        [&[2], gzip(&text).as_slice()].concat(),
        [&[8], gzip(&text[..40]).as_slice(), gzip(&text[40..]).as_slice()].concat(),
        [&[64], gzip(&blanks).as_slice()].concat(),
        [&[0], named.as_slice()].concat(),
        [&[3], zlib(&text).as_slice()].concat(),
        [&[255], zlib(&blanks).as_slice()].concat(),
    ]
}

pub fn remote_write() -> Vec<Vec<u8>> {
    // field by field: series, its labels, its samples
    let up = b"\x0a\x27\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x08\x0a\x03job\x12\x01x\x12\x0b\x09\0\0\0\0\0\0\xf8\x3f\x10\x07";
    let hits = [
        b"\x0a\x3c\x0a\x16\x0a\x08__name__\x12\x0ahits_total\x0a\x08\x0a\x03job\x12\x01y".as_slice(),
        b"\x12\x0b\x09\0\0\0\0\0\0\x10\x40\x10\x07\x12\x0b\x09\0\0\0\0\0\0\x20\x40\x10\x0f",
    ]
    .concat();
    let packed = snap::raw::Encoder::new().compress_vec(up).expect("a short message can be packed");
    vec![
        [b"\0", up.as_slice()].concat(),
        [b"\0", up.as_slice(), hits.as_slice()].concat(),
        [b"\0\x0a\x04\x0a\0\x12\0\x0a\0\x22\0", hits.as_slice()].concat(),
        [b"\x01", packed.as_slice()].concat(),
    ]
}

pub fn syslog() -> Vec<Vec<u8>> {
    begun(
        &[0, 6, 255],
        &[
            "<34>Jan  2 03:04:05 host sshd[71]: Failed password\n<13>app: no host\n",
            "<165>1 2026-01-02T03:04:05.123Z h app 7 ID47 [a@1 x=\"1\\\"]\"][b y=\"2\"] \u{feff}text\n<1>1 - - - - - -\n",
            "13 <34>app: text17 <165>1 - - - - - a\n<5>line\0<6>x\n3 <7",
            "2026-01-02T03:04:05+01:00 host app: text\nDec 31 23:59:60 h [1]: a",
        ],
    )
}

pub fn messages() -> Vec<Vec<u8>> {
    begun(
        &[0, 2, 7, 0x33],
        &[
            "plant/hall/3\n+/hall/#\n{\"data\":{\"key\":\"a\",\"c\":21.5},\"time\":\"2026-01-02T03:04:05Z\"}",
            "$SYS/x\n$share/g/$SYS/#\n21.5",
            "orders.new\n1764408000000-17\ndata={\"n\":1}\nkey=ann\ntime=1700000000",
            "ts;page;ms;zip;\n2016-07-01T00:00:00Z;\"a;\"\"b\"\"\";3.5;01067;\n1,2\n4398046511104-0",
        ],
    )
}

pub fn questions() -> Vec<Vec<u8>> {
    let texts = [
        concat!(
            r#"{"id":"q","parameters":{"sequence_id":"k"},"inputs":[{"name":"page","datatype":"BYTES","shape":[1],"#,
            r#""data":["/a"]},{"name":"ok","data":[[true]]}],"outputs":[{"name":"ms"}]}"#
        ),
        r#"{"inputs":[{"name":"ms","data":[1e308]},{"name":"page","data":null}],"parameters":{"sequence_id":7}}"#,
        r#"{"offset":17,"verdict":"mattered","label":"outage","incarnation":2}"#,
        r#"{"prediction_id":17,"verdict":"noise","generation":1}"#,
        r#"{"from":3,"to":9,"key":"user-7"}"#,
        r#"{"since":"2026-01-02T03:04:05Z","until":"2026-01-03T00:00:00+01:00"}"#,
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}
