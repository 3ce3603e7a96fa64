//! The times of a column: in which form they are written, told by its first cells or said by the caller.

use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use std::str::FromStr;
use surmise_event::{CivilTime, DateOrder, TimeUnit, parse_standard, parse_time};

/// How times are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    /// A number since 1970.
    Unit(TimeUnit),
    /// Dates, those of digits alone in this order.
    Dates(DateOrder),
    /// What a pattern of `strptime` says.
    Pattern(String),
}

/// A word that is no [`TimeFormat`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no form of times; they are s, ms, us, ns, ymd, dmy, mdy, or a pattern such as '%d.%m.%Y %H:%M'")]
pub struct UnknownTimeFormat(String);

/// A name that is no [`TimeZoneName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time zone; use a name such as Europe/Berlin or an offset such as +02:00")]
pub struct UnknownTimeZone(String);

/// The words for orders of dates.
const ORDERS: [(&str, DateOrder); 3] =
    [("ymd", DateOrder::YearFirst), ("dmy", DateOrder::DayFirst), ("mdy", DateOrder::MonthFirst)];

impl FromStr for TimeFormat {
    type Err = UnknownTimeFormat;

    fn from_str(word: &str) -> Result<TimeFormat, UnknownTimeFormat> {
        let unit = TimeUnit::ALL.into_iter().find(|unit| unit.name() == word).map(TimeFormat::Unit);
        let order = ORDERS.into_iter().find(|(name, _)| *name == word).map(|(_, order)| TimeFormat::Dates(order));
        let pattern = word.contains('%').then(|| TimeFormat::Pattern(word.to_owned()));
        unit.or(order).or(pattern).ok_or_else(|| UnknownTimeFormat(word.to_owned()))
    }
}

impl std::fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TimeFormat::Unit(unit) => f.write_str(unit.name()),
            TimeFormat::Dates(order) => {
                f.write_str(ORDERS.into_iter().find(|(_, known)| known == order).map_or("ymd", |(name, _)| name))
            }
            TimeFormat::Pattern(pattern) => f.write_str(pattern),
        }
    }
}

/// A time zone by name or offset.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeZoneName(TimeZone);

impl FromStr for TimeZoneName {
    type Err = UnknownTimeZone;

    fn from_str(name: &str) -> Result<TimeZoneName, UnknownTimeZone> {
        // a date at an offset tells the offset
        let at_offset = || CivilTime::parse(&format!("2000-01-01 00:00:00 {name}"), None)?.offset_seconds;
        let fixed = |seconds| jiff::tz::Offset::from_seconds(seconds).ok().map(TimeZone::fixed);
        let zone = TimeZone::get(name).ok().or_else(|| at_offset().and_then(fixed));
        zone.map(TimeZoneName).ok_or_else(|| UnknownTimeZone(name.to_owned()))
    }
}

/// The year that dates without one begin in; it is a leap year, so that every day of a log exists.
const YEAR_ASSUMED: i16 = 2000;

/// Share of the cells of a column that have to be times in a form for the column to have it.
const READ_SHARE_MIN: f64 = 0.98;

/// Share of neighbours that have to be in order for times of a column that nobody named.
const ORDERED_SHARE_MIN: f64 = 0.95;

/// Reads the times of one column.
#[derive(Clone, Debug)]
pub(crate) struct TimeReader {
    /// How times are written; none where each tells it by itself.
    format: Option<TimeFormat>,
    zone: Option<TimeZone>,
    /// The year that is counted on and the month of the latest date, where dates have no year.
    year: i16,
    month: Option<i8>,
}

impl TimeReader {
    pub(crate) fn new(format: Option<TimeFormat>, zone: Option<&TimeZoneName>) -> TimeReader {
        TimeReader { format, zone: zone.map(|z| z.0.clone()), year: YEAR_ASSUMED, month: None }
    }

    /// Reads a time, in microseconds since 1970.
    pub(crate) fn read(&mut self, text: &str) -> Option<i64> {
        match &self.format {
            Some(TimeFormat::Unit(unit)) => unit.read(text),
            Some(TimeFormat::Pattern(pattern)) => self.by_pattern(pattern, text),
            Some(TimeFormat::Dates(order)) => self.date(text, Some(*order)),
            None => match parse_time(text) {
                // a time zone counts for what has none of its own
                Ok(us) if self.zone.is_none() || text.parse::<f64>().is_ok() => Some(us),
                _ => self.date(text, None),
            },
        }
    }

