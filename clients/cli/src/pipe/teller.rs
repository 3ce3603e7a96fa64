//! Tells incidents as they begin and end, and at last how many there were.

use crate::incident_line::IncidentLines;
use indicatif::ProgressBar;
use std::collections::HashMap;
use surmise_event::{AlarmKind, AlarmPhase};
use surmise_protocol::{AlarmEvent, AlarmList, StreamStatus};
use surmise_terminal::format::count;
use surmise_terminal::{Failure, Http, print_line, segment};

/// Incidents that are asked for: as many as a daemon tells of one stream.
const INCIDENTS_ASKED: usize = 256;

/// What was told so far.
pub(super) struct Teller {
    http: Http,
    path: String,
    is_json: bool,
    /// What standard error shows while nothing is told.
    bar: ProgressBar,
    /// Incidents that were told, and whether it was told that they are over.
    told: HashMap<(AlarmKind, u64), bool>,
    /// Incidents that began before.
    begun_before: u64,
    begun: u64,
}

impl Teller {
    /// Begins: what the stream had before is not told.
    pub(super) async fn begin(http: Http, stream: &str, is_json: bool, bar: ProgressBar) -> Result<Teller, Failure> {
        let path = format!("/api/v1/streams/{}", segment(stream));
        let mut teller = Teller { http, path, is_json, bar, told: HashMap::new(), begun_before: 0, begun: 0 };
        let before = teller.list().await.unwrap_or_default();
        teller.begun_before = before.begun;
        teller.begun = before.begun;
        teller.told = before.alarms.iter().map(|a| ((a.alarm.kind, a.alarm.began), true)).collect();
        Ok(teller)
    }

    async fn list(&self) -> Result<AlarmList, Failure> {
        let (http, path) = (self.http.clone(), format!("{}/alarms", self.path));
        let ask = move || http.get(&path, &[("limit", INCIDENTS_ASKED.to_string())]);
        tokio::task::spawn_blocking(ask).await.map_err(Failure::internal)?
    }

    /// Tells what has begun or ended since the last look. A stream that is not there yet, or a daemon that is not
    /// there any more, has nothing to tell.
    pub(super) async fn look(&mut self) -> Result<(), Failure> {
        let Ok(list) = self.list().await else { return Ok(()) };
        self.begun = list.begun;
        let news = unsaid(&mut self.told, list.alarms);
        let incidents = IncidentLines::stdout();
        let lines: Result<Vec<String>, serde_json::Error> =
            news.iter().map(|a| if self.is_json { serde_json::to_string(a) } else { Ok(incidents.line(a)) }).collect();
        let lines = lines.map_err(Failure::internal)?;
        if !lines.is_empty() {
            self.bar.suspend(|| lines.iter().try_for_each(|line| print_line(line)))?;
        }
        Ok(())
    }

    /// Says how many lines, templates and incidents there were.
    pub(super) async fn sum_up(&self, lines: u64, seconds: f64) -> Result<(), Failure> {
        let (http, path) = (self.http.clone(), self.path.clone());
        let status = tokio::task::spawn_blocking(move || http.get::<StreamStatus>(&path, &[]));
        let status = status.await.map_err(Failure::internal)?.unwrap_or_default();
        let templates = status.report.pointer("/fields/value/distinct").and_then(|n| n.as_u64()).unwrap_or(0);
        let incidents = self.begun - self.begun_before;
        if self.is_json {
            let summary = serde_json::json!({
                "lines": lines, "templates": templates, "incidents": incidents, "seconds": seconds,
            });
            return Ok(print_line(&serde_json::json!({ "summary": summary }).to_string())?);
        }
        let rate = count((lines as f64 / seconds.max(1e-3)) as u64);
        let plural = |n: u64, what: &str| format!("{} {what}{}", count(n), if n == 1 { "" } else { "s" });
        eprintln!(
            "{} in {seconds:.1} s ({rate}/s), {}, {}",
            plural(lines, "line"),
            plural(templates, "template"),
            plural(incidents, "incident")
        );
        Ok(())
    }
}

/// What of a list, the latest incident first, was not told yet, the earliest first: that an incident began, and that
/// one is over which went on when it was told and has more than one event.
fn unsaid(told: &mut HashMap<(AlarmKind, u64), bool>, latest: Vec<AlarmEvent>) -> Vec<AlarmEvent> {
    let mut news = Vec::new();
    for mut incident in latest.into_iter().rev() {
        let id = (incident.alarm.kind, incident.alarm.began);
        let is_over = incident.alarm.phase == AlarmPhase::Ended;
        match told.insert(id, is_over) {
            None => {
                (incident.alarm.phase, incident.alarm.offset) = (AlarmPhase::Begins, incident.event_offset);
                news.push(incident);
            }
            Some(false) if is_over && incident.alarm.count > 1 => news.push(incident),
            Some(_) => {}
        }
    }
    news
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::Alarm;

    fn incident(began: u64, count: u64, phase: AlarmPhase) -> AlarmEvent {
        let alarm = Alarm {
            kind: AlarmKind::New,
            phase,
            began,
            offset: began + count,
            oddest: began,
            count,
            rarity_events: 1e4,
            rarity_seconds: None,
            field: None,
            key: None,
            label: None,
        };
        AlarmEvent::overdue(&"stdin".into(), alarm, None)
    }

    #[test]
    fn an_incident_is_told_once_and_its_end_where_it_was_seen_to_go_on() {
        let mut told = HashMap::new();
        let mut look = |latest: Vec<AlarmEvent>| {
            let news = unsaid(&mut told, latest);
            news.iter().map(|a| (a.alarm.began, a.alarm.phase)).collect::<Vec<_>>()
        };
        let [first, over] = [incident(7, 1, AlarmPhase::Begins), incident(9, 5, AlarmPhase::Ended)];
        assert_eq!(look(vec![over.clone(), first]), [(7, AlarmPhase::Begins), (9, AlarmPhase::Begins)]);
        assert_eq!(look(vec![over.clone(), incident(7, 3, AlarmPhase::GoesOn)]), []);
        assert_eq!(look(vec![over.clone(), incident(7, 4, AlarmPhase::Ended)]), [(7, AlarmPhase::Ended)]);
        assert_eq!(look(vec![over, incident(7, 4, AlarmPhase::Ended)]), []);
    }
}
