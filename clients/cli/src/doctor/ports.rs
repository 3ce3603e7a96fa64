//! The ports and sockets at which a daemon would listen: whether each is free, and asked for once.

use super::diagnosis::{Diagnosis, Soundness};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use surmise_config::{Config, parse_address};

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ListenPlace {
    Tcp(SocketAddr),
    Udp(SocketAddr),
    Unix(PathBuf),
}

impl ListenPlace {
    /// Whether only one of the two can be listened at.
    fn excludes(&self, other: &ListenPlace) -> bool {
        match (self, other) {
            (ListenPlace::Tcp(a), ListenPlace::Tcp(b)) | (ListenPlace::Udp(a), ListenPlace::Udp(b)) => {
                let overlap = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
                // the system gives each another port for port 0
                a.port() == b.port() && a.port() != 0 && overlap
            }
            (ListenPlace::Unix(a), ListenPlace::Unix(b)) => a == b,
            (ListenPlace::Tcp(_) | ListenPlace::Udp(_) | ListenPlace::Unix(_), _) => false,
        }
    }
}

/// Examines where a daemon with this configuration would listen.
pub(super) fn examine(config: &Config) -> Vec<Diagnosis> {
    let places = places(config);
    let mut findings = Vec::new();
    for (i, (key, place)) in places.iter().enumerate() {
        findings.push(match places[..i].iter().find(|(_, earlier)| earlier.excludes(place)) {
            Some((earlier, _)) => {
                let found = format!("{earlier} listens there, too");
                Diagnosis::bad(Soundness::Wrong, key, found, "give each an address or a port of its own")
            }
            None => free(key, place),
        });
    }
    findings
}

fn places(config: &Config) -> Vec<(String, ListenPlace)> {
    let listen = &config.listen;
    let mut places = Vec::new();
    // what is no address is told as a fault of the configuration
    let address = |text: &str| parse_address(text).ok().flatten();
    for (key, text) in [("http", &listen.http), ("tcp", &listen.tcp), ("lines", &listen.lines)] {
        places.extend(address(text).map(|address| (format!("listen.{key}"), ListenPlace::Tcp(address))));
    }
    places.extend(config.unix_path().map(|path| ("listen.unix".to_owned(), ListenPlace::Unix(path))));
    for (name, source) in &config.sources.syslog {
        let key = |place: &str| format!("sources.syslog.{name}.{place}");
        let of = |text: &Option<String>| address(text.as_deref().unwrap_or_default());
        places.extend(of(&source.tcp).map(|address| (key("tcp"), ListenPlace::Tcp(address))));
        places.extend(of(&source.udp).map(|address| (key("udp"), ListenPlace::Udp(address))));
        places.extend(source.unix.iter().map(|path| (key("unix"), ListenPlace::Unix(path.into()))));
    }
    places
}

fn free(key: &str, place: &ListenPlace) -> Diagnosis {
    match place {
        ListenPlace::Tcp(address) => bound(key, *address, TcpListener::bind(address).map(drop)),
        ListenPlace::Udp(address) => bound(key, *address, UdpSocket::bind(address).map(drop)),
        ListenPlace::Unix(path) => socket(key, path),
    }
}

fn bound(key: &str, address: SocketAddr, tried: std::io::Result<()>) -> Diagnosis {
    match tried {
        Ok(()) => Diagnosis::fine(key, format!("{address} is free")),
        Err(e) => Diagnosis::bad(Soundness::Wrong, key, format!("{address}: {e}"), elsewhere(key)),
    }
}

/// A Unix socket that nobody answers at is what a program that was killed leaves, and is made anew.
fn socket(key: &str, path: &Path) -> Diagnosis {
    let shown = path.display();
    let answers =
        UnixStream::connect(path).is_ok() || UnixDatagram::unbound().is_ok_and(|own| own.connect(path).is_ok());
    if answers {
        return Diagnosis::bad(Soundness::Wrong, key, format!("{shown}: somebody listens there"), elsewhere(key));
    }
    Diagnosis::fine(key, format!("{shown} is free"))
}

fn elsewhere(key: &str) -> String {
    format!(
        "if surmised runs there, examine it with surmise doctor without --config; else stop what listens, or set {key} to \
         another address"
    )
}
