//! The packages of the workspace, from their manifests.

use crate::files::{read, root};
use std::collections::BTreeSet;

/// A package of the workspace.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its folder, from the root of the repository.
    pub folder: String,
    /// Its name.
    pub name: String,
    /// The packages that it is built with, those for its tests and for its build left out.
    pub dependencies: BTreeSet<String>,
    /// The roots of its library and of its programs, from the root of the repository.
    pub roots: Vec<String>,
}

/// All packages of the workspace, in the order of its manifest.
pub fn packages() -> Vec<Package> {
    let workspace: toml::Value = toml::from_str(&read("Cargo.toml")).expect("Cargo.toml is TOML");
    let members = workspace["workspace"]["members"].as_array().expect("the workspace lists its members");
    members.iter().map(|m| package(m.as_str().expect("a member is a folder"))).collect()
}

fn package(folder: &str) -> Package {
    let manifest: toml::Value = toml::from_str(&read(&format!("{folder}/Cargo.toml"))).expect("a manifest is TOML");
    let name = manifest["package"]["name"].as_str().expect("a package has a name").to_owned();
    let dependencies = match manifest.get("dependencies").and_then(toml::Value::as_table) {
        Some(table) => table.keys().cloned().collect(),
        None => BTreeSet::new(),
    };
    let mut roots: Vec<String> = ["src/lib.rs", "src/main.rs"].map(|r| format!("{folder}/{r}")).into();
    for program in manifest.get("bin").and_then(toml::Value::as_array).into_iter().flatten() {
        roots.extend(program.get("path").and_then(toml::Value::as_str).map(|p| format!("{folder}/{p}")));
    }
    roots.retain(|r| root().join(r).is_file());
    roots.sort_unstable();
    roots.dedup();
    Package { folder: folder.to_owned(), name, dependencies, roots }
}
