//! One row per session: how surprising and how rare it was as a whole.

use crate::error::ReplayError;
use crate::labels::{SessionLabelCollector, SessionLabelsResult};
use crate::options::ReplayOptions;
use std::fs::File;
use std::path::{Path, PathBuf};
use surmise_event::SessionOutcome;

/// What is measured of sessions.
pub(crate) struct SessionMeasures {
    scores: Option<SessionScoreWriter>,
    labels: Option<SessionLabelCollector>,
}

impl SessionMeasures {
    pub(crate) fn new(options: &ReplayOptions) -> Result<SessionMeasures, ReplayError> {
        let labels = options.session_labels.clone();
        Ok(SessionMeasures {
            scores: options.session_scores.as_deref().map(SessionScoreWriter::create).transpose()?,
            labels: labels.map(|labels| SessionLabelCollector::new(labels, options.unscored_sessions)),
        })
    }

    /// Takes in the sessions that are over with an event.
    pub(crate) fn add(&mut self, sessions: &[SessionOutcome]) -> Result<(), ReplayError> {
        for session in sessions {
            if let Some(scores) = &mut self.scores {
                scores.write(session)?;
            }
            if let Some(labels) = &mut self.labels {
                labels.add(session);
            }
        }
        Ok(())
    }

    /// Writes what is to be written; returns how well the labels were met, where there are some.
    pub(crate) fn finish(&mut self) -> Result<Option<SessionLabelsResult>, ReplayError> {
        if let Some(scores) = self.scores.take() {
            scores.finish()?;
        }
        Ok(self.labels.take().map(SessionLabelCollector::finish))
    }
}

/// Writes the file of session scores, one row for each session that is over.
struct SessionScoreWriter {
    path: PathBuf,
    out: csv::Writer<File>,
}

/// The head of the file.
const HEAD: [&str; 8] =
    ["key", "first_offset", "last_offset", "events", "surprise_bits", "anomaly_score", "rarity_sessions", "why"];

impl SessionScoreWriter {
    fn create(path: &Path) -> Result<SessionScoreWriter, ReplayError> {
        let fault = |error| ReplayError::Write { file: path.display().to_string(), error };
        let mut out = csv::Writer::from_writer(File::create(path).map_err(fault)?);
        out.write_record(HEAD).map_err(|e| fault(e.into()))?;
        Ok(SessionScoreWriter { path: path.into(), out })
    }

    fn write(&mut self, session: &SessionOutcome) -> Result<(), ReplayError> {
        let row = [
            session.key.as_deref().unwrap_or("").to_owned(),
            session.first_offset.to_string(),
            session.last_offset.to_string(),
            session.events.to_string(),
            session.surprise_bits.to_string(),
            session.anomaly_score.to_string(),
            session.rarity_sessions.to_string(),
            session.why.as_ref().map_or_else(String::new, ToString::to_string),
        ];
        self.out.write_record(&row).map_err(|e| self.fault(e.into()))
    }

    fn fault(&self, error: std::io::Error) -> ReplayError {
        ReplayError::Write { file: self.path.display().to_string(), error }
    }

    fn finish(mut self) -> Result<(), ReplayError> {
        self.out.flush().map_err(|error| self.fault(error))
    }
}
