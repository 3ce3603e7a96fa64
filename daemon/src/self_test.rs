//! `surmised --self-test`: it compares everything that can compute the network on this machine.

use std::io::{self, Write};
use surmise_device::{Comparison, Machine, compare_engines, compare_machine};
use surmise_lanes::Kernel;
use surmise_network::DeviceError;

/// Compares engine `fused`, on the kernel in use, with engine `dfdx`, and then with the device that `open` opens, if
/// there is one. Writes a table of the differences, and returns whether all are within their bounds; without a device
/// there is nothing to disagree.
///
/// # Errors
/// The table cannot be written.
pub fn self_test(
    mut open: impl FnMut() -> Result<Box<dyn Machine>, DeviceError>,
    out: &mut dyn Write,
) -> io::Result<bool> {
    let kernel = Kernel::detect();
    writeln!(out, "kernel {}, arithmetic {}", kernel.name(), kernel.arithmetic())?;
    let mut agree = table("engine fused against dfdx", &compare_engines(), out)?;
    match open().map(|machine| (machine.name(), compare_machine(&mut open))) {
        Err(e) => writeln!(out, "\nno device was compared: {e}")?,
        Ok((name, Ok(comparisons))) => agree &= table(&format!("{name} against engine fused"), &comparisons, out)?,
        Ok((name, Err(e))) => {
            writeln!(out, "\n{name}: {e}")?;
            agree = false;
        }
    }
    writeln!(out, "\n{}", if agree { "all agree" } else { "NOT ALL AGREE" })?;
    Ok(agree)
}

/// Writes a table of comparisons. Returns whether all are within their bounds.
fn table(title: &str, comparisons: &[Comparison], out: &mut dyn Write) -> io::Result<bool> {
    writeln!(out, "\n{title:<38}{:>12}{:>12}", "difference", "allowed")?;
    for comparison in comparisons {
        let verdict = if comparison.holds() { "agree" } else { "DIFFER" };
        writeln!(
            out,
            "  {:<36}{:>12.1e}{:>12.1e}  {verdict}",
            comparison.what, comparison.difference, comparison.allowed
        )?;
    }
    Ok(comparisons.iter().all(Comparison::holds))
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
