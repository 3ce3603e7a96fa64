//! Tests of a stream and its life in the hands of its owner.

use super::super::learner_copies::CopyStep;
use super::*;
use crate::clock::{Clock, SystemClock};
use crate::directory::StreamView;
use crate::services::Services;
use crate::storage::Storage;
use crate::stream::tests::POISON;
use crate::ticket::Outbox;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_config::Config;
use surmise_event::{Data, Datum, Record};
use surmise_protocol::Reply;
use surmise_store::Store;
use surmise_store::group::Group;

fn now() -> Moment {
    SystemClock::new(std::time::Instant::now()).now()
}

fn create() -> OwnedStream {
    OwnedStream::create(&Config::default(), &Services::of(None), "s", 1, now()).unwrap()
}

fn event(record: Record) -> InboxEvent {
    InboxEvent { record, origin: None, seq: None, line: 1, bytes: 9 }
}

#[test]
fn a_panic_inside_ends_one_stream_and_spoils_no_log() {
    let mut stream = create();
    let keyed =
        |key: &str| event(Record { key: Some(key.into()), data: Data::One(Datum::Number(1.0)), ..Record::default() });
    let outbox = Arc::new(Outbox::default());
    let mut pending = outbox.ticket(3, 1, ChunkCounts::default()).pop().unwrap();
    let events = [keyed("a"), keyed(POISON), keyed("b")];
    let learnt = stream.learn(&events, ReplyOptions::default(), &mut pending, &Limits::default(), now());
    pending.done();
    assert_eq!(learnt, 1);
    let drained = outbox.drain();
    assert_eq!((drained.counts.accepted, drained.counts.rejected, drained.replies.len()), (1, 2, 2));
    assert!(
        matches!(&drained.replies[1], Reply::Error(e) if e.code == RefusalCode::Unavailable && e.reason.contains("a bug inside"))
    );
    let mut groups = Vec::new();
    stream.take_groups(&mut groups);
    let logged = surmise_store::group::decode(&groups[0].1.bytes).unwrap();
    assert_eq!((groups.len(), logged.records.len(), logged.span), (1, 1, 1), "the event that did it is not logged");
    assert!(stream.view.failed.get().is_some() && matches!(stream.copy(1), CopyStep::Idle));
    assert!(stream.into_last_checkpoint(now()).is_none());
}

#[test]
fn a_stream_sleeps_until_it_is_asked_or_an_event_comes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path(), 2).unwrap());
    let mut stream = create();
    let entry = stream.keep();
    let number = |x: f64| event(Record { data: Data::One(Datum::Number(x)), ..Record::default() });
    let outbox = Arc::new(Outbox::default());
    let learn = |stream: &mut OwnedStream, events: &[InboxEvent]| {
        let mut pending = outbox.ticket(1, 1, ChunkCounts::default()).pop().unwrap();
        let learnt = stream.learn(events, ReplyOptions::default(), &mut pending, &Limits::default(), now());
        pending.done();
        learnt
    };
    assert_eq!(learn(&mut stream, &[number(1.0), number(2.0), number(1.0)]), 3);
    let mut groups = Vec::new();
    stream.take_groups(&mut groups);
    let groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
    store.log.commit(std::slice::from_ref(&entry), &groups, &[], 0).unwrap();
    store.checkpoints.write(&[stream.lifecycle.state().unwrap().to_checkpoint(1).encode()]).unwrap();

    let storage: Arc<dyn Storage> = store.clone();
    let recover = || {
        let (services, view) = (Services::of(Some(&store)), Arc::new(StreamView::new(&entry)));
        OwnedStream::recover(&Config::default(), &storage, &services, entry.clone(), view, now())
    };
    let (mut asked, mut sent) = (recover(), recover());
    for stream_asleep in [&asked, &sent] {
        assert!(matches!(stream_asleep.lifecycle, Lifecycle::Asleep(_)) && stream_asleep.lifecycle.state().is_none());
        assert!(stream_asleep.sleeping_checkpoint().is_some());
        assert!(stream_asleep.producers().is_some() && !stream_asleep.is_behind());
        assert_eq!(stream_asleep.view.offset.load(Ordering::Relaxed), 3);
        assert_eq!(stream_asleep.checkpoints.changes(), 0);
        assert_eq!(
            stream_asleep.view.model_version.load(Ordering::Relaxed),
            stream.lifecycle.state().unwrap().learner.model_version()
        );
    }
    let hash = |stream: &mut OwnedStream| stream.state_mut(now()).unwrap().learner.state_hash();
    assert_eq!(asked.state_mut(now()).unwrap().learner.offset(), 3);
    assert_eq!(hash(&mut asked), hash(&mut stream));
    for stream in [&mut stream, &mut sent] {
        assert_eq!(learn(stream, &[number(2.0)]), 1);
    }
    assert_eq!(hash(&mut sent), hash(&mut stream));
    assert!(sent.sleeping_checkpoint().is_none() && sent.checkpoints.list());
}
