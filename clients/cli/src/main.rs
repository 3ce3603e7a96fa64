//! `surmise`: sends events to a running `surmised`, asks it what comes next, and replays recordings without it.
//!
//! A command is one file with its arguments and `run`; `args.rs` lists them all. The feature `learner` (on by default)
//! has the commands that learn in this process: `replay`, `eval`, `demo` and a pipe. Without it, the program speaks to
//! a daemon only, and neither a learner nor a daemon is compiled.

mod args;
mod audit;
mod checkpoint;
#[cfg(feature = "learner")]
mod config;
#[cfg(feature = "learner")]
mod demo;
mod doctor;
#[cfg(feature = "learner")]
mod eval;
#[cfg(feature = "learner")]
mod export;
mod feedback;
#[cfg(feature = "learner")]
mod fsck;
mod global;
#[cfg(feature = "learner")]
mod in_process;
mod incident_line;
mod inspect;
#[cfg(feature = "learner")]
mod learner;
mod next;
mod pipe;
mod plot;
mod producer;
mod recording;
#[cfg(feature = "learner")]
mod replay;
mod send;
mod share;
mod status;
mod stream;
mod stream_name;
mod surprises;
#[cfg(feature = "learner")]
mod token;
mod top;
mod watch;
mod why;

use args::{Cli, Command};
use clap::CommandFactory;
use global::Global;
use std::process::ExitCode;
use surmise_terminal::{Exit, Failure, finish, parse, print_line};

/// What learns here allocates as it does in the daemon.
#[cfg(feature = "learner")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = match parse::<Cli>() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match cli.command() {
        Some((global, command)) => finish("surmise", run(global, command)),
        None => Exit::Usage.into(),
    }
}

fn run(global: Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Pipe(a) => pipe::run(&global, &a),
        Command::Send(a) => send::run(&global, a),
        Command::Watch(a) => watch::run(&global, &a),
        Command::Next(a) => next::next(&global, &a),
        Command::Forecast(a) => next::forecast(&global, &a),
        Command::Why(a) => why::run(&global, &a),
        Command::Surprises(a) => surprises::run(&global, &a),
        Command::Feedback(a) => feedback::feedback(&global, &a),
        Command::Forget(a) => feedback::forget(&global, &a),
        Command::Inspect(a) => inspect::run(&global, &a),
        #[cfg(feature = "learner")]
        Command::Replay(a) => replay::run(&global, &a),
        #[cfg(feature = "learner")]
        Command::Eval(a) => eval::run(&global, a),
        #[cfg(feature = "learner")]
        Command::Export(a) => export::run(&global, &a),
        Command::Status(a) => status::run(&global, &a),
        Command::Doctor(a) => doctor::run(&global, &a),
        Command::Top(a) => top::run(&global, &a),
        Command::Stream(a) => stream::run(&global, &a),
        Command::Audit(a) => audit::run(&global, &a),
        Command::Producer(a) => producer::run(&global, &a),
        Command::Checkpoint(a) => checkpoint::run(&global, &a),
        #[cfg(feature = "learner")]
        Command::Fsck(a) => fsck::run(&global, &a),
        #[cfg(feature = "learner")]
        Command::Token(a) => token::run(&global, &a),
        #[cfg(feature = "learner")]
        Command::Config(a) => config::run(&global, &a),
        #[cfg(feature = "learner")]
        Command::Demo(a) => demo::run(&global, &a),
        Command::Share(a) => share::run(&a, <Cli as CommandFactory>::command()),
        Command::Completions { shell } => {
            global.check_no_json("completions are a script for a shell")?;
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut <Cli as CommandFactory>::command(), "surmise", &mut script);
            Ok(print_line(String::from_utf8_lossy(&script).trim_end())?)
        }
    }
}
