//! What every command understands: how results are printed, and where the daemon is.

use clap::Args;
use std::path::PathBuf;
use surmise_client::{Address, TrustedRoots};
use surmise_terminal::{Failure, Http, Output};

/// What every command understands.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// The daemon's HTTP address; https:// where it speaks TLS.
    #[arg(long, global = true, value_name = "URL", env = "SURMISE_SERVER", default_value = "http://127.0.0.1:7070")]
    pub(crate) server: String,
    /// The daemon's event socket: HOST:PORT, tls://HOST:PORT where it speaks TLS, or unix:PATH.
    #[arg(long, global = true, value_name = "ADDRESS", env = "SURMISE_SOCKET", default_value = "127.0.0.1:7071")]
    pub(crate) socket: String,
    /// Speak TLS, to either address.
    #[arg(long, global = true)]
    pub(crate) tls: bool,
    /// A PEM file of authorities to trust instead of the system's, for a daemon with a certificate of one's own.
    #[arg(long, global = true, value_name = "FILE", env = "SURMISE_CA")]
    pub(crate) ca: Option<PathBuf>,
    /// A token, where the daemon asks for one. Others on this machine can see it here, and not in SURMISE_TOKEN.
    #[arg(long, global = true, value_name = "TOKEN", env = "SURMISE_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

impl Global {
    /// Whether JSON was asked for.
    pub(crate) fn json(&self) -> bool {
        self.output == Output::Json
    }

    /// Refuses to print as JSON what is none, as who asked for it would read something else.
    ///
    /// # Errors
    /// JSON was asked for.
    pub(crate) fn check_no_json(&self, what: &str) -> Result<(), Failure> {
        if self.json() { Err(Failure::usage(format!("{what}, never JSON; leave out --output json"))) } else { Ok(()) }
    }

    /// The daemon's HTTP interface.
    ///
    /// # Errors
    /// The address is none, or the authorities to trust cannot be read.
    pub(crate) fn http(&self) -> Result<Http, Failure> {
        let server = match self.server.strip_prefix("http://") {
            Some(place) if self.tls => format!("https://{place}"),
            None if self.tls && !self.server.contains("://") => format!("https://{}", self.server),
            _ => self.server.clone(),
        };
        check_server(&server)?;
        let roots = if server.starts_with("https://") { Some(self.roots()?) } else { None };
        Ok(Http::new(&server, self.token.as_deref(), roots.as_ref()))
    }

    /// The address of the daemon's event socket.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn address(&self) -> Result<Address, Failure> {
        let address: Address = self.socket.parse()?;
        Ok(if self.tls { address.over_tls() } else { address })
    }

    /// The authorities whose certificates of daemons are trusted.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn roots(&self) -> Result<TrustedRoots, Failure> {
        Ok(self.ca.as_deref().map_or_else(TrustedRoots::of_system, TrustedRoots::from_file)?)
    }
}

/// Makes sure that an address of HTTP has a host and perhaps a port, and nothing that no server has.
fn check_server(server: &str) -> Result<(), Failure> {
    let place = match server.split_once("://") {
        Some(("http" | "https", place)) => place,
        Some(_) => "",
        None => server,
    };
    // a proxy may have it below a path of its own
    let place = place.split('/').next().unwrap_or_default();
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (place, None),
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if is_port && !host.is_empty() && !host.contains([' ', '@', '?', '#']) {
        return Ok(());
    }
    let reason = format!(
        "{server:?} is no address of a server; --server, or the variable SURMISE_SERVER, says http://HOST:PORT, or \
         https://HOST:PORT"
    );
    Err(Failure::usage(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_told_with_the_option_that_says_it() {
        for sound in [
            "http://127.0.0.1:7070",
            "https://surmise.example.org/",
            "localhost:7070",
            "box",
            "http://[::1]:70",
            "http://x/api",
        ] {
            assert!(check_server(sound).is_ok(), "{sound}");
        }
        for wrong in ["", "http://", "tcp://x:1", "not a url", "http://127.0.0.1:99999", "http://:7070", "x:y"] {
            let said = check_server(wrong).unwrap_err().to_string();
            assert!(said.contains("--server") && said.contains("SURMISE_SERVER"), "{wrong}: {said}");
        }
    }
}
