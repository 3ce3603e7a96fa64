//! What a running daemon says of itself.

use super::diagnosis::{Diagnosis, Soundness, clear_token};
use crate::global::Global;
use serde_json::Value;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use surmise_client::Address;
use surmise_terminal::format::size;
use surmise_terminal::{Exit, Failure, Http};

/// How full a limit may be before it is worth a look, and before it is wrong.
const FULL: (f64, f64) = (0.7, 0.95);
/// How far two clocks may be apart, in seconds.
const APART_MAX: f64 = 5.0;
/// How long a daemon may run without any checkpoint, in seconds.
const UNSAVED_MAX: f64 = 3600.0;
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Examines the daemon that the command line names.
pub(super) fn examine(global: &Global) -> Result<Vec<Diagnosis>, Failure> {
    let http = global.http()?;
    let mut findings = Vec::new();
    let health: Value = match http.get("/-/healthy", &[]) {
        Ok(health) => health,
        Err(failure) => {
            let advice = "start surmised, or say with --server where it is; with --config FILE surmise doctor examines \
                          what it would be started with";
            findings.push(Diagnosis::bad(Soundness::Wrong, "daemon", failure.to_string(), advice));
            findings.push(socket(global)?);
            return Ok(findings);
        }
    };
    findings.push(state(&health, http.server()));
    findings.push(version(health["server"].as_str().unwrap_or_default()));
    findings.push(socket(global)?);
    findings.push(clock(&http));
    let system = match http.get::<Value>("/api/v1/system", &[]) {
        Ok(system) => system,
        Err(failure) if failure.exit() != Some(Exit::Unreachable) => {
            let advice = "give a token with the role read in SURMISE_TOKEN";
            findings.push(Diagnosis::bad(Soundness::Look, "the rest", failure.to_string(), advice));
            return Ok(findings);
        }
        Err(failure) => return Err(failure),
    };
    // only a token of operators may ask for the configuration
    findings.extend(http.get::<Value>("/api/v1/config", &[]).ok().and_then(|config| token(&config)));
    findings.extend(limits(&system));
    findings.push(checkpoints(&system, health["uptime_seconds"].as_f64().unwrap_or(0.0)));
    findings.extend(streams(&http.get("/api/v1/streams", &[])?));
    findings.extend(sources(&http.get("/api/v1/sources", &[])?));
    Ok(findings)
}

fn state(health: &Value, server: &str) -> Diagnosis {
    let word = health["status"].as_str().unwrap_or("unknown");
    let detail = health["detail"].as_str().unwrap_or("what it waits for is in its log");
    match word {
        "ok" => Diagnosis::fine("daemon", format!("it answers at {server}")),
        "starting" | "stopping" => Diagnosis::bad(Soundness::Look, "daemon", format!("it is {word}"), detail),
        _ => Diagnosis::bad(Soundness::Wrong, "daemon", format!("its state is {word}"), detail),
    }
}

fn version(server: &str) -> Diagnosis {
    let own = concat!("surmised ", env!("CARGO_PKG_VERSION"));
    let of_daemon = server.replace('/', " ");
    if of_daemon.starts_with(own) {
        return Diagnosis::fine("version", of_daemon);
    }
    let found = format!("the daemon is {of_daemon}, this program belongs to {own}");
    Diagnosis::bad(Soundness::Look, "version", found, "install both of one version")
}

fn socket(global: &Global) -> Result<Diagnosis, Failure> {
    let address = global.address()?;
    let reached = match &address {
        Address::Unix(path) => UnixStream::connect(path).map(drop),
        Address::Tcp(place) | Address::Tls(place) => connect(place),
    };
    Ok(match reached {
        Ok(()) => Diagnosis::fine("event socket", format!("it takes connections at {}", global.socket)),
        Err(e) => {
            let advice = "events can be posted over HTTP all the same; --socket says where the event socket is, and \
                          listen.tcp or listen.unix in the configuration where it should be";
            Diagnosis::bad(Soundness::Look, "event socket", format!("{}: {e}", global.socket), advice)
        }
    })
}

