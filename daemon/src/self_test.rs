//! `surmised --self-test`: whether everything that computes the network here computes the same.

use std::io::{self, Write};
use surmise_device::{Comparison, Machine, compare_engines, compare_machine};
use surmise_lanes::Kernel;
use surmise_network::DeviceError;

/// Compares engine `fused`, on the kernel in use, with engine `dfdx`, and then with the device, if `open` gives one; writes a
/// table. Returns whether all agree; no device is no disagreement.
///
/// # Errors
/// What is written cannot be.
pub fn self_test(
    mut open: impl FnMut() -> Result<Box<dyn Machine>, DeviceError>,
    out: &mut dyn Write,
) -> io::Result<bool> {
    let kernel = Kernel::detect();
    writeln!(out, "kernel {}, arithmetic {}", kernel.name(), kernel.arithmetic())?;
    let mut well = table("engine fused against dfdx", &compare_engines(), out)?;
    match open().map(|machine| (machine.name(), compare_machine(&mut open))) {
        Err(none) => writeln!(out, "\nno device was compared: {none}")?,
        Ok((name, Ok(all))) => well &= table(&format!("{name} against engine fused"), &all, out)?,
        Ok((name, Err(e))) => {
            writeln!(out, "\n{name}: {e}")?;
            well = false;
        }
    }
    writeln!(out, "\n{}", if well { "all agree" } else { "NOT ALL AGREE" })?;
    Ok(well)
}

fn table(title: &str, all: &[Comparison], out: &mut dyn Write) -> io::Result<bool> {
    writeln!(out, "\n{title:<38}{:>12}{:>12}", "difference", "allowed")?;
    for c in all {
        let verdict = if c.holds() { "agree" } else { "DIFFER" };
        writeln!(out, "  {:<36}{:>12.1e}{:>12.1e}  {verdict}", c.what, c.difference, c.allowed)?;
    }
    Ok(all.iter().all(Comparison::holds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_emulation::Emulated;

    fn run(open: impl FnMut() -> Result<Box<dyn Machine>, DeviceError>) -> (bool, String) {
        let mut out = Vec::new();
        let well = self_test(open, &mut out).unwrap();
        (well, String::from_utf8(out).unwrap())
    }

    #[test]
    fn without_a_device_the_engines_are_compared_and_it_says_so() {
        let (well, text) = run(|| Err(DeviceError::Absent("none".into())));
        assert!(well, "{text}");
        for part in [
            "kernel ",
            "engine fused against dfdx",
            "values",
            "gradients",
            "ten losses",
            "there is no GPU: none",
            "all agree",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_device_is_compared_and_one_that_fails_is_a_fault() {
        let (well, text) = run(|| Ok(Box::new(Emulated::new())));
        assert!(well && text.contains("emulated against engine fused"), "{text}");
        let (well, text) = run(|| Ok(Box::new(Emulated::failing_at(40))));
        assert!(!well && text.contains("emulated failure") && text.contains("NOT ALL AGREE"), "{text}");
    }
}
