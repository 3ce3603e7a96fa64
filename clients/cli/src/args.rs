//! The command line as a whole.

use crate::global::Global;
use crate::{
    audit, checkpoint, doctor, feedback, inspect, next, pipe, producer, send, share, status, stream, surprises, top,
    watch, why,
};
#[cfg(feature = "learner")]
use crate::{config, demo, eval, export, fsck, replay, token};
use clap::{CommandFactory, Parser, Subcommand};

/// Predicts the next event of every stream, and learns from each one that comes.
///
/// Most commands talk to a running surmised; inspect, replay and eval need none.
#[derive(Parser, Debug)]
#[command(name = "surmise", version, propagate_version = true, after_help = HELP, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const HELP: &str = "\
Examples:
  tail -f access.log | surmise                       no daemon: learn each line, and show what is odd
  tail -f access.log | surmise send --stream web     feed a running daemon
  surmise next --stream web                          what does it expect now?
  surmise watch --stream web                         how surprising is what comes?
  surmise top                                        all streams and incidents, live
  surmise inspect data.csv.gz                        what would be read of it?
  surmise replay data.csv --time date                no daemon: learn from a file and see how well

Exit codes: 0 done, 64 wrong usage or configuration, 65 bad input data, 69 daemon not reachable,
            70 internal, 74 storage";

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Learn lines from standard input and show what is odd; the same as surmise alone behind a pipe.
    Pipe(pipe::PipeArgs),
    /// Send events from files or standard input to a daemon.
    Send(send::SendArgs),
    /// Follow a stream: its incidents as they begin, or with --all every event as it comes.
    Watch(watch::WatchArgs),
    /// Ask what is expected of the next event.
    Next(next::NextArgs),
    /// Ask what is expected of the events after it, too.
    Forecast(next::ForecastArgs),
    /// Ask why an event was as surprising as it was: its odd parts, and what was expected instead.
    Why(why::WhyArgs),
    /// List the rarest events of a stream.
    Surprises(surprises::SurprisesArgs),
    /// Say of an incident whether it mattered: the next of its kind are told less readily, or sooner.
    Feedback(feedback::FeedbackArgs),
    /// Let a stream forget events of a key or an interval, as if it had never seen them.
    Forget(feedback::ForgetArgs),
    /// Say what would be read of a file, as the configuration that pins it, with a picture of each field.
    Inspect(inspect::InspectArgs),
    /// Learn from recorded streams without a daemon, and see how well it goes.
    #[cfg(feature = "learner")]
    Replay(Box<replay::ReplayArgs>),
    /// Evaluate a folder of recorded streams, with simple predictors beside the learner.
    #[cfg(feature = "learner")]
    Eval(eval::EvalArgs),
    /// Export a recording, event files for TensorBoard, or safetensors.
    #[cfg(feature = "learner")]
    Export(export::ExportArgs),
    /// Show whether the daemon lives, and its streams at a glance.
    Status(status::StatusArgs),
    /// Show streams and incidents in the terminal, live.
    Top(top::TopArgs),
    /// List streams, show one, or change one: reset, rename, delete, another schema.
    Stream(stream::StreamArgs),
    /// Examine a daemon, or what one would be started with, and say what to do.
    Doctor(doctor::DoctorArgs),
    /// List what operators did: resets, restores, deletions and the like.
    Audit(audit::AuditArgs),
    /// Have a producer forgotten that is locked out.
    Producer(producer::ProducerArgs),
    /// List, make, restore, keep, compare and export checkpoints.
    Checkpoint(checkpoint::CheckpointArgs),
    /// Examine the data directory of a daemon that is stopped, or a copy: what it holds, what is damaged.
    #[cfg(feature = "learner")]
    Fsck(fsck::FsckArgs),
    /// Show, check and compare configurations, and print every key that there is.
    #[cfg(feature = "learner")]
    Config(config::ConfigArgs),
    /// Make a token for the configuration of a daemon.
    #[cfg(feature = "learner")]
    Token(token::TokenArgs),
    /// Start a daemon with a stream of known entropy, and watch it learn.
    #[cfg(feature = "learner")]
    Demo(demo::DemoArgs),
    /// Write manual pages and completions of both programs below a folder, as a package does.
    Share(share::ShareArgs),
    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  surmise completions bash > ~/.local/share/bash-completion/completions/surmise")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

impl Cli {
    /// The command; behind a pipe, none means `pipe`. Elsewhere the help is printed instead.
    pub(crate) fn command(self) -> Option<(Global, Command)> {
        match self.command {
            Some(command) => Some((self.global, command)),
            None if pipe::is_given() => Some((self.global, Command::Pipe(pipe::PipeArgs::default()))),
            None => {
                eprint!("{}", <Cli as CommandFactory>::command().render_help());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_and_teaches() {
        let command = <Cli as CommandFactory>::command();
        command.clone().debug_assert();
        for c in command.get_subcommands().filter(|c| c.get_name() != "help") {
            let nested = c.get_subcommands().any(|s| s.get_after_help().is_some());
            assert!(c.get_after_help().is_some() || nested, "{} has no examples", c.get_name());
        }
    }
}
