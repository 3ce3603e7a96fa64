//! Tests of the log: order, long groups, trimming, marks of producers.

use super::*;
use crate::Store;
use crate::group::GroupBuilder;
use surmise_event::{Data, Datum, Record};

fn text(s: &str) -> Record {
    Record { data: Data::One(Datum::Text(s.into())), ..Record::default() }
}

fn group(stream: u32, offset: u64, records: &[Record]) -> Group {
    let mut b = GroupBuilder::new(stream, offset);
    for r in records {
        b.push(r, None);
    }
    b.finish(offset + records.len() as u64)
}

fn entry(number: u32) -> StreamEntry {
    StreamEntry {
        number,
        name: format!("s{number}"),
        group: String::new(),
        schema: Schema::default(),
        options: Options::default(),
        created_us: 1,
        trimmed_bytes: 0,
    }
}

fn offsets(log: &Log, stream: u32, from: u64) -> Vec<u64> {
    log.tail(stream, from).map(|g| g.unwrap().0.first_offset).collect()
}

#[test]
fn groups_come_back_after_a_drop_without_goodbye() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = Store::open(dir.path(), 3).unwrap();
        store
            .log
            .commit(&[entry(0), entry(1)], &[group(0, 0, &[text("a"), text("b")]), group(1, 0, &[text("c")])], &[], 0)
            .unwrap();
        store.log.commit(&[], &[group(0, 2, &[text("d")])], &[], 0).unwrap();
        // not committed: what was only inserted may be lost, what was committed may not
    }
    let store = Store::open(dir.path(), 3).unwrap();
    assert_eq!(store.log.streams().unwrap(), [entry(0), entry(1)]);
    assert_eq!(offsets(&store.log, 0, 0), [0, 2]);
    assert_eq!(offsets(&store.log, 0, 2), [2]);
    assert_eq!(offsets(&store.log, 1, 0), [0]);
}

#[test]
fn a_long_group_is_cut_and_joined() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 3).unwrap();
    let long = text(&"x".repeat(500_000));
    store
        .log
        .commit(&[entry(0)], &[group(0, 0, std::slice::from_ref(&long)), group(0, 1, &[text("b")])], &[], 0)
        .unwrap();
    let all: Vec<_> = store.log.tail(0, 0).map(|g| g.unwrap().0).collect();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].records[0].record, long);
    assert_eq!(all[1].records[0].record, text("b"));
    assert!(store.log.groups.iter().all(|p| p.unwrap().1.len() <= PIECE_BYTES));
}

#[test]
fn damage_in_the_log_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 3).unwrap();
    store.log.commit(&[entry(0)], &[group(0, 0, &[text("a")]), group(0, 1, &[text("b")])], &[], 0).unwrap();
    let mut v = store.log.groups.get(key(0, 1, 0)).unwrap().unwrap().to_vec();
    let last = v.len() - 1;
    v[last] ^= 1;
    store.log.groups.insert(key(0, 1, 0), v).unwrap();
    let read: Vec<bool> = store.log.tail(0, 0).map(|g| g.is_ok()).collect();
    assert_eq!(read, [true, false]);
}

#[test]
fn the_beginning_can_be_trimmed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 3).unwrap();
    let groups: Vec<Group> = (0..10).map(|i| group(0, i, &[text("abc")])).collect();
    let each = groups[0].bytes.len() as u64;
    store.log.commit(&[entry(0)], &groups, &[], 0).unwrap();
    let mut e = entry(0);
    assert_eq!(store.log.trim(&mut e, 8, each * 3).unwrap(), each * 3);
    assert_eq!(offsets(&store.log, 0, 0), [3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(store.log.trim(&mut e, 8, u64::MAX).unwrap(), each * 5);
    assert_eq!(offsets(&store.log, 0, 0), [8, 9]);
    assert_eq!(store.log.streams().unwrap()[0].trimmed_bytes, each * 8);
}

#[test]
fn a_second_daemon_gets_an_error_that_names_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let _store = Store::open(dir.path(), 3).unwrap();
    match Store::open(dir.path(), 3) {
        Err(e @ StoreError::Locked { .. }) => {
            assert!(e.to_string().contains(&format!("process {}", std::process::id())), "{e}")
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[test]
fn marks_are_remembered_and_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let mark = |p: &str, seq| ProducerMark { producer: p.into(), epoch: 2, seq };
    {
        let store = Store::open(dir.path(), 3).unwrap();
        store.log.commit(&[], &[], &[mark("a", 1), mark("b", 2)], 1).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1));
        store.log.commit(&[], &[], &[mark("a", 7)], 2).unwrap();
    }
    let store = Store::open(dir.path(), 3).unwrap();
    let marks = || ["a", "b"].map(|name| store.log.mark(name).unwrap());
    assert_eq!(marks(), [Some(mark("a", 7)), Some(mark("b", 2))]);
    assert_eq!((store.log.trim_marks(2).unwrap(), store.log.trim_marks(1).unwrap()), (0, 1));
    assert_eq!(marks(), [Some(mark("a", 7)), None]);
}
