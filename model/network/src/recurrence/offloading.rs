//! Delayed updates, and where their gradient jobs are computed.

use super::Recurrence;
use crate::gradient_job::JobSink;
use crate::pending_jobs::pending_jobs_bytes;

/// Delayed updates. They are the only part of a recurrence that another thread or device may compute; see
/// [`GradientJob`](crate::GradientJob).
impl Recurrence {
    /// Delays updates: that of chunk k takes effect at the start of chunk k + 1 + `chunks`. Its gradient is the one
    /// under the weights that were in force during chunk k.
    pub fn delayed(mut self, chunks: usize) -> Self {
        self.jobs.delay = chunks;
        self
    }

    /// Sets where gradient jobs are sent; the waiting ones are sent there, too. Without a sink, and with a delay of
    /// zero, this network computes its gradients itself. A clone has no sink.
    pub fn set_job_sink(&mut self, job_sink: Option<JobSink>) {
        self.jobs.set_sink(job_sink);
    }

    /// Where gradient jobs are sent, if anywhere.
    pub fn job_sink(&self) -> Option<JobSink> {
        self.jobs.sink()
    }

    /// Drops the full chunks whose updates have not taken effect; the updates are lost. It saves the memory of a copy
    /// that only answers queries.
    pub fn discard_pending_jobs(&mut self) {
        self.jobs.discard();
    }

    /// Bytes that full chunks take until their updates take effect, nearly.
    pub fn pending_jobs_bytes(&self) -> usize {
        pending_jobs_bytes(&self.shape, self.jobs.delay)
    }
}
