//! One reader for each format, and what they share: [`cell`] reads a value.

pub(crate) mod bytes;
pub(crate) mod cell;
pub(crate) mod columns;
pub(crate) mod header;
pub(crate) mod leaf;
pub(crate) mod lines;
pub(crate) mod parquet;
pub(crate) mod table;
pub(crate) mod tokens;
pub(crate) mod wire;

#[cfg(test)]
mod tests;