    fn date(&mut self, text: &str, order: Option<DateOrder>) -> Option<i64> {
        if let Ok(t) = text.parse::<jiff::Timestamp>() {
            return Some(t.as_microsecond());
        }
        if let Ok(date) = text.parse::<jiff::civil::DateTime>() {
            return self.in_zone(date);
        }
        let civil = CivilTime::parse(text, order)?;
        let year = match civil.year {
            Some(year) => year,
            None => self.year_of(civil.month),
        };
        let date = civil.in_year(year)?;
        match civil.offset_seconds {
            Some(offset) => Some(utc(date)? - i64::from(offset) * 1_000_000),
            None => self.in_zone(date),
        }
    }

    /// The year of a date without one: a year has passed from December to January, and not yet where a December
    /// follows a January, as a late event does.
    fn year_of(&mut self, month: i8) -> i16 {
        let latest = self.month.unwrap_or(month);
        if month > latest + 6 {
            return self.year - 1;
        }
        if month + 6 < latest {
            self.year += 1;
        }
        self.month = Some(month);
        self.year
    }

    /// A date and time of day in the time zone; in the hour that a change of the clock repeats, its first pass.
    fn in_zone(&self, date: jiff::civil::DateTime) -> Option<i64> {
        match &self.zone {
            None => utc(date),
            Some(zone) => Some(zone.to_ambiguous_zoned(date).compatible().ok()?.timestamp().as_microsecond()),
        }
    }

    fn by_pattern(&self, pattern: &str, text: &str) -> Option<i64> {
        let parsed = BrokenDownTime::parse(pattern, text).ok()?;
        if let Ok(timestamp) = parsed.to_timestamp() {
            return Some(timestamp.as_microsecond());
        }
        let date =
            parsed.to_datetime().or_else(|_| parsed.to_date().map(|d| d.to_datetime(jiff::civil::Time::midnight())));
        self.in_zone(date.ok()?)
    }
}

fn utc(date: jiff::civil::DateTime) -> Option<i64> {
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

/// The order of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeOrder {
    /// They hardly ever go back.
    Rising,
    /// They hardly ever go forward: the newest comes first.
    Falling,
    /// Neither.
    Mixed,
}

/// Times that are needed to say that the newest comes first.
const FALLING_TIMES_MIN: usize = 3;

/// The shares of neighbours that do not go back, and that do not go forward.
#[derive(Clone, Copy, Debug, PartialEq)]
struct OrderShares {
    rising: f64,
    falling: f64,
}

impl OrderShares {
    fn of(times: &[i64]) -> OrderShares {
        let pairs = times.len().saturating_sub(1);
        if pairs == 0 {
            return OrderShares { rising: 1.0, falling: 0.0 };
        }
        let share = |is: &dyn Fn(&[i64]) -> bool| times.windows(2).filter(|w| is(w)).count() as f64 / pairs as f64;
        let falling = if times.len() < FALLING_TIMES_MIN { 0.0 } else { share(&|w| w[0] >= w[1]) };
        OrderShares { rising: share(&|w| w[0] <= w[1]), falling }
    }

    fn order(self) -> TimeOrder {
        match self {
            OrderShares { rising, .. } if rising >= ORDERED_SHARE_MIN => TimeOrder::Rising,
            OrderShares { falling, .. } if falling >= ORDERED_SHARE_MIN => TimeOrder::Falling,
            OrderShares { .. } => TimeOrder::Mixed,
        }
    }
}

/// What the cells of a column tell of its times.
#[derive(Clone, Debug)]
pub(crate) struct ColumnTimes {
    /// The form of the times; none where each tells it by itself, as RFC 3339 does.
    pub(crate) format: Option<TimeFormat>,
    /// How the form was told from others that fit, where there were such.
    pub(crate) why: Option<String>,
    /// In which order the times come.
    pub(crate) order: TimeOrder,
    /// Whether the cells are dates, and not numbers that may be anything.
    pub(crate) dates: bool,
}

