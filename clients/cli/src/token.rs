//! `surmise token`: makes tokens for the configuration of a daemon.

use crate::global::Global;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::io::Read;
use surmise_config::{AccessRole, TokenHash};
use surmise_terminal::{Exit, Failure, print_line};

/// Bytes of a token that are random.
const TOKEN_BYTES: usize = 32;
/// Bytes below which a token is told to be one that somebody may guess.
const GUESSED_BYTES_MAX: usize = 32;

#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Subcommand, Debug)]
enum TokenCommand {
    /// Make a token: its table for the configuration goes to standard output, the token itself to standard error.
    ///
    /// The daemon keeps only the hash, so the token cannot be shown again.
    #[command(
        after_help = "Examples:\n  surmise token new --name collector --role ingest --stream 'web-*' >> surmised.toml\n  surmise token new --name dashboard --role read --output json"
    )]
    New {
        /// A name for people and for the log; it is no secret.
        #[arg(long)]
        name: String,
        /// What the token allows; may be given several times.
        #[arg(long, required = true, value_enum)]
        role: Vec<RoleName>,
        /// A stream, or a pattern with *, that it is good for; may be given several times. Without it, all.
        #[arg(long)]
        stream: Vec<String>,
    },
    /// Hash a token that there is already: its token_hash for the configuration goes to standard output.
    ///
    /// The token is read from standard input, as others on this machine see what is on a command line. One that people
    /// made up may be found from its hash by trying; a new one cannot.
    #[command(
        after_help = "Examples:\n  surmise token hash < token.txt\n  printenv SURMISE_TOKEN | surmise token hash >> surmised.toml"
    )]
    Hash,
}

/// A role, as it is written on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    /// Sending events.
    Ingest,
    /// Asking.
    Read,
    /// Operating.
    Operate,
}

impl RoleName {
    fn role(self) -> AccessRole {
        match self {
            RoleName::Ingest => AccessRole::Ingest,
            RoleName::Read => AccessRole::Read,
            RoleName::Operate => AccessRole::Operate,
        }
    }
}

pub(crate) fn run(global: &Global, args: &TokenArgs) -> Result<(), Failure> {
    match &args.command {
        TokenCommand::New { name, role, stream } => new(global, name, role, stream),
        TokenCommand::Hash => hash(global),
    }
}

/// Hashes the token that standard input has.
fn hash(global: &Global) -> Result<(), Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|e| Failure::new(Exit::Data, format!("standard input: {e}")))?;
    // the line end is no part of it
    let token = text.strip_suffix('\n').unwrap_or(&text);
    let token = token.strip_suffix('\r').unwrap_or(token);
    if token.is_empty() || token.contains('\n') {
        return Err(Failure::new(Exit::Data, "standard input has to hold a token, and nothing else"));
    }
    if token.len() < GUESSED_BYTES_MAX {
        eprintln!(
            "a token of {} bytes may be found from its hash; surmise token new makes one that cannot",
            token.len()
        );
    }
    let hash = TokenHash::of(token.as_bytes()).to_string();
    match global.json() {
        true => print_line(&json!({ "hash": hash }).to_string())?,
        false => print_line(&format!("token_hash = {}", json!(hash)))?,
    }
    Ok(())
}

/// Makes a token.
fn new(global: &Global, name: &str, role: &[RoleName], stream: &[String]) -> Result<(), Failure> {
    let token = make_token()?;
    let hash = TokenHash::of(token.as_bytes()).to_string();
    let roles: Vec<&str> = role.iter().map(|role| role.role().name()).collect();
    if global.json() {
        let made = json!({ "token": token, "name": name, "hash": hash, "roles": roles, "streams": stream });
        return Ok(print_line(&made.to_string())?);
    }
    eprintln!("the token, which is shown this once: {token}");
    for line in table(name, &hash, &roles, stream) {
        print_line(&line)?;
    }
    Ok(())
}

/// A token that nobody can guess.
fn make_token() -> Result<String, Failure> {
    let mut random = [0; TOKEN_BYTES];
    getrandom::fill(&mut random).map_err(|e| Failure::internal(format!("the system gives no randomness: {e}")))?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("surmise_{digits}"))
}

/// The table of a token, as the configuration has it.
fn table(name: &str, hash: &str, roles: &[&str], streams: &[String]) -> Vec<String> {
    // a text in JSON is one in TOML, too
    let text = |value: &str| json!(value).to_string();
    let mut lines = vec!["[[auth.tokens]]".into(), format!("name = {}", text(name)), format!("hash = {}", text(hash))];
    lines.push(format!("roles = {}", json!(roles)));
    if !streams.is_empty() {
        lines.push(format!("streams = {}", json!(streams)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_config::Config;

    #[test]
    fn a_new_token_is_its_own_and_its_table_is_configuration() {
        let [one, other] = [(); 2].map(|()| make_token().unwrap());
        assert!(one != other && one.len() == 8 + 2 * TOKEN_BYTES);
        let hash = TokenHash::of(one.as_bytes());
        let lines = table("a \"b\"", &hash.to_string(), &["ingest", "read"], &["web-*".into()]);
        let config = Config::from_toml(&lines.join("\n")).unwrap();
        config.check().unwrap();
        let rule = &config.auth.tokens[0];
        assert_eq!((rule.name.as_str(), rule.hash, rule.roles.len()), ("a \"b\"", hash, 2));
        assert!(rule.covers("web-1") && !rule.covers("db"));
    }
}
