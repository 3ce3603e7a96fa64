//! What an unknown word of a configuration was probably meant to be.

/// What may have been meant by an unknown word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hint {
    /// One of the known words is close to it.
    #[error("did you mean {0:?}?")]
    DidYouMean(&'static str),
    /// It is another key, elsewhere, that serves.
    #[error("{0}")]
    Elsewhere(&'static str),
    /// None of the known words is close; these are all.
    #[error("expected one of {}", .0.join(", "))]
    OneOf(Vec<&'static str>),
}

/// Keys that are looked for under a name that none of those here is a slip of, and what serves instead.
const ELSEWHERE: [(&str, &str); 1] =
    [("experts", "model.ablate says which components of the predictor are left out, its experts among them")];

impl Hint {
    /// The known word that is nearest by typing errors, if it is near enough for its length.
    pub(crate) fn new(word: &str, known: &[&'static str]) -> Hint {
        if let Some((_, serves)) = ELSEWHERE.iter().find(|(name, _)| *name == word) {
            return Hint::Elsewhere(serves);
        }
        // transpositions count as one error, as they are common
        let nearest = known.iter().map(|k| (strsim::damerau_levenshtein(word, k), *k)).min();
        match nearest {
            Some((distance, k)) if distance <= 1 + k.len() / 4 => Hint::DidYouMean(k),
            _ => Hint::OneOf(known.to_vec()),
        }
    }
}
