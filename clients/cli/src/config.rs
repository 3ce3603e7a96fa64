//! `surmise config`: what is configured and where it comes from, whether a file is sound, and every key there is.

use crate::global::Global;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use surmise_config::{Config, ConfigError, ConfigFault, KeyInForce, KeyOrigin, PlacedFault, takes_effect};
use surmise_terminal::{Exit, Failure, Paint, Table, plain, print_line, print_lines};

#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Subcommand, Debug)]
enum ConfigCommand {
    /// Show the configuration in force: each key with its value and where it comes from, as TOML.
    ///
    /// It is the running daemon's, or with --config what one would be started with in this environment. Beside a value
    /// that leaves it open is what is inferred. Secrets are not shown.
    #[command(
        after_help = "Examples:\n  surmise config show\n  surmise config show --config /etc/surmise/surmised.toml"
    )]
    Show {
        /// Show what a daemon with this file would be started with, and ask none that runs.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Check a file: every fault with its line, its key and what to do.
    #[command(
        after_help = "Example:\n  surmise config check /etc/surmise/surmised.toml && systemctl reload surmised\n\n\
        Exit codes: 0 the file is sound, 64 it is not"
    )]
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Compare what the running daemon has with a file: which keys differ, and which would need a restart.
    #[command(after_help = "Example:\n  surmise config diff /etc/surmise/surmised.toml")]
    Diff {
        /// The file.
        file: PathBuf,
    },
    /// Print every key as Markdown: what it takes, its default and its meaning.
    #[command(after_help = "Example:\n  surmise config reference > keys.md")]
    Reference,
}

/// What a daemon answers about its configuration.
#[derive(Deserialize)]
struct AnsweredConfig {
    file: Option<PathBuf>,
    keys: Vec<KeyInForce>,
}

pub(crate) fn run(global: &Global, args: &ConfigArgs) -> Result<(), Failure> {
    match &args.command {
        ConfigCommand::Show { config: Some(file) } => {
            let config = read(file).map_err(|e| Failure::usage(e.to_string()))?;
            show(global, &AnsweredConfig { file: Some(file.clone()), keys: surmised::keys_in_force(&config) })
        }
        ConfigCommand::Show { config: None } => show(global, &asked(global)?),
        ConfigCommand::Check { file } => check(global, file),
        ConfigCommand::Diff { file } => diff(global, file),
        ConfigCommand::Reference => {
            global.check_no_json("the reference is Markdown")?;
            Ok(print_line(surmise_config::reference_page().trim_end())?)
        }
    }
}

fn asked(global: &Global) -> Result<AnsweredConfig, Failure> {
    global.http()?.get("/api/v1/config", &[])
}

/// Reads a file as the daemon does, and checks all that can be checked without starting one.
fn read(file: &Path) -> Result<Config, ConfigError> {
    let config = Config::load(Some(file))?;
    let checks = [config.check(), surmised::check_certificate(&config)];
    let faults: Vec<ConfigFault> = checks.into_iter().filter_map(Result::err).flat_map(|e| e.faults).collect();
    if faults.is_empty() { Ok(config) } else { Err(ConfigError { file: None, faults }) }
}

fn show(global: &Global, answer: &AnsweredConfig) -> Result<(), Failure> {
    let file = answer.file.as_ref().map(|file| file.display().to_string());
    if global.json() {
        return Ok(print_line(&json!({ "file": file, "keys": answer.keys }).to_string())?);
    }
    let mut table = "";
    let lines: Vec<(String, String)> =
        answer.keys.iter().map(|key| (assignment(key), origin(key, file.as_deref()))).collect();
    let width = lines.iter().map(|(code, _)| code.chars().count()).filter(|width| *width <= 50).max().unwrap_or(0);
    for (key, (code, comment)) in answer.keys.iter().zip(&lines) {
        if key.table != table {
            let gap = if table.is_empty() { "" } else { "\n" };
            print_line(&format!("{gap}[{}]", plain(&key.table)))?;
            table = &key.table;
        }
        print_line(&format!("{:width$}  # {}", plain(code), plain(comment)))?;
    }
    Ok(())
}

fn assignment(key: &KeyInForce) -> String {
    format!("{} = {}", key.name, key.value)
}

/// Where a key comes from, and what is inferred where it leaves that open.
fn origin(key: &KeyInForce, file: Option<&str>) -> String {
    let origin = match (key.origin, &key.variable, key.line) {
        (KeyOrigin::Environment, Some(variable), _) => format!("environment: {variable}"),
        (KeyOrigin::File, _, Some(line)) => format!("{}, line {line}", file.unwrap_or("file")),
        (KeyOrigin::Environment, None, _) => "environment".to_owned(),
        (KeyOrigin::File, _, None) => "file".to_owned(),
        (KeyOrigin::Given, ..) => "a socket that was given".to_owned(),
        (KeyOrigin::Default, ..) => "default".to_owned(),
    };
    match &key.inferred {
        Some(value) => format!("{origin}; here {} = {value}", key.name),
        None => origin,
    }
}

