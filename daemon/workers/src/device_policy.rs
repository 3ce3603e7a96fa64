//! Which device computes the gradient jobs of a network: the processor, or a GPU.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Instant;
use surmise_device::{Choice, Chosen, GradientDevice, Machine, Measured};
use surmise_network::{Device, DeviceError, GradientJob, JobSink, Processor, Shape};

/// How often a chunk is computed to measure how long it takes; the shortest time counts.
const MEASUREMENTS: usize = 5;

/// The GPU, if there is one, and which networks use it.
///
/// The decision is made once for each size of network and kept as long as the process runs, so that what a stream
/// learns does not change its last bits in the middle.
pub struct DevicePolicy {
    choice: Choice,
    /// `None`: no device was looked for, as the processor is configured.
    device: Option<Result<Arc<GradientDevice>, DeviceError>>,
    /// The decision for each size of network. Locked while one is measured, so that no other job disturbs it.
    chosen: Mutex<HashMap<Shape, Chosen>>,
    /// Called when the device fails, so that it is reported once.
    failure_reported: Once,
}

impl DevicePolicy {
    /// Looks for a device with `find`, unless the processor is chosen.
    ///
    /// # Errors
    /// A device is required, and there is none.
    pub fn open(
        choice: Choice,
        find: impl FnOnce() -> Result<Box<dyn Machine>, DeviceError>,
    ) -> Result<DevicePolicy, DeviceError> {
        // only a device that is required makes its absence an error
        let device = match choice {
            Choice::Cpu => None,
            Choice::Auto => Some(find()),
            Choice::Cuda => Some(Ok(find()?)),
        };
        let device = device.map(|found| found.map(|machine| Arc::new(GradientDevice::new(machine))));
        Ok(DevicePolicy { choice, device, chosen: Mutex::default(), failure_reported: Once::new() })
    }

    /// The policy for the devices of this machine.
    ///
    /// # Errors
    /// A GPU is asked for by name, and there is none.
    pub fn find(choice: Choice) -> Result<DevicePolicy, DeviceError> {
        DevicePolicy::open(choice, surmise_device::find)
    }

    /// The device and when it is used, for people.
    pub fn describe(&self) -> String {
        match (self.choice, &self.device) {
            (Choice::Cuda, Some(Ok(device))) => device.name(),
            (_, Some(Ok(device))) => format!("{} where it is faster", device.name()),
            (_, Some(Err(why))) => format!("cpu ({why})"),
            (_, None) => "cpu (as configured)".into(),
        }
    }

    /// What computes updates of each size of network that was measured, and why, for people.
    pub fn choices(&self) -> Vec<String> {
        let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut choices: Vec<_> = chosen.iter().map(|(shape, chosen)| of_size(shape, chosen)).collect();
        choices.sort();
        choices
    }

    /// Where a network sends its jobs: assigns those that the device is to compute, and passes all of them on to
    /// `workers`.
    pub fn job_sink(self: &Arc<Self>, workers: Option<JobSink>) -> Option<JobSink> {
        let Some(Ok(device)) = self.device.clone() else { return workers };
        let policy = self.clone();
        Some(Arc::new(move |job: Arc<GradientJob>| {
            // engine `dfdx` has computed its jobs already
            if !job.is_done() && policy.uses_device(&device, &job) {
                job.assign(&(device.clone() as Arc<dyn Device>));
            }
            if let Some(workers) = &workers {
                workers(job);
            }
        }))
    }

    /// Whether the device computes this job. The first job of each size of network is measured.
    fn uses_device(&self, device: &GradientDevice, job: &GradientJob) -> bool {
        // a device that failed is used by no job that comes later, whatever was chosen
        if let Some(fault) = device.fault() {
            self.failure_reported.call_once(|| tracing::error!("{fault}; the processor computes updates from now on"));
            return false;
        }
        let shape = *job.full_chunk().shape;
        let mut chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        let choose = || {
            let chosen = self.choice.choose(|| measure(device, job));
            tracing::info!("updates of {}", of_size(&shape, &chosen));
            chosen
        };
        chosen.entry(shape).or_insert_with(choose).on_device
    }
}

/// What computes updates of networks of one size, and why.
fn of_size(Shape { layers, hidden, chunk, .. }: &Shape, chosen: &Chosen) -> String {
    format!("networks of {layers} × {hidden}, {chunk} steps at once: {}", chosen.why)
}

