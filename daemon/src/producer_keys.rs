//! Under which keys a table of producers keeps what it knows of a producer: one key for each name of the stream.
//!
//! A producer of several streams numbers its events over all of them, and the events of one stream come in the order
//! of their numbers while those of another may still be under way. So what a stream has learnt of a producer under one
//! name says nothing of events that are sent to another name: when the stream gets that name, an event with a lower
//! number may come, and is new. Only what the producer knew to be durable is so under every name.

use std::sync::Arc;
use surmise_store::StreamEntry;

/// What stands between a producer and a stream's name. Neither holds it.
const SEPARATOR: char = '\0';

/// The keys of one stream's table. The name that the stream had first needs none in the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerKeys {
    /// The name that the stream has, unless it had it first.
    present: Option<Arc<str>>,
    /// The other names that it has had.
    former: Vec<Option<Arc<str>>>,
}

impl ProducerKeys {
    /// The keys of a stream.
    pub fn of(entry: &StreamEntry) -> ProducerKeys {
        let mut keys = ProducerKeys::default();
        for (place, name) in entry.names.iter().enumerate() {
            let suffix = (place > 0).then(|| Arc::from(name.as_str()));
            if *name == entry.name { keys.present = suffix } else { keys.former.push(suffix) }
        }
        keys
    }

    /// The key of a producer's events under the present name.
    pub fn present(&self, producer: &Arc<str>) -> Arc<str> {
        key(producer, self.present.as_deref())
    }

    /// The keys of its events under the names before.
    pub fn former(&self, producer: &Arc<str>) -> impl Iterator<Item = Arc<str>> {
        self.former.iter().map(|name| key(producer, name.as_deref()))
    }

    /// All its keys.
    pub fn all(&self, producer: &Arc<str>) -> impl Iterator<Item = Arc<str>> {
        std::iter::once(self.present(producer)).chain(self.former(producer))
    }
}

fn key(producer: &Arc<str>, name: Option<&str>) -> Arc<str> {
    name.map_or_else(|| producer.clone(), |name| format!("{producer}{SEPARATOR}{name}").into())
}

/// The producer of a key.
pub fn producer_of(key: &str) -> &str {
    key.split(SEPARATOR).next().unwrap_or(key)
}

/// Whether this can be the name of a producer.
pub fn is_producer_name(name: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&name.len()) && !name.contains(SEPARATOR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::Schema;
    use surmise_learner::Options;

    #[test]
    fn the_first_name_is_in_no_key() {
        let mut entry = StreamEntry::new(1, "a", "", Schema::default(), Options::default(), 0);
        let keys_of = |entry: &StreamEntry| {
            let keys = ProducerKeys::of(entry);
            let producer = Arc::from("p");
            keys.all(&producer).map(|key| key.replace(SEPARATOR, "/")).collect::<Vec<String>>()
        };
        assert_eq!(keys_of(&entry), ["p"]);
        entry.rename("b");
        assert_eq!(keys_of(&entry), ["p/b", "p"]);
        entry.rename("a");
        assert_eq!(keys_of(&entry), ["p", "p/b"]);
        entry.rename("c");
        assert_eq!(keys_of(&entry), ["p/c", "p", "p/b"]);
        (0..100).for_each(|name| entry.rename(&name.to_string()));
        let keys = keys_of(&entry);
        assert_eq!((&*keys[0], &*keys[1], keys.len()), ("p/99", "p", 16));
        assert_eq!(producer_of("p\0c"), "p");
        assert!(is_producer_name("p", 4) && !is_producer_name("", 4) && !is_producer_name("p\0a", 4));
    }
}
