//! Tests of a stream and its life in the hands of its owner.

use super::super::learner_copies::{CheckpointRequest, CopyStep};
use super::*;
use crate::clock::{Clock, Moment, SystemClock};
use crate::directory::StreamView;
use crate::first_learner::SpareLearner;
use crate::producers::ProducerBounds;
use crate::services::Services;
use crate::simulated_storage::SimulatedStorage;
use crate::storage::Storage;
use crate::summary::StreamSummary;
use crate::ticket::Outbox;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use surmise_config::Config;
use surmise_event::{Data, Datum, Limits, Record};
use surmise_protocol::Reply;
use surmise_store::Store;
use surmise_store::group::Group;

fn now() -> Moment {
    SystemClock::new(std::time::Instant::now()).now()
}

fn create() -> OwnedStream {
    OwnedStream::create(
        &Config::default(),
        &Services::of(None),
        "s",
        1,
        None,
        (None, &mut SpareLearner::default()),
        now(),
    )
    .unwrap()
}

fn event(record: Record) -> InboxEvent {
    InboxEvent { record, origin: None, id: None, seq: None, line: 1, bytes: 9 }
}

/// Learns a batch of events under these services.
fn learn_batch(
    stream: &mut OwnedStream,
    events: &[InboxEvent],
    storage: &Arc<dyn Storage>,
    services: &Arc<Services>,
) -> (u64, Vec<Reply>) {
    let outbox = Arc::new(Outbox::default());
    let mut pending = outbox.ticket(events.len(), 1, ChunkCounts::default()).pop().unwrap();
    let around = Surroundings { limits: &Limits::default(), full: None, storage, services, now: now() };
    let learnt = stream.learn(events, ReplyOptions::default(), &mut pending, &around);
    pending.done();
    (learnt, outbox.drain().replies)
}

/// Services under which learning a key panics, after the learner has seen the event.
fn with_poison(key: &'static str) -> Arc<Services> {
    let probe = move |record: &Record| assert_ne!(record.key.as_deref(), Some(key), "a bug inside");
    Arc::new(Services { probe: Some(Arc::new(probe)), ..(*Services::of(None)).clone() })
}

fn keyed(key: &str) -> InboxEvent {
    event(Record { key: Some(key.into()), data: Data::One(Datum::Number(1.0)), ..Record::default() })
}

#[test]
fn a_panic_inside_costs_the_event_and_nothing_else() {
    let storage: Arc<dyn Storage> = Arc::new(SimulatedStorage::default());
    let services = with_poison("poison");
    let (mut stream, mut calm_stream) = (create(), create());
    // some groups lie in the store, some only in memory, and one is open
    for part in 0..4 {
        let calm: Vec<_> = (0..10).map(|i| keyed(["a", "b", "c"][(part + i) % 3])).collect();
        for stream in [&mut stream, &mut calm_stream] {
            assert_eq!(learn_batch(stream, &calm, &storage, &services).0, 10);
        }
        if part < 3 {
            let mut groups = Vec::new();
            stream.take_groups(&mut groups);
            let groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
            if part == 0 {
                storage.commit(&[stream.keep()], &groups, &[], 0).unwrap();
                stream.view.committed.store(10, Ordering::Release);
            }
        }
    }
    let (learnt, replies) = learn_batch(&mut stream, &[keyed("a"), keyed("poison"), keyed("b")], &storage, &services);
    assert_eq!((learnt, replies.len()), (2, 1));
    assert!(
        matches!(&replies[0], Reply::Error(e) if e.code == RefusalCode::Quarantined && e.reason.contains("a bug inside"))
    );
    assert_eq!(learn_batch(&mut calm_stream, &[keyed("a"), keyed("b")], &storage, &services).0, 2);
    let hash = |stream: &mut OwnedStream| stream.state_mut(now()).unwrap().learner.state_hash();
    assert_eq!(hash(&mut stream), hash(&mut calm_stream), "as if the event had never come");
    let mut groups = Vec::new();
    stream.take_groups(&mut groups);
    let logged: Vec<_> = groups.iter().map(|(_, group)| surmise_store::group::decode(&group.bytes).unwrap()).collect();
    let keys = logged.iter().flat_map(|group| &group.records).map(|logged| logged.record.key.as_deref());
    assert_eq!(logged.iter().map(|group| group.span).sum::<u64>(), 12);
    assert!(keys.clone().count() == 12 && keys.clone().all(|key| key != Some("poison")), "it is not logged");
    let state = stream.lifecycle.state().unwrap();
    assert_eq!((state.quarantine.count, state.quarantine.latest[0].offset), (1, 41));
    assert_eq!(state.counters.records, 42);
    assert!(stream.wants_checkpoint && stream.view.failed.load().is_none());
    // what is recovered from its next checkpoint remembers the event
    let summary = StreamSummary::decode(&state.encode_summary(&stream.view.past), ProducerBounds::FEW).unwrap();
    assert_eq!(&summary.quarantine, &**stream.view.quarantine.load());
}

