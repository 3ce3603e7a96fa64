//! The results that the README prints, as figures that tests can hold measurements to.

/// One measure of one stream in a table of results, as `surmise eval --markdown` prints it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The stream's title.
    pub stream: String,
    /// How many events the stream has.
    pub events: u64,
    /// What was measured, as printed: `bits per event`, `type: accuracy`.
    pub measure: String,
    /// What the learner reached.
    pub value: f64,
    /// Names of the best simple predictors, and what they reached.
    pub simple: Vec<(String, f64)>,
    /// Whether the regret stayed within its bound.
    pub within_bound: bool,
    /// Half of a unit of the last digit that is printed.
    rounding: f64,
}

impl Claim {
    /// How far from the ideal a value of this measure is: a loss as it is, a share of hits by what it lacks to 1, a score
    /// by what it lacks to 100.
    fn loss(&self, value: f64) -> f64 {
        if self.measure.ends_with("accuracy") || self.measure.contains("hit@") {
            1.0 - value
        } else if self.measure.starts_with("NAB") {
            100.0 - value
        } else {
            value
        }
    }

    /// Whether a loss measured is the loss claimed, within one part in a hundred and the rounding of what is printed.
    fn near(&self, claimed: f64, measured: f64) -> bool {
        let (claimed, measured) = (self.loss(claimed), self.loss(measured));
        (claimed - measured).abs() <= 0.01 * claimed.abs() + self.rounding
    }

    /// Whether a value measured bears the claim out: neither worse nor, so that claims stay what is so, better by more
    /// than one part in a hundred of the loss.
    pub fn is_borne_out_by(&self, measured: f64) -> bool {
        self.near(self.value, measured)
    }

    /// All that a row measured anew contradicts in this claim.
    pub fn faults(&self, measured: &Claim) -> Vec<String> {
        let of = format!("{}, {}", self.stream, self.measure);
        let mut faults = Vec::new();
        if !self.is_borne_out_by(measured.value) {
            faults.push(format!("{of}: {} is claimed, {} measured", self.value, measured.value));
        }
        if self.events != measured.events {
            faults.push(format!("{of}: {} events are claimed, {} were there", self.events, measured.events));
        }
        if !measured.within_bound {
            faults.push(format!("{of}: the regret is beyond its bound"));
        }
        let names = |claim: &Claim| claim.simple.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let near = self.simple.iter().zip(&measured.simple).all(|(claimed, found)| self.near(claimed.1, found.1));
        if names(self) != names(measured) || !near {
            faults.push(format!("{of}: beside it {:?} are claimed, {:?} measured", self.simple, measured.simple));
        }
        faults
    }
}

/// All claims of the README's table of results.
pub fn claims() -> Vec<Claim> {
    let readme = std::fs::read_to_string(crate::data::root().join("README.md")).expect("the README is readable");
    let start = readme.find("<!-- results:").expect("the README marks its results");
    let end = readme.find("<!-- end of results -->").expect("the README marks the end of its results");
    parse_results(&readme[start..end])
}

/// The README's claim about one measure of one stream.
pub fn claim(stream: &str, measure: &str) -> Claim {
    let found = claims().into_iter().find(|c| c.stream == stream && c.measure == measure);
    found.unwrap_or_else(|| panic!("the README claims no {measure} of {stream}"))
}

/// The claims of a table that `surmise eval --markdown` has printed.
pub fn parse_results(table: &str) -> Vec<Claim> {
    table.lines().filter(|line| line.contains("**")).flat_map(row).collect()
}

/// The claims of one row: one for each of its lines, which `<br>` separates.
fn row(line: &str) -> Vec<Claim> {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [stream, measures, values, simple, _skill, _known, within, _speed] = cells[..] else {
        panic!("a row of results has eight cells: {line}")
    };
    let (title, events) = stream.rsplit_once(", ").expect("a title and a number of events");
    let events = events.trim_end_matches(" events").replace(',', "").parse().expect("a number of events");
    let lines = measures.split("<br>").zip(values.split("<br>")).zip(simple.split("<br>"));
    let claim = |((measure, value), simple): ((&str, &str), &str)| {
        let value = value.trim_matches('*');
        let decimals = value.split_once('.').map_or(0, |(_, decimals)| decimals.len() as i32);
        Claim {
            stream: title.to_owned(),
            events,
            measure: measure.to_owned(),
            value: value.parse().expect("a figure"),
            simple: simple.split("; ").filter_map(named_figure).collect(),
            within_bound: within == "yes",
            rounding: 0.5 * 10f64.powi(-decimals),
        }
    };
    lines.map(claim).collect()
}

/// `order-3 2.414` as a name and a figure.
fn named_figure(text: &str) -> Option<(String, f64)> {
    let (name, figure) = text.rsplit_once(' ')?;
    Some((name.to_owned(), figure.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "| Keys, with ends, 99,980 events | bits per event<br>accuracy | **0.379**<br>**0.899** | \
                       order-6 0.548; order-3 0.6<br>latest of the key 0.367 | +21 %<br>+12 % |  | yes | 126,192 |";

    #[test]
    fn a_row_of_several_lines_is_several_claims() {
        let found = row(ROW);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].stream.as_str(), found[0].events), ("Keys, with ends", 99_980));
        assert_eq!((found[0].measure.as_str(), found[0].value), ("bits per event", 0.379));
        assert_eq!(found[0].simple, [("order-6".to_owned(), 0.548), ("order-3".to_owned(), 0.6)]);
        assert_eq!((found[1].value, found[1].within_bound), (0.899, true));
        assert_eq!(found[1].simple, [("latest of the key".to_owned(), 0.367)]);
    }

    #[test]
    fn a_claim_is_borne_out_within_a_part_in_a_hundred_of_what_is_lost() {
        let found = row(ROW);
        assert!(found[0].is_borne_out_by(0.381) && !found[0].is_borne_out_by(0.385) && !found[0].is_borne_out_by(0.37));
        assert!(found[1].is_borne_out_by(0.898) && !found[1].is_borne_out_by(0.897));
    }

    #[test]
    fn each_fault_of_a_claim_is_told() {
        let claimed = &row(ROW)[0];
        assert_eq!(claimed.faults(claimed), Vec::<String>::new());
        let worse = row(&ROW
            .replace("**0.379**", "**0.400**")
            .replace("yes", "**no**")
            .replace("order-6 0.548", "order-6 0.5"));
        let faults = claimed.faults(&worse[0]);
        assert_eq!(faults.len(), 3, "{faults:?}");
    }

    #[test]
    fn the_readme_claims_something_of_every_kind_of_stream() {
        let found = claims();
        for measure in ["bits per byte", "bits per event", "accuracy", "hit@20", "MSE", "MSE ahead", "NAB standard"] {
            assert!(found.iter().any(|c| c.measure == measure && !c.simple.is_empty()), "no claim of {measure}");
        }
        assert_eq!(claim("NAB", "NAB standard").loss(60.0), 40.0);
    }
}
