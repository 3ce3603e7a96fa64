use super::*;
use crate::stream::tests::POISON;
use crate::ticket::Outbox;
use surmise_event::{Data, Datum, Record};

#[test]
fn a_panic_inside_ends_one_stream_and_spoils_no_log() {
    let mut live = OwnedStream::make(&Config::default(), &Weak::new(), "s", 1, None).unwrap();
    let item = |key: &str| InboxEvent {
        record: Record { key: Some(key.into()), data: Data::One(Datum::Number(1.0)), ..Record::default() },
        origin: None,
        seq: None,
        line: 1,
        bytes: 9,
    };
    let outbox = Arc::new(Outbox::default());
    let mut pending = outbox.ticket(3, 1, ChunkCounts::default()).pop().unwrap();
    let items = [item("a"), item(POISON), item("b")];
    let learnt = live.learn(&items, ReplyOptions::default(), &mut pending, &Limits::default(), 1 << 15);
    pending.done();
    assert_eq!(learnt, 1);
    let t = outbox.drain();
    assert_eq!((t.counts.accepted, t.counts.rejected, t.replies.len()), (1, 2, 2));
    assert!(
        matches!(&t.replies[1], Reply::Error(e) if e.code == RefusalCode::Unavailable && e.reason.contains("a bug inside"))
    );
    let mut groups = Vec::new();
    live.take_groups(&mut groups);
    let logged = surmise_store::group::decode(&groups[0].1.bytes).unwrap();
    assert_eq!((groups.len(), logged.records.len(), logged.span), (1, 1, 1), "the event that did it is not logged");
    assert!(live.shared().failed.get().is_some() && matches!(live.copy(1), Step::Idle) && live.take_last(1).is_none());
}

#[test]
fn a_stream_sleeps_until_it_is_asked_or_an_event_comes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path(), 2).unwrap());
    let mut live = OwnedStream::make(&Config::default(), &Weak::new(), "s", 1, None).unwrap();
    let entry = live.enlist();
    let item = |x: f64| InboxEvent {
        record: Record { data: Data::One(Datum::Number(x)), ..Record::default() },
        origin: None,
        seq: None,
        line: 1,
        bytes: 9,
    };
    let outbox = Arc::new(Outbox::default());
    let learn = |live: &mut OwnedStream, items: &[InboxEvent]| {
        let mut pending = outbox.ticket(1, 1, ChunkCounts::default()).pop().unwrap();
        let learnt = live.learn(items, ReplyOptions::default(), &mut pending, &Limits::default(), 1 << 15);
        pending.done();
        learnt
    };
    assert_eq!(learn(&mut live, &[item(1.0), item(2.0), item(1.0)]), 3);
    let mut groups = Vec::new();
    live.take_groups(&mut groups);
    let groups: Vec<Group> = groups.into_iter().map(|(_, g)| g).collect();
    store.log.commit(std::slice::from_ref(&entry), &groups, &[], 0).unwrap();
    store.checkpoints.write(&[live.state.as_ref().unwrap().begin_copy(1, true).encode()]).unwrap();

    let recover = || OwnedStream::recover(&store, entry.clone(), &Arc::new(StreamView::new(&entry)), 9, None);
    let (mut asked, mut sent) = (recover(), recover());
    for l in [&asked, &sent] {
        assert!(l.state.is_none() && l.slept_on().is_some() && l.producers().is_some() && !l.is_behind());
        assert_eq!((l.shared.offset.load(Ordering::Relaxed), l.since_checkpoint()), (3, 0));
        assert_eq!(
            l.shared.model_version.load(Ordering::Relaxed),
            live.state.as_ref().unwrap().learner.model_version()
        );
    }
    let hash = |l: &mut OwnedStream| l.state_mut().unwrap().learner.state_hash();
    assert_eq!(asked.state_mut().unwrap().learner.offset(), 3);
    assert_eq!(hash(&mut asked), hash(&mut live));
    for l in [&mut live, &mut sent] {
        assert_eq!(learn(l, &[item(2.0)]), 1);
    }
    assert_eq!(hash(&mut sent), hash(&mut live));
    assert!(sent.slept_on().is_none() && sent.mark_dirty());
}
