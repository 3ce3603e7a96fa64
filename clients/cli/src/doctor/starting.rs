//! What a daemon would be started with: its configuration, ports, data directory, disk and open files.

use super::diagnosis::{Diagnosis, Soundness};
use rustix::process::{Resource, getrlimit};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use surmise_config::{Config, parse_address};
use surmise_terminal::format::size;

/// Files that a daemon has open beside its connections.
const OWN_FILES: u64 = 200;
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
    let listen = &config.listen;
    for (key, address) in [("http", &listen.http), ("tcp", &listen.tcp), ("lines", &listen.lines)] {
        // what is no address was told above
        findings.extend(parse_address(address).ok().flatten().map(|address| port(key, address)));
    }
    findings.extend(directory(&config.store.dir, config.store.disk.0));
    findings.push(open_files(config.limits.connections as u64));
    findings
}

fn port(key: &str, address: SocketAddr) -> Diagnosis {
    let about = format!("listen.{key}");
    match TcpListener::bind(address) {
        Ok(_) => Diagnosis::fine(about, format!("{address} is free")),
        Err(e) => {
            let advice = format!(
                "if surmised runs there, examine it with surmise doctor without --config; else stop what listens, or set \
                 {about} to another address"
            );
            Diagnosis::bad(Soundness::Wrong, about, format!("{address}: {e}"), advice)
        }
    }
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

/// Every connection is an open file, on each listener.
fn open_files(connections: u64) -> Diagnosis {
    let wanted = 2 * connections + OWN_FILES;
    match getrlimit(Resource::Nofile).current {
        Some(most) if most < wanted => {
            let found = format!("this shell allows {most}, and limits.connections of {connections} may need {wanted}");
            let advice = format!("ulimit -n {wanted}, or LimitNOFILE={wanted} in a unit of systemd");
            Diagnosis::bad(Soundness::Look, "open files", found, advice)
        }
        Some(most) => Diagnosis::fine("open files", format!("{most} are allowed")),
        None => Diagnosis::fine("open files", "as many as there may be"),
    }
}
