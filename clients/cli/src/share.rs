//! `surmise share`: it writes what a package has below `/usr/share`, manual pages and completions
//! of both programs, from the same definitions that the programs read their arguments by.

use clap::{Args, Command};
use clap_complete::Shell;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use surmise_terminal::{Exit, Failure};

/// Where each shell looks for completions, below `share`, and what a file there is called.
const COMPLETIONS: [(Shell, &str, &str, &str); 3] = [
    (Shell::Bash, "bash-completion/completions", "", ""),
    (Shell::Zsh, "zsh/site-functions", "_", ""),
    (Shell::Fish, "fish/vendor_completions.d", "", ".fish"),
];

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  surmise share /usr/local/share")]
pub(crate) struct ShareArgs {
    /// The folder.
    dir: PathBuf,
}

/// Writes the files for `surmise`, whose command line is given, and for `surmised` where this program has it.
pub(crate) fn run(args: &ShareArgs, surmise: Command) -> Result<(), Failure> {
    let write = || {
        share(&args.dir, surmise, "1")?;
        #[cfg(feature = "learner")]
        share(&args.dir, <surmised::DaemonArgs as clap::CommandFactory>::command(), "8")?;
        Ok(())
    };
    let fault = |e: io::Error| Failure::new(Exit::Storage, format!("{}: {e}", args.dir.display()));
    write().map_err(fault)
}

fn share(dir: &Path, program: Command, section: &str) -> io::Result<()> {
    let name = program.get_name().to_owned();
    for (shell, folder, before, after) in COMPLETIONS {
        let folder = dir.join(folder);
        fs::create_dir_all(&folder)?;
        let mut file = fs::File::create(folder.join(format!("{before}{name}{after}")))?;
        clap_complete::generate(shell, &mut program.clone(), name.as_str(), &mut file);
    }
    let pages = dir.join(format!("man/man{section}"));
    fs::create_dir_all(&pages)?;
    let mut program = program.disable_help_subcommand(true);
    program.build();
    manual(&pages, &program, section)
}

/// Writes the manual pages of a command and of those below it.
fn manual(dir: &Path, command: &Command, section: &str) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        manual(dir, below, section)?;
    }
    let notes = command.get_after_help().map(ToString::to_string);
    // a page would run the lines of examples together
    let page = clap_mangen::Man::new(command.clone().after_help(clap::builder::Resettable::Reset)).section(section);
    let mut text = Vec::new();
    page.render(&mut text)?;
    if let Some(notes) = notes {
        write!(text, ".SH NOTES\n.nf\n{}.fi\n", as_is(&notes))?;
    }
    fs::write(dir.join(page.get_filename()), text)
}

/// Lines as a manual page shows them without change.
fn as_is(text: &str) -> String {
    let line = |line: &str| format!("\\&{}\n", line.replace('\\', "\\e").replace('-', "\\-"));
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_every_shell_completions() {
        let dir = tempfile::tempdir().unwrap();
        let below = Command::new("go").about("Goes").after_help("Examples:\n  x go --far 'a\\n'\n.not a request");
        let hidden = Command::new("secret").hide(true);
        share(dir.path(), Command::new("x").about("Does").subcommand(below).subcommand(hidden), "1").unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(read("man/man1/x.1").contains("x\\-go(1)"));
        let page = read("man/man1/x-go.1");
        assert!(page.ends_with(".nf\n\\&Examples:\n\\&  x go \\-\\-far 'a\\en'\n\\&.not a request\n.fi\n"), "{page}");
        assert_eq!(fs::read_dir(dir.path().join("man/man1")).unwrap().count(), 2);
        assert!(read("bash-completion/completions/x").contains("_x"));
        assert!(read("zsh/site-functions/_x").starts_with("#compdef x"));
        assert!(read("fish/vendor_completions.d/x.fish").contains("complete -c x"));
    }
}
