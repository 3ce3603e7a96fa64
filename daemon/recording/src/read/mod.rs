//! One reader for each format.

pub(crate) mod bytes;
pub(crate) mod lines;
pub(crate) mod table;
pub(crate) mod tokens;
pub(crate) mod wire;

#[cfg(test)]
mod tests;
