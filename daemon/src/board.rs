//! All streams at a glance, looked at once for all that follow.
//!
//! Once a second, as long as anybody follows, the rows of streams that changed are collected and written as JSON, with
//! the incidents that began or went on. Whoever comes gets all rows first; those who come between two looks share them.
//! So a follower costs what it is sent, whatever the number of streams. The streams and their owners know nothing of
//! followers here.

use crate::clock::Clock;
use crate::directory::Directory;
use crate::event_stream::EventText;
use crate::feed::LazyFeed;
use crate::stream_row::row;
use axum::body::Bytes;
use rustc_hash::FxHashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;
use surmise_protocol::StreamRow;
use tokio::sync::broadcast::Receiver;
use tokio::time::{MissedTickBehavior, interval};

/// How often rows are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Trends change by the minute: they are sent with every so many looks.
const TREND_LOOKS: u64 = 15;
/// Looks for which a stream that rests is sent once more, so that its rate falls to nought.
const RESTING_LOOKS: u64 = 12;
/// Incidents of one stream that one look tells.
const STREAM_ALARMS_MAX: usize = 16;
/// Looks that a follower may lag behind; one that lags further gets all rows again.
const LAG_LOOKS_MAX: usize = 4;

/// What a follower is sent of one look, in JSON; what is not worth an event is left out.
#[derive(Debug, Default, PartialEq)]
struct LookText {
    /// The rows that changed, and the streams that are gone.
    streams: Option<String>,
    /// The incidents that began or went on.
    alarms: Option<String>,
}

/// What was found in one look at all streams.
#[derive(Debug, Default)]
pub struct BoardLook {
    /// The number of the look.
    pub number: u64,
    /// Whether it has the rows of all streams.
    is_whole: bool,
    /// Rows in JSON, with the names of their streams.
    rows: Vec<(Arc<str>, String)>,
    gone: Vec<Arc<str>>,
    /// Incidents in JSON, with the names of their streams.
    alarms: Vec<(Arc<str>, String)>,
    /// The events that those are sent who may see every stream.
    full: OnceLock<Bytes>,
}

/// What was last told of a stream.
#[derive(Clone, Copy, Default)]
struct ToldRow {
    offset: u64,
    incidents: u64,
    failed: bool,
    /// The look at which the stream was last seen to change.
    changed_at: u64,
    /// The look at which it was last looked at.
    seen_at: u64,
}

#[derive(Default)]
struct Looking {
    /// The number of the latest look; 0 while nobody looks.
    number: u64,
    told: FxHashMap<Arc<str>, ToldRow>,
    /// All rows, for those who come before the next look.
    whole: Option<Arc<BoardLook>>,
}

/// The board of all streams.
pub struct Board {
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
    looks: LazyFeed<Arc<BoardLook>>,
    looking: Mutex<Looking>,
}

impl BoardLook {
    /// The events that a follower is sent that may see the streams that `covers` says, or every stream if it is `None`.
    pub fn events(&self, covers: Option<&dyn Fn(&str) -> bool>) -> Bytes {
        match covers {
            None => self.full.get_or_init(|| self.write(&|_| true).events(self.number)).clone(),
            Some(covers) => self.write(covers).events(self.number),
        }
    }

    fn write(&self, covers: &dyn Fn(&str) -> bool) -> LookText {
        let listed = |values: &[(Arc<str>, String)]| {
            let texts = values.iter().filter(|(name, _)| covers(name)).map(|(_, text)| text.as_str());
            texts.collect::<Vec<_>>().join(",")
        };
        let (rows, alarms) = (listed(&self.rows), listed(&self.alarms));
        let gone: Vec<&str> = self.gone.iter().map(|name| &**name).filter(|name| covers(name)).collect();
        let (is_whole, has_news) = (self.is_whole, !rows.is_empty() || !gone.is_empty());
        let gone = serde_json::json!(gone);
        LookText {
            streams: (is_whole || has_news)
                .then(|| format!("{{\"all\":{is_whole},\"streams\":[{rows}],\"gone\":{gone}}}")),
            alarms: (!alarms.is_empty()).then(|| format!("{{\"alarms\":[{alarms}]}}")),
        }
    }
}

