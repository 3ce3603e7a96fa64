//! Which incidents one sink has delivered, so that none is told twice after a restart.

use crate::directory::StreamView;
use crate::incidents::INCIDENTS_MAX;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use surmise_event::AlarmPhase;
use surmise_protocol::AlarmEvent;
use surmise_store::SINKS_DIR;

/// What is told of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It has begun.
    Begins,
    /// It is over.
    Ended,
}

impl Told {
    /// Its name in a message.
    pub fn name(self) -> &'static str {
        match self {
            Told::Begins => "incident.begins",
            Told::Ended => "incident.ended",
        }
    }
}

/// One incident to be told.
#[derive(Clone, Debug)]
pub struct Delivery {
    stream: Arc<str>,
    number: u32,
    /// What is told.
    pub what: Told,
    /// The incident as it stands.
    pub incident: AlarmEvent,
}

impl Delivery {
    /// What tells it from any other, and is the same if it is told again.
    pub fn id(&self) -> String {
        let alarm = &self.incident.alarm;
        format!("{}-{}-{}-{}", self.number, alarm.began, alarm.kind.name(), self.what.name())
    }

    fn incident(&self) -> IncidentPlace {
        incident_place(&self.incident)
    }
}

/// Where an incident began, and its kind.
type IncidentPlace = (u64, String);

fn incident_place(event: &AlarmEvent) -> IncidentPlace {
    (event.alarm.began, event.alarm.kind.name().to_owned())
}

/// What was delivered of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct StreamMark {
    /// The number of the stream.
    number: u32,
    /// Incidents that began before this offset are delivered.
    before: u64,
    /// Incidents from there on that are delivered.
    delivered: BTreeSet<IncidentPlace>,
    /// Of all that are delivered, those whose end is not.
    open: BTreeSet<IncidentPlace>,
}

/// What one sink has delivered.
#[derive(Debug, Default)]
pub struct DeliveredIncidents {
    path: PathBuf,
    /// By the name of the stream.
    marks: BTreeMap<String, StreamMark>,
    /// Whether anything is not saved.
    is_changed: bool,
}

impl DeliveredIncidents {
    /// Reads what a sink has delivered before. If nothing is known of it, what these streams, which are all that it
    /// covers, have by now counts as delivered.
    pub fn open<'a>(dir: &Path, sink: &str, streams: impl Iterator<Item = &'a Arc<StreamView>>) -> DeliveredIncidents {
        let path = dir.join(SINKS_DIR).join(format!("{sink}.json"));
        let known = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let is_changed = known.is_none();
        let marks = known.unwrap_or_else(|| {
            let had = streams.map(|view| (view, view.past.incidents.latest(INCIDENTS_MAX)));
            // where nothing has come yet, nothing is to be remembered
            let had = had.filter(|(_, incidents)| !incidents.is_empty());
            had.map(|(view, incidents)| (view.name.to_string(), StreamMark::old(view.number, &incidents))).collect()
        });
        DeliveredIncidents { path, marks, is_changed }
    }

    /// What is due of a stream's incidents, which come latest first; the oldest is due first.
    pub fn due(&mut self, view: &StreamView, incidents: Vec<AlarmEvent>, wants_ends: bool) -> Vec<Delivery> {
        let known = self.marks.get(&*view.name);
        // what came in the place of another stream has that one's incidents, which were told
        if known.map_or(view.is_replacement, |mark| mark.number != view.number) {
            self.is_changed = true;
            self.marks.insert(view.name.to_string(), StreamMark::old(view.number, &incidents));
            return Vec::new();
        }
        let nothing = StreamMark { number: view.number, ..StreamMark::default() };
        let mark = known.unwrap_or(&nothing);
        let mut due = Vec::new();
        for incident in incidents.into_iter().rev() {
            let id = incident_place(&incident);
            let is_over = incident.alarm.phase == AlarmPhase::Ended;
            let is_told = incident.alarm.began < mark.before || mark.delivered.contains(&id);
            let delivery =
                |what| Delivery { stream: view.name.clone(), number: view.number, what, incident: incident.clone() };
            if !is_told {
                due.push(delivery(Told::Begins));
            }
            if wants_ends && is_over && (!is_told || mark.open.contains(&id)) {
                due.push(delivery(Told::Ended));
            }
        }
        due
    }

    /// Notes what was delivered.
    pub fn note(&mut self, delivery: &Delivery) {
        self.is_changed = true;
        let mark = self.marks.entry(delivery.stream.to_string()).or_default();
        mark.number = delivery.number;
        match delivery.what {
            Told::Begins => {
                mark.delivered.insert(delivery.incident());
                mark.open.insert(delivery.incident());
            }
            Told::Ended => drop(mark.open.remove(&delivery.incident())),
        }
        mark.bound();
    }

    /// Makes what has changed last.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn save(&mut self) -> std::io::Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        let (dir, new) = (self.path.parent().unwrap_or(Path::new(".")), self.path.with_extension("new"));
        std::fs::create_dir_all(dir)?;
        let mut file = std::fs::File::create(&new)?;
        file.write_all(&serde_json::to_vec(&self.marks)?)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        self.is_changed = false;
        Ok(())
    }
}

/// Incidents of a stream that are remembered one by one. A stream keeps fewer.
const REMEMBERED_MAX: usize = 2 * INCIDENTS_MAX;

impl StreamMark {
    /// That of a stream whose incidents all count as delivered; those that are not over are open.
    fn old(number: u32, incidents: &[AlarmEvent]) -> StreamMark {
        let is_open = |event: &&AlarmEvent| event.alarm.phase != AlarmPhase::Ended;
        let delivered = incidents.iter().map(incident_place).collect();
        let open = incidents.iter().filter(is_open).map(incident_place).collect();
        let mut mark = StreamMark { number, delivered, open, ..StreamMark::default() };
        mark.bound();
        mark
    }

    /// Forgets what began longest ago, which counts as delivered all the same.
    fn bound(&mut self) {
        while self.delivered.len() > REMEMBERED_MAX {
            let oldest = self.delivered.pop_first();
            self.before = oldest.map_or(self.before, |(began, _)| began + 1).max(self.before);
        }
        while self.open.len() > REMEMBERED_MAX {
            self.open.pop_first();
        }
    }
}
