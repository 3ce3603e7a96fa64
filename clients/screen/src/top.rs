//! The loop of `surmise top`: news in, keys in, frames out.

use crate::draw::{Ink, Scene, draw, page_rows};
use crate::follow::{News, NumberedNews, Wanted, ask_about, follow};
use crate::overview::{DaemonLink, Overview};
use crate::terminal::Screen;
use crate::viewer::{ViewKind, Viewer, Wish};
use crossterm::event::{Event, KeyEventKind, poll, read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime};
use surmise_terminal::{Failure, Http};

/// News that may wait for the loop; the threads wait beyond that.
const NEWS_MAX: usize = 64;
/// How long keys are waited for before news are looked at.
const KEY_WAIT: Duration = Duration::from_millis(50);
/// How often a frame is drawn without news, so that what is told of time stays true.
const DRAW_INTERVAL: Duration = Duration::from_secs(1);
/// A feed that is silent for so long hangs: the daemon sends a sign of life every 15 seconds.
const SILENCE_MAX: Duration = Duration::from_secs(40);

/// The loop and what it knows.
struct TopLoop {
    http: Http,
    overview: Overview,
    viewer: Viewer,
    wanted: Arc<Wanted>,
    sender: SyncSender<NumberedNews>,
    receiver: Receiver<NumberedNews>,
    /// The number of the thread that follows.
    follower: u64,
    heard_at: Instant,
}

/// Shows streams and incidents until a person, or a signal, asks for the end.
///
/// # Errors
/// The daemon cannot be reached at the start, or the terminal is none.
pub fn top(http: Http, filter: String) -> Result<(), Failure> {
    // what is wrong with the address or the token is told before the screen is taken
    http.get::<serde_json::Value>("/api/v1/alarms", &[("limit", "1".to_owned())])?;
    let (sender, receiver) = sync_channel(NEWS_MAX);
    let mut this = TopLoop {
        http,
        overview: Overview::default(),
        viewer: Viewer { filter, ..Viewer::default() },
        wanted: Arc::default(),
        sender,
        receiver,
        follower: 0,
        heard_at: Instant::now(),
    };
    this.follow_anew();
    ask_about(this.http.clone(), this.wanted.clone(), this.sender.clone());
    let mut screen = Screen::take()?;
    this.run(&mut screen)
}

impl TopLoop {
    fn run(&mut self, screen: &mut Screen) -> Result<(), Failure> {
        let ink = Ink::of_environment();
        let (mut is_due, mut drawn_at) = (true, Instant::now());
        while !screen.is_asked_to_end() {
            is_due |= self.take_news();
            if is_due || drawn_at.elapsed() >= DRAW_INTERVAL {
                let scene = Scene { server: self.http.server(), now: now(), ink };
                screen.draw(|buffer, area| draw(buffer, area, &self.overview, &self.viewer, &scene))?;
                (is_due, drawn_at) = (false, Instant::now());
            }
            if !poll(KEY_WAIT)? {
                continue;
            }
            is_due = true;
            if let Event::Key(key) = read()?
                && key.kind != KeyEventKind::Release
            {
                let page = page_rows(&self.viewer, screen.rows());
                match self.viewer.key(key, &self.overview, page) {
                    Wish::Quit => return Ok(()),
                    Wish::Stay if self.viewer.view != ViewKind::Stream => self.wanted.set(None),
                    Wish::Stay => {}
                    Wish::Ask => self.ask(),
                }
            }
        }
        Ok(())
    }

    fn ask(&self) {
        self.wanted.set(self.viewer.stream.clone().map(|stream| (stream, self.viewer.course)));
    }

    /// Follows the daemon with another thread; what the one before still says is not heard.
    fn follow_anew(&mut self) {
        self.follower += 1;
        self.heard_at = Instant::now();
        follow(self.http.clone(), self.follower, self.sender.clone());
    }

    /// Takes in what has come; returns whether anything changed.
    fn take_news(&mut self) -> bool {
        let mut is_news = false;
        while let Ok((number, news)) = self.receiver.try_recv() {
            if number == 0 || number == self.follower {
                is_news |= !matches!(news, News::Alive);
                self.take(news);
            }
        }
        if self.overview.link == DaemonLink::Open && self.heard_at.elapsed() > SILENCE_MAX {
            self.lose("surmised has said nothing for a while".into());
            self.follow_anew();
            is_news = true;
        }
        is_news
    }

    fn lose(&mut self, reason: String) {
        // it is gone since it was first missed
        let since = if let DaemonLink::Lost { since, .. } = self.overview.link { since } else { now() };
        self.overview.link = DaemonLink::Lost { since, reason };
    }

    fn take(&mut self, news: News) {
        match news {
            News::Linked(list) => {
                self.overview.reload(list);
                self.overview.link = DaemonLink::Open;
                self.heard_at = Instant::now();
            }
            News::Lost(reason) => self.lose(reason),
            News::Alive => self.heard_at = Instant::now(),
            News::Said(name, data) => {
                self.heard_at = Instant::now();
                if let Err(e) = self.overview.take(&name, &data) {
                    self.lose(format!("the feed is not understood: {e}"));
                }
            }
            News::Opened(opened) => {
                if self.viewer.stream.as_ref() == Some(&opened.status.stream) {
                    self.viewer.problem = None;
                    self.viewer.opened = Some(*opened);
                }
            }
            News::NotOpened(stream, reason) => {
                if self.viewer.stream.as_ref() == Some(&stream) {
                    self.viewer.problem = Some(reason);
                }
            }
        }
    }
}

/// The time, in seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
