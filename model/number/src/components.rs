//! The components of the model that can be ablated: left out, to see what each is worth.
//!
//! A component is left out when a model is made, by its options; what it would have contributed is missing or replaced
//! by something simpler, and everything else is as it is.

use crate::options::NumberOptions;

/// A component of the model of numbers that can be ablated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberComponent {
    /// The network: only simple and linear experts are left.
    Network,
    /// The regression on the experts; their mean by share stands for it.
    Stack,
    /// Both regressions on the past; the last value stands for them.
    Regressions,
    /// Days before and the usual day.
    Season,
    /// Mass on single values.
    PointMasses,
    /// The correction of distributions by their own record.
    Calibration,
    /// What is known of a column's own event.
    Conditioning,
}

impl NumberComponent {
    /// All components, in the order in which an event meets them.
    pub const ALL: [NumberComponent; 7] = [
        NumberComponent::Network,
        NumberComponent::Stack,
        NumberComponent::Regressions,
        NumberComponent::Season,
        NumberComponent::PointMasses,
        NumberComponent::Calibration,
        NumberComponent::Conditioning,
    ];

    /// The name under which it is ablated.
    pub fn name(self) -> &'static str {
        match self {
            NumberComponent::Network => "network",
            NumberComponent::Stack => "stack",
            NumberComponent::Regressions => "regressions",
            NumberComponent::Season => "season",
            NumberComponent::PointMasses => "point-masses",
            NumberComponent::Calibration => "calibration",
            NumberComponent::Conditioning => "conditioning",
        }
    }

    /// The component with this name, if there is one.
    pub fn from_name(name: &str) -> Option<NumberComponent> {
        NumberComponent::ALL.into_iter().find(|component| component.name() == name)
    }

    /// Leaves the component out of a model that is made with these options.
    pub fn ablate(self, options: &mut NumberOptions) {
        let ablation = &mut options.ablation;
        match self {
            NumberComponent::Network => options.network = None,
            NumberComponent::Stack => ablation.stack = true,
            NumberComponent::Regressions => ablation.regressions = true,
            // no day is short enough to be remembered
            NumberComponent::Season => options.season_rows = 0,
            NumberComponent::PointMasses => ablation.point_masses = true,
            NumberComponent::Calibration => ablation.calibration = true,
            NumberComponent::Conditioning => ablation.conditioning = true,
        }
    }
}
