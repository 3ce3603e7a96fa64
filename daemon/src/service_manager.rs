//! What a service manager such as systemd is told, where one asks to be (`sd_notify(3)`): that streams are being
//! restored, that all are there, that the daemon is well, and that it leaves.

use sd_notify::NotifyState;
use std::time::{Duration, Instant};
use surmised::Running;

/// How often the manager is thought of.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// By how much a start that restores streams is allowed to take longer, each time that it is told.
const RESTORING_TIME: Duration = Duration::from_secs(30);

/// The service manager, if there is one.
pub struct ServiceManager {
    /// How often it wants to hear that all is well.
    watchdog: Option<Duration>,
    heard: Instant,
    is_ready: bool,
    looks: tokio::time::Interval,
}

impl ServiceManager {
    /// The manager that started this process.
    pub fn find() -> ServiceManager {
        let looks = tokio::time::interval(LOOK_INTERVAL);
        // twice as often as is asked for, so that one that comes late harms nothing
        let watchdog = sd_notify::watchdog_enabled().map(|time| time / 2);
        ServiceManager { watchdog, heard: Instant::now(), is_ready: false, looks }
    }

    /// Waits until it is time to think of the manager again.
    pub async fn wait(&mut self) {
        self.looks.tick().await;
    }

    /// Tells how things stand.
    pub fn tell(&mut self, running: &Running) {
        if !self.is_ready && running.is_ready() {
            self.is_ready = true;
            let status = format!("{} streams", running.streams());
            send(&[NotifyState::Ready, NotifyState::Status(&status)]);
        } else if !self.is_ready {
            let time = NotifyState::ExtendTimeoutUsec(RESTORING_TIME.as_micros() as u32);
            send(&[time, NotifyState::Status("restoring streams")]);
        }
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
