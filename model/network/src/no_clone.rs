//! A field that clones do not inherit.

/// A value that belongs to one owner: a clone gets the default instead.
///
/// Clones get none: a learner's [`JobSink`](crate::JobSink) is kept in one, as a read-only copy must not schedule work.
#[derive(Default)]
pub struct NoClone<T>(pub T);

impl<T: Default> Clone for NoClone<T> {
    fn clone(&self) -> Self {
        NoClone(T::default())
    }
}
