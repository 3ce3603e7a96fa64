//! A report: its page and its figures.

use crate::contents::ReplayReport;
use crate::figures;
use crate::figures_of_claims;
use crate::page;
use crate::plot::Plot;

impl ReplayReport<'_> {
    /// The report as one page of HTML.
    pub fn page(&self) -> String {
        page::page(self)
    }

    /// All figures of the report, in its order.
    pub fn figures(&self) -> Vec<Plot> {
        let mut all = figures::learning_curves(self.result);
        all.extend(figures::whole_course(self.result));
        all.extend(figures::beside_baselines(self.beside));
        all.extend(figures::comparison(self.result, self.others));
        all.extend(figures_of_claims::calibration(self.result));
        all.extend(figures_of_claims::rarity(self.result));
        all.extend(figures_of_claims::by_horizon(self.result));
        all.extend(figures::cost(self.result));
        all
    }
}
