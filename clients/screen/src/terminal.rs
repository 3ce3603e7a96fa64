//! The terminal: taken for the time that something is drawn on it, and given back as it was, whatever happens.

use crossterm::cursor::Show;
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{Stdout, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The terminal in raw mode, on its other screen. Dropping it gives the terminal back.
pub struct Screen {
    terminal: ratatui::Terminal<CrosstermBackend<Stdout>>,
    is_asked_to_end: Arc<AtomicBool>,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// Standard output is none.
    pub fn take() -> std::io::Result<Screen> {
        let is_asked_to_end = Arc::new(AtomicBool::new(false));
        end_on_signals(is_asked_to_end.clone())?;
        // a panic is told on the screen that stays
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            told(panic);
        }));
        enable_raw_mode()?;
        let taken = execute!(stdout(), EnterAlternateScreen)
            .and_then(|()| ratatui::Terminal::new(CrosstermBackend::new(stdout())));
        match taken {
            Ok(mut terminal) => {
                terminal.clear()?;
                Ok(Screen { terminal, is_asked_to_end })
            }
            Err(e) => {
                give_back();
                Err(e)
            }
        }
    }

    /// Whether a signal asks the program to end.
    pub fn is_asked_to_end(&self) -> bool {
        self.is_asked_to_end.load(Ordering::Relaxed)
    }

    /// Draws a frame.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut ratatui::buffer::Buffer, Rect)) -> std::io::Result<()> {
        self.terminal.draw(|frame| {
            let area = frame.area();
            draw(frame.buffer_mut(), area);
        })?;
        Ok(())
    }

    /// Its rows.
    pub fn rows(&self) -> usize {
        self.terminal.size().map_or(0, |size| size.height as usize)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// How long the loop has to end by itself.
const END_TIME_MAX: Duration = Duration::from_millis(500);

/// Tells of a signal that asks for the end. Where the terminal itself is gone, who waits for keys may never come back;
/// then the process ends all the same.
fn end_on_signals(is_asked_to_end: Arc<AtomicBool>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT])?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            is_asked_to_end.store(true, Ordering::Relaxed);
            std::thread::sleep(END_TIME_MAX);
            give_back();
            std::process::exit(0);
        }
    });
    Ok(())
}

/// Gives the terminal back as it was. Nothing can be done where it is gone.
fn give_back() {
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}
