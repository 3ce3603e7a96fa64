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
        let flow = vec![
            DeclaredStage::whole(
                PAST,
                "what is remembered of the key and of the field: values, days, what is usual",
                &[],
            ),
            DeclaredStage::new(
                FORECASTS,
                "forecast the value, each in its own way",
                &[PAST],
                rows(|expert| !is_made_elsewhere(expert)),
            ),
            DeclaredStage::whole(NETWORK, "forecasts all fields of the key's next event", &[PAST]),
            DeclaredStage::new(
                STACK,
                "a regression on the forecasts",
                &[FORECASTS, NETWORK],
                rows(|expert| matches!(expert.group, ExpertGroup::Stack)),
            ),
            DeclaredStage::whole(
                DENSITY_STAGE,
                "mixes the forecasts' distributions by how well they did",
                &[FORECASTS, NETWORK, STACK],
            ),
            DeclaredStage::new(
                WITHIN,
                "what the event's earlier fields add",
                &[DENSITY_STAGE],
                pairs(&CONDITIONAL, &CONDITIONAL_ABOUT),
            ),
            DeclaredStage::new(
                VALUES,
                "mass on values that come again",
                &[PAST, WITHIN],
                pairs(&POINT_MASSES, &POINT_MASSES_ABOUT),
            ),
            DeclaredStage::whole(
                "mixture",
                "the distribution that is scored, corrected by its own record",
                &[WITHIN, VALUES],
            ),
        ];
        if self.network_size().is_some() { flow } else { DeclaredStage::without(flow, NETWORK) }
    }
}

/// Whether an expert's forecast is the network's or the stack's.
fn is_made_elsewhere(expert: &DensityExpert) -> bool {
    matches!(expert.group, ExpertGroup::Network | ExpertGroup::Stack)
}

/// Names and descriptions of some of the experts of densities.
fn rows(kept: impl Fn(&DensityExpert) -> bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    DENSITY.iter().filter(move |expert| kept(expert)).map(|expert| (expert.name, expert.about))
}

/// Names and descriptions of a table's experts, but for the mixture that comes first, of which none is told.
fn pairs(
    names: &'static [&'static str],
    abouts: &'static [&'static str],
) -> impl Iterator<Item = (&'static str, &'static str)> {
    names[1..].iter().copied().zip(abouts.iter().copied())
}
