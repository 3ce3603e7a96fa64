//! Questions to a standing distribution: distribution function and quantiles.

use crate::stages::experts::*;
use crate::stages::mixture_cdf::MixtureCdf;

/// Kinds of spikes of less mass than this altogether count as density.
const SPIKES_MASS_MIN: f64 = 1e-4;
/// Single spikes of less mass are left out, and the density counts for them.
const SPIKE_MASS_MIN: f64 = 1e-7;

/// A distribution of one column that answers many questions: its spikes in order, and its density.
pub(crate) struct Predictive<'a> {
    cdf: MixtureCdf<'a>,
    /// Spikes by place, with the mass up to and including each.
    spikes: Vec<(f64, f64)>,
    /// The weight of the density.
    density: f64,
    mean: f64,
    width: f64,
}

impl<'a> Predictive<'a> {
    pub(crate) fn new(cdf: MixtureCdf<'a>) -> Self {
        let (c, forecast) = (cdf.column, cdf.forecast);
        let mut spikes = Vec::new();
        let mut density = cdf.spikes(SPIKES_MASS_MIN, |y, mass| {
            if mass > SPIKE_MASS_MIN {
                spikes.push((y, mass));
            }
        });
        let grid_weight = cdf.point_weights()[GRID];
        if cdf.has_grid() && grid_weight > SPIKES_MASS_MIN {
            let (mean, inverse) = cdf.grid_centre();
            let weighed = c.grid.spikes(mean, inverse).map(|(y, mass)| (y, grid_weight * mass));
            spikes.extend(weighed.filter(|s| s.1 > SPIKE_MASS_MIN));
        }
        spikes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut sum = 0.0;
        spikes.iter_mut().for_each(|s| {
            sum += s.1;
            s.1 = sum;
        });
        density += (1.0 - sum - density).max(0.0);
        let (mean, width) = match cdf.conditional {
            Some(given) => {
                let scale = |i: usize| if given.weights[i] > 0.0 { given.weights[i] / given.inverse[i] } else { 0.0 };
                let others = (1..CONDITIONAL_EXPERTS).map(scale).sum::<f64>();
                (given.mean(), given.weights[0] * forecast.scale[STACK] + others)
            }
            None => (forecast.mean, forecast.scale[STACK]),
        };
        Self { cdf, spikes, density, mean, width: width.max(c.units.least()) }
    }

    /// P(value ≤ x).
    pub(crate) fn cdf(&self, x: f64) -> f64 {
        (self.spiked(x) + self.density * self.cdf.density(x)).clamp(0.0, 1.0)
    }

    /// Smallest x with P(value ≤ x) ≥ p, in the middle of its cell where cells are wide.
    pub(crate) fn quantile(&self, p: f64) -> f64 {
        self.quantiles([p])[0]
    }

    /// [`quantile`](Self::quantile) of several levels: what was looked up for one narrows the search for the next.
    pub(crate) fn quantiles(&self, levels: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let mut known = LookedUp { of: self, points: Vec::with_capacity(64) };
        [self.mean - self.width, self.mean + self.width].iter().for_each(|x| _ = known.look(*x));
        levels.into_iter().map(|p| known.quantile(p.clamp(1e-9, 1.0 - 1e-9))).collect()
    }

    /// The single value that is likelier than all others together, and how likely it is, if one is.
    pub(crate) fn likeliest(cdf: MixtureCdf<'a>) -> Option<(f64, f64)> {
        if cdf.point_weights()[0] >= 0.5 {
            return None;
        }
        let (spikes, units) = (Self::new(cdf).spikes, &cdf.column.units);
        let mut below = 0.0;
        // spikes of several kinds stand in one cell
        let groups = spikes.chunk_by(|a, b| units.index(a.0) == units.index(b.0));
        let mut masses = groups.filter_map(|group| {
            let &(y, sum) = group.last()?;
            Some((y, sum - std::mem::replace(&mut below, sum)))
        });
        masses.find(|(_, mass)| *mass > 0.5)
    }

    /// The mass of all spikes up to and including x.
    fn spiked(&self, x: f64) -> f64 {
        match self.spikes.partition_point(|s| s.0 <= x) {
            0 => 0.0,
            n => self.spikes[n - 1].1,
        }
    }

