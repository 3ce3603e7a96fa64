//! Which stream something belongs to.

/// Which stream a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    /// The stream's number, which no other stream ever has.
    pub number: u32,
    /// Which incarnation of its name the stream is; the first is 1.
    pub epoch: u32,
    /// A hash of the stream's name.
    pub name_hash: u64,
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stream {} (epoch {}, name {:016x})", self.number, self.epoch, self.name_hash)
    }
}

impl StreamId {
    /// The identity of a stream.
    pub fn new(number: u32, epoch: u32, name: &str) -> StreamId {
        StreamId { number, epoch, name_hash: xxhash_rust::xxh3::xxh3_64(name.as_bytes()) }
    }
}
