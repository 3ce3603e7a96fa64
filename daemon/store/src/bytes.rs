//! Numbers and texts as bytes, and back: the reader never trusts the bytes.

/// The error of bytes that cannot be read. It names what they should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes of {0} are damaged")]
pub struct Damaged(pub &'static str);

/// Appends a number in 1 to 10 bytes; small numbers take few.
pub fn put_varint(out: &mut Vec<u8>, mut x: u64) {
    while x >= 0x80 {
        out.push(x as u8 | 0x80);
        x >>= 7;
    }
    out.push(x as u8);
}

/// Appends a number that may be negative; numbers near zero take few bytes.
pub fn put_signed(out: &mut Vec<u8>, x: i64) {
    put_varint(out, ((x << 1) ^ (x >> 63)) as u64);
}

/// Appends bytes, preceded by their number.
pub fn put_bytes(out: &mut Vec<u8>, b: &[u8]) {
    put_varint(out, b.len() as u64);
    out.extend_from_slice(b);
}

/// Appends an optional number: a byte 0 for none, or a byte 1 and the number.
pub fn put_option(out: &mut Vec<u8>, x: Option<u64>) {
    match x {
        None => out.push(0),
        Some(x) => {
            out.push(1);
            put_varint(out, x);
        }
    }
}

/// Bytes that are being read: those not read yet.
pub struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    /// The next `n` bytes.
    pub fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], Damaged> {
        let (head, rest) = self.0.split_at_checked(n).ok_or(Damaged(what))?;
        self.0 = rest;
        Ok(head)
    }
    /// One byte.
    pub fn byte(&mut self, what: &'static str) -> Result<u8, Damaged> {
        Ok(self.take(1, what)?[0])
    }
    /// A number that [`put_varint`] wrote.
    pub fn varint(&mut self, what: &'static str) -> Result<u64, Damaged> {
        let mut x = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte(what)?;
            let bits = u64::from(b & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Damaged(what));
            }
            x |= bits << shift;
            if b < 0x80 {
                return Ok(x);
            }
        }
        Err(Damaged(what))
    }
    /// A number that [`put_signed`] wrote.
    pub fn signed(&mut self, what: &'static str) -> Result<i64, Damaged> {
        let x = self.varint(what)?;
        Ok((x >> 1) as i64 ^ -((x & 1) as i64))
    }
    /// Bytes that [`put_bytes`] wrote.
    pub fn bytes(&mut self, what: &'static str) -> Result<&'a [u8], Damaged> {
        let n = self.varint(what)?;
        self.take(usize::try_from(n).map_err(|_| Damaged(what))?, what)
    }
    /// Text that [`put_bytes`] wrote.
    pub fn text(&mut self, what: &'static str) -> Result<&'a str, Damaged> {
        std::str::from_utf8(self.bytes(what)?).map_err(|_| Damaged(what))
    }
    /// A number that [`put_option`] wrote.
    pub fn option(&mut self, what: &'static str) -> Result<Option<u64>, Damaged> {
        match self.byte(what)? {
            0 => Ok(None),
            1 => self.varint(what).map(Some),
            _ => Err(Damaged(what)),
        }
    }
    /// A count of things of which each takes a byte at least, so that damage cannot ask for much memory.
    pub fn count(&mut self, what: &'static str) -> Result<usize, Damaged> {
        let n = self.varint(what)?;
        if n > self.0.len() as u64 { Err(Damaged(what)) } else { Ok(n as usize) }
    }
    /// Four bytes, little-endian.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, Damaged> {
        Ok(u32::from_le_bytes(self.take(4, what)?.try_into().expect("invariant: four bytes were taken")))
    }
    /// Eight bytes, little-endian.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, Damaged> {
        Ok(u64::from_le_bytes(self.take(8, what)?.try_into().expect("invariant: eight bytes were taken")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(x: u64, y: i64, z: Option<u64>) {
            let mut out = Vec::new();
            put_varint(&mut out, x);
            put_signed(&mut out, y);
            put_option(&mut out, z);
            let mut c = Cursor(&out);
            prop_assert_eq!((c.varint("x"), c.signed("y"), c.option("z")), (Ok(x), Ok(y), Ok(z)));
            prop_assert!(c.0.is_empty());
        }
        #[test]
        fn anything_is_read_without_panic(b: Vec<u8>) {
            let mut c = Cursor(&b);
            while c.varint("x").is_ok() && c.text("t").is_ok() && c.signed("s").is_ok() {}
        }
    }
}
