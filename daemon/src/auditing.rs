//! The account of what operators did.

use crate::clock::now_us;
use crate::hub::Hub;
use surmise_event::format_time;
use surmise_store::AuditEntry;

impl Hub {
    /// Writes an operation into the audit log. What cannot be written there is said in the daemon's log.
    pub fn audit(&self, who: &str, what: &str, about: String, result: String) {
        let time = format_time(now_us());
        let entry = AuditEntry { time, who: who.to_owned(), what: what.into(), about, result };
        tracing::info!("{} by {}: {}: {}", entry.what, entry.who, entry.about, entry.result);
        if let Some(store) = self.store()
            && let Err(e) = store.audit.append(&entry)
        {
            tracing::error!("{e}");
        }
    }
}
