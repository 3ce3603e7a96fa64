//! How a value flows through a model, as the model's own declarations say it.

/// A stage of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredStage {
    /// Its name in reports; no two stages of a model have the same.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// The names of the stages that it reads, all of which come before it.
    pub reads: Vec<&'static str>,
    /// What stands in it: names, and what each is.
    pub parts: Vec<(String, String)>,
}
