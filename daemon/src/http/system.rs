//! `GET /api/v1/system`: limits of the daemon, and how near each of them is.

use super::rows::now_us;
use crate::budget::Pressure;
use crate::hub::Hub;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Limits of the daemon, with what is used of each, and what waits in queues.
#[derive(Serialize, JsonSchema)]
pub struct SystemReport {
    /// Threads that own streams.
    owners: usize,
    /// How near the budget of memory (`limits.memory`) is.
    memory_status: MemoryStatus,
    /// The limits.
    limits: Vec<UsedLimit>,
    /// The databases of the store.
    databases: Vec<DatabaseSize>,
    /// Checkpoints that are being made or written.
    checkpoints_pending: usize,
    /// How old the newest checkpoint is.
    checkpoint_age_seconds: Option<f64>,
    /// Jobs of networks that wait.
    gradient_jobs_waiting: u64,
    /// Jobs of networks that workers computed.
    gradient_jobs_by_workers: u64,
    /// What computes gradients of networks, and why.
    device: String,
    /// Of each size of network whose updates wait, what computes them, and why.
    device_choices: Vec<String>,
}

/// How near the budget of memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum MemoryStatus {
    /// There is room.
    Ok,
    /// What can be had again is shed.
    SoftLimit,
    /// New streams and fields are refused.
    HardLimit,
}

impl From<Pressure> for MemoryStatus {
    fn from(pressure: Pressure) -> MemoryStatus {
        match pressure {
            Pressure::None => MemoryStatus::Ok,
            Pressure::Shed => MemoryStatus::SoftLimit,
            Pressure::Refuse => MemoryStatus::HardLimit,
        }
    }
}

/// A limit, and how near it is.
#[derive(Serialize, JsonSchema)]
struct UsedLimit {
    /// The key of the configuration.
    key: &'static str,
    /// What it bounds.
    about: &'static str,
    /// What it is counted in.
    unit: &'static str,
    /// How much is used.
    used: u64,
    /// The most that may be.
    limit: u64,
}

/// What a database takes on the disk.
#[derive(Serialize, JsonSchema)]
struct DatabaseSize {
    /// What the database holds.
    name: &'static str,
    /// What it takes.
    bytes: u64,
}

fn limit(key: &'static str, about: &'static str, unit: &'static str, used: u64, limit: u64) -> UsedLimit {
    UsedLimit { key, about, unit, used, limit }
}

/// Of several limits, with what is used of each, the one that is nearest.
fn nearest(limits: impl Iterator<Item = (u64, u64)>) -> Option<(u64, u64)> {
    limits.max_by(|a, b| (a.0 * b.1.max(1)).cmp(&(b.0 * a.1.max(1))))
}

/// The limits of what the daemon takes in, with what is used of each.
fn limits(hub: &Hub) -> Vec<UsedLimit> {
    let (config, owners) = (&hub.config.limits, hub.owners().len() as u64);
    let (events, bytes) = hub.waiting();
    let followers = hub.directory.all().iter().map(|view| view.followers()).max().unwrap_or(0) as u64;
    let questions = config.questions.saturating_sub(hub.question_permits.available_permits()) as u64;
    let unread = hub.services.followers.taken() as u64;
    // where fewer files may be open than the configuration has connections, that is what holds
    let seats: Vec<_> = hub.admissions().into_iter().map(|seats| (seats.taken(), seats.limits.clone())).collect();
    let all = seats.iter().map(|(taken, limits)| (taken.0 as u64, limits.seats_max as u64));
    let here = seats.iter().map(|(taken, limits)| (taken.1 as u64, limits.per_address_max as u64));
    let (connections, connections_max) = nearest(all).unwrap_or((0, config.connections as u64));
    let (of_address, of_address_max) = nearest(here).unwrap_or((0, config.connections_per_address as u64));
    vec![
        limit("limits.memory", "memory of the daemon", "bytes", hub.budget.used_bytes(), hub.budget.limit_bytes()),
        limit("limits.streams", "streams", "streams", hub.directory.len() as u64, config.streams as u64),
        limit(
            "limits.inbox_events",
            "events that wait to be learnt",
            "events",
            events as u64,
            config.inbox_events as u64 * owners,
        ),
        limit("limits.inbox_bytes", "what those events take", "bytes", bytes as u64, config.inbox_bytes.0 * owners),
        limit("limits.connections", "connections of the busiest listener", "connections", connections, connections_max),
        limit(
            "limits.connections_per_address",
            "connections of the busiest address at one listener",
            "connections",
            of_address,
            of_address_max,
        ),
        limit("limits.watchers", "followers of the busiest stream", "followers", followers, config.watchers as u64),
        limit("limits.watch_bytes", "outcomes that followers have not read", "bytes", unread, config.watch_bytes.0),
        limit("limits.questions", "long questions being worked out", "questions", questions, config.questions as u64),
    ]
}

/// Lists the limits with what is used of each, and what waits in queues.
pub async fn system(State(hub): State<Arc<Hub>>) -> Response {
    hub.budget.look(crate::clock::millis_since(hub.started));
    let streams = hub.directory.all();
    let mut limits = limits(&hub);
    let mut databases = Vec::new();
    if let Some(store) = hub.store() {
        limits.push(limit("store.disk", "files of the store", "bytes", store.disk_bytes(), store.disk.limit_bytes()));
        databases = vec![
            DatabaseSize { name: "log", bytes: store.log.disk_bytes() },
            DatabaseSize { name: "checkpoints", bytes: store.checkpoints.disk_bytes() },
            DatabaseSize { name: "keys", bytes: store.pages.disk_bytes() },
        ];
    }
    let pending: usize = streams.iter().map(|view| view.checkpoints_pending.load(Ordering::Relaxed)).sum();
    let newest = streams.iter().filter_map(|view| view.checkpoint.load().as_ref().map(|meta| meta.time_us)).max();
    let jobs = hub.workers.as_ref().map(|pool| pool.jobs()).unwrap_or_default();
    let answer = SystemReport {
        owners: hub.owners().len(),
        memory_status: hub.budget.pressure().into(),
        limits,
        databases,
        checkpoints_pending: pending,
        checkpoint_age_seconds: newest.map(|time_us| (now_us(&hub) - time_us) as f64 / 1e6),
        gradient_jobs_waiting: jobs.waiting,
        gradient_jobs_by_workers: jobs.by_workers,
        device: hub.device(),
        device_choices: hub.devices.choices(),
    };
    Json(answer).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::MemoryBudget;

    #[test]
    fn the_budget_of_memory_is_told_in_a_word() {
        let budget = MemoryBudget::new(1600);
        let word = |bytes: u64| {
            budget.count(0, bytes);
            let told = serde_json::to_value(MemoryStatus::from(budget.pressure())).unwrap();
            budget.count(bytes, 0);
            told
        };
        assert_eq!([1050, 1290, 1440].map(word), ["ok", "soft_limit", "hard_limit"]);
    }
}
