//! What is learnt depends on the delay, and on nothing else: not on workers, their number or their speed.
#![allow(missing_docs)]

use std::sync::{Arc, Mutex};
use surmise_event::{Data, Datum, Limits, Record, Schema};
use surmise_learner::{GradientJob, JobSink, Learner, Options};
use surmise_workers::{JobCounts, WorkerPool};

fn record(i: u64) -> Record {
    let x = i * i % 7 + i % 3;
    let fields = vec![
        ("page".into(), Datum::Text(format!("/p{x}").into())),
        ("ms".into(), Datum::Number(x as f64 + (i % 5) as f64 / 8.0)),
    ];
    // a second field of numbers comes late: the network of numbers is made anew, and keeps its job sink
    let late = (i > 300).then(|| ("size".into(), Datum::Number((i % 11) as f64)));
    let data = Data::Fields(fields.into_iter().chain(late).collect());
    Record { key: Some(format!("k{}", i % 3).into()), data, ..Record::default() }
}

fn learner(delay_chunks: u32) -> Learner {
    Learner::new(Schema::default(), Options { delay_chunks, memory_mib: 2, ..Options::default() }).unwrap()
}

fn learn(learner: &mut Learner, events: std::ops::Range<u64>) {
    for i in events {
        let event = learner.bind(&record(i), &Limits::default()).unwrap();
        learner.observe(&event);
    }
}

fn learnt(delay: u32, job_sink: Option<JobSink>) -> String {
    let mut learner = learner(delay);
    learner.set_job_sink(job_sink);
    learn(&mut learner, 0..900);
    learner.state_hash()
}

/// A job sink that computes jobs long after their updates were due.
fn slow() -> JobSink {
    let held: Mutex<Vec<Arc<GradientJob>>> = Mutex::default();
    Arc::new(move |job| {
        let mut held = held.lock().unwrap();
        held.push(job);
        if held.len() == 50 {
            assert!(held.drain(..).filter(|job| job.compute()).count() < 50);
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
            let JobCounts { waiting, by_workers, queue_full, by_owners_first } = pool.jobs();
            let sent = by_workers + by_owners_first + queue_full + waiting;
            assert_eq!(sent > 0, delay > 0, "{:?}", pool.jobs());
        }
        assert_eq!(learnt(delay, Some(slow())), want, "delay {delay}, a slow job sink");
        assert_eq!(learnt(delay, Some(Arc::new(drop))), want, "delay {delay}, a job sink that drops everything");
        assert!(!seen.contains(&want), "delay {delay} makes no difference");
        seen.push(want);
    }
}

#[test]
fn a_checkpoint_with_waiting_jobs_continues_alike() {
    let pool = WorkerPool::start(2).unwrap();
    let want = learnt(2, None);
    for cut in [5, 100, 333, 640] {
        let mut saved = learner(2);
        saved.set_job_sink(Some(pool.job_sink()));
        learn(&mut saved, 0..cut);
        let mut restored = Learner::load(&saved.clone().save()).unwrap();
        assert_eq!(restored.state_hash(), saved.state_hash(), "at {cut}");
        restored.set_job_sink(Some(pool.job_sink()));
        learn(&mut restored, cut..900);
        assert_eq!(restored.state_hash(), want, "from {cut}");
    }
}

/// The copy that readers query answers as the learner does, and keeps no job.
#[test]
fn a_copy_that_only_answers_holds_no_job() {
    let sent: Arc<Mutex<Vec<std::sync::Weak<GradientJob>>>> = Arc::default();
    let all = sent.clone();
    let mut learner = learner(2);
    learner.set_job_sink(Some(Arc::new(move |job| all.lock().unwrap().push(Arc::downgrade(&job)))));
    learn(&mut learner, 0..400);
    let mut reader = learner.clone();
    reader.discard_pending_jobs();
    let answer = learner.predict(Some("k1"), 5);
    assert_eq!(reader.predict(Some("k1"), 5), answer);
    let held = || sent.lock().unwrap().iter().filter(|job| job.strong_count() > 0).count();
    assert!(held() > 0);
    drop(learner);
    assert_eq!(held(), 0);
    assert_eq!(reader.predict(Some("k1"), 5), answer);
}

#[test]
fn a_pool_that_is_gone_makes_no_stream_wait() {
    let pool = WorkerPool::start(1).unwrap();
    let job_sink = pool.job_sink();
    drop(pool);
    assert_eq!(learnt(1, Some(job_sink)), learnt(1, None));
}
