//! Tests of the table of producers.

use super::*;
use crate::epochs::{EPOCH_MAX, EPOCH_STEP_MAX};
use crate::simulated_storage::SimulatedStorage;
use surmise_event::Schema;
use surmise_learner::Options;

fn origin(producer: &str, epoch: u64, seq: u64) -> Origin {
    Origin { producer: producer.into(), epoch, seq, safe: Some(seq) }
}

fn table(memory: usize) -> Producers {
    Producers::new(ProducerBounds { memory, store: 1_000, ids: 3 })
}

fn entry(number: u32, name: &str) -> StreamEntry {
    StreamEntry::new(number, name, "", Schema::default(), Options::default(), 0)
}

fn status(table: &mut Producers, producer: &str, epoch: u64, seq: u64) -> SeqStatus {
    table.seq_status(&origin(producer, epoch, seq)).unwrap()
}

#[test]
fn what_was_learnt_is_recognised() {
    let mut t = table(10);
    assert_eq!(status(&mut t, "a", 1, 5), SeqStatus::New);
    t.note_origin(&origin("a", 1, 5), 0);
    assert_eq!(status(&mut t, "a", 1, 5), SeqStatus::Duplicate);
    assert_eq!(status(&mut t, "a", 1, 4), SeqStatus::Duplicate);
    assert_eq!(status(&mut t, "a", 1, 6), SeqStatus::New);
    assert_eq!(status(&mut t, "a", 0, 6), SeqStatus::Fenced(EpochFault::Old { known: 1, asked: 0 }));
    assert_eq!(status(&mut t, "a", 2, 1), SeqStatus::New);
    t.note_origin(&origin("a", 2, 1), 1);
    assert_eq!(status(&mut t, "a", 1, 9), SeqStatus::Fenced(EpochFault::Old { known: 2, asked: 1 }));
    assert_eq!(status(&mut t, "b", 0, 0), SeqStatus::New);
}

#[test]
fn an_event_is_recognised_by_its_number_or_by_its_id() {
    let mut t = table(10);
    let status = |t: &mut Producers, seq, id| t.status(Some(&origin("a", 1, seq)), Some(EventId(id))).unwrap();
    t.note(Some(&origin("a", 1, 5)), Some(EventId(7)), 0);
    assert_eq!((status(&mut t, 6, 8), status(&mut t, 5, 8)), (SeqStatus::New, SeqStatus::Duplicate));
    assert_eq!(status(&mut t, 6, 7), SeqStatus::Duplicate);
    assert_eq!(t.status(None, Some(EventId(7))).unwrap(), SeqStatus::Duplicate);
    // the log may hold an id twice if the bound was smaller when it was written
    t.begin_replay(u64::MAX);
    assert_eq!(t.status(None, Some(EventId(7))).unwrap(), SeqStatus::New);
}

#[test]
fn epochs_rise_by_bounded_steps() {
    assert_eq!((check_epoch(None, EPOCH_MAX), check_epoch(Some(3), 3 + EPOCH_STEP_MAX)), (Ok(()), Ok(())));
    assert_eq!(check_epoch(None, u64::MAX), Err(EpochFault::Jump { known: 0, asked: u64::MAX }));
    let far = 4 + EPOCH_STEP_MAX;
    assert_eq!(check_epoch(Some(3), far), Err(EpochFault::Jump { known: 3, asked: far }));
    assert!(check_epoch(Some(3), far).unwrap_err().to_string().contains("surmise producer reset"));
    // what the log holds was taken before there was a bound
    let mut t = table(10);
    t.begin_replay(u64::MAX);
    assert_eq!(status(&mut t, "a", u64::MAX, 1), SeqStatus::New);
}

