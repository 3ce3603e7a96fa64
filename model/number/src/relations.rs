//! Linear regression on the past of all columns.
//!
//! Up to [`SHARED_COLUMNS_MAX`] columns share one set of at most forty regressors (lags one and two, the day before,
//! lag three: as many of each column as fit) and one inverse correlation. Beyond that each column has its own small
//! regression on two lags of its own and one of each of eight partners: its neighbours at first, then those that
//! explain it best (see `partners`). So the cost stays linear in the number of columns (PREDICTOR §8).

use crate::dims::{FORGETTING, SHARED_COLUMNS_MAX, padded};
use crate::partners::PartnerSearch;
use crate::rls::LeastSquares;
use crate::stages::past::ColumnPast;
use crate::units::Rebase;
use surmise_state::{Persist, State, StateError};

/// Columns whose last value a column is regressed on where there are more.
const PARTNERS: usize = 8;

/// The regressions of all columns on the past of all columns: one that they share, or a small one for each.
#[derive(Clone, Debug)]
pub(crate) struct Relations {
    columns: usize,
    /// Regressors per column in the shared form.
    each: usize,
    /// Length of the buffer of regressors.
    length: usize,
    shared: Option<LeastSquares>,
    wide: Vec<WideColumn>,
}

/// One column's own regression and its partners, on a stream of many columns.
#[derive(Clone, Debug)]
struct WideColumn {
    rls: LeastSquares,
    search: PartnerSearch,
    /// Mean size of the column's news: what its last value was beyond what the one before says.
    news: f64,
}

/// The `i`-th neighbour of a column.
fn neighbour(columns: usize, c: usize, i: usize) -> u32 {
    // half before, half after, around the ends
    let d = i / 2 + 1;
    (if i.is_multiple_of(2) { (c + columns - d) % columns } else { (c + d) % columns }) as u32
}

impl Relations {
    pub(crate) fn new(columns: usize) -> Self {
        let mut r = Self { columns, each: 0, length: 0, shared: None, wide: Vec::new() };
        if (1..=SHARED_COLUMNS_MAX).contains(&columns) {
            r.each = (SHARED_COLUMNS_MAX / columns).min(5);
            let dims = columns * r.each + 3;
            let mut shared = LeastSquares::new(dims, columns, FORGETTING, 10.0);
            (0..columns).for_each(|c| shared.set_weight(c, c * r.each, 1.0));
            r.shared = Some(shared);
            r.length = padded(dims);
        } else {
            for c in 0..columns {
                let mut own = LeastSquares::new(PARTNERS + 3, 1, FORGETTING, 10.0);
                own.set_weight(0, 0, 1.0);
                let partners = (0..PARTNERS).map(|i| neighbour(columns, c, i)).collect();
                r.wide.push(WideColumn { rls: own, search: PartnerSearch::new(columns, c, partners), news: 0.0 });
            }
            r.length = columns * padded(PARTNERS + 3);
        }
        r
    }

    /// Writes every column's forecast to `out`, as z, `[columns]`, and the regressors to `x`: `[columns · each + 3]`
    /// shared, or `[columns, padded(PARTNERS + 3)]`, row-major. `phase` is sine and cosine of the time of day.
    pub(crate) fn predict(&self, pasts: &[ColumnPast], phase: (f64, f64), x: &mut Vec<f64>, out: &mut Vec<f64>) {
        x.clear();
        x.resize(self.length, 0.0);
        out.clear();
        if let Some(r) = &self.shared {
            for (c, s) in pasts.iter().enumerate() {
                x[c * self.each..(c + 1) * self.each].copy_from_slice(&s.regressors()[..self.each]);
            }
            let n = self.columns * self.each;
            (x[n], x[n + 1], x[n + 2]) = (phase.0, phase.1, 1.0);
            out.extend((0..self.columns).map(|c| r.predict(c, x)));
        } else {
            let n = padded(PARTNERS + 3);
            // the last values side by side: partners lie anywhere
            x.extend(pasts.iter().map(|past| past.z()[0]));
            let (x, last) = x.split_at_mut(self.length);
            for c in 0..self.columns {
                let row = &mut x[c * n..(c + 1) * n];
                (row[0], row[1], row[PARTNERS + 2]) = (pasts[c].z()[0], pasts[c].z()[1], 1.0);
                let own = &self.wide[c];
                for (x, p) in row[2..].iter_mut().zip(own.search.partners()) {
                    *x = last[*p as usize];
                }
                out.push(own.rls.predict(0, row));
            }
        }
    }