/// Finds the form of a column's times; none if its cells are no times.
///
/// Dates of digits alone are read in every order that all of them allow; of several, the one in which they are in
/// order and lie closest together.
pub(crate) fn column_times(cells: &[&str]) -> Option<ColumnTimes> {
    let cells: Vec<&str> = cells.iter().copied().filter(|c| !c.is_empty()).collect();
    if cells.is_empty() {
        return None;
    }
    let numbers: Vec<(&str, f64)> = cells.iter().filter_map(|c| Some((*c, c.parse().ok()?))).collect();
    if numbers.len() as f64 >= READ_SHARE_MIN * cells.len() as f64 {
        let (cells, numbers): (Vec<&str>, Vec<f64>) = numbers.into_iter().unzip();
        return number_times(&cells, &numbers);
    }
    if numbers.len() * 2 > cells.len() {
        return None;
    }
    let read = |format: Option<TimeFormat>| -> Option<(OrderShares, i64)> {
        let mut reader = TimeReader::new(format, None);
        let times: Vec<i64> = cells.iter().filter_map(|c| reader.read(c)).collect();
        let enough = times.len() as f64 >= READ_SHARE_MIN * cells.len() as f64;
        let span: i64 = times.windows(2).map(|w| w[1].abs_diff(w[0]) as i64).fold(0, i64::saturating_add);
        enough.then(|| (OrderShares::of(&times), span))
    };
    // dates of digits alone that are told one by one could be told differently from cell to cell
    let is_ambiguous = |c: &&str| parse_standard(c).is_none() && CivilTime::parse(c, None).is_none();
    let told_alone = |c: &&str| parse_standard(c).is_some();
    if let Some((shares, _)) = read(None)
        && (cells.iter().all(told_alone) || !orders_differ(&cells))
        && !cells.iter().any(is_ambiguous)
    {
        return Some(ColumnTimes { format: None, why: None, order: shares.order(), dates: true });
    }
    let fits: Vec<(DateOrder, OrderShares, i64)> = ORDERS
        .into_iter()
        .filter_map(|(_, order)| read(Some(TimeFormat::Dates(order))).map(|(shares, span)| (order, shares, span)))
        .collect();
    let best_by = |share: fn(&OrderShares) -> f64| {
        fits.iter().copied().reduce(|a, b| if (share(&b.1), -b.2) > (share(&a.1), -a.2) { b } else { a })
    };
    let (rising, falling) = (best_by(|shares| shares.rising), best_by(|shares| shares.falling));
    // the newest comes first only where no order has them rise
    let falls = |fit: &(DateOrder, OrderShares, i64)| fit.1.order() == TimeOrder::Falling;
    let best = match rising {
        Some((_, shares, _)) if shares.order() != TimeOrder::Rising => falling.filter(falls).or(rising),
        rising => rising,
    };
    let Some((order, shares, span)) = best else {
        return read(None).map(|(shares, _)| ColumnTimes {
            format: None,
            why: None,
            order: shares.order(),
            dates: true,
        });
    };
    let alike = fits.iter().filter(|f| f.1 == shares && f.2 == span).count() > 1;
    let name = ORDERS.into_iter().find(|(_, o)| *o == order).map_or("", |(name, _)| name);
    let why = match (fits.len(), alike) {
        (1, _) => format!("dates are {name}, as some day is beyond 12"),
        (_, false) => format!("dates are {name}, in which order they follow one another best"),
        (_, true) => format!("dates are taken as {name}, though another order fits as well; --time-format says it"),
    };
    Some(ColumnTimes { format: Some(TimeFormat::Dates(order)), why: Some(why), order: shares.order(), dates: true })
}

/// Whether some cell is a date of digits alone whose order another cell may tell differently.
fn orders_differ(cells: &[&str]) -> bool {
    let by = |c: &str, order| CivilTime::parse(c, Some(order)).map(|t| (t.month, t.day));
    cells.iter().any(|c| by(c, DateOrder::DayFirst) != by(c, DateOrder::MonthFirst))
}

/// The times of a column of numbers: compact dates, or a count since 1970 whose unit the magnitude of most tells.
fn number_times(cells: &[&str], numbers: &[f64]) -> Option<ColumnTimes> {
    let compact = |c: &&str| matches!(c.len(), 8 | 14) && c.bytes().all(|b| b.is_ascii_digit()) && year_fits(c);
    let pattern = match cells[0].len() {
        8 => "%Y%m%d",
        _ => "%Y%m%d%H%M%S",
    };
    let mut reader = TimeReader::new(Some(TimeFormat::Pattern(pattern.to_owned())), None);
    if cells.iter().all(compact) && cells.iter().all(|c| reader.read(c).is_some()) {
        let times: Vec<i64> = cells.iter().filter_map(|c| reader.read(c)).collect();
        let order = OrderShares::of(&times).order();
        let format = Some(TimeFormat::Pattern(pattern.to_owned()));
        return Some(ColumnTimes { format, why: Some("dates are written without marks".into()), order, dates: true });
    }
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let unit = TimeUnit::of_magnitude(sorted[sorted.len() / 2])?;
    let times: Vec<i64> = cells.iter().filter_map(|c| unit.read(c)).collect();
    let order = if times.len() == cells.len() { OrderShares::of(&times).order() } else { TimeOrder::Mixed };
    let why = (unit != TimeUnit::Seconds).then(|| format!("times are {} since 1970, as their size tells", unit.name()));
    Some(ColumnTimes { format: Some(TimeFormat::Unit(unit)), why, order, dates: false })
}