    /// How finely x needs to be known between two bounds: what lies far from all centres, less finely.
    fn fine(&self, low: f64, high: f64) -> f64 {
        let apart = |x: f64| (x - self.mean).abs().min((x - self.cdf.column.units.base).abs());
        let size = low.abs().max(high.abs());
        (1e-6 * self.width).max(1e-13 * size).max(1e-7 * apart(low).min(apart(high)))
    }

    /// A point about half way between two bounds: over many orders of magnitude, the middle of the orders.
    fn middle(&self, low: f64, high: f64) -> f64 {
        let (base, unit) = (self.cdf.column.units.base, self.cdf.column.units.unit);
        if high - low > 1e3 * self.width {
            base + unit * libm::sinh(0.5 * (libm::asinh((low - base) / unit) + libm::asinh((high - base) / unit)))
        } else {
            0.5 * low + 0.5 * high
        }
    }
}

/// Points at which the density part was looked up, in order.
struct LookedUp<'a> {
    of: &'a Predictive<'a>,
    points: Vec<(f64, f64)>,
}

impl LookedUp<'_> {
    /// The density part's share of P(value ≤ x), now known.
    fn look(&mut self, x: f64) -> f64 {
        let at = self.points.partition_point(|k| k.0 < x);
        match self.points.get(at) {
            Some(k) if k.0 == x => k.1,
            _ => {
                let f = self.of.density * self.of.cdf.density(x);
                self.points.insert(at, (x, f));
                f
            }
        }
    }

    fn quantile(&mut self, p: f64) -> f64 {
        let of = self.of;
        let (mut low, mut high) = self.bounds(p);
        // among the spikes between them: the one that holds the level, or the two next to it
        let (mut from, mut to) =
            (of.spikes.partition_point(|s| s.0 <= low), of.spikes.partition_point(|s| s.0 <= high));
        while from < to {
            let i = from + (to - from) / 2;
            let (y, spiked) = of.spikes[i];
            let f = self.look(y);
            if f + spiked < p {
                (low, from) = (y, i + 1);
            } else if f + if i == 0 { 0.0 } else { of.spikes[i - 1].1 } >= p {
                (high, to) = (y, i);
            } else {
                return y;
            }
        }
        let x = self.root(p - of.spiked(low), low, high);
        if of.cdf.column.units.quantum > 1e-3 * of.width { of.cdf.column.units.centre_of(x) } else { x }
    }

    /// The closest known points around a level; looks further out until there are some.
    fn bounds(&mut self, p: f64) -> (f64, f64) {
        let of = self.of;
        let mut reach = of.width;
        loop {
            let at = self.points.partition_point(|k| k.1 + of.spiked(k.0) < p);
            let n = self.points.len();
            if at > 0 && at < n {
                return (self.points[at - 1].0, self.points[at].0);
            }
            let (first, last) = (self.points[0].0, self.points[n - 1].0);
            if reach > 1e200 {
                return if at == 0 { (first - of.width, first) } else { (last, last + of.width) };
            }
            reach *= 4.0;
            self.look(if at == 0 { first - reach } else { last + reach });
        }
    }

    /// Where the density part reaches `p` between two bounds, by inverse quadratic interpolation where that can be
    /// trusted and halving where not (Chandrupatla, "A new hybrid quadratic/bisection algorithm for finding the zero
    /// of a nonlinear function without using derivatives", 1997).
    fn root(&mut self, p: f64, low: f64, high: f64) -> f64 {
        let (mut b, mut a) = ((low, self.look(low) - p), (high, self.look(high) - p));
        let mut t = 0.5;
        for i in 0..200 {
            let (low, high) = if a.0 < b.0 { (a, b) } else { (b, a) };
            let fine = self.of.fine(low.0, high.0);
            if high.0 - low.0 <= fine || high.1 == 0.0 {
                return high.0;
            }
            // the first step along the chord: most bounds are close
            let t_first = low.1 / (low.1 - high.1);
            let mut x = if i == 0 && t_first.is_finite() {
                low.0 + t_first.clamp(0.02, 0.98) * (high.0 - low.0)
            } else if t == 0.5 {
                self.of.middle(low.0, high.0)
            } else {
                a.0 + t * (b.0 - a.0)
            };
            if !(x > low.0 && x < high.0) {
                x = 0.5 * low.0 + 0.5 * high.0;
                if !(x > low.0 && x < high.0) {
                    return high.0;
                }
            }
            let f = (x, self.look(x) - p);
            // a is the latest, b lies on the other side of the root, c is the one that was let go
            let c = if (f.1 < 0.0) == (a.1 < 0.0) {
                std::mem::replace(&mut a, f)
            } else {
                let c = b;
                b = std::mem::replace(&mut a, f);
                c
            };
            let (xi, phi) = ((a.0 - b.0) / (c.0 - b.0), (a.1 - b.1) / (c.1 - b.1));
            let trusted = phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi;
            t = if trusted {
                let (ab, cb, ca) = (b.1 - a.1, b.1 - c.1, c.1 - a.1);
                a.1 / ab * (c.1 / cb) + (c.0 - a.0) / (b.0 - a.0) * (a.1 / ca) * (b.1 / -cb)
            } else {
                0.5
            };
            // a step of half of what may stay unknown, at least: so both sides close in
            let least = 0.5 * fine / (b.0 - a.0).abs();
            t = if t.is_finite() && least < 0.5 { t.clamp(least, 1.0 - least) } else { 0.5 };
        }
        high
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::NumberColumn;
    use crate::options::{Given, NumberAblation};
    use crate::stages::column_forecast::ColumnForecast;
    use crate::stages::past::ColumnPast;

    /// A column that has seen some values, and a forecast of t₃ by lane, centre, 1/scale and weight.
    fn distribution(parts: &[(usize, f64, f64, f64)]) -> (NumberColumn, ColumnPast, ColumnForecast) {
        let mut column = NumberColumn::new(1, 0, NumberAblation::default());
        (0..50).for_each(|i| _ = column.units.learn((i * 7 % 11) as f64 * 0.371_234, None));
        let mut forecast = ColumnForecast::new();
        for (lane, centre, inverse, weight) in parts {
            (forecast.centre[*lane], forecast.inverse[*lane]) = (*centre, *inverse);
            (forecast.scale[*lane], forecast.weights[*lane]) = (1.0 / inverse, *weight);
        }
        forecast.mean = forecast.centre[STACK];
        forecast.point_weights[Given::Before as usize][0] = 1.0;
        (column, ColumnPast::new(), forecast)
    }

    #[test]
    fn quantiles_undo_the_distribution_function() {
        let (column, past, forecast) = distribution(&[(STACK, 2.0, 2.0, 0.7), (LAST, 90.0, 0.1, 0.3)]);
        let p = Predictive::new(MixtureCdf { column: &column, past: &past, forecast: &forecast, conditional: None });
        let levels = [0.5, 0.01, 0.99, 0.05, 0.95, 0.25, 0.75];
        let mut known = LookedUp { of: &p, points: Vec::new() };
        [p.mean - p.width, p.mean + p.width].iter().for_each(|x| _ = known.look(*x));
        for (level, x) in levels.iter().zip(p.quantiles(levels)) {
            assert_eq!(known.quantile(*level), x);
            // the slow obvious way: halving
            let (mut low, mut high) = (-1e4, 1e4);
            while high - low > 1e-7 {
                let middle = 0.5 * (low + high);
                *if p.cdf(middle) >= *level { &mut high } else { &mut low } = middle;
            }
            assert!((x - high).abs() < 1e-4 * p.width.max(high.abs()), "{level}: {x} is not {high}");
        }
        let looks = known.points.len();
        assert!(looks <= 10 * levels.len(), "{looks} looks");
        for level in [0.001, 0.05, 0.3, 0.5, 0.69, 0.75, 0.95, 0.999] {
            assert!((p.cdf(p.quantile(level)) - level).abs() < 1e-4, "{level}");
        }
    }

    /// A level that a spike holds is answered by the spike as it was written; others lie between the spikes.
    #[test]
    fn spikes_hold_their_levels() {
        let (column, past, forecast) = distribution(&[(STACK, 0.0, 1.0, 1.0)]);
        let spikes = vec![(-1.5, 0.1), (0.123_456_789, 0.4), (7.0, 0.45)];
        let cdf = MixtureCdf { column: &column, past: &past, forecast: &forecast, conditional: None };
        let p = Predictive { cdf, spikes, density: 0.55, mean: 0.0, width: 1.0 };
        let below = p.cdf(0.123_456_788);
        for k in 1..10 {
            assert_eq!(p.quantile(below + 0.03 * k as f64), 0.123_456_789);
        }
        for level in [0.01, 0.2, 0.3, 0.72, 0.9, 0.999] {
            let x = p.quantile(level);
            assert!(p.cdf(x + 1e-4) >= level && p.cdf(x - 1e-4) <= level, "{level}: {x}");
        }
    }
}
