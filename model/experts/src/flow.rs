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

impl DeclaredStage {
    /// A stage with its parts, names and what each is.
    pub fn new<T: Into<String>>(
        name: &'static str,
        about: &'static str,
        reads: &[&'static str],
        parts: impl IntoIterator<Item = (T, T)>,
    ) -> DeclaredStage {
        let parts = parts.into_iter().map(|(name, about)| (name.into(), about.into())).collect();
        DeclaredStage { name, about, reads: reads.to_vec(), parts }
    }

    /// A stage of which no parts are told.
    pub fn whole(name: &'static str, about: &'static str, reads: &[&'static str]) -> DeclaredStage {
        DeclaredStage { name, about, reads: reads.to_vec(), parts: Vec::new() }
    }

    /// The stages of a model that has not the one of this name: nothing reads it.
    pub fn without(mut flow: Vec<DeclaredStage>, name: &str) -> Vec<DeclaredStage> {
        flow.retain(|stage| stage.name != name);
        flow.iter_mut().for_each(|stage| stage.reads.retain(|read| *read != name));
        flow
    }
}
