//! `surmise`: sends events to a running `surmised`, asks it what comes next, and replays recordings without it.

mod args;
mod bench;
mod checkpoint;
mod demo;
mod eval;
mod exit;
mod http;
mod learner;
mod next;
mod pages;
mod paint;
mod recording;
mod replay;
mod send;
mod status;
mod stream;
mod watch;

use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use exit::{Exit, Failure};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let _ = e.print();
            return if e.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        // standard output has seen enough
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            failure.exit.into()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    match command {
        Command::Send(a) => send::run(&global, a),
        Command::Watch(a) => watch::run(&global, &a),
        Command::Next(a) => next::next(&global, &a),
        Command::Forecast(a) => next::forecast(&global, &a),
        Command::Replay(a) => replay::run(&global, a),
        Command::Eval(a) => eval::run(&global, a),
        Command::Status(a) => status::run(&global, &a),
        Command::Stream(a) => stream::run(&global, &a),
        Command::Checkpoint(a) => checkpoint::run(&global, &a),
        Command::Demo(a) => demo::run(&global, &a),
        Command::Bench(a) => bench::run(&global, &a),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "surmise", &mut std::io::stdout());
            Ok(())
        }
    }
}
