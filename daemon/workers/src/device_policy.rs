//! Who works out the jobs of networks: threads of this processor, or a GPU.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Once};
use std::time::Instant;
use surmise_device::{Choice, Chosen, GradientDevice, Machine, Measured};
use surmise_network::{Device, DeviceError, GradientJob, JobSink, Processor, Shape};

/// Times that a chunk is worked out to see how long it takes; the shortest counts.
const TIMES: usize = 5;

/// The device, and which networks use it.
///
/// Which networks do is found out once for each size of network and kept as long as the process runs, so that what is learnt does
/// not change in the middle.
pub struct DevicePolicy {
    choice: Choice,
    /// `None`: no device was looked for, as the processor is configured.
    device: Option<Result<Arc<GradientDevice>, DeviceError>>,
    chosen: Mutex<HashMap<Shape, Chosen>>,
    failed: Once,
}

impl DevicePolicy {
    /// Looks for a device, if one may be used.
    ///
    /// # Errors
    /// One has to be used, and there is none.
    pub fn open(
        choice: Choice,
        find: impl FnOnce() -> Result<Box<dyn Machine>, DeviceError>,
    ) -> Result<DevicePolicy, DeviceError> {
        let device = match choice {
            Choice::Cpu => None,
            Choice::Auto => Some(find()),
            Choice::Cuda => Some(Ok(find()?)),
        };
        let device = device.map(|found| found.map(|machine| Arc::new(GradientDevice::new(machine))));
        Ok(DevicePolicy { choice, device, chosen: Mutex::default(), failed: Once::new() })
    }

    /// What is there, for people.
    pub fn describe(&self) -> String {
        match (self.choice, &self.device) {
            (Choice::Cuda, Some(Ok(device))) => device.name(),
            (_, Some(Ok(device))) => format!("{} where it is faster", device.name()),
            (_, Some(Err(why))) => format!("cpu ({why})"),
            (_, None) => "cpu (as configured)".into(),
        }
    }

    /// The job sink of a network: hands its jobs to the device, if that is to be, and all of them to `threads`.
    pub fn job_sink(self: &Arc<Self>, threads: Option<JobSink>) -> Option<JobSink> {
        let Some(Ok(device)) = self.device.clone() else { return threads };
        let this = self.clone();
        Some(Arc::new(move |job: Arc<GradientJob>| {
            if !job.is_done() && this.is_for(&device, &job) {
                job.assign(&(device.clone() as Arc<dyn Device>));
            }
            if let Some(threads) = &threads {
                threads(job);
            }
        }))
    }

    /// Whether the device is for this job; measures with it, if it is the first of its size.
    fn is_for(&self, device: &GradientDevice, job: &GradientJob) -> bool {
        if let Some(fault) = device.fault() {
            self.failed.call_once(|| tracing::error!("{fault}; updates are worked out by the processor from now on"));
            return false;
        }
        let shape = *job.full_chunk().shape;
        let mut chosen = self.chosen.lock().unwrap_or_else(|e| e.into_inner());
        let choose = || {
            let chosen = self.choice.choose(|| measure(device, job));
            let Shape { layers, hidden, chunk, .. } = shape;
            tracing::info!("updates of networks of {layers}x{hidden}, {chunk} steps at once: {}", chosen.why);
            chosen
        };
        chosen.entry(shape).or_insert_with(choose).on_device
    }
}

/// How long a job takes here and there.
pub fn measure(device: &dyn Device, job: &GradientJob) -> Measured {
    let seconds = |device: &dyn Device| {
        let chunk = job.full_chunk();
        // the first time fetches code and memory
        device.gradients(&chunk)?;
        let one = |_| {
            let start = Instant::now();
            device.gradients(&chunk).map(|_| start.elapsed().as_secs_f64())
        };
        (0..TIMES).map(one).try_fold(f64::INFINITY, |least, t| t.map(|t| least.min(t)))
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

    /// Features after some chunks under a job sink.
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
        let cpu = DevicePolicy::open(Choice::Cpu, || panic!("nobody looks")).unwrap();
        assert_eq!(cpu.describe(), "cpu (as configured)");
        assert!(Arc::new(cpu).job_sink(None).is_none());
        assert_eq!(DevicePolicy::open(Choice::Cuda, emulated).unwrap().describe(), "emulated");
        assert_eq!(DevicePolicy::open(Choice::Auto, emulated).unwrap().describe(), "emulated where it is faster");
    }

    #[test]
    fn a_size_of_network_is_measured_once_and_learns_the_same() {
        let want = learn(None, Engine::Fused);
        for choice in [Choice::Auto, Choice::Cuda] {
            let devices = Arc::new(DevicePolicy::open(choice, emulated).unwrap());
            for _ in 0..2 {
                let got = learn(devices.job_sink(None), Engine::Fused);
                assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-4));
            }
            let chosen = devices.chosen.lock().unwrap();
            assert_eq!(chosen.len(), 1);
            let why = &chosen[&SHAPE].why;
            assert!(
                if choice == Choice::Auto { why.contains(" ms on the processor") } else { why == "GPU, as configured" },
                "{why}"
            );
        }
    }

    /// dfdx works its jobs out when they are made, and keeps nothing that a device could use.
    #[test]
    fn jobs_that_are_done_stay_where_they_are() {
        let devices = Arc::new(DevicePolicy::open(Choice::Cuda, emulated).unwrap());
        let want = learn(None, Engine::Dfdx);
        assert_eq!(learn(devices.job_sink(None), Engine::Dfdx), want);
    }

    #[test]
    fn a_device_that_fails_is_done_without() {
        let failing = || -> Result<Box<dyn Machine>, DeviceError> { Ok(Box::new(Emulated::failing_at(30))) };
        for choice in [Choice::Auto, Choice::Cuda] {
            let devices = Arc::new(DevicePolicy::open(choice, failing).unwrap());
            let got = learn(devices.job_sink(None), Engine::Fused);
            assert!(got.iter().zip(&learn(None, Engine::Fused)).all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }
}
