//! `surmise export`: what was learnt, and what it was learnt of, for other programs.

mod recording;
#[cfg(feature = "learner")]
mod safetensors;
mod tensorboard;

use crate::global::Global;
use clap::{Args, Subcommand};
use recording::RecordingExportArgs;
#[cfg(feature = "learner")]
use safetensors::SafetensorsArgs;
use surmise_terminal::Failure;
use tensorboard::TensorboardArgs;

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    #[command(subcommand)]
    command: ExportCommand,
}

#[derive(Subcommand, Debug)]
enum ExportCommand {
    /// Write the events of a stream of a running daemon as a recording, which replay, send and inspect read.
    Recording(RecordingExportArgs),
    /// Write event files that TensorBoard shows: of results of replays, or of streams of a running daemon.
    Tensorboard(TensorboardArgs),
    /// Write the weights of a stream's networks as a safetensors file, with a manifest that says what they are.
    #[cfg(feature = "learner")]
    Safetensors(SafetensorsArgs),
}

pub(crate) fn run(global: &Global, args: &ExportArgs) -> Result<(), Failure> {
    match &args.command {
        ExportCommand::Recording(args) => recording::run(global, args),
        ExportCommand::Tensorboard(args) => tensorboard::run(global, args),
        #[cfg(feature = "learner")]
        ExportCommand::Safetensors(args) => safetensors::run(global, args),
    }
}
