//! The values of records as a commit group holds them, so that every bit comes back.

use crate::bytes::{Cursor, Damaged, put_bytes, put_signed, put_varint};
use surmise_event::Datum;

/// Appends a value.
pub(crate) fn put_datum(out: &mut Vec<u8>, d: &Datum) {
    match d {
        Datum::Null => out.push(0),
        Datum::Bool(false) => out.push(1),
        Datum::Bool(true) => out.push(2),
        Datum::Number(x) => put_number(out, *x),
        Datum::Text(s) => {
            out.push(5);
            put_bytes(out, s.as_bytes());
        }
        Datum::Numbers(v) => {
            out.push(6);
            put_varint(out, v.len() as u64);
            v.iter().for_each(|x| put_number(out, *x));
        }
        Datum::Bytes(b) => {
            out.push(7);
            put_bytes(out, b);
        }
    }
}

/// Appends a number so that every bit comes back: whole numbers take few bytes, all others eight.
fn put_number(out: &mut Vec<u8>, x: f64) {
    let whole = x as i64;
    if whole.unsigned_abs() < 1 << 40 && (whole as f64).to_bits() == x.to_bits() {
        out.push(3);
        put_signed(out, whole);
    } else {
        out.push(4);
        out.extend_from_slice(&x.to_bits().to_le_bytes());
    }
}

/// Reads a value.
///
/// # Errors
/// The bytes are damaged.
pub(crate) fn datum(c: &mut Cursor<'_>) -> Result<Datum, Damaged> {
    Ok(match c.byte("datum")? {
        0 => Datum::Null,
        1 => Datum::Bool(false),
        2 => Datum::Bool(true),
        tag @ (3 | 4) => Datum::Number(number(c, tag)?),
        5 => Datum::Text(c.text("text")?.into()),
        6 => {
            let n = c.count("vector")?;
            Datum::Numbers((0..n).map(|_| c.byte("number").and_then(|t| number(c, t))).collect::<Result<_, _>>()?)
        }
        7 => Datum::Bytes(c.bytes("bytes")?.into()),
        _ => return Err(Damaged("a datum's kind")),
    })
}

fn number(c: &mut Cursor<'_>, tag: u8) -> Result<f64, Damaged> {
    match tag {
        3 => Ok(c.signed("number")? as f64),
        4 => Ok(f64::from_bits(c.u64("number")?)),
        _ => Err(Damaged("a number's kind")),
    }
}