fn year_fits(cell: &str) -> bool {
    cell[..4].parse::<u32>().is_ok_and(|year| (1900..2100).contains(&year))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(cells: &[&str]) -> Option<(String, bool)> {
        let is_rising = |t: &ColumnTimes| t.order == TimeOrder::Rising;
        column_times(cells).map(|t| (t.format.as_ref().map_or("each".to_owned(), |f| f.to_string()), is_rising(&t)))
    }

    #[test]
    fn the_form_of_a_column_is_told_by_its_cells() {
        let is = |cells: &[&str], form: &str| assert_eq!(told(cells), Some((form.to_owned(), true)), "{cells:?}");
        is(&["2016-07-01 00:00:00", "2016-07-01 01:00:00"], "each");
        is(&["04/Dec/2005:04:47:44 +0000", "04/Dec/2005:04:47:45 +0000"], "each");
        is(&["Dec 31 23:59:59", "Jan  1 00:00:01"], "each");
        is(&["30/01/2026 10:00", "31/01/2026 10:00", "01/02/2026 10:00"], "dmy");
        is(&["01/30/2026 10:00", "01/31/2026 10:00", "02/01/2026 10:00"], "mdy");
        is(&["01/02/2026", "02/02/2026", "03/02/2026", "04/02/2026"], "dmy");
        is(&["02/01/2026", "02/02/2026", "02/03/2026"], "mdy");
        is(&["17/06/09 20:10:40", "17/06/09 20:10:41"], "ymd");
        is(&["1467331200000", "1467331201000"], "ms");
        is(&["1467331200", "1467331201"], "s");
        is(&["20160701", "20160702"], "%Y%m%d");
        is(&["20160701000000", "20160701000001"], "%Y%m%d%H%M%S");
        assert_eq!(told(&["x", "y"]), None);
        assert_eq!(told(&["2016-07-02", "2016-07-01"]), Some(("each".to_owned(), false)));
    }

    #[test]
    fn times_that_fall_are_told_in_every_form() {
        let told = |cells: &[&str]| {
            column_times(cells).map(|t| (t.format.map_or("each".to_owned(), |f| f.to_string()), t.order))
        };
        let falls = |cells: &[&str], form: &str| {
            assert_eq!(told(cells), Some((form.to_owned(), TimeOrder::Falling)), "{cells:?}");
        };
        falls(&["2016-07-03", "2016-07-02", "2016-07-01"], "each");
        falls(&["01/02/2026 10:00", "31/01/2026 10:00", "30/01/2026 10:00"], "dmy");
        falls(&["Jan  1 00:00:01", "Dec 31 23:59:59", "Dec 31 23:59:58"], "each");
        falls(&["1467331202", "1467331201", "1467331200"], "s");
        falls(&["20160703", "20160702", "20160701"], "%Y%m%d");
        let mixed = told(&["2016-07-03", "2016-07-01", "2016-07-02"]).unwrap();
        assert_eq!(mixed.1, TimeOrder::Mixed);
    }

    #[test]
    fn years_that_are_not_written_are_counted_on_and_zones_are_kept() {
        let mut reader = TimeReader::new(None, None);
        let times: Vec<i64> = ["Nov 30 00:00:00", "Dec 31 23:59:59", "Dec 31 23:59:58", "Jan  1 00:00:00"]
            .iter()
            .map(|t| reader.read(t).unwrap())
            .collect();
        assert_eq!(times[3] - times[1], 1_000_000);
        let zone: TimeZoneName = "Europe/Berlin".parse().unwrap();
        let mut local = TimeReader::new(None, Some(&zone));
        let utc = |text: &str| parse_time(text).ok();
        assert_eq!(local.read("2016-07-01 02:00:00"), utc("2016-07-01T00:00:00Z"));
        assert_eq!(local.read("2016-01-01 01:00:00"), utc("2016-01-01T00:00:00Z"));
        assert_eq!(local.read("2016-07-01T00:00:00Z"), utc("2016-07-01T00:00:00Z"));
        assert_eq!(local.read("1467331200"), utc("2016-07-01T00:00:00Z"));
        assert_eq!(local.read("01/Jul/2016:02:00:00 +0200"), utc("2016-07-01T00:00:00Z"));
        assert!("+02:00".parse::<TimeZoneName>().is_ok() && "Mars/Olympus".parse::<TimeZoneName>().is_err());
        let pattern: TimeFormat = "%d.%m.%y %H-%M".parse().unwrap();
        assert_eq!(TimeReader::new(Some(pattern), None).read("01.07.16 00-00"), utc("2016-07-01T00:00:00Z"));
        assert!("dym".parse::<TimeFormat>().unwrap_err().to_string().contains("dmy"));
    }
}
