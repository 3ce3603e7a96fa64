//! What the daemon's queues, seats and devices are occupied with: for metrics, and in words for people.

use crate::admission::{Admission, SeatLimits};
use crate::directory::StreamView;
use crate::hub::Hub;
use crate::open_files;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Hub {
    /// The seats of a new listener, with `reserve_max` seats beside those that the configuration allows.
    pub fn admission(&self, listener: impl Into<Arc<str>>, reserve_max: usize) -> Arc<Admission> {
        let limits = &self.config.limits;
        let seats_max = open_files::seats(&self.config, reserve_max);
        let (per_address_max, idle_time) = (limits.connections_per_address.min(seats_max), limits.idle_time.0);
        let seats = SeatLimits { seats_max, per_address_max, reserve_max, idle_time };
        let admission = Admission::new(listener.into(), seats);
        self.doors.add(admission.clone());
        admission
    }

    /// The seats of every listener.
    pub fn admissions(&self) -> Vec<Arc<Admission>> {
        self.doors.all()
    }

    /// How many events wait to be learnt, and bytes of lines.
    pub fn waiting(&self) -> (usize, usize) {
        let taken = self.owners().iter().map(|owner| owner.inbox.taken());
        taken.fold((0, 0), |sum, taken| (sum.0 + taken.0, sum.1 + taken.1))
    }

    /// Events that are learnt and not safe on the disk yet.
    pub fn events_uncommitted(&self) -> u64 {
        let behind = |view: &Arc<StreamView>| {
            let committed = view.committed.load(Ordering::Acquire);
            view.offset.load(Ordering::Acquire).saturating_sub(committed)
        };
        self.directory.all().iter().map(behind).sum()
    }

    /// What computes gradients of networks, and why, for people.
    pub fn device(&self) -> String {
        match self.config.any_delay() {
            true => self.devices.describe(),
            false => "cpu (no update waits: learning.delay_chunks is 0, so none is worth a way to a device)".into(),
        }
    }
}
