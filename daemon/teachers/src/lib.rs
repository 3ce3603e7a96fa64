//! Threads that work lessons out beside the streams, which go on predicting.
//!
//! A stream hands a lesson over when a chunk of its network is full, and needs its gradient some chunks later
//! (`learning.delay_chunks`). The queue between is bounded, and a stream never waits at it: a lesson that finds it full
//! falls, and its stream works it out itself when the update is due, as it does with one that no teacher has come to.
//! So what is learnt depends neither on how many teachers there are nor on how fast they are.

mod devices;

pub use devices::{Devices, measure};

use crossbeam_channel::{Receiver, Sender, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use surmise_learner::{Lesson, Teacher};

/// Lessons that may wait for each teacher. One that waits longer than a few chunks is due before its turn comes.
const WAITING_EACH: usize = 16;

/// A pool of teachers. When it is dropped they leave, each after the lesson that it is at; lessons that wait are left to
/// their streams.
pub struct Teachers {
    lessons: Sender<Arc<Lesson>>,
    waiting: Receiver<Arc<Lesson>>,
    counts: Arc<Counts>,
    /// Dropped to end them.
    open: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// What became of the lessons that were handed over.
#[derive(Debug, Default)]
struct Counts {
    beside: AtomicU64,
    fell: AtomicU64,
    late: AtomicU64,
}

/// What became of lessons so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lessons {
    /// Those that wait for a teacher.
    pub waiting: u64,
    /// Those that a teacher worked out.
    pub beside: u64,
    /// Those that found the queue full, for their streams to work out.
    pub fell: u64,
    /// Those that their streams had worked out when a teacher came to them.
    pub late: u64,
}

impl Teachers {
    /// A pool of so many threads.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(threads: usize) -> std::io::Result<Teachers> {
        Teachers::with_room(threads, WAITING_EACH * threads)
    }

    fn with_room(threads: usize, waiting_max: usize) -> std::io::Result<Teachers> {
        let (lessons, waiting) = bounded::<Arc<Lesson>>(waiting_max);
        let (open, closing) = bounded::<()>(0);
        let mut it = Teachers { lessons, waiting, counts: Arc::default(), open: Some(open), threads: Vec::new() };
        for i in 0..threads {
            let (waiting, closing, counts) = (it.waiting.clone(), closing.clone(), it.counts.clone());
            let work = move || {
                while let Some(lesson) = next(&waiting, &closing) {
                    counts.teach(&lesson);
                }
            };
            it.threads.push(std::thread::Builder::new().name(format!("teacher-{i}")).spawn(work)?);
        }
        Ok(it)
    }

    /// What a learner is given, see [`surmise_learner::Learner::set_teacher`].
    pub fn teacher(&self) -> Teacher {
        let (lessons, counts) = (self.lessons.clone(), self.counts.clone());
        Arc::new(move |lesson| {
            if lessons.try_send(lesson).is_err() {
                counts.fell.fetch_add(1, Ordering::Relaxed);
            }
        })
    }

    /// What became of lessons so far.
    pub fn lessons(&self) -> Lessons {
        let Counts { beside, fell, late } = &*self.counts;
        let [beside, fell, late] = [beside, fell, late].map(|n| n.load(Ordering::Relaxed));
        Lessons { waiting: self.waiting.len() as u64, beside, fell, late }
    }
}

/// The next lesson; nothing once the pool is closed.
fn next(waiting: &Receiver<Arc<Lesson>>, closing: &Receiver<()>) -> Option<Arc<Lesson>> {
    crossbeam_channel::select_biased! {
        recv(closing) -> _ => None,
        recv(waiting) -> lesson => lesson.ok(),
    }
}

impl Counts {
    fn teach(&self, lesson: &Lesson) {
        // a lesson that fails fails its stream too, which is the one to say so
        let count = match catch_unwind(AssertUnwindSafe(|| lesson.work())) {
            Ok(true) => &self.beside,
            Ok(false) | Err(_) => &self.late,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Teachers {
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
        let learn = |teacher: Option<Teacher>| {
            let mut l = Learner::new(Schema::bytes(), Options { delay_chunks: 2, ..Options::default() }).unwrap();
            l.set_teacher(teacher);
            let run = Record { data: Data::One(Datum::Bytes([b'a'; 16 * 10][..].into())), ..Record::default() };
            let event = l.bind(&run, &Limits::default()).unwrap();
            l.observe(&event);
            l.state_hash()
        };
        let nobody = Teachers::with_room(0, 4).unwrap();
        assert_eq!(learn(Some(nobody.teacher())), learn(None));
        assert_eq!(nobody.lessons(), Lessons { waiting: 4, beside: 0, fell: 6, late: 0 });
        let held = nobody.waiting.clone();
        drop(nobody);
        assert!(held.is_empty(), "what waits is let go");
    }

    #[test]
    fn lessons_are_counted_by_who_works_them_out() {
        let mut lessons = Vec::new();
        let (give, take) = bounded(8);
        let mut l = Learner::new(Schema::bytes(), Options { delay_chunks: 1, ..Options::default() }).unwrap();
        l.set_teacher(Some(Arc::new(move |lesson| drop(give.try_send(lesson)))));
        let run = Record { data: Data::One(Datum::Bytes([b'a'; 16 * 2][..].into())), ..Record::default() };
        let event = l.bind(&run, &Limits::default()).unwrap();
        l.observe(&event);
        lessons.extend(take.try_iter());
        let counts = Counts::default();
        lessons.iter().for_each(|l| counts.teach(l));
        // the first was due when the second came
        let of = |n: &AtomicU64| n.load(Ordering::Relaxed);
        assert_eq!((lessons.len(), of(&counts.late), of(&counts.beside)), (2, 1, 1));
    }
}
