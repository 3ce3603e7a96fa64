//! The pool of threads that compute gradient jobs.

use crate::counts::{JobCounts, SharedJobCounts};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use surmise_learner::{GradientJob, JobSink};

/// Jobs that may wait for each worker. In a longer queue the last ones would be due before a worker comes to them.
const WAITING_JOBS_MAX: usize = 16;

/// A pool of worker threads with one bounded queue.
///
/// When the pool is dropped, each worker ends after its current job; waiting jobs are left to their streams' owners.
pub struct WorkerPool {
    jobs: Sender<Arc<GradientJob>>,
    waiting: Receiver<Arc<GradientJob>>,
    counts: Arc<SharedJobCounts>,
    /// Dropped to end the workers.
    open: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl WorkerPool {
    /// Starts a pool of so many threads.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(threads: usize) -> std::io::Result<WorkerPool> {
        WorkerPool::with_queue(threads, WAITING_JOBS_MAX * threads)
    }

    fn with_queue(threads: usize, waiting_max: usize) -> std::io::Result<WorkerPool> {
        let (jobs, waiting) = bounded::<Arc<GradientJob>>(waiting_max);
        let (open, closing) = bounded::<()>(0);
        let mut pool = WorkerPool { jobs, waiting, counts: Arc::default(), open: Some(open), threads: Vec::new() };
        for i in 0..threads {
            let (waiting, closing, counts) = (pool.waiting.clone(), closing.clone(), pool.counts.clone());
            let work = move || {
                while let Some(job) = next(&waiting, &closing) {
                    counts.count_taken(compute(&job));
                }
            };
            pool.threads.push(std::thread::Builder::new().name(format!("worker-{i}")).spawn(work)?);
        }
        Ok(pool)
    }

    /// Where a learner sends its jobs, for [`surmise_learner::Learner::set_job_sink`]. It never waits.
    pub fn job_sink(&self) -> JobSink {
        let (jobs, counts) = (self.jobs.clone(), self.counts.clone());
        Arc::new(move |job| {
            // a pool that is gone refuses jobs as a full one does
            if jobs.try_send(job).is_err() {
                counts.count_refused();
            }
        })
    }

    /// Counts of the jobs so far, by what computed them.
    pub fn jobs(&self) -> JobCounts {
        self.counts.with_waiting(self.waiting.len())
    }
}

/// The next job; nothing once the pool is closed.
fn next(waiting: &Receiver<Arc<GradientJob>>, closing: &Receiver<()>) -> Option<Arc<GradientJob>> {
    // biased, so that a closed pool ends although jobs wait
    crossbeam_channel::select_biased! {
        recv(closing) -> _ => None,
        recv(waiting) -> job => job.ok(),
    }
}

/// Computes a job; false if its stream's owner did that before, or if it panicked: then it panics again where the owner
/// asks for the gradient, and the stream reports it.
fn compute(job: &GradientJob) -> bool {
    catch_unwind(AssertUnwindSafe(|| job.compute())).unwrap_or(false)
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.open = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        // job sinks may outlive the pool, and would keep the waiting jobs
        while self.waiting.try_recv().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{Data, Datum, Limits, Record, Schema};
    use surmise_learner::{Learner, Options};

    /// Observes so many chunks of bytes with a delay, and a job sink.
    fn observe_chunks(chunks: usize, delay_chunks: u32, job_sink: Option<JobSink>) -> Learner {
        let mut learner = Learner::new(Schema::bytes(), Options { delay_chunks, ..Options::default() }).unwrap();
        learner.set_job_sink(job_sink);
        let bytes = vec![b'a'; 32 * chunks];
        let run = Record { data: Data::One(Datum::Bytes(bytes[..].into())), ..Record::default() };
        let event = learner.bind(&run, &Limits::default()).unwrap();
        learner.observe(&event);
        learner
    }

    #[test]
    fn a_queue_that_is_full_takes_no_more() {
        let no_threads = WorkerPool::with_queue(0, 4).unwrap();
        let mut sent = observe_chunks(10, 2, Some(no_threads.job_sink()));
        assert_eq!(sent.state_hash(), observe_chunks(10, 2, None).state_hash());
        assert_eq!(no_threads.jobs(), JobCounts { waiting: 4, by_workers: 0, queue_full: 6, by_owners_first: 0 });
        let queue = no_threads.waiting.clone();
        drop(no_threads);
        assert!(queue.is_empty(), "waiting jobs are dropped");
    }

    #[test]
    fn jobs_are_counted_by_what_computed_them() {
        let (give, take) = bounded(8);
        observe_chunks(2, 1, Some(Arc::new(move |job| drop(give.try_send(job)))));
        let jobs: Vec<Arc<GradientJob>> = take.try_iter().collect();
        let counts = SharedJobCounts::default();
        jobs.iter().for_each(|job| counts.count_taken(compute(job)));
        // the first was due, and computed by the owner, when the second came
        assert_eq!(jobs.len(), 2);
        assert_eq!(counts.with_waiting(0), JobCounts { waiting: 0, by_workers: 1, queue_full: 0, by_owners_first: 1 });
    }
}
