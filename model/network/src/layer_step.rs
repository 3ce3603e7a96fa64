//! The arguments of one layer at one step.

/// What one layer reads and writes at one step, for the `layer_forward` of both engines.
pub(crate) struct LayerStep<'a> {
    /// The row of each table, `[tables]`, [`NONE`](crate::NONE) where there is none.
    pub ids: &'a [u32],
    /// Dense inputs, `[dense]`.
    pub dense: &'a [f32],
    /// Features y of the layer below at this step, `[H]`, empty in the first layer.
    pub below: &'a [f32],
    /// h of the sequence's step before, `[H]`.
    pub before: &'a [f32],
    /// Written: the gates z, c, o, `[3H]`.
    pub gates: &'a mut [f32],
    /// Written: h of this step, `[H]`.
    pub h: &'a mut [f32],
    /// Written: features y of this step, `[H]`.
    pub y: &'a mut [f32],
}