/// More producers than memory has room for, each in several rounds, with a crash and a replay after every round: each
/// event is new exactly once.
#[test]
fn no_producer_is_forgotten_while_the_store_has_room() {
    let storage: Arc<dyn Storage> = Arc::new(SimulatedStorage::default());
    let names: Vec<String> = (0..200).map(|i| format!("p{i}")).collect();
    let mut log: Vec<Origin> = Vec::new();
    let mut checkpoint = (Vec::new(), 0);
    table(4).encode(&mut checkpoint.0);
    for round in 1..=4 {
        let bounds = ProducerBounds { memory: 4, store: 1_000, ids: 3 };
        let mut t = Producers::decode(&mut Cursor(&checkpoint.0), bounds).unwrap();
        t.connect(Some(storage.clone()), &entry(7, "s"));
        t.begin_replay(u64::MAX);
        for (offset, origin) in log.iter().enumerate().skip(checkpoint.1) {
            assert_eq!(t.seq_status(origin).unwrap(), SeqStatus::New);
            t.note_origin(origin, offset as u64);
        }
        for (i, name) in names.iter().enumerate() {
            // a commit every fifty events
            t.follow_live(log.len() as u64 / 50 * 50);
            if round > 1 {
                assert_eq!(status(&mut t, name, 1, round - 1), SeqStatus::Duplicate, "{name}, round {round}");
            }
            assert_eq!(status(&mut t, name, 1, round), SeqStatus::New, "{name}, round {round}");
            t.note_origin(&origin(name, 1, round), log.len() as u64);
            log.push(origin(name, 1, round));
            assert_eq!(t.known(&name.as_str().into()).unwrap().unwrap().safe, Some(round));
            if i == 77 {
                checkpoint = (Vec::new(), log.len());
                t.encode(&mut checkpoint.0);
            }
        }
        assert!(t.len() < 70, "{} in memory", t.len());
    }
}

/// A producer sends 1 and 4 to `a`, 2 and 3 to `b`; then `a` gets the name `b` while 3 is still under way.
#[test]
fn under_a_new_name_only_what_was_safe_is_known() {
    for memory in [1, 10] {
        let (storage, mut stream) = (Arc::new(SimulatedStorage::default()), entry(7, "a"));
        let mut t = table(memory);
        t.connect(Some(storage.clone()), &stream);
        t.follow_live(u64::MAX);
        t.note_origin(&Origin { safe: Some(1), ..origin("p", 1, 1) }, 0);
        t.note_origin(&Origin { safe: Some(1), ..origin("p", 1, 4) }, 1);
        t.note_origin(&origin("q", 1, 9), 2);
        stream.rename("b");
        t.connect(Some(storage.clone()), &stream);
        assert_eq!(status(&mut t, "p", 1, 1), SeqStatus::Duplicate, "everyone knows that it is durable");
        assert_eq!(status(&mut t, "p", 1, 3), SeqStatus::New);
        assert_eq!(status(&mut t, "p", 0, 3), SeqStatus::Fenced(EpochFault::Old { known: 1, asked: 0 }));
        t.note_origin(&Origin { safe: Some(1), ..origin("p", 1, 3) }, 3);
        assert_eq!(status(&mut t, "p", 1, 3), SeqStatus::Duplicate);
        // a producer of one stream follows it to its new name
        assert_eq!(status(&mut t, "q", 1, 9), SeqStatus::Duplicate);
        let known =
            |t: &Producers, name: &str| t.known(&name.into()).unwrap().map(|known| (known.safe, known.last_offset));
        assert_eq!((known(&t, "p"), known(&t, "q")), (Some((Some(1), 3)), Some((Some(9), 2))));
        stream.rename("a");
        t.connect(Some(storage.clone()), &stream);
        assert_eq!(status(&mut t, "p", 1, 4), SeqStatus::Duplicate, "it was learnt under this name");
        assert!(t.forget(&"p".into()).unwrap());
        assert_eq!((known(&t, "p"), known(&t, "q").is_some()), (None, true));
        assert_eq!(status(&mut t, "p", 1, 4), SeqStatus::New);
    }
}
