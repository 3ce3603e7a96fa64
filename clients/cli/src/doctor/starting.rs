//! What a daemon would be started with: its configuration, ports, files, data directory, disk and open files.

use super::diagnosis::{Diagnosis, Soundness, clear_token};
use super::{named_files, ports};
use std::path::Path;
use surmise_config::Config;
use surmise_terminal::format::size;

/// Room on the disk below which it is worth a look, in bytes.
const ROOM_MIN: u64 = 1 << 30;

/// Examines what a daemon with this configuration would find.
pub(super) fn examine(file: &Path) -> Vec<Diagnosis> {
    let config = match Config::load(Some(file)).and_then(|config| config.check().map(|()| config)) {
        Ok(config) => config,
        Err(e) => {
            let advice = "surmised --print-config prints every key with its default";
            return vec![Diagnosis::bad(Soundness::Wrong, "configuration", e.to_string(), advice)];
        }
    };
    let mut findings = vec![Diagnosis::fine("configuration", format!("{} is sound", file.display()))];
    findings.extend(config.clear_token_line().map(|line| clear_token(format!("it stands in clear in line {line}"))));
    findings.extend(ports::examine(&config));
    findings.extend(named_files::examine(&config));
    findings.extend(directory(&config.store.dir, config.store.disk.0));
    findings.push(open_files(&config));
    findings
}

fn directory(dir: &Path, limit: u64) -> Vec<Diagnosis> {
    let shown = dir.display();
    let existing = dir.ancestors().find(|part| part.exists()).unwrap_or(Path::new("/"));
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    let mut findings = Vec::new();
    // the answer of the system itself: what may be written is more than modes say
    findings.push(match tempfile::Builder::new().prefix(".surmise-doctor").tempfile_in(existing) {
        Ok(_) if existing == dir => Diagnosis::fine("data directory", format!("{shown} can be written")),
        Ok(_) => Diagnosis::fine("data directory", format!("{shown} can be made")),
        Err(e) => {
            let advice = "give it to the user that surmised runs as (chown), or set store.dir to another";
            Diagnosis::bad(Soundness::Wrong, "data directory", format!("{}: {e}", existing.display()), advice)
        }
    });
    if let Ok(room) = rustix::fs::statvfs(existing) {
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        let found = format!("{} are free", size(free));
        let wanted = if limit > 0 { limit.min(ROOM_MIN) } else { ROOM_MIN };
        findings.push(match free < wanted {
            false => Diagnosis::fine("disk", found),
            true => {
                let advice = "make room, or set store.dir to a larger disk: without room nothing is acknowledged";
                Diagnosis::bad(Soundness::Look, "disk", found, advice)
            }
        });
    }
    findings
}

/// Every connection is an open file, on each listener. A daemon opens as many as the system lets it, whatever the shell
/// allows at first.
fn open_files(config: &Config) -> Diagnosis {
    let (files, served) = surmised::connections_served(config);
    let wanted = config.limits.connections;
    let files = if files == usize::MAX { "as many as there may be".to_owned() } else { files.to_string() };
    if served < wanted {
        let found =
            format!("{files} may be open here, so each listener would serve {served} connections, not {wanted}");
        let advice = "ulimit -Hn, or LimitNOFILE= in a unit of systemd, allows more; or lower limits.connections";
        return Diagnosis::bad(Soundness::Look, "open files", found, advice);
    }
    Diagnosis::fine("open files", format!("{files} are allowed"))
}
