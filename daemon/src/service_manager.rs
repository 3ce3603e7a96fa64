//! What a service manager such as systemd is told, where one asks to be (`sd_notify(3)`): that streams are being
//! restored, that all are there, that the daemon is well, and that it leaves.

use sd_notify::NotifyState;
use std::time::{Duration, Instant};

/// How often the manager is thought of.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How long a start may take from each time on that the manager is told that it goes on.
const STARTING_TIME: Duration = Duration::from_secs(30);

/// The service manager, if there is one.
pub struct ServiceManager {
    /// How often it wants to hear that all is well.
    watchdog: Option<Duration>,
    heard: Instant,
    looks: tokio::time::Interval,
}

impl ServiceManager {
    /// The manager that started this process.
    pub fn find() -> ServiceManager {
        let looks = tokio::time::interval(LOOK_INTERVAL);
        // twice as often as is asked for, so that one that comes late harms nothing
        let watchdog = sd_notify::watchdog_enabled().map(|time| time / 2);
        ServiceManager { watchdog, heard: Instant::now(), looks }
    }

    /// Waits until it is time to think of the manager again.
    pub async fn wait(&mut self) {
        self.looks.tick().await;
    }

    /// Tells that the daemon still starts, and that this may take longer than the manager allows for.
    pub fn tell_starting(&self) {
        let time = NotifyState::ExtendTimeoutUsec(STARTING_TIME.as_micros() as u32);
        send(&[time, NotifyState::Status("opening the store and restoring streams")]);
    }

    /// Tells that all streams are restored, and how many these are.
    pub fn tell_ready(&self, streams: usize) {
        send(&[NotifyState::Ready, NotifyState::Status(&format!("{streams} streams restored"))]);
    }

    /// Tells that the daemon is well, if it is time to.
    pub fn tell_well(&mut self) {
        if self.watchdog.is_some_and(|time| self.heard.elapsed() >= time) {
            self.heard = Instant::now();
            send(&[NotifyState::Watchdog]);
        }
    }

    /// Tells that the daemon leaves.
    pub fn tell_leaving(&self) {
        send(&[NotifyState::Stopping, NotifyState::Status("finishing what was accepted, and writing checkpoints")]);
    }
}

/// A manager that does not listen is no reason to stop.
fn send(states: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(states) {
        tracing::debug!("the service manager cannot be told: {e}");
    }
}
