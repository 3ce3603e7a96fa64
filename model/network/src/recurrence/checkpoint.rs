//! The state of a recurrence in a checkpoint.

use super::Recurrence;
use crate::{
    NONE,
    tensor::{same, tensor},
};
use surmise_state::{Persist, State, StateError};

impl Persist for Recurrence {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("recurrence")?;
        same(s, "layers", self.shape.layers)?;
        same(s, "hidden", self.shape.hidden)?;
        same(s, "tables", self.shape.tables)?;
        same(s, "dense", self.shape.dense)?;
        same(s, "rows_max", self.rows_max)?;
        same(s, "delay", self.jobs.delay)?;
        s.u64("updates", &mut self.updates)?;
        s.u64("rejected", &mut self.rejected.not_finite)?;
        s.u64("exploded", &mut self.rejected.exploded)?;
        self.guard.persist(s)?;
        s.f64("decay", &mut self.decay)?;
        for layer in &mut self.layers {
            layer.persist(s, self.rows_max)?;
        }
        let dims = [self.shape.width()];
        tensor(s, "features", &dims, &mut self.features)?;
        tensor(s, "gradient", &dims, &mut self.gradient)?;
        self.chunk.persist(s, &self.shape)?;
        self.reach_chunk_rows()?;
        if self.jobs.delay == 0 {
            return Ok(());
        }
        self.jobs.persist(s, &self.shape, &self.layers, self.rows_max, self.engine)?;
        for (table, id) in self.jobs.table_rows() {
            self.layers.iter_mut().for_each(|layer| layer.tables[table].reach(id as usize));
        }
        Ok(())
    }
}

impl Recurrence {
    /// Grows the tables to the rows that the chunk names. In a network that was not damaged they have them; without
    /// them the update would be out of bounds.
    fn reach_chunk_rows(&mut self) -> Result<(), StateError> {
        let tables = self.shape.tables;
        let ids = self.chunk.ids[..self.chunk.rows() * tables].iter().enumerate();
        for (i, id) in ids.filter(|(_, id)| **id != NONE) {
            if *id as usize >= self.rows_max {
                (self.chunk.filled, self.chunk.open) = (0, false);
                return Err(StateError::Invalid("chunk.ids"));
            }
            for layer in &mut self.layers {
                layer.tables[i % tables].reach(*id as usize);
            }
        }
        Ok(())
    }
}
