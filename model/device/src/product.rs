//! Products of matrices in the memory of a machine.

use crate::machine::{Memory, Product};

/// A matrix in the memory of a machine: rows that start `stride` numbers apart.
#[derive(Clone, Copy)]
pub(crate) struct DeviceMatrix {
    pub memory: Memory,
    pub stride: usize,
}

impl DeviceMatrix {
    pub fn new(memory: Memory, stride: usize) -> Self {
        DeviceMatrix { memory, stride }
    }
}

impl Product {
    /// C[m, n] = A[m, k] B[k, n], for the sizes `[m, k, n]`.
    pub(crate) fn of([m, k, n]: [usize; 3], a: DeviceMatrix, b: DeviceMatrix, c: DeviceMatrix) -> Product {
        Product {
            m: m as i64,
            k: k as i64,
            n: n as i64,
            a_stride: a.stride as i64,
            b_stride: b.stride as i64,
            c_stride: c.stride as i64,
            a: a.memory.address,
            b: b.memory.address,
            c: c.memory.address,
            transposed_a: 0,
            transposed_b: 0,
            add: 0,
            unused: 0,
        }
    }

    /// This product, with A stored as `[k, m]`.
    pub(crate) fn transposed_a(self) -> Product {
        Product { transposed_a: 1, ..self }
    }

    /// This product, with B stored as `[n, k]`.
    pub(crate) fn transposed_b(self) -> Product {
        Product { transposed_b: 1, ..self }
    }

    /// C += A B instead of C = A B.
    pub(crate) fn added(self) -> Product {
        Product { add: 1, ..self }
    }
}
