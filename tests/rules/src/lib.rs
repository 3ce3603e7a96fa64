//! The workspace as data: its packages, its files, and what the parser of Rust sees in them.
//!
//! The tests of this package read the repository with it and hold the rules of the house that no compiler checks:
//! which package may use which, what must never be used where, how long files and functions may be, which words are
//! taken, and that what documents say is so. It links none of the product, so that it runs in seconds:
//! `cargo test -p surmise-rules`.

mod arms;
mod facts;
mod files;
mod graph;
mod modules;
mod packages;

pub use arms::hidden_arms;
pub use facts::{Facts, Function, TypeName};
pub use files::{File, documents, read, root, rust_files};
pub use graph::circles;
pub use modules::{Modules, Use};
pub use packages::{Package, packages};
