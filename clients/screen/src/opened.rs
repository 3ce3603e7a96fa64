//! What is asked of the one stream that is open.

use surmise_event::Prediction;
use surmise_protocol::{AlarmList, HistoryAnswer, StreamStatus};
use surmise_terminal::{Failure, Http, segment};

/// Symbols that are asked for of each field.
const TOP: usize = 6;
/// Incidents that are asked for.
const INCIDENTS_ASKED: usize = 20;

/// What the daemon says of one stream.
#[derive(Clone, Debug, Default)]
pub struct OpenedStream {
    /// Its whole state.
    pub status: StreamStatus,
    /// What it expects next; none where it has learnt nothing yet.
    pub prediction: Option<Prediction>,
    /// Its course.
    pub history: HistoryAnswer,
    /// Its latest incidents.
    pub incidents: AlarmList,
}

impl OpenedStream {
    /// Asks a daemon.
    ///
    /// # Errors
    /// The daemon cannot be reached, or knows no such stream.
    pub fn ask(http: &Http, stream: &str, course: &str) -> Result<OpenedStream, Failure> {
        let path = |rest: &str| format!("/api/v1/streams/{}{rest}", segment(stream));
        Ok(OpenedStream {
            status: http.get(&path(""), &[])?,
            prediction: http.get(&path("/next"), &[("top", TOP.to_string())]).ok(),
            history: http.get(&path("/history"), &[("span", course.to_owned())])?,
            incidents: http.get(&path("/alarms"), &[("limit", INCIDENTS_ASKED.to_string())])?,
        })
    }
}