    /// Learns from the outcomes that are there: `error(c)` is column `c`'s innovation and the mean error of its last
    /// value, both as z, and `news(c)` what was new in its last value, as z.
    pub(crate) fn learn(
        &mut self,
        x: &[f64],
        error: impl Fn(usize) -> Option<(f64, f64)>,
        news: impl Fn(usize) -> f64,
    ) {
        let astray = |r: &LeastSquares, out: usize, last: f64| r.size(out).1 > 100 && r.size(out).0 > 4.0 * last;
        if let Some(r) = &mut self.shared {
            let den = r.gain(x);
            let mut any = false;
            for c in 0..self.columns {
                if let Some((e, _)) = error(c) {
                    r.correct(c, e, den);
                    any = true;
                }
            }
            if any {
                r.advance(den);
            }
            for c in 0..self.columns {
                if error(c).is_some_and(|(_, last)| astray(r, c, last)) {
                    r.reset(c, &[(c * self.each, 1.0)]);
                }
            }
        } else {
            let n = padded(PARTNERS + 3);
            let news: Vec<f64> = self.wide.iter_mut().enumerate().map(|(c, own)| own.measure(news(c))).collect();
            for (c, own) in self.wide.iter_mut().enumerate() {
                let Some((e, last)) = error(c) else { continue };
                own.rls.learn(&x[c * n..(c + 1) * n], e);
                if astray(&own.rls, 0, last) {
                    own.rls.reset(0, &[(0, 1.0)]);
                }
                let found = own.search.learn(c, e, |k| news[k]);
                if let Some(i) = found.and_then(|f| own.search.accept(f, 2, &own.rls)) {
                    own.rls.replace(2 + i);
                }
            }
        }
    }

    /// Converts the regressions after a column changed its units.
    pub(crate) fn rebase(&mut self, column: usize, change: Rebase) {
        let Rebase::Soft { a, c } = change else {
            if matches!(change, Rebase::Hard | Rebase::Resumed) {
                match &mut self.shared {
                    Some(r) => r.unsettle(column),
                    None => self.wide[column].rls.unsettle(0),
                }
            }
            return;
        };
        if let Some(r) = &mut self.shared {
            let first = column * self.each;
            let which: [usize; 5] = std::array::from_fn(|i| first + i);
            r.rebase_inputs(&which[..self.each], a, c);
            r.rebase_target(column, 1.0 / a, -c / a);
        } else {
            self.wide[column].rls.rebase_inputs(&[0, 1], a, c);
            self.wide[column].rls.rebase_target(0, 1.0 / a, -c / a);
            for own in &mut self.wide {
                if let Some(i) = own.search.partners().iter().position(|p| *p as usize == column) {
                    own.rls.rebase_inputs(&[2 + i], a, c);
                }
            }
        }
    }
}

impl WideColumn {
    /// News in units of its mean size.
    fn measure(&mut self, news: f64) -> f64 {
        let news = if news.is_finite() { news } else { 0.0 };
        let most = if self.news > 0.0 { 8.0 * self.news } else { 1e6 };
        self.news += 0.02 * (news.abs().min(most) - self.news);
        if self.news > 1e-12 { news / self.news } else { 0.0 }
    }
}

impl Persist for WideColumn {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.rls.persist(s)?;
        self.search.persist(s)?;
        s.f64("news", &mut self.news)
    }
}

impl Persist for Relations {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("relations")?;
        if let Some(r) = &mut self.shared {
            r.persist(s)?;
        }
        self.wide.iter_mut().try_for_each(|r| r.persist(s))
    }
}
