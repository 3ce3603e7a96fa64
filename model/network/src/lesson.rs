//! A full chunk on its way to becoming an update: learning beside predicting.

use crate::{Engine, Shape, aligned::Aligned, chunk::Chunk, fused, gradients::Gradients, layer::Layer, tensor::tensor};
use std::sync::{Arc, OnceLock};
use surmise_state::{Persist, State, StateError};

/// Who works out lessons beside the one who predicts: gets every lesson when its chunk is full, and calls
/// [`Lesson::work`] on it, whenever, on whatever thread. What is not worked out by the time that its update is due is
/// worked out then, so a teacher may also let lessons fall.
pub type Teacher = Arc<dyn Fn(Arc<Lesson>) + Send + Sync>;

/// A full chunk, with the weights that its gradient needs.
///
/// Determinism: the gradient depends on the lesson alone. Whoever asks first works it out, all others wait for that.
pub struct Lesson {
    shape: Shape,
    pub(crate) chunk: Chunk,
    /// W of every layer, as it was during the chunk.
    below: Vec<Aligned>,
    result: OnceLock<Option<Gradients>>,
}

impl Lesson {
    /// The lesson of a full chunk, under the weights in force. dfdx's tape may not change threads, nor may its inputs
    /// be had later, so that engine works it out at once.
    pub(crate) fn of(shape: &Shape, layers: &[Layer], chunk: Chunk, engine: Engine) -> Lesson {
        let below = match engine {
            Engine::Fused => layers.iter().map(|l| l.below.w.clone()).collect(),
            Engine::Dfdx => layers.iter().map(|_| Aligned::default()).collect(),
        };
        let it = Lesson { shape: *shape, chunk, below, result: OnceLock::new() };
        if engine == Engine::Dfdx {
            it.result.get_or_init(|| Gradients::by_dfdx(shape, layers, &it.chunk, shape.chunk));
        }
        it
    }

    /// Works out the gradient, unless that is done.
    pub fn work(&self) {
        self.gradients();
    }

    /// The gradient; nothing if it is not finite.
    pub(crate) fn gradients(&self) -> Option<&Gradients> {
        self.result.get_or_init(|| fused::gradients(&self.shape, &self.below, &self.chunk)).as_ref()
    }
}

/// A checkpoint holds the chunk and the weights, not the gradient: what it holds must not depend on who was faster.
/// Only an engine that cannot work lessons out later has its gradients written.
pub(crate) fn persist(
    lessons: &mut Vec<Arc<Lesson>>,
    s: &mut State<'_>,
    shape: &Shape,
    layers: &[Layer],
    engine: Engine,
    delay: usize,
) -> Result<(), StateError> {
    let n = s.begin("lessons", lessons.len(), 1)?;
    if n > delay {
        return Err(StateError::Invalid("lessons"));
    }
    if s.is_reading() {
        lessons.clear();
    }
    for i in 0..n {
        let (mut chunk, mut below, result) = match lessons.get(i) {
            Some(l) => (l.chunk.clone(), l.below.clone(), l.result.get().cloned()),
            None => (Chunk::new(shape), vec![Aligned::default(); layers.len()], None),
        };
        chunk.persist_full(s, shape)?;
        for (b, l) in below.iter_mut().zip(layers) {
            let len = s.begin("lesson.below", b.len(), 4)?;
            if len != 0 && len != l.below.w.len() {
                return Err(StateError::Invalid("lesson.below"));
            }
            b.resize(len);
            tensor(s, "lesson.below", &[len], b)?;
        }
        let mut given = if engine == Engine::Dfdx { result } else { None };
        let mut there = given.is_some();
        s.bool("lesson.done", &mut there)?;
        if there {
            let mut finite = given.as_ref().is_some_and(Option::is_some);
            s.bool("lesson.finite", &mut finite)?;
            let mut g = given.take().flatten().unwrap_or_else(|| Gradients::zeros(layers));
            if finite {
                g.persist(s)?;
                g.fits(layers)?;
            }
            given = Some(finite.then_some(g));
        }
        if s.is_reading() {
            let lesson = Lesson { shape: *shape, chunk, below, result: OnceLock::new() };
            if let Some(g) = given {
                let _ = lesson.result.set(g);
            }
            lessons.push(Arc::new(lesson));
        }
    }
    Ok(())
}