#[test]
fn a_stream_that_cannot_be_brought_back_is_tried_again() {
    let storage = Arc::new(SimulatedStorage::default());
    let services = with_poison("poison");
    let dyn_storage: Arc<dyn Storage> = storage.clone();
    let mut stream = create();
    learn_batch(&mut stream, &[keyed("a"), keyed("b")], &dyn_storage, &services);
    let mut groups = Vec::new();
    stream.take_groups(&mut groups);
    let groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
    storage.commit(&[stream.keep()], &groups, &[], 0).unwrap();
    stream.view.committed.store(2, Ordering::Release);
    storage.set_unreadable(true);
    let (learnt, replies) = learn_batch(&mut stream, &[keyed("poison"), keyed("a")], &dyn_storage, &services);
    assert_eq!((learnt, replies.len()), (0, 2));
    assert!(stream.view.failed.load().is_some() && matches!(stream.copy(1), CopyStep::Idle));
    // what is wanted of it meanwhile is given up, and holds up no other stream
    let (reply, mut refused) = tokio::sync::oneshot::channel();
    stream.copies.request_checkpoint(CheckpointRequest { reply: Some(reply), with_hash: false });
    assert!(matches!(stream.copy(1), CopyStep::Idle) && !stream.copies.is_busy());
    assert!(matches!(refused.try_recv(), Ok(Err(_))));
    assert!(!stream.is_checkpoint_due(now(), Duration::ZERO, 0), "it has nothing to write");
    storage.set_unreadable(false);
    let later = Moment { uptime: now().uptime + Duration::from_secs(5), ..now() };
    let around =
        Surroundings { limits: &Limits::default(), full: None, storage: &dyn_storage, services: &services, now: later };
    stream.retry(&around);
    assert!(stream.view.failed.load().is_none());
    assert_eq!(learn_batch(&mut stream, &[keyed("a")], &dyn_storage, &services).0, 1);
    let state = stream.lifecycle.state().unwrap();
    assert_eq!((state.learner.offset(), state.quarantine.count), (3, 1));
}

#[test]
fn a_stream_sleeps_until_it_is_asked_or_an_event_comes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path(), 2).unwrap());
    let mut stream = create();
    let entry = stream.keep();
    let number = |x: f64| event(Record { data: Data::One(Datum::Number(x)), ..Record::default() });
    let storage: Arc<dyn Storage> = store.clone();
    let services = Services::of(Some(&store));
    let learn = |stream: &mut OwnedStream, events: &[InboxEvent]| learn_batch(stream, events, &storage, &services).0;
    assert_eq!(learn(&mut stream, &[number(1.0), number(2.0), number(1.0)]), 3);
    let mut groups = Vec::new();
    stream.take_groups(&mut groups);
    let groups: Vec<Group> = groups.into_iter().map(|(_, group)| group).collect();
    store.log.commit(std::slice::from_ref(&entry), &groups, &[], 0).unwrap();
    store.checkpoints.write(&[stream.lifecycle.state().unwrap().to_checkpoint(1).encode()]).unwrap();

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
