//! What is learnt depends on the delay, and on nothing else: not on workers, their number or their speed.
#![allow(missing_docs)]

use std::sync::{Arc, Mutex};
use surmise_event::{Data, Datum, Limits, Record, Schema};
use surmise_learner::{GradientJob, JobSink, Learner, Options};
use surmise_workers::WorkerPool;

fn record(i: u64) -> Record {
    let x = i * i % 7 + i % 3;
    let fields = vec![
        ("page".into(), Datum::Text(format!("/p{x}").into())),
        ("ms".into(), Datum::Number(x as f64 + (i % 5) as f64 / 8.0)),
    ];
    // the second field of numbers comes late: its network begins anew, and keeps its job sink
    let late = (i > 300).then(|| ("size".into(), Datum::Number((i % 11) as f64)));
    let data = Data::Fields(fields.into_iter().chain(late).collect());
    Record { key: Some(format!("k{}", i % 3).into()), data, ..Record::default() }
}

fn learner(delay_chunks: u32) -> Learner {
    Learner::new(Schema::default(), Options { delay_chunks, memory_mib: 2, ..Options::default() }).unwrap()
}

fn learn(l: &mut Learner, events: std::ops::Range<u64>) {
    for i in events {
        let e = l.bind(&record(i), &Limits::default()).unwrap();
        l.observe(&e);
    }
}

fn learnt(delay: u32, job_sink: Option<JobSink>) -> String {
    let mut l = learner(delay);
    l.set_job_sink(job_sink);
    learn(&mut l, 0..900);
    l.state_hash()
}

/// Works jobs out long after their updates were due.
fn slow() -> JobSink {
    let held: Mutex<Vec<Arc<GradientJob>>> = Mutex::default();
    Arc::new(move |job| {
        let mut held = held.lock().unwrap();
        held.push(job);
        if held.len() == 50 {
            assert!(held.drain(..).filter(|l| l.compute()).count() < 50);
        }
    })
}

#[test]
fn the_state_depends_on_the_delay_alone() {
    let mut seen = Vec::new();
    for delay in [0, 1, 2, 5] {
        let want = learnt(delay, None);
        for threads in [1, 3] {
            let pool = WorkerPool::start(threads).unwrap();
            assert_eq!(learnt(delay, Some(pool.job_sink())), want, "delay {delay}, {threads} threads");
            let n = pool.jobs();
            assert_eq!(n.by_workers + n.by_owners_first + n.queue_full + n.waiting > 0, delay > 0, "{n:?}");
        }
        assert_eq!(learnt(delay, Some(slow())), want, "delay {delay}, a slow job_sink");
        assert_eq!(learnt(delay, Some(Arc::new(drop))), want, "delay {delay}, a job_sink that lets everything fall");
        assert!(!seen.contains(&want), "delay {delay} makes no difference");
        seen.push(want);
    }
}

#[test]
fn a_checkpoint_with_jobs_under_way_goes_on_alike() {
    let pool = WorkerPool::start(2).unwrap();
    let want = learnt(2, None);
    for cut in [5, 100, 333, 640] {
        let mut l = learner(2);
        l.set_job_sink(Some(pool.job_sink()));
        learn(&mut l, 0..cut);
        let mut back = Learner::load(&l.clone().save()).unwrap();
        assert_eq!(back.state_hash(), l.state_hash(), "at {cut}");
        back.set_job_sink(Some(pool.job_sink()));
        learn(&mut back, cut..900);
        assert_eq!(back.state_hash(), want, "from {cut}");
    }
}

/// What readers hold answers the same, and keeps no job.
#[test]
fn a_copy_that_only_answers_holds_no_job() {
    let given: Arc<Mutex<Vec<std::sync::Weak<GradientJob>>>> = Arc::default();
    let all = given.clone();
    let mut l = learner(2);
    l.set_job_sink(Some(Arc::new(move |job| all.lock().unwrap().push(Arc::downgrade(&job)))));
    learn(&mut l, 0..400);
    let mut reader = l.clone();
    reader.discard_pending_jobs();
    let answer = l.predict(Some("k1"), 5);
    assert_eq!(reader.predict(Some("k1"), 5), answer);
    let alive = || given.lock().unwrap().iter().filter(|w| w.strong_count() > 0).count();
    assert!(alive() > 0);
    drop(l);
    assert_eq!(alive(), 0);
    assert_eq!(reader.predict(Some("k1"), 5), answer);
}

#[test]
fn a_pool_that_is_gone_holds_nobody_up() {
    let pool = WorkerPool::start(1).unwrap();
    let job_sink = pool.job_sink();
    drop(pool);
    assert_eq!(learnt(1, Some(job_sink)), learnt(1, None));
}
