use super::*;
use crate::stream::tests::POISON;
use crate::ticket::Outbox;
use surmise_event::{Data, Datum, Record};

#[test]
fn a_panic_inside_ends_one_stream_and_spoils_no_log() {
    let mut live = Live::make(&Config::default(), "s", 1).unwrap();
    let item = |key: &str| Item {
        record: Record { key: Some(key.into()), data: Data::One(Datum::Number(1.0)), ..Record::default() },
        origin: None,
        seq: None,
        line: 1,
        bytes: 9,
    };
    let outbox = Arc::new(Outbox::default());
    let mut pending = outbox.ticket(3, 1, Fate::default()).pop().unwrap();
    let items = [item("a"), item(POISON), item("b")];
    let learnt = live.learn(&items, Answers::default(), &mut pending, &Limits::default(), 1 << 15);
    pending.done();
    assert_eq!(learnt, 1);
    let t = outbox.take();
    assert_eq!((t.fate.accepted, t.fate.rejected, t.replies.len()), (1, 2, 2));
    assert!(
        matches!(&t.replies[1], Reply::Error(e) if e.code == Code::Unavailable && e.reason.contains("a bug inside"))
    );
    let mut groups = Vec::new();
    live.take_groups(&mut groups);
    let logged = crate::store::group::decode(&groups[0].1.bytes).unwrap();
    assert_eq!((groups.len(), logged.records.len(), logged.span), (1, 1, 1), "the event that did it is not logged");
    assert!(live.shared().failed.get().is_some() && live.freeze(1, false, false).is_none() && live.publish().is_none());
}