impl LookText {
    fn events(&self, number: u64) -> Bytes {
        let mut text = EventText::default();
        for (name, data) in [("streams", &self.streams), ("alarms", &self.alarms)] {
            data.iter().for_each(|data| text.event_with_id(name, number, data));
        }
        text.take()
    }
}

impl Board {
    /// A board that nobody looks at.
    pub fn new(directory: Arc<Directory>, clock: Arc<dyn Clock>) -> Arc<Board> {
        let looks = LazyFeed::new(LAG_LOOKS_MAX, 0);
        Arc::new(Board { directory, clock, looks, looking: Mutex::default() })
    }

    fn looking(&self) -> MutexGuard<'_, Looking> {
        self.looking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows from here on, with the rows of all streams as they are. To be called within the runtime.
    pub fn follow(self: &Arc<Self>) -> (Arc<BoardLook>, Receiver<Arc<BoardLook>>) {
        let mut looking = self.looking();
        let looks = self.looks.follow();
        let number = looking.number;
        if number == 0 {
            // to the first look every stream is new, so it has all rows
            let first = self.collect(&mut looking);
            looking.whole = Some(Arc::new(BoardLook { is_whole: true, ..first }));
            tokio::spawn(go_on_looking(Arc::downgrade(self)));
        }
        let whole = looking.whole.get_or_insert_with(|| Arc::new(self.whole(number))).clone();
        (whole, looks)
    }

    /// The rows of all streams.
    fn whole(&self, number: u64) -> BoardLook {
        let now_us = self.clock.now().wall_us;
        let rows =
            self.directory.all().iter().map(|view| (view.name.clone(), json(&row(view, now_us, true)))).collect();
        BoardLook { number, is_whole: true, rows, ..BoardLook::default() }
    }

    /// Looks once more, and sends what changed; returns whether anybody follows.
    fn look(&self) -> bool {
        let mut looking = self.looking();
        looking.whole = None;
        if self.looks.followers() == 0 {
            *looking = Looking::default();
            return false;
        }
        let look = self.collect(&mut looking);
        self.looks.send(Arc::new(look));
        true
    }

    /// Collects what changed since the look before.
    fn collect(&self, looking: &mut Looking) -> BoardLook {
        looking.number += 1;
        let (number, now_us) = (looking.number, self.clock.now().wall_us);
        let with_trend = number % TREND_LOOKS == 1;
        let mut look = BoardLook { number, ..BoardLook::default() };
        for view in self.directory.all() {
            let is_new = !looking.told.contains_key(&view.name);
            let told = looking.told.entry(view.name.clone()).or_default();
            let (offset, incidents) = (view.offset.load(Ordering::Relaxed), view.past.incidents.changes());
            let failed = view.failed.load().is_some();
            if is_new || (told.offset, told.incidents, told.failed) != (offset, incidents, failed) {
                told.changed_at = number;
            }
            // those before the first look are asked for
            if number > 1 && told.incidents != incidents {
                let latest = view.past.incidents.latest(STREAM_ALARMS_MAX);
                look.alarms.extend(latest.iter().map(|alarm| (view.name.clone(), json(alarm))));
            }
            let resting = number - told.changed_at;
            if resting == 0 || (with_trend && resting <= RESTING_LOOKS) || resting == RESTING_LOOKS {
                let mut row: StreamRow = row(&view, now_us, with_trend || is_new);
                // the schema is long and hardly ever changes; who wants it asks for the stream
                row.schema.fields.truncate(if is_new { usize::MAX } else { 0 });
                look.rows.push((view.name.clone(), json(&row)));
            }
            (told.offset, told.incidents, told.failed, told.seen_at) = (offset, incidents, failed, number);
        }
        looking.told.retain(|name, told| {
            if told.seen_at != number {
                look.gone.push(name.clone());
            }
            told.seen_at == number
        });
        look
    }
}

