//! A large network on a GPU, beside PyTorch: two layers of 256 over 256 symbols, 4,096 keys at once, trained every 16
//! steps.

use crate::bench::Bench;
use crate::torch;
use serde_json::Value;
use std::time::Instant;
use surmise_device::Machine;
use surmise_device::resident::{ResidentNetwork, first_head};
use surmise_fixtures::Random;
use surmise_network::{DeviceError, Engine, NONE, Rates, Recurrence, Shape};
use surmise_terminal::{Exit, Failure};

pub(crate) const PART: &str = "device";
const OF: &str = "2×256, 4,096 keys × 16 steps";
const OURS: &str = "steps, each learnt from, wall";
const SHAPE: Shape = Shape { layers: 2, hidden: 256, tables: 3, dense: 0, chunk: 16 };
const KEYS: usize = 4096;
const SYMBOLS: usize = 256;
/// The network in PyTorch.
const TORCH: &str = include_str!("torch.py");

pub(crate) fn run(b: &mut Bench) -> Result<(), Failure> {
    let failed = |e: DeviceError| Failure::new(Exit::Unreachable, e);
    let machine = surmise_device::find().map_err(failed)?;
    b.notes.push(format!("device: {}", machine.name()));
    let mut network = MeasuredNetwork::new(machine, SHAPE, KEYS).map_err(failed)?;
    // half of ours before PyTorch and half after it
    let half = b.repeat.div_ceil(2);
    let mut rates = network.rates(b.seconds, half).map_err(failed)?;
    let mut args: Vec<String> = vec!["cuda".into()];
    args.extend([SHAPE.hidden, KEYS, SHAPE.chunk].map(|n| n.to_string()));
    args.extend([b.seconds.to_string(), b.repeat.to_string()]);
    let torch = torch::run::<Value>(b, TORCH, &args);
    rates.extend(network.rates(b.seconds, half).map_err(failed)?);
    b.figures.put(PART, OF, OURS, &rates, "events/s").at_least(0.0, 3e6);
    match torch {
        Err(why) => b.notes.push(format!("device: PyTorch was not measured: {why}")),
        Ok(torch) => against(b, &torch),
    }
    Ok(())
}

/// Puts the figures of PyTorch, and the ratios of ours to them.
fn against(b: &mut Bench, torch: &Value) {
    let ours = b.figures.get(PART, OF, OURS).unwrap_or(f64::NAN);
    for (kind, must, reach) in [("eager", 2.0, 2.0), ("compiled", 0.0, 1.0)] {
        let samples: Vec<f64> = torch[kind].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        if samples.is_empty() {
            let why = torch["not_compiled"].as_str().unwrap_or("it gave no figure");
            b.notes.push(format!("device: PyTorch, {kind}: {why}"));
            continue;
        }
        let theirs = b.figures.put(PART, OF, format!("PyTorch, {kind}, wall"), &samples, "events/s");
        let ratio = ours / theirs.value;
        b.figures.put(PART, OF, format!("of PyTorch, {kind}"), &[ratio], "×").at_least(must, reach);
    }
    b.notes.push(format!("device: PyTorch {}", torch["torch"].as_str().unwrap_or("of unknown version")));
}

/// The network on a machine, and chunks to learn from.
struct MeasuredNetwork {
    net: ResidentNetwork,
    rows: usize,
    chunks: Vec<(Vec<u32>, Vec<u32>)>,
    next: usize,
}

impl MeasuredNetwork {
    fn new(machine: Box<dyn Machine>, shape: Shape, keys: usize) -> Result<MeasuredNetwork, DeviceError> {
        let weights = Recurrence::new(shape, Rates::default(), SYMBOLS, 1, Engine::Fused).layer_weights(SYMBOLS);
        let head = first_head(&shape, SYMBOLS, 1);
        let net = ResidentNetwork::new(machine, shape, keys, SYMBOLS, Rates::default(), &weights, &head)?;
        let (mut random, mut past) = (Random::new(5), vec![[NONE; 3]; keys]);
        let mut symbols = || {
            let (mut ids, mut targets) = (Vec::new(), Vec::new());
            for r in 0..shape.chunk * keys {
                let past = &mut past[r % keys];
                ids.extend_from_slice(&past[..shape.tables]);
                // skewed, as symbols are, and partly determined by the one before
                let u = random.uniform();
                let last = if past[0] == NONE { 0 } else { past[0] };
                let symbol =
                    if random.below(2) == 0 { (last * 7 + 3) % SYMBOLS as u32 } else { (u * u * u * 255.0) as u32 };
                *past = [symbol, past[0], past[1]];
                targets.push(symbol);
            }
            (ids, targets)
        };
        let chunks = (0..4).map(|_| symbols()).collect();
        Ok(MeasuredNetwork { net, rows: shape.chunk * keys, chunks, next: 0 })
    }

    fn chunk(&mut self) -> Result<(), DeviceError> {
        let (ids, targets) = &self.chunks[self.next % self.chunks.len()];
        self.next += 1;
        self.net.chunk(ids, targets)
    }

    /// Steps of all keys in a second, by the clock.
    fn rates(&mut self, seconds: f64, repeat: usize) -> Result<Vec<f64>, DeviceError> {
        for _ in 0..3 {
            self.chunk()?;
        }
        let mut rates = Vec::new();
        for _ in 0..repeat {
            self.net.wait()?;
            let (start, mut done) = (Instant::now(), 0);
            while done < 2 || start.elapsed().as_secs_f64() < seconds {
                self.chunk()?;
                self.chunk()?;
                self.net.wait()?;
                done += 2;
            }
            rates.push((done * self.rows) as f64 / start.elapsed().as_secs_f64());
        }
        Ok(rates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_emulation::Emulated;

    #[test]
    fn the_network_that_is_timed_learns() {
        let shape = Shape { hidden: 16, chunk: 4, ..SHAPE };
        let mut network = MeasuredNetwork::new(Box::new(Emulated::new()), shape, 8).unwrap();
        let mean = |n: &mut MeasuredNetwork| n.net.losses().unwrap().iter().sum::<f32>() / 32.0;
        network.chunk().unwrap();
        let first = mean(&mut network);
        assert!((first - 256f32.ln()).abs() < 0.5, "at first it knows nothing: {first}");
        let rates = network.rates(1e-3, 2).unwrap();
        assert!(rates.len() == 2 && rates.iter().all(|r| *r > 0.0));
        assert!(mean(&mut network) < first);
    }

    #[test]
    fn the_script_says_what_is_read() {
        for word in ["\"torch\"", "\"eager\"", "\"compiled\"", "\"not_compiled\""] {
            assert!(TORCH.contains(word), "{word}");
        }
    }
}