fn check(global: &Global, file: &Path) -> Result<(), Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|e| Failure::usage(format!("{shown}: {e}")))?;
    let checked = read(file);
    let mut faults = checked.as_ref().err().map_or(Vec::new(), |e| e.placed(&text));
    if let Ok(config) = &checked
        && let Err(e) = surmised::check_config(config)
    {
        let none = || vec![PlacedFault { line: None, text: e.to_string() }];
        faults = e.downcast_ref::<ConfigError>().map_or_else(none, |e| e.placed(&text));
    }
    if global.json() {
        let told = faults.iter().map(|fault| json!({ "line": fault.line, "fault": fault.text }));
        print_line(&json!({ "file": shown.to_string(), "faults": told.collect::<Vec<_>>() }).to_string())?;
    } else if faults.is_empty() {
        print_line(&format!("{shown}: the configuration is fine"))?;
    }
    if faults.is_empty() {
        return Ok(());
    }
    let line = |fault: &PlacedFault| match fault.line {
        Some(line) => format!("{shown}:{line}: {}", fault.text),
        None => format!("{shown}: {}", fault.text),
    };
    Err(Failure::new(Exit::Usage, faults.iter().map(line).collect::<Vec<_>>().join("\n")))
}

/// One key that differs between a daemon and a file.
struct DifferingKey {
    key: String,
    running: String,
    file: String,
    effect: String,
}

fn diff(global: &Global, file: &Path) -> Result<(), Failure> {
    // the environment here is not the daemon's
    let text = std::fs::read_to_string(file).map_err(|e| Failure::usage(format!("{}: {e}", file.display())))?;
    let config = Config::from_toml(&text).map_err(Failure::usage)?;
    let differences = differences(asked(global)?.keys, config.keys_in_force());
    if global.json() {
        let told = differences
            .iter()
            .map(|d| json!({ "key": d.key, "running": d.running, "file": d.file, "takes_effect": d.effect }));
        return Ok(print_line(&json!({ "differences": told.collect::<Vec<_>>() }).to_string())?);
    }
    if differences.is_empty() {
        return Ok(print_line("the daemon has what the file says")?);
    }
    let mut table = Table::new(4, ["key", "running", "file", "takes effect"]);
    for d in &differences {
        table.row([plain(&d.key), plain(&d.running), plain(&d.file), d.effect.clone()]);
    }
    Ok(print_lines(table.lines(Paint::stdout()))?)
}

/// The keys that differ. One that the environment or a socket sets is not the file's to set.
fn differences(running: Vec<KeyInForce>, file: Vec<KeyInForce>) -> Vec<DifferingKey> {
    let mut file: BTreeMap<String, KeyInForce> = file.into_iter().map(|key| (key.key(), key)).collect();
    let mut found = Vec::new();
    for key in running {
        let name = key.key();
        let other = file.remove(&name).map_or("-".to_owned(), |key| key.value);
        if other != key.value {
            let effect = match (key.origin, &key.variable) {
                (KeyOrigin::Environment, Some(variable)) => format!("never: {variable} overrides it"),
                (KeyOrigin::Given, _) => "never: a socket was given".to_owned(),
                _ => takes_effect(&name).to_owned(),
            };
            found.push(DifferingKey { key: name, running: key.value, file: other, effect });
        }
    }
    let only_there = file.into_iter().map(|(name, key)| {
        let effect = takes_effect(&name).to_owned();
        DifferingKey { key: name, running: "-".to_owned(), file: key.value, effect }
    });
    found.extend(only_there);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_say_when_they_would_take_effect() {
        let key = |table: &str, name: &str, value: &str, origin, variable: Option<&str>| KeyInForce {
            table: table.into(),
            name: name.into(),
            value: value.into(),
            origin,
            line: None,
            variable: variable.map(Into::into),
            inferred: None,
        };
        let running = vec![
            key("store", "dir", "\"a\"", KeyOrigin::Environment, Some("SURMISE__STORE__DIR")),
            key("store", "disk", "\"0B\"", KeyOrigin::Default, None),
            key("limits", "streams", "10", KeyOrigin::File, None),
            key("limits", "fields", "10", KeyOrigin::File, None),
        ];
        let file = vec![
            key("store", "dir", "\"b\"", KeyOrigin::File, None),
            key("store", "disk", "\"1GiB\"", KeyOrigin::File, None),
            key("limits", "fields", "10", KeyOrigin::File, None),
            key("tls", "key", "\"k\"", KeyOrigin::File, None),
        ];
        let found = differences(running, file);
        let told: Vec<String> =
            found.iter().map(|d| format!("{} {} {} {}", d.key, d.running, d.file, d.effect)).collect();
        assert_eq!(
            told,
            [
                "store.dir \"a\" \"b\" never: SURMISE__STORE__DIR overrides it",
                "store.disk \"0B\" \"1GiB\" on a reload",
                "limits.streams 10 - after a restart",
                "tls.key - \"k\" on a reload, where TLS is on",
            ]
        );
    }
}