/// A value in JSON.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// Looks once a second for as long as anybody follows.
async fn go_on_looking(board: Weak<Board>) {
    let mut interval = interval(LOOK_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // the first tick is at once
    interval.tick().await;
    loop {
        interval.tick().await;
        if board.upgrade().is_none_or(|board| !board.look()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::directory::StreamView;
    use serde_json::{Value, json as value};
    use std::time::Instant;
    use surmise_event::Schema;
    use surmise_learner::Options;
    use surmise_store::StreamEntry;

    fn add(board: &Board, name: &str) -> Arc<StreamView> {
        let (schema, options) = (Schema::default(), Options::default());
        let entry = value!({ "number": 1, "name": name, "schema": schema, "options": options, "created_us": 0 });
        let view = Arc::new(StreamView::new(&serde_json::from_value::<StreamEntry>(entry).unwrap()));
        board.directory.insert(view.clone());
        view
    }

    fn parsed(text: &Option<String>) -> Value {
        text.as_ref().map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
    }

    fn names(look: &BoardLook) -> Vec<Value> {
        let streams = parsed(&look.write(&|_| true).streams);
        streams["streams"].as_array().into_iter().flatten().map(|row| row["stream"].clone()).collect()
    }

    fn board() -> Arc<Board> {
        Board::new(Arc::new(Directory::new(10, 1)), Arc::new(SystemClock::new(Instant::now())))
    }

    /// Nothing is awaited in these tests, so they alone look.
    #[tokio::test]
    async fn what_changed_is_found_once_for_all_and_each_sees_what_it_may() {
        let board = board();
        let (web, db) = (add(&board, "web"), add(&board, "db"));
        let (first, mut looks) = board.follow();
        let (second, mut others) = board.follow();
        assert!(Arc::ptr_eq(&first, &second) && names(&first) == ["db", "web"]);
        let web_alone = |stream: &str| stream == "web";
        let seen = parsed(&first.write(&web_alone).streams);
        assert_eq!((&seen["all"], seen["streams"].as_array().unwrap().len()), (&value!(true), 1));
        // nothing has changed
        assert!(board.look() && names(&looks.try_recv().unwrap()).is_empty());
        assert_eq!(others.try_recv().unwrap().write(&|_| true), LookText::default());
        db.offset.store(7, Ordering::Relaxed);
        add(&board, "new");
        assert!(board.look());
        let look = looks.try_recv().unwrap();
        assert!(names(&look) == ["db", "new"] && Arc::ptr_eq(&look, &others.try_recv().unwrap()));
        assert_eq!(look.write(&web_alone), LookText::default());
        assert!(
            look.events(Some(&web_alone)).is_empty() && look.events(None).starts_with(b"event: streams\nid: 3\ndata: ")
        );
        // who comes now has what changed in its rows
        let (third, _) = board.follow();
        assert!(!Arc::ptr_eq(&third, &first) && names(&third) == ["db", "new", "web"]);
        assert_eq!(parsed(&third.write(&|_| true).streams)["streams"][0]["offset"], 7);
        board.directory.remove("web");
        assert!(board.look());
        assert_eq!(parsed(&looks.try_recv().unwrap().write(&|_| true).streams)["gone"], value!(["web"]));
        drop((web, looks, others));
        assert!(!board.look() && board.looking().told.is_empty());
    }

    #[tokio::test]
    async fn one_that_lags_behind_misses_looks_and_finds_all_rows_again() {
        let board = board();
        let (_, mut looks) = board.follow();
        let view = add(&board, "web");
        for offset in 1..=LAG_LOOKS_MAX as u64 + 1 {
            view.offset.store(offset, Ordering::Relaxed);
            board.look();
        }
        assert!(looks.try_recv().is_err_and(|e| matches!(e, tokio::sync::broadcast::error::TryRecvError::Lagged(1))));
        let (whole, _looks) = board.follow();
        assert_eq!(parsed(&whole.write(&|_| true).streams)["streams"][0]["offset"], LAG_LOOKS_MAX as u64 + 1);
    }
}
