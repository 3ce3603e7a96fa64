//! Reading a configuration so that all of its faults are told, and not the first alone.

use crate::error::{ConfigError, ConfigFault};
use figment::Figment;
use figment::providers::{Env, Format, Toml};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Faults that are told of one text at most.
const FAULTS_MAX: usize = 100;

/// Reads the text of a file, which is TOML, under the variables of the environment, where these count. What is at fault
/// is left out and the rest is read again, so that each fault is told; what `check` finds wrong with the rest is told,
/// too.
///
/// # Errors
/// All faults, if there are any.
pub(crate) fn read<C: DeserializeOwned>(
    text: &str,
    variables: Option<Env>,
    check: impl FnOnce(&C) -> Result<(), ConfigError>,
) -> Result<C, ConfigError> {
    let extract = |text: &str| {
        let figment = Figment::from(Toml::string(text));
        let figment = variables.iter().cloned().fold(figment, Figment::merge);
        figment.extract::<C>().map_err(Box::new)
    };
    let mut error = match extract(text) {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    let (mut rest, mut faults, mut left_out) = (text.parse::<Table>().unwrap_or_default(), Vec::new(), Vec::new());
    let config = loop {
        let mut is_less = false;
        for error in *error {
            let path = error.path.clone();
            faults.push(ConfigFault::from_figment(error, ""));
            is_less |= leave_out(&mut rest, &path);
            left_out.push(path);
        }
        // what the environment says cannot be left out of the file
        if !is_less || faults.len() >= FAULTS_MAX {
            break None;
        }
        match extract(&rest.to_string()) {
            Ok(config) => break Some(config),
            Err(next) => error = next,
        }
    };
    let checked = config.map_or(Ok(()), |config| check(&config));
    // what a table lacks may be what was left out of it
    let table = |path: &[String]| path[..path.len().saturating_sub(1).max(1).min(path.len())].join(".");
    let is_apart = |fault: &ConfigFault| {
        let key = fault.key().unwrap_or_default();
        left_out.iter().all(|path| !key.starts_with(&table(path)))
    };
    faults.extend(checked.err().into_iter().flat_map(|error| error.faults).filter(is_apart));
    Err(ConfigError { file: None, faults })
}

/// Leaves out the value at a path, or what of the path there is. Returns whether there was anything.
fn leave_out(table: &mut Table, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    let is_left_out = match (rest.is_empty(), table.get_mut(first)) {
        (_, None) => return false,
        (true, Some(_)) => false,
        (false, Some(Value::Table(inner))) => leave_out(inner, rest),
        // an item of an array is not told by its place alone where others are left out before it
        (false, Some(_)) => false,
    };
    is_left_out || table.remove(first).is_some()
}