/// Measures how long a job takes on the processor and on the device, in seconds.
pub fn measure(device: &dyn Device, job: &GradientJob) -> Measured {
    // the shortest of several times, as other work of the computer only ever adds to it
    let seconds = |device: &dyn Device| {
        let chunk = job.full_chunk();
        // the first time loads code and allocates memory
        device.gradients(&chunk)?;
        let one = |_| {
            let start = Instant::now();
            device.gradients(&chunk).map(|_| start.elapsed().as_secs_f64())
        };
        (0..MEASUREMENTS).map(one).try_fold(f64::INFINITY, |least, t| t.map(|t| least.min(t)))
    };
    Measured { processor: seconds(&Processor).unwrap_or(f64::INFINITY), device: seconds(device) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_emulation::Emulated;
    use surmise_network::{Engine, Rates, Recurrence, Sequence};

    const SHAPE: Shape = Shape { layers: 2, hidden: 16, tables: 1, dense: 0, chunk: 4 };

    fn emulated() -> Result<Box<dyn Machine>, DeviceError> {
        Ok(Box::new(Emulated::new()))
    }

    fn none() -> Result<Box<dyn Machine>, DeviceError> {
        Err(DeviceError::Absent("none is installed".into()))
    }

    /// Features after some chunks with a job sink.
    fn learn(job_sink: Option<JobSink>, engine: Engine) -> Vec<f32> {
        let mut net = Recurrence::new(SHAPE, Rates::default(), 16, 1, engine).delayed(1);
        net.set_job_sink(job_sink);
        let mut key = Sequence::new(&SHAPE);
        for step in 0..40u32 {
            net.step(&mut key, &[step % 5], &[]);
            net.gradient().fill(0.1);
            net.finish();
        }
        net.features().to_vec()
    }

    #[test]
    fn what_is_asked_for_is_there_or_nothing_starts() {
        assert_eq!(DevicePolicy::open(Choice::Cuda, none).err(), Some(DeviceError::Absent("none is installed".into())));
        let auto = DevicePolicy::open(Choice::Auto, none).unwrap();
        assert_eq!(auto.describe(), "cpu (there is no GPU: none is installed)");
        let cpu = DevicePolicy::open(Choice::Cpu, || panic!("a device was looked for")).unwrap();
        assert_eq!(cpu.describe(), "cpu (as configured)");
        assert!(Arc::new(cpu).job_sink(None).is_none());
        assert_eq!(DevicePolicy::open(Choice::Cuda, emulated).unwrap().describe(), "emulated");
        assert_eq!(DevicePolicy::open(Choice::Auto, emulated).unwrap().describe(), "emulated where it is faster");
    }

    #[test]
    fn a_size_of_network_is_measured_once_and_learns_the_same() {
        let want = learn(None, Engine::Fused);
        for choice in [Choice::Auto, Choice::Cuda] {
            let policy = Arc::new(DevicePolicy::open(choice, emulated).unwrap());
            for _ in 0..2 {
                let got = learn(policy.job_sink(None), Engine::Fused);
                assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-4));
            }
            let chosen = policy.chosen.lock().unwrap();
            assert_eq!(chosen.len(), 1);
            let why = &chosen[&SHAPE].why;
            assert!(
                if choice == Choice::Auto { why.contains(" ms on the processor") } else { why == "GPU, as configured" },
                "{why}"
            );
        }
    }

    /// Engine `dfdx` computes its jobs when they are made, and keeps nothing that a device could use.
    #[test]
    fn jobs_that_are_done_stay_where_they_are() {
        let policy = Arc::new(DevicePolicy::open(Choice::Cuda, emulated).unwrap());
        let want = learn(None, Engine::Dfdx);
        assert_eq!(learn(policy.job_sink(None), Engine::Dfdx), want);
    }

    #[test]
    fn if_a_device_fails_the_processor_computes() {
        let failing = || -> Result<Box<dyn Machine>, DeviceError> { Ok(Box::new(Emulated::failing_at(30))) };
        for choice in [Choice::Auto, Choice::Cuda] {
            let policy = Arc::new(DevicePolicy::open(choice, failing).unwrap());
            let got = learn(policy.job_sink(None), Engine::Fused);
            assert!(got.iter().zip(&learn(None, Engine::Fused)).all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }
}
