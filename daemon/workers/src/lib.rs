//! Threads that work jobs out beside the streams, which go on predicting.
//!
//! A stream hands a job over when a chunk of its network is full, and needs its gradient some chunks later
//! (`learning.delay_chunks`). The queue between is bounded, and a stream never waits at it: a job that finds it full
//! falls, and its stream works it out itself when the update is due, as it does with one that no job sink has come to.
//! So what is learnt depends neither on how many workers there are nor on how fast they are.

mod device_policy;

pub use device_policy::{DevicePolicy, measure};

use crossbeam_channel::{Receiver, Sender, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use surmise_learner::{GradientJob, JobSink};

/// JobCounts that may wait for each job sink. One that waits longer than a few chunks is due before its turn comes.
const WAITING_EACH: usize = 16;

/// A pool of workers. When it is dropped they leave, each after the job that it is at; jobs that wait are left to
/// their streams.
pub struct WorkerPool {
    jobs: Sender<Arc<GradientJob>>,
    waiting: Receiver<Arc<GradientJob>>,
    counts: Arc<Counts>,
    /// Dropped to end them.
    open: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// What became of the jobs that were handed over.
#[derive(Debug, Default)]
struct Counts {
    by_workers: AtomicU64,
    queue_full: AtomicU64,
    by_owners_first: AtomicU64,
}

/// What became of jobs so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobCounts {
    /// Those that wait for a job sink.
    pub waiting: u64,
    /// Those that a worker worked out.
    pub by_workers: u64,
    /// Those that found the queue full, for their streams to work out.
    pub queue_full: u64,
    /// Those that their streams had worked out when a job sink came to them.
    pub by_owners_first: u64,
}

impl WorkerPool {
    /// A pool of so many threads.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(threads: usize) -> std::io::Result<WorkerPool> {
        WorkerPool::with_room(threads, WAITING_EACH * threads)
    }

    fn with_room(threads: usize, waiting_max: usize) -> std::io::Result<WorkerPool> {
        let (jobs, waiting) = bounded::<Arc<GradientJob>>(waiting_max);
        let (open, closing) = bounded::<()>(0);
        let mut it = WorkerPool { jobs, waiting, counts: Arc::default(), open: Some(open), threads: Vec::new() };
        for i in 0..threads {
            let (waiting, closing, counts) = (it.waiting.clone(), closing.clone(), it.counts.clone());
            let work = move || {
                while let Some(job) = next(&waiting, &closing) {
                    counts.compute_one(&job);
                }
            };
            it.threads.push(std::thread::Builder::new().name(format!("worker-{i}")).spawn(work)?);
        }
        Ok(it)
    }

    /// What a learner is given, see [`surmise_learner::Learner::set_job_sink`].
    pub fn job_sink(&self) -> JobSink {
        let (jobs, counts) = (self.jobs.clone(), self.counts.clone());
        Arc::new(move |job| {
            if jobs.try_send(job).is_err() {
                counts.queue_full.fetch_add(1, Ordering::Relaxed);
            }
        })
    }

    /// What became of jobs so far.
    pub fn jobs(&self) -> JobCounts {
        let Counts { by_workers, queue_full, by_owners_first } = &*self.counts;
        let [by_workers, queue_full, by_owners_first] =
            [by_workers, queue_full, by_owners_first].map(|n| n.load(Ordering::Relaxed));
        JobCounts { waiting: self.waiting.len() as u64, by_workers, queue_full, by_owners_first }
    }
}

/// The next job; nothing once the pool is closed.
fn next(waiting: &Receiver<Arc<GradientJob>>, closing: &Receiver<()>) -> Option<Arc<GradientJob>> {
    crossbeam_channel::select_biased! {
        recv(closing) -> _ => None,
        recv(waiting) -> job => job.ok(),
    }
}

impl Counts {
    fn compute_one(&self, job: &GradientJob) {
        // a job that fails fails its stream too, which is the one to say so
        let count = match catch_unwind(AssertUnwindSafe(|| job.compute())) {
            Ok(true) => &self.by_workers,
            Ok(false) | Err(_) => &self.by_owners_first,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.open = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        while self.waiting.try_recv().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{Data, Datum, Limits, Record, Schema};
    use surmise_learner::{Learner, Options};

    #[test]
    fn a_queue_that_is_full_takes_no_more() {
        let learn = |job_sink: Option<JobSink>| {
            let mut l = Learner::new(Schema::bytes(), Options { delay_chunks: 2, ..Options::default() }).unwrap();
            l.set_job_sink(job_sink);
            let run = Record { data: Data::One(Datum::Bytes([b'a'; 16 * 10][..].into())), ..Record::default() };
            let event = l.bind(&run, &Limits::default()).unwrap();
            l.observe(&event);
            l.state_hash()
        };
        let nobody = WorkerPool::with_room(0, 4).unwrap();
        assert_eq!(learn(Some(nobody.job_sink())), learn(None));
        assert_eq!(nobody.jobs(), JobCounts { waiting: 4, by_workers: 0, queue_full: 6, by_owners_first: 0 });
        let held = nobody.waiting.clone();
        drop(nobody);
        assert!(held.is_empty(), "what waits is let go");
    }

    #[test]
    fn jobs_are_counted_by_what_computed_them() {
        let mut jobs = Vec::new();
        let (give, take) = bounded(8);
        let mut l = Learner::new(Schema::bytes(), Options { delay_chunks: 1, ..Options::default() }).unwrap();
        l.set_job_sink(Some(Arc::new(move |job| drop(give.try_send(job)))));
        let run = Record { data: Data::One(Datum::Bytes([b'a'; 16 * 2][..].into())), ..Record::default() };
        let event = l.bind(&run, &Limits::default()).unwrap();
        l.observe(&event);
        jobs.extend(take.try_iter());
        let counts = Counts::default();
        jobs.iter().for_each(|l| counts.compute_one(l));
        // the first was due when the second came
        let of = |n: &AtomicU64| n.load(Ordering::Relaxed);
        assert_eq!((jobs.len(), of(&counts.by_owners_first), of(&counts.by_workers)), (2, 1, 1));
    }
}
