//! Values and names of measures, as tables print them.

use surmise_evaluation::{Compared, Evaluation, Measure};
use surmise_recording::Format;

/// A value with three decimals, or in scientific notation where these would not tell it.
pub(super) fn value(measure: Measure, x: f64) -> String {
    match measure {
        Measure::Nab | Measure::NabLowFp | Measure::NabLowFn => format!("{x:.1}"),
        Measure::FaultsDelay => format!("{x:.0}"),
        Measure::Bits
        | Measure::Top1
        | Measure::Top20
        | Measure::Mse
        | Measure::Mae
        | Measure::AheadMse
        | Measure::AheadMae
        | Measure::Grouping
        | Measure::SessionsPrecision
        | Measure::SessionsF1
        | Measure::FaultsFound
        | Measure::FaultsPrecision => {
            let readable = x == 0.0 || (0.01..1000.0).contains(&x.abs());
            if readable { format!("{x:.3}") } else { format!("{x:.2e}") }
        }
    }
}

/// The name of a measure of a stream of this format.
pub(super) fn measure_name(format: Format, measure: Measure) -> &'static str {
    match measure {
        Measure::Bits if format.is_bytes() => "bits per byte",
        Measure::Bits => "bits per event",
        named => named.name(),
    }
}

/// What a measure is of: `gap: bits per event`.
pub(super) fn what(e: &Evaluation, c: &Compared) -> String {
    let name = measure_name(e.format, c.measure);
    if c.field.is_empty() { name.to_owned() } else { format!("{}: {name}", c.field) }
}
