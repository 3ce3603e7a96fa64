//! What every command understands: how results are printed, and where the daemon is.

use clap::Args;
use surmise_terminal::{Http, Output};

/// What every command understands.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// The daemon's HTTP address.
    #[arg(long, global = true, value_name = "URL", env = "SURMISE_SERVER", default_value = "http://127.0.0.1:7070")]
    pub(crate) server: String,
    /// The daemon's event socket: HOST:PORT, or unix:PATH.
    #[arg(long, global = true, value_name = "ADDRESS", env = "SURMISE_SOCKET", default_value = "127.0.0.1:7071")]
    pub(crate) socket: String,
    /// A token, where the daemon asks for one.
    #[arg(long, global = true, value_name = "TOKEN", env = "SURMISE_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

impl Global {
    /// Whether JSON was asked for.
    pub(crate) fn json(&self) -> bool {
        self.output == Output::Json
    }

    /// The daemon's HTTP interface.
    pub(crate) fn http(&self) -> Http {
        Http::new(&self.server, self.token.as_deref())
    }
}
