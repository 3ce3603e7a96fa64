//! Tests of what a change finds out before it writes anything.

use super::*;
use crate::directory::StreamView;
use surmise_event::{Data, Datum, Record};
use surmise_learner::Options;
use surmise_store::Store;
use surmise_store::group::GroupBuilder;

const KIB: u64 = 1 << 10;
/// What a commit may let files grow, which is kept free of events.
const COMMIT_GROWTH: u64 = 64 << 20;

/// A stream with a log of 400 KiB, a tenth of which is of one key.
fn subject(store: &Arc<Store>) -> Subject {
    let entry = StreamEntry::new(3, "s", "", Schema::default(), Options::default(), 1);
    let groups = (0..40u64).map(|i| {
        let mut group = GroupBuilder::new(3, i * 10);
        for n in i * 10..i * 10 + 10 {
            let data = Data::One(Datum::Text("x".repeat(1000).into()));
            group.push(&Record { data, key: (n % 10 == 0).then(|| "secret".into()), ..Record::default() }, None, None);
        }
        group.finish(i * 10 + 10)
    });
    store.log.commit(std::slice::from_ref(&entry), &groups.collect::<Vec<_>>(), &[], 0).unwrap();
    let view = Arc::new(StreamView::new(&entry));
    Subject { storage: store.clone(), name: "s".into(), view, entry }
}

#[test]
fn forgetting_writes_nothing_where_nothing_matches_or_the_disk_has_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path(), 3).unwrap());
    let subject = subject(&store);
    let (services, config) = (Services::of(Some(&store)), Config::default());
    let means = Means {
        services: &services,
        limits: Limits::default(),
        bounds: ProducerBounds::FEW,
        retention: Retention { now_us: 1, kept_us: 1 },
        config: &config,
        number: 7,
    };
    let forget = |key: &str| {
        let what = Forgotten { key: Some(key.into()), ..Forgotten::default() };
        prepare(&subject, StreamChange::Forget(what), &means)
    };
    let streams = || store.log.streams().iter().map(|entry| entry.number).collect::<Vec<_>>();
    assert!(matches!(forget("nobody"), Err(UndoError::NothingToForget(stream)) if stream == "s"));
    assert_eq!(streams(), [3], "not even the stream that would have come in its place");
    // a fifteenth of the bound is for checkpoints
    let leaves = |free: u64| (store.disk_bytes() + free + COMMIT_GROWTH) * 16 / 15 + KIB;
    store.disk.set_limit(leaves(100 * KIB));
    let refused = forget("secret").err().unwrap();
    let UndoError::NoRoom { needed_bytes, free_bytes, .. } = &refused else { panic!("{refused}") };
    assert!((350 * KIB..400 * KIB).contains(needed_bytes) && (100 * KIB..110 * KIB).contains(free_bytes), "{refused}");
    let said = refused.to_string();
    assert!(said.contains(&needed_bytes.to_string()) && said.contains(&free_bytes.to_string()), "{said}");
    assert_eq!(streams(), [3]);
    store.disk.set_limit(leaves(64 << 20));
    assert!(matches!(forget("secret"), Ok(Prepared::Relearnt(_))));
    assert_eq!(streams(), [3, 7]);
}
