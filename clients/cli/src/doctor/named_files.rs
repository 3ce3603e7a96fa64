//! The files that a configuration names: whether they are there, and can be read.

use super::diagnosis::{Diagnosis, Soundness};
use std::fs::File;
use std::path::Path;
use surmise_config::Config;

/// Examines the files that a daemon with this configuration would read.
pub(super) fn examine(config: &Config) -> Vec<Diagnosis> {
    let mut findings = Vec::new();
    findings.extend(surmised::check_certificate(config).err().map(|e| {
        Diagnosis::bad(Soundness::Wrong, "certificate", e.to_string(), "tls.certificate and tls.key name PEM files")
    }));
    for (name, rule) in &config.export.webhooks {
        let key = format!("export.webhooks.{name}.secret_file");
        findings.extend(rule.secret_file.as_deref().map(|file| secret(&key, file)));
    }
    let sinks = config.export.nats.iter().map(|(name, sink)| (format!("export.nats.{name}"), &sink.credentials_file));
    let sources =
        config.sources.nats.iter().map(|(name, from)| (format!("sources.nats.{name}"), &from.credentials_file));
    for (table, file) in sinks.chain(sources) {
        findings.extend(file.as_deref().map(|file| secret(&format!("{table}.credentials_file"), file)));
    }
    for (name, source) in &config.sources.files {
        findings.push(patterns(&format!("sources.files.{name}"), &source.paths));
    }
    findings
}

/// A file of a secret, which is not shown.
fn secret(key: &str, file: &Path) -> Diagnosis {
    let shown = file.display();
    match File::open(file).and_then(|file| file.metadata()) {
        Ok(metadata) if metadata.len() > 0 => Diagnosis::fine(key, format!("{shown} can be read")),
        Ok(_) => Diagnosis::bad(Soundness::Wrong, key, format!("{shown} is empty"), "write the secret into it"),
        Err(e) => {
            let advice = format!("make the file, let the user that surmised runs as read it, or set {key} to another");
            Diagnosis::bad(Soundness::Wrong, key, format!("{shown}: {e}"), advice)
        }
    }
}

/// The files of a source, of which there may be none yet.
fn patterns(key: &str, paths: &[String]) -> Diagnosis {
    let nothing: Vec<String> =
        paths.iter().filter(|path| surmised::files_named(path) == 0).map(|path| format!("{path:?}")).collect();
    if nothing.is_empty() {
        let files: usize = paths.iter().map(|path| surmised::files_named(path)).sum();
        return Diagnosis::fine(key, format!("{files} files are there"));
    }
    let found = format!("no file is called {} now", nothing.join(" or "));
    let advice = "if files of that name are to come, all is well; else correct the path, or let the user that surmised \
                  runs as read the folder";
    Diagnosis::bad(Soundness::Look, key, found, advice)
}
