//! What is known of all streams, kept up to date by one feed.

use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use surmise_event::{AlarmKind, AlarmPhase};
use surmise_protocol::{AlarmEvent, AlarmList, StreamRow};

/// Incidents that are kept; the daemon keeps more of each stream.
const INCIDENTS_KEPT_MAX: usize = 400;

/// Whether the daemon is followed.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum DaemonLink {
    /// The first answer has not come yet.
    #[default]
    Starting,
    /// The feed is open.
    Open,
    /// The feed broke off, at a time in seconds since 1970, for a reason. It is asked for again.
    Lost {
        /// When.
        since: f64,
        /// Why.
        reason: String,
    },
}

/// What tells one incident from another: its stream, its kind, and where it began.
type IncidentId = (Arc<str>, AlarmKind, u64);

/// All streams and their latest incidents.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The streams, by name.
    pub rows: BTreeMap<String, StreamRow>,
    /// Whether the daemon is followed.
    pub link: DaemonLink,
    incidents: HashMap<IncidentId, AlarmEvent>,
}

/// The data of an event `streams` of the feed.
#[derive(Deserialize)]
struct ChangedRows {
    all: bool,
    streams: Vec<StreamRow>,
    gone: Vec<String>,
}

/// The data of an event `alarms` of the feed.
#[derive(Deserialize)]
struct ChangedIncidents {
    alarms: Vec<AlarmEvent>,
}

impl Overview {
    /// Takes in what an event of the feed says; one that is not known says nothing.
    ///
    /// # Errors
    /// The data are not as the API promises.
    pub fn take(&mut self, name: &str, data: &str) -> serde_json::Result<()> {
        match name {
            "streams" => self.change_rows(serde_json::from_str(data)?),
            "alarms" => self.add_incidents(serde_json::from_str::<ChangedIncidents>(data)?.alarms),
            _ => {}
        }
        Ok(())
    }

    fn change_rows(&mut self, changed: ChangedRows) {
        if changed.all {
            self.rows.clear();
        }
        for mut row in changed.streams {
            if let Some(before) = self.rows.get_mut(&row.stream) {
                // what hardly ever changes is left out of most news
                if row.schema.fields.is_empty() {
                    row.schema = std::mem::take(&mut before.schema);
                }
                row.trend = row.trend.or_else(|| before.trend.take());
            }
            self.rows.insert(row.stream.clone(), row);
        }
        for name in changed.gone {
            self.rows.remove(&name);
        }
    }

    /// Takes a list of incidents instead of what was known, as after a restart of the daemon.
    pub fn reload(&mut self, list: AlarmList) {
        self.incidents.clear();
        self.add_incidents(list.alarms);
    }

    fn add_incidents(&mut self, incidents: Vec<AlarmEvent>) {
        let named =
            |incident: AlarmEvent| ((incident.stream.clone(), incident.alarm.kind, incident.alarm.began), incident);
        self.incidents.extend(incidents.into_iter().map(named));
        if self.incidents.len() > INCIDENTS_KEPT_MAX {
            let kept: Vec<AlarmEvent> = self.latest().into_iter().take(INCIDENTS_KEPT_MAX).cloned().collect();
            self.incidents = kept.into_iter().map(named).collect();
        }
    }

    /// Incidents, the latest first.
    pub fn latest(&self) -> Vec<&AlarmEvent> {
        let mut all: Vec<&AlarmEvent> = self.incidents.values().collect();
        all.sort_by(|a, b| b.time.cmp(&a.time).then(b.alarm.began.cmp(&a.alarm.began)).then(a.stream.cmp(&b.stream)));
        all
    }

    /// How many incidents are not over.
    pub fn open_incidents(&self) -> usize {
        self.incidents.values().filter(|incident| incident.alarm.phase != AlarmPhase::Ended).count()
    }
}

/// Whether the latest incident of a stream is not over.
pub fn is_odd(row: &StreamRow) -> bool {
    row.last_incident.as_ref().is_some_and(|incident| incident.phase != AlarmPhase::Ended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::Alarm;

    fn incident(began: u64, phase: AlarmPhase) -> AlarmEvent {
        let alarm = Alarm {
            kind: AlarmKind::New,
            phase,
            began,
            offset: began,
            oddest: began,
            count: 1,
            rarity_events: 1e4,
            rarity_seconds: None,
            field: None,
            key: None,
            label: None,
        };
        let time = surmise_event::format_time(began as i64 * 1_000_000);
        let mut event = AlarmEvent::overdue(&"web".into(), alarm, None);
        (event.time, event.event) = (Some(time), serde_json::json!({"data": began}));
        event
    }

    #[test]
    fn rows_keep_what_news_leave_out() {
        let mut overview = Overview::default();
        let schema = r#"{"fields":[{"name":"value","kind":"category"}]}"#;
        let first = format!(
            r#"{{"all":true,"streams":[{{"stream":"web","offset":1,"schema":{schema},"trend":[1.0]}}],"gone":[]}}"#
        );
        overview.take("streams", &first).unwrap();
        overview.take("streams", r#"{"all":false,"streams":[{"stream":"web","offset":2}],"gone":["x"]}"#).unwrap();
        let row = &overview.rows["web"];
        assert_eq!((row.offset, row.schema.fields.len(), row.trend.as_ref().map(Vec::len)), (2, 1, Some(1)));
        overview.take("streams", r#"{"all":false,"streams":[],"gone":["web"]}"#).unwrap();
        assert!(
            overview.rows.is_empty() && overview.take("else", "?").is_ok() && overview.take("alarms", "?").is_err()
        );
    }

    #[test]
    fn an_incident_is_known_once_and_memory_is_bounded() {
        let mut overview = Overview::default();
        overview.add_incidents((0..1_000).map(|began| incident(began, AlarmPhase::Begins)).collect());
        assert_eq!((overview.latest().len(), overview.latest()[0].alarm.began), (INCIDENTS_KEPT_MAX, 999));
        overview.add_incidents(vec![incident(999, AlarmPhase::Ended)]);
        assert_eq!(overview.latest()[0].alarm.phase, AlarmPhase::Ended);
        assert_eq!(overview.open_incidents(), INCIDENTS_KEPT_MAX - 1);
        overview.reload(AlarmList::default());
        assert!(overview.latest().is_empty());
    }
}
