//! `surmise export`: what was learnt, for other programs.

mod tensorboard;

use crate::global::Global;
use clap::{Args, Subcommand};
use surmise_terminal::Failure;
use tensorboard::TensorboardArgs;

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    #[command(subcommand)]
    command: ExportCommand,
}

#[derive(Subcommand, Debug)]
enum ExportCommand {
    /// Write event files that TensorBoard shows: of results of replays, or of streams of a running daemon.
    Tensorboard(TensorboardArgs),
}

pub(crate) fn run(global: &Global, args: &ExportArgs) -> Result<(), Failure> {
    match &args.command {
        ExportCommand::Tensorboard(args) => tensorboard::run(global, args),
    }
}
