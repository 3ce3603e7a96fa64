//! Workers: threads that compute gradient jobs, and the choice of the device that computes them.
//!
//! A stream sends a [`GradientJob`](surmise_learner::GradientJob) when a chunk of its network is full, and needs the
//! gradient some chunks later (`learning.delay_chunks`). The queue between them is bounded, and a stream never waits
//! at it: if the queue is full, or if no worker has come to the job by the time that its update is due, the stream's
//! owner computes the gradient itself. So what is learnt depends neither on how many workers there are nor on how fast
//! they are.
//!
//! * [`WorkerPool`] is the threads and their queue; [`WorkerPool::job_sink`] is where streams send jobs.
//! * [`DevicePolicy`] decides for each size of network whether the processor or a GPU computes its jobs.

mod counts;
mod device_policy;
mod pool;

pub use counts::JobCounts;
pub use device_policy::{DevicePolicy, measure};
pub use pool::WorkerPool;
pub use surmise_device::Choice;
pub use surmise_network::DeviceError;
