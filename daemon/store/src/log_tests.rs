//! Tests of the log: order, long groups, trimming, marks of producers.

use super::*;
use crate::Store;
use crate::group::GroupBuilder;
use crate::record::PIECE_BYTES;
use surmise_event::{Data, Datum, Record};

fn text(s: &str) -> Record {
    Record { data: Data::One(Datum::Text(s.into())), ..Record::default() }
}

fn group(stream: u32, offset: u64, records: &[Record]) -> Group {
    let mut b = GroupBuilder::new(stream, offset);
    for r in records {
        b.push(r, None, None);
    }
    b.finish(offset + records.len() as u64)
}

fn entry(number: u32) -> StreamEntry {
    StreamEntry::sample(number)
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
    assert_eq!(store.log.streams(), [entry(0), entry(1)]);
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
    assert_eq!(store.log.streams()[0].trimmed_bytes, each * 8);
}

#[test]
fn what_a_crash_left_of_a_deletion_is_deleted_later_and_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 3).unwrap();
    let groups: Vec<Group> = (0..10).map(|i| group(0, i, &[text("abc")])).collect();
    let each = groups[0].bytes.len() as u64;
    store.log.commit(&[entry(0)], &groups, &[], 0).unwrap();
    let pieces: Vec<_> = store.log.groups.iter().map(Result::unwrap).collect();
    let mut e = entry(0);
    assert_eq!(store.log.trim(&mut e, 8, each * 4).unwrap(), each * 4);
    // killed when two of the four were gone
    for (k, v) in &pieces[2..4] {
        store.log.groups.insert(k, v).unwrap();
    }
    let mut e = store.log.stream(0).unwrap();
    assert_eq!(store.log.trim(&mut e, 8, each).unwrap(), each);
    assert_eq!(offsets(&store.log, 0, 0), [5, 6, 7, 8, 9]);
    assert_eq!(store.log.stream(0).unwrap().trimmed_bytes, each * 5);
    // whoever writes a copy that he read before does not take it back
    store.log.commit(&[entry(0)], &[], &[], 0).unwrap();
    let e = store.log.stream(0).unwrap();
    assert_eq!((e.trimmed_before, e.trimmed_bytes), (5, each * 5));
}

#[test]
fn a_log_that_lost_its_end_does_not_get_back_what_was_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log").join("db");
    let long = text(&"x".repeat(20_000));
    let before = {
        let store = Store::open(dir.path(), 3).unwrap();
        let groups: Vec<Group> = (0..200).map(|i| group(0, i, std::slice::from_ref(&long))).collect();
        store.log.commit(&[entry(0)], &groups, &[], 0).unwrap();
        store.checkpoints.write(&[]).unwrap();
        let before = std::fs::metadata(&file).unwrap().len();
        let mut e = entry(0);
        assert!(store.log.trim(&mut e, 150, u64::MAX).unwrap() > 0);
        store.log.commit(&[], &[group(0, 200, std::slice::from_ref(&long))], &[], 0).unwrap();
        before
    };
    assert!(std::fs::metadata(&file).unwrap().len() > before);
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(before).unwrap();
    let store = Store::open(dir.path(), 3).unwrap();
    assert!(store.findings.all().iter().any(|finding| finding.what.contains("set aside")));
    let left = offsets(&store.log, 0, 0);
    // sled may have moved some of them to the end by then
    assert!(left.iter().all(|at| *at >= 150) && !left.is_empty(), "{left:?}");
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

#[test]
fn a_group_of_another_stream_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 3).unwrap();
    store.log.commit(&[entry(0), entry(1)], &[group(0, 0, &[text("a")]), group(1, 0, &[text("b")])], &[], 0).unwrap();
    let other = store.log.groups.get(key(1, 0, 0)).unwrap().unwrap();
    store.log.groups.insert(key(0, 0, 0), other).unwrap();
    let refused = store.log.tail(0, 0).next().unwrap().unwrap_err().to_string();
    assert!(refused.contains("offset 0") && refused.contains("stream 1") && refused.contains("stream 0"), "{refused}");
    assert_eq!(offsets(&store.log, 1, 0), [0]);
}

#[test]
fn any_copy_of_the_streams_may_be_lost_and_no_number_comes_twice() {
    for lost in ["streams", "log", "checkpoints"] {
        let dir = tempfile::tempdir().unwrap();
        {
            let store = Store::open(dir.path(), 3).unwrap();
            store.log.commit(&[entry(0), entry(4)], &[group(0, 0, &[text("a")])], &[], 0).unwrap();
            assert_eq!(store.next_number(), 5);
        }
        let path = dir.path().join(lost);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
        let first_write = {
            let store = Store::open(dir.path(), 3).unwrap();
            assert_eq!(store.log.streams(), [entry(0), entry(4)], "without {lost}");
            assert_eq!(store.next_number(), 5);
            store.registry.next_write()
        };
        // what the start has mended can be lost in its turn
        std::fs::remove_file(dir.path().join("streams")).unwrap();
        let store = Store::open(dir.path(), 3).unwrap();
        assert_eq!((store.log.streams().len(), store.next_number()), (2, 5));
        assert!(store.registry.next_write() > first_write, "the numbers of writes rise over restarts");
    }
}

#[test]
fn damage_in_the_file_of_streams_hits_one_copy() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = Store::open(dir.path(), 3).unwrap();
        store.log.commit(&[entry(0), entry(1), entry(2)], &[], &[], 0).unwrap();
    }
    let path = dir.path().join("streams");
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        let copies = crate::entry::EntryCopies::scan(&bytes);
        assert!(copies.damaged >= 1 && copies.entries.len() >= 2, "byte {at}: {}", copies.entries.len());
        assert!(copies.entries.iter().all(|(_, found)| *found == entry(found.number)));
    }
}

/// A log of the format before lacks nothing but what is new. Once it is opened, the program before refuses it.
#[test]
fn a_log_of_the_format_before_becomes_one_of_this() {
    let dir = tempfile::tempdir().unwrap();
    let format = |store: &Store| store.log.database.read().db.get("format").unwrap().unwrap().to_vec();
    {
        let store = Store::open(dir.path(), 3).unwrap();
        store.log.commit(&[entry(0)], &[group(0, 0, &[text("a")])], &[], 0).unwrap();
        store.log.database.read().db.insert("format", "surmise log 2").unwrap();
        store.log.database.flush().unwrap();
    }
    let store = Store::open(dir.path(), 3).unwrap();
    assert_eq!(String::from_utf8(format(&store)).unwrap(), "surmise log 3");
    assert_eq!(offsets(&store.log, 0, 0), [0]);
    assert_eq!(std::fs::read_to_string(dir.path().join("format")).unwrap(), "surmise data 4");
}
