//! The command line of `surmised`, from which its manual page and its completions are made, too.

use clap::Parser;
use std::path::PathBuf;

/// Predicts the next event of every stream, and learns from each event that comes.
///
/// Without arguments it keeps its data in ./surmise-data and listens on loopback: events at 127.0.0.1:7071 and at a
/// Unix socket in the data directory, questions at http://127.0.0.1:7070, where there is also a page to look at.
#[derive(Debug, Parser)]
#[command(name = "surmised", version, after_help = HELP)]
pub struct DaemonArgs {
    /// Configuration file; everything in it has a default
    #[arg(long, value_name = "FILE", env = "SURMISE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Check the configuration, say what is wrong with it, and leave
    #[arg(long)]
    pub check_config: bool,
    /// Print the default configuration file, with comments, and leave
    #[arg(long)]
    pub print_config: bool,
    /// Compare everything that computes the network here, a GPU too if there is one, and leave
    #[arg(long)]
    pub self_test: bool,
}

const HELP: &str = "\
Try it:
  surmised &
  printf '%s\\n' a b c a b c a b c | nc -q1 127.0.0.1 7071    one symbol a line: the stream \"default\"
  curl -s 127.0.0.1:7070/api/v1/streams/default/next           what is expected next

Environment:
  SURMISE__TABLE__KEY  overrides a key of the file: SURMISE__STORE__DIR=/var/lib/surmise
  RUST_LOG             what is logged: warn, info (usual), debug

Signals: SIGTERM, SIGINT, SIGQUIT and every other signal that ends a process finish what was accepted, write a last
checkpoint of every stream, and leave; so does closing the terminal. SIGHUP reads the configuration again, like POST
/-/reload: the log says which changed keys are applied, and which need a restart.

The log goes to standard error. If that takes nothing, lines are lost and counted, and everything else goes on.

Exit codes: 0 done, 64 wrong usage or configuration, 70 internal error, a difference in the self-test, or leaving took longer than shutdown.grace, 74 the store cannot be used.";