fn connect(place: &str) -> std::io::Result<()> {
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    for address in place.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIME_MAX) {
            Ok(_) => return Ok(()),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// Compares the daemon's clock with this machine's.
fn clock(http: &Http) -> Diagnosis {
    let now = jiff::Timestamp::now();
    let told = http.open("/-/healthy", &[]).ok().and_then(|answer| {
        let date = answer.headers().get("date")?.to_str().ok()?.to_owned();
        jiff::fmt::rfc2822::parse(&date).ok()
    });
    let Some(told) = told else {
        return Diagnosis::fine("clock", "the daemon's is not told here");
    };
    // the header tells whole seconds
    let apart = told.timestamp().duration_since(now).as_secs_f64();
    if apart.abs() <= APART_MAX {
        return Diagnosis::fine("clock", "the daemon's and this machine's agree");
    }
    let which = if apart > 0.0 { "ahead of" } else { "behind" };
    let found = format!("the daemon's is {:.0} s {which} this machine's", apart.abs());
    Diagnosis::bad(
        Soundness::Wrong,
        "clock",
        found,
        "let both be set by time servers (NTP): times of events are compared",
    )
}

/// A token that the daemon's file holds in clear.
fn token(config: &Value) -> Option<Diagnosis> {
    let mut keys = config["keys"].as_array()?.iter();
    let key = keys.find(|key| key["table"] == "auth" && key["name"] == "token" && key["origin"] == "file")?;
    let file = config["file"].as_str().unwrap_or("the configuration");
    Some(clear_token(format!("it stands in clear in line {} of {file}", key["line"])))
}

/// What is near its limit; one finding if nothing is.
fn limits(system: &Value) -> Vec<Diagnosis> {
    let all: Vec<&Value> = system["limits"].as_array().into_iter().flatten().collect();
    let near = all.iter().filter_map(|limit| {
        let (used, most) = (limit["used"].as_u64()?, limit["limit"].as_u64()?);
        let (key, about) = (limit["key"].as_str()?, limit["about"].as_str()?);
        let part = used as f64 / most.max(1) as f64;
        let verdict = if part >= FULL.1 { Soundness::Wrong } else { Soundness::Look };
        let amount = |n: u64| if limit["unit"] == "bytes" { size(n) } else { n.to_string() };
        (most > 0 && part >= FULL.0).then(|| {
            let found = format!("{} of {} ({about})", amount(used), amount(most));
            Diagnosis::bad(verdict, key, found, format!("raise {key} in the configuration, or send and ask less"))
        })
    });
    let near: Vec<Diagnosis> = near.collect();
    if near.is_empty() { vec![Diagnosis::fine("limits", format!("none of {} is near", all.len()))] } else { near }
}

fn checkpoints(system: &Value, up: f64) -> Diagnosis {
    match system["checkpoint_age_seconds"].as_f64() {
        Some(age) => Diagnosis::fine("checkpoints", format!("the newest is {age:.0} s old")),
        None if up < UNSAVED_MAX => Diagnosis::fine("checkpoints", "none yet; the log has everything"),
        None => {
            let advice = "surmise checkpoint create says why; until there is one, a start learns the whole log again";
            Diagnosis::bad(Soundness::Look, "checkpoints", format!("none in {up:.0} s"), advice)
        }
    }
}

fn streams(list: &Value) -> Vec<Diagnosis> {
    let all: Vec<&Value> = list["streams"].as_array().into_iter().flatten().collect();
    let failed = all.iter().filter_map(|row| {
        let (name, why) = (row["stream"].as_str()?, row["failed"].as_str()?);
        let advice = format!(
            "put it back with surmise checkpoint restore {name} GENERATION, or begin anew with surmise stream reset {name}"
        );
        Some(Diagnosis::bad(Soundness::Wrong, format!("stream {name}"), why, advice))
    });
    let failed: Vec<Diagnosis> = failed.collect();
    if failed.is_empty() { vec![Diagnosis::fine("streams", format!("all {} learn", all.len()))] } else { failed }
}

fn sources(list: &Value) -> Vec<Diagnosis> {
    let mut findings = Vec::new();
    for source in list["sources"].as_array().into_iter().flatten() {
        let name = format!("source {}", source["name"].as_str().unwrap_or_default());
        let errors: Vec<&str> = source["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let refused = source["refused"].as_u64().unwrap_or(0);
        if !errors.is_empty() {
            findings.push(Diagnosis::bad(Soundness::Wrong, name, errors.join("; "), "GET /api/v1/sources tells more"));
        } else if let Some(gap) = source["last_gap"].as_str() {
            let advice = "let whoever writes there keep it for longer; GET /api/v1/sources tells more";
            findings.push(Diagnosis::bad(Soundness::Look, name, gap, advice));
        } else if let (true, Some(last)) = (refused > 0, source["last_refusal"].as_str()) {
            findings.push(Diagnosis::bad(
                Soundness::Look,
                name,
                format!("{refused} events were refused since the start"),
                last,
            ));
        } else {
            let count = |what: &str| source[what].as_u64().unwrap_or(0);
            let odd =
                source["last_odd"].as_str().map(|last| format!(", {} odd lines among them: {last}", count("odd")));
            let told = format!("{} events since the start{}", count("events"), odd.unwrap_or_default());
            findings.push(Diagnosis::fine(name, told));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_of_sources_are_those_since_the_start_with_what_is_odd() {
        let told = |source: Value| sources(&json!({ "sources": [source] })).remove(0).found;
        assert_eq!(told(json!({"name": "web", "errors": [], "events": 0})), "0 events since the start");
        let odd = json!({"name": "web", "errors": [], "events": 9, "odd": 2, "last_odd": "a.csv: a row has 2 cells"});
        assert_eq!(told(odd), "9 events since the start, 2 odd lines among them: a.csv: a row has 2 cells");
    }
}
