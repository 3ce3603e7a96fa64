//! Threads that ask the daemon: one follows all streams, the other asks about the one that is open.

use crate::opened::OpenedStream;
use crate::viewer::COURSES;
use std::io::{BufRead, BufReader};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use surmise_protocol::AlarmList;
use surmise_terminal::{Failure, FeedParser, Http};

/// Incidents that are asked for when the feed opens.
const INCIDENTS_ASKED: usize = 200;
/// The shortest and the longest pause before a feed is asked for again.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// How often an open stream is asked about.
const ASK_INTERVAL: Duration = Duration::from_secs(2);

/// What the threads tell the loop.
pub enum News {
    /// The feed is open, and these are the latest incidents.
    Linked(AlarmList),
    /// The feed broke off.
    Lost(String),
    /// An event of the feed: its name and data.
    Said(String, String),
    /// A sign of life.
    Alive,
    /// What the daemon says of the open stream.
    Opened(Box<OpenedStream>),
    /// Why it says nothing of the stream.
    NotOpened(String, String),
}

/// News of the feed, with the number of the follower that sends it: a later one takes the place of one that hangs.
pub type NumberedNews = (u64, News);

/// Follows all streams for ever, from another thread. A feed that breaks off is asked for again, with the id of its
/// last event, after pauses that grow to some seconds.
pub fn follow(http: Http, number: u64, sender: SyncSender<NumberedNews>) {
    std::thread::spawn(move || {
        let (mut last_id, mut pause) = (None, PAUSE_MIN);
        loop {
            let send = |news| sender.send((number, news)).is_ok();
            let ended = follow_once(&http, &mut last_id, &mut pause, &send);
            let reason = ended.map_or_else(|failure| failure.to_string(), |()| "surmised ended the feed".into());
            if !send(News::Lost(reason)) {
                return;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    });
}

/// Follows a feed to its end.
fn follow_once(
    http: &Http,
    last_id: &mut Option<String>,
    pause: &mut Duration,
    send: &dyn Fn(News) -> bool,
) -> Result<(), Failure> {
    let response = http.follow("/api/v1/watch", last_id.as_deref())?;
    // asked for once the feed is open, so that none is missed between
    let list = http.get::<AlarmList>("/api/v1/alarms", &[("limit", INCIDENTS_ASKED.to_string())])?;
    let mut is_heard = send(News::Linked(list));
    let (mut lines, mut line) = (BufReader::new(response.into_body().into_reader()), String::new());
    let mut parser = FeedParser::default();
    while is_heard {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        *pause = PAUSE_MIN;
        let event = parser.line(line.trim_end_matches(['\r', '\n']));
        is_heard = send(match event {
            None => News::Alive,
            Some(event) => {
                *last_id = event.id.or(last_id.take());
                News::Said(event.name, event.data)
            }
        });
    }
    Ok(())
}

/// The stream that is to be asked about, and which of its courses.
#[derive(Default)]
pub struct Wanted {
    stream: Mutex<Option<(String, usize)>>,
    changed: Condvar,
}

impl Wanted {
    /// Sets it.
    pub fn set(&self, stream: Option<(String, usize)>) {
        *self.stream.lock().unwrap_or_else(|e| e.into_inner()) = stream;
        self.changed.notify_all();
    }

    /// Waits for so long, or for a change, and returns it.
    fn wait(&self, time: Duration) -> Option<(String, usize)> {
        let stream = self.stream.lock().unwrap_or_else(|e| e.into_inner());
        let waited = self.changed.wait_timeout(stream, time).unwrap_or_else(|e| e.into_inner());
        waited.0.clone()
    }
}

/// Asks about the wanted stream for ever, from another thread.
pub fn ask_about(http: Http, wanted: Arc<Wanted>, sender: SyncSender<NumberedNews>) {
    std::thread::spawn(move || {
        loop {
            let Some((stream, course)) = wanted.wait(ASK_INTERVAL) else { continue };
            let news = match OpenedStream::ask(&http, &stream, COURSES[course]) {
                Ok(opened) => News::Opened(Box::new(opened)),
                Err(failure) => News::NotOpened(stream, failure.to_string()),
            };
            if sender.send((0, news)).is_err() {
                return;
            }
        }
    });
}
