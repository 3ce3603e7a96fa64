//! The store: groups of events made durable, and checkpoints written and read.

use crate::bench::Bench;
use crate::clock::timed;
use surmise_event::{Data, Datum, Record, Schema};
use surmise_fixtures::Random;
use surmise_learner::Options;
use surmise_store::group::GroupBuilder;
use surmise_store::{CheckpointDraft, Store, StoreError, StreamEntry};
use surmise_terminal::{Exit, Failure};

const PART: &str = "store";
/// Events of one group.
const GROUP_EVENTS: u64 = 256;

fn failed(error: StoreError) -> Failure {
    Failure::new(Exit::Storage, error)
}

pub(crate) fn run(b: &mut Bench) -> Result<(), Failure> {
    let (mut groups, mut events, mut write, mut read, mut open) = (vec![], vec![], vec![], vec![], vec![]);
    let checkpoint_bytes = ((b.seconds * 16e6) as usize).clamp(1 << 16, 32 << 20);
    for i in 0..b.repeat {
        let dir = b.dir.path().join(format!("store-{i}"));
        let store = Store::open(&dir, 3).map_err(failed)?;
        let (n, took) = append(&store, b.seconds)?;
        groups.push(n / took);
        events.push(n * GROUP_EVENTS as f64 / took);
        let mut random = Random::new(6);
        let learner: Vec<u8> = (0..checkpoint_bytes).map(|_| random.below(256) as u8).collect();
        let draft = CheckpointDraft {
            stream: 0,
            offset: 1,
            time_us: 1,
            learner,
            summary: Vec::new(),
            state_hash: None,
            pages: 0,
        };
        let (metas, took) = timed(|| store.checkpoints.write(std::slice::from_ref(&draft)));
        let meta = metas.map_err(failed)?.pop().ok_or_else(|| Failure::internal("no checkpoint was written"))?;
        write.push(checkpoint_bytes as f64 / took.wall / 1e6);
        let (loaded, took) = timed(|| store.checkpoints.load(&meta));
        loaded.map_err(failed)?;
        read.push(checkpoint_bytes as f64 / took.wall / 1e6);
        drop(store);
        let (opened, took) = timed(|| Store::open(&dir, 3));
        drop(opened.map_err(failed)?);
        open.push(took.wall * 1e3);
    }
    b.figures.put(PART, "log", "groups appended and synced", &groups, "groups/s");
    b.figures.put(PART, "log", "events in them", &events, "events/s");
    b.figures.put(PART, "checkpoints", "written and synced", &write, "MB/s");
    b.figures.put(PART, "checkpoints", "read", &read, "MB/s");
    b.figures.put(PART, "store", "opened again", &open, "ms");
    Ok(())
}

/// Appends groups, each made durable by itself, until the time is over.
fn append(store: &Store, seconds: f64) -> Result<(f64, f64), Failure> {
    let entry = StreamEntry::new(0, "bench", "", Schema::default(), Options::default(), 0);
    let record = Record { data: Data::One(Datum::Text("GET /item/17".into())), ..Record::default() };
    let (mut n, mut offset, start) = (0.0, 0, std::time::Instant::now());
    while start.elapsed().as_secs_f64() < seconds {
        let mut group = GroupBuilder::new(0, offset);
        for _ in 0..GROUP_EVENTS {
            group.push(&record, None, None);
        }
        let new = if offset == 0 { std::slice::from_ref(&entry) } else { &[] };
        offset += GROUP_EVENTS;
        store.log.commit(new, &[group.finish(offset)], &[], 0).map_err(failed)?;
        n += 1.0;
    }
    Ok((n, start.elapsed().as_secs_f64()))
}
