//! Open files: every connection is one. Where the process may open no more, no connection can be accepted, not even to
//! be refused, so listeners give no more seats than there are files for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use surmise_config::Config;

/// Files that the daemon has open beside connections: the store's, those that sources read, and what threads wait with.
const OWN_FILES_MAX: usize = 200;

/// Lets the process open as many files as the system allows it: shells allow a thousand by habit, for programs that
/// cannot take more.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(e) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!("no more than {:?} files may be open: {e}", limit.current);
        }
    }
}

/// What a daemon of a configuration would serve, by the files that the system lets this process open: those files, and
/// the connections of each listener.
pub fn connections_served(config: &Config) -> (usize, usize) {
    let files = getrlimit(Resource::Nofile).maximum.map_or(usize::MAX, |files| files as usize);
    (files, seats_of(config.limits.connections, files, config.listeners(), 0))
}

/// Connections that one listener may serve at once: as many as the configuration allows, and no more than an equal part
/// of the files that the process may open, beyond its own and `reserve_max` more.
pub fn seats(config: &Config, reserve_max: usize) -> usize {
    let files = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| files as usize);
    let (wanted, listeners) = (config.limits.connections, config.listeners());
    let served = seats_of(wanted, files, listeners, reserve_max);
    if served < wanted {
        tracing::warn!(
            "each listener serves {served} connections and not {wanted} (limits.connections), as {files} files may be \
             open; LimitNOFILE= of systemd or ulimit -n allows more"
        );
    }
    served
}

fn seats_of(wanted: usize, files: usize, listeners: usize, reserve_max: usize) -> usize {
    let own = OWN_FILES_MAX.min(files / 2);
    let most = ((files - own) / listeners.max(1)).saturating_sub(reserve_max).max(1);
    wanted.min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_gets_its_part_of_the_files_that_may_be_open() {
        assert_eq!(seats_of(1024, 1 << 20, 3, 16), 1024);
        assert_eq!(seats_of(1024, 1024, 2, 16), (1024 - 200) / 2 - 16);
        // half of few files are the daemon's own
        assert_eq!(seats_of(1024, 256, 4, 0), 32);
        assert_eq!(seats_of(1024, 8, 4, 16), 1);
    }
}
