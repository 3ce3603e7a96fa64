//! How a value flows through a model of numbers, listed from the tables of experts.

use crate::model::NumberModel;
use crate::stages::experts::{
    CONDITIONAL, CONDITIONAL_ABOUT, DENSITY, DensityExpert, ExpertGroup, POINT_MASSES, POINT_MASSES_ABOUT,
};
use surmise_experts::DeclaredStage;

/// The names of stages that others read.
const PAST: &str = "past";
const FORECASTS: &str = "forecasts";
const NETWORK: &str = "network";
const STACK: &str = "stack";
const DENSITY_STAGE: &str = "density";
const WITHIN: &str = "within the event";
const VALUES: &str = "single values";

impl NumberModel {
    /// Lists the stages through which a value goes, each after those that it reads. A model without a network has no
    /// stage of that.
    pub fn flow(&self) -> Vec<DeclaredStage> {
        let networked = self.network_size().is_some();
        let network = networked.then_some(NETWORK);
        let stage = |name, about, reads: &[Option<&'static str>], parts: Vec<(&'static str, &'static str)>| {
            let parts = parts.into_iter().map(|(name, about)| (name.to_owned(), about.to_owned())).collect();
            DeclaredStage { name, about, reads: reads.iter().copied().flatten().collect(), parts }
        };
        let network_stage = stage(NETWORK, "forecasts all fields of the key's next event", &[Some(PAST)], vec![]);
        let mut flow = vec![
            stage(PAST, "what is remembered of the key and of the field: values, days, what is usual", &[], vec![]),
            stage(
                FORECASTS,
                "forecast the value, each in its own way",
                &[Some(PAST)],
                rows(|expert| !is_made_elsewhere(expert)),
            ),
        ];
        flow.extend(networked.then_some(network_stage));
        let of_stack = rows(|expert| matches!(expert.group, ExpertGroup::Stack));
        let single = pairs(&POINT_MASSES, &POINT_MASSES_ABOUT);
        flow.extend([
            stage(STACK, "a regression on the forecasts", &[Some(FORECASTS), network], of_stack),
            stage(
                DENSITY_STAGE,
                "mixes the forecasts' distributions by how well they did",
                &[Some(FORECASTS), network, Some(STACK)],
                vec![],
            ),
            stage(
                WITHIN,
                "what the event's earlier fields add",
                &[Some(DENSITY_STAGE)],
                pairs(&CONDITIONAL, &CONDITIONAL_ABOUT),
            ),
            stage(VALUES, "mass on values that come again", &[Some(PAST), Some(WITHIN)], single),
            stage(
                "mixture",
                "the distribution that is scored, corrected by its own record",
                &[Some(WITHIN), Some(VALUES)],
                vec![],
            ),
        ]);
        flow
    }
}

/// Whether an expert's forecast is the network's or the stack's.
fn is_made_elsewhere(expert: &DensityExpert) -> bool {
    matches!(expert.group, ExpertGroup::Network | ExpertGroup::Stack)
}

/// Names and descriptions of some of the experts of densities.
fn rows(kept: impl Fn(&DensityExpert) -> bool) -> Vec<(&'static str, &'static str)> {
    DENSITY.iter().filter(|expert| kept(expert)).map(|expert| (expert.name, expert.about)).collect()
}

/// Names and descriptions of a table's experts, but for the mixture that comes first.
fn pairs<const N: usize>(names: &[&'static str; N], abouts: &[&'static str; N]) -> Vec<(&'static str, &'static str)> {
    names.iter().copied().zip(abouts.iter().copied()).skip(1).collect()
}
