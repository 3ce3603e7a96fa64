//! What several tests of the symbol model need.

use surmise_network::Engine;
use surmise_symbol::NetworkSpec;

/// A network that is small enough for a test.
pub fn small_network() -> NetworkSpec {
    NetworkSpec {
        layers: 2,
        hidden: 16,
        chunk: 8,
        rate: 5e-3,
        head_rate: 2e-3,
        lags: 3,
        rows_max: 256,
        nodes_max: 4096,
        engine: Engine::Fused,
        delay_chunks: 0,
    }
}
