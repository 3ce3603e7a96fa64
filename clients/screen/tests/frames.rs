//! Frames of `surmise top`, on a terminal that is none: what is shown, at every size, whatever names and events hold.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;
use surmise_protocol::AlarmList;
use surmise_screen::{
    DaemonLink, Ink, OpenedStream, Overview, Scene, SortColumn, ViewKind, Viewer, Wish, draw, page_rows,
};

/// 2026-11-27T12:00:00Z.
const NOW: f64 = 1_795_780_800.0;

const INCIDENT: &str = r#"{"stream":"web","kind":"new","phase":"goes_on","began":4000,"offset":4059,"count":60,
    "rarity_events":40000,"rarity_seconds":259200,"field":"status","time":"2026-11-27T11:57:00Z",
    "oddest":4000,"event_offset":4000,"event":{"data":"GET / 502 curl"},"surprise_bits":12,"excess_bits":10,"parts":[{"name":"status","value":"502",
    "surprise_bits":11,"excess_bits":10,"expected":{"top":[["200",0.94],["304",0.05]],"other":0.01}}]}"#;

const NASTY: &str =
    "\u{1b}[2J\u{1b}]0;x\u{7}\u{202e}cba עברית 東京 👩\u{200d}👧 e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\r\n";

fn overview() -> Overview {
    let mut overview = Overview::default();
    overview.link = DaemonLink::Open;
    let mut rows: Vec<serde_json::Value> = (0..40)
        .map(|i| {
            serde_json::json!({"stream": format!("sensor-{i:02}"), "offset": 100 * i, "events_per_second": i,
                "recent_bits": 0.1 * f64::from(i), "skill": 0.01 * f64::from(i), "trend": [1.0, null, 2.0]})
        })
        .collect();
    rows.push(serde_json::json!({"stream": "web", "offset": 4060, "events_per_second": 50.0, "recent_bits": 2.17,
        "skill": 0.34, "incidents": 1, "promised": 0.41, "trend": [1.0, 2.0, 8.0],
        "last_incident": {"kind": "new", "phase": "goes_on", "began": 4000, "time": "2026-11-27T11:57:00Z"},
        "drift": {"detector": "loss", "began": 3900, "noticed": 3950, "bits_before": 1.0, "bits_after": 2.0}}));
    let changes = [
        serde_json::json!({"detector": "rate", "began": 700, "level_before": 1.0, "level_after": 60.0}),
        serde_json::json!({"detector": "loss", "began": 800, "field": "page"}),
        serde_json::json!({"detector": "level", "began": 900, "field": "ms", "level_before": 1.0, "level_after": 2.0}),
    ];
    for (row, mut change) in rows.iter_mut().zip(changes) {
        (change["noticed"], change["bits_before"], change["bits_after"]) = (1000.into(), 1.0.into(), 2.0.into());
        row["drift"] = change;
    }
    rows.push(serde_json::json!({"stream": "broken", "offset": 0, "failed": "its checkpoint is damaged"}));
    rows.push(serde_json::json!({"stream": NASTY.repeat(20), "offset": 0}));
    let news = serde_json::json!({"all": true, "streams": rows, "gone": []});
    overview.take("streams", &news.to_string()).unwrap();
    overview.take("alarms", &format!(r#"{{"alarms":[{INCIDENT}]}}"#)).unwrap();
    overview
}

fn opened(stream: &str) -> OpenedStream {
    let status = serde_json::json!({"stream": stream, "offset": 4060, "model_version": 4060, "keys": 1,
        "schema": {"fields": [{"name": "value", "kind": "line"}, {"name": "ms", "kind": "number"}]}});
    let prediction = serde_json::json!({"offset": 4060, "model_version": 4060, "end": 0.25, "fields": {
        "value": {"top": [["GET / 200 curl", 0.91], [NASTY, 0.05]], "other": 0.04},
        "ms": {"mean": 10.5, "median": 10, "quantiles": {"0.05": 1, "0.25": 7, "0.75": 12, "0.95": 20}}}});
    let history = serde_json::json!({"stream": stream, "span_seconds": 1, "spans_max": 120, "now": NOW, "points": [
        {"time": NOW as i64 - 2, "events": 50, "bits": 100.0, "rarest": 9.0, "incidents": 0},
        {"time": NOW as i64 - 1, "events": 50, "bits": 200.0, "rarest": 9.0, "incidents": 1}], "windows": [
        {"name": "minute", "seconds": 60.0, "events": 3000, "loss_bits_per_event": 2.17, "simple_bits_per_event": 3.1,
         "experts": []},
        {"name": "ever", "seconds": 0.0, "events": 4060, "loss_bits_per_event": 2.3, "simple_bits_per_event": 3.3,
         "experts": []}]});
    let incidents = format!(r#"{{"stream":"web","begun":1,"alarms":[{INCIDENT}]}}"#);
    OpenedStream {
        status: serde_json::from_value(status).unwrap(),
        prediction: serde_json::from_value(prediction).unwrap(),
        history: serde_json::from_value(history).unwrap(),
        incidents: serde_json::from_str::<AlarmList>(&incidents).unwrap(),
    }
}

fn frame(overview: &Overview, viewer: &Viewer, cells: u16, rows: u16, has_colours: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(cells, rows)).unwrap();
    let scene = Scene { server: "http://127.0.0.1:7070", now: NOW, ink: Ink { has_colours } };
    terminal
        .draw(|frame| {
            let area = frame.area();
            draw(frame.buffer_mut(), area, overview, viewer, &scene);
        })
        .unwrap();
    terminal.backend().buffer().clone()
}

fn text(overview: &Overview, viewer: &Viewer, cells: u16, rows: u16) -> Vec<String> {
    let buffer = frame(overview, viewer, cells, rows, false);
    let row = |y| (0..cells).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>().trim_end().to_owned();
    (0..rows).map(row).collect()
}

fn press(viewer: &mut Viewer, overview: &Overview, codes: &[KeyCode]) -> Wish {
    let press = |viewer: &mut Viewer, code: &KeyCode| {
        let page = page_rows(viewer, 24);
        viewer.key(KeyEvent::new(*code, KeyModifiers::NONE), overview, page)
    };
    codes.iter().map(|code| press(viewer, code)).last().unwrap_or(Wish::Stay)
}

#[test]
fn streams_are_listed_sorted_and_filtered() {
    let (overview, mut viewer) = (overview(), Viewer::default());
    let shown = text(&overview, &viewer, 80, 24);
    assert!(shown[0].starts_with("surmise top") && shown[0].ends_with("http://127.0.0.1:7070"), "{shown:#?}");
    assert_eq!(shown[1], "● 1 incident now");
    assert_eq!(shown[2], "82,060 events of 43 streams: at most 0.41 false alarms promised, 1 incident came");
    assert!(shown[3].contains("Stream (43)") && shown[3].contains("Incident↓"), "{}", shown[3]);
    assert!(shown[4].starts_with("✗ broken") && shown[4].contains("failed"), "{}", shown[4]);
    for part in ["● web", "50", "▁▂█", "2.17", "34 %", "never seen 3 min"] {
        assert!(shown[5].contains(part), "{part}: {}", shown[5]);
    }
    assert!(shown[23].contains("q quit"));
    // by rate, the least first
    press(&mut viewer, &overview, &[KeyCode::Left, KeyCode::Left, KeyCode::Left]);
    assert_eq!(viewer.sort, SortColumn::Rate);
    assert!(text(&overview, &viewer, 80, 24)[4].contains("web"));
    press(&mut viewer, &overview, &[KeyCode::Char('r')]);
    assert_eq!(viewer.rows(&overview).last().unwrap().stream, "web");
    // the column that rows are sorted by is in sight, whatever its place
    while viewer.sort != SortColumn::Drift {
        press(&mut viewer, &overview, &[KeyCode::Right]);
        let heading = text(&overview, &viewer, 80, 24)[3].clone();
        assert!(heading.contains(['↓', '↑']), "{:?}: {heading}", viewer.sort);
    }
    let shown = text(&overview, &viewer, 160, 24);
    for part in ["less predictable at 3,900", "slower at 700", "page less predictable at 800", "ms moved at 900"] {
        assert!(shown.iter().any(|line| line.contains(part)), "{part}: {shown:#?}");
    }
    press(&mut viewer, &overview, &[KeyCode::Char('?')]);
    assert!(text(&overview, &viewer, 200, 24)[3..].iter().all(|line| line.trim_end().chars().count() <= 80));
    press(&mut viewer, &overview, &[KeyCode::Esc]);
    // what is typed filters, and Esc shows all again
    let typed: Vec<KeyCode> = "/sensor 3".chars().map(KeyCode::Char).collect();
    press(&mut viewer, &overview, &typed);
    let shown = text(&overview, &viewer, 80, 24);
    assert!(shown[23] == "/sensor 3▏" && shown[3].contains("Stream (13 of 43)"), "{shown:#?}");
    press(&mut viewer, &overview, &[KeyCode::Enter, KeyCode::Esc]);
    assert_eq!(viewer.rows(&overview).len(), 43);
    press(&mut viewer, &overview, &"/is:odd".chars().map(KeyCode::Char).collect::<Vec<_>>());
    assert_eq!(viewer.rows(&overview)[0].stream, "web");
    assert_eq!(press(&mut viewer, &overview, &[KeyCode::Esc, KeyCode::Char('q')]), Wish::Quit);
}

#[test]
fn incidents_say_what_is_odd_since_when_and_why() {
    let (overview, mut viewer) = (overview(), Viewer::default());
    press(&mut viewer, &overview, &[KeyCode::Tab]);
    let shown = text(&overview, &viewer, 80, 24);
    assert!(shown[3].contains("Never seen before in status  web") && shown[3].ends_with("began 3 minutes ago"));
    assert_eq!(shown[4], "▌ GET / 502 curl");
    let facts = "▌ once in 40,000 events, about every 3 days · 60 unusual events · expected of s…";
    assert_eq!(shown[5], facts);
    // the odd part is marked, in colour or by its weight alone
    let marked = frame(&overview, &viewer, 80, 24, true);
    assert_eq!((marked[(8, 4)].symbol(), marked[(8, 4)].fg), ("5", Color::Red));
    let plain = frame(&overview, &viewer, 80, 24, false);
    assert!(plain.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    assert_ne!(plain[(8, 4)].modifier, plain[(2, 4)].modifier);
    assert_eq!(press(&mut viewer, &overview, &[KeyCode::Enter]), Wish::Ask);
    assert_eq!((viewer.view, viewer.stream.as_deref()), (ViewKind::Stream, Some("web")));
    press(&mut viewer, &overview, &[KeyCode::Esc]);
    assert_eq!(viewer.view, ViewKind::Incidents);
}

#[test]
fn an_open_stream_says_what_it_expects() {
    let overview = overview();
    let mut viewer = Viewer::default();
    press(&mut viewer, &overview, &[KeyCode::Down]);
    assert_eq!(press(&mut viewer, &overview, &[KeyCode::Enter]), Wish::Ask);
    assert!(text(&overview, &viewer, 80, 24)[4].contains("asking"));
    viewer.opened = Some(opened("web"));
    let shown = text(&overview, &viewer, 80, 40).join("\n");
    for part in [
        "What it expects next",
        "GET / 200 curl",
        "91 %  █████████████████████▉",
        "median 10, half within 7 – 12, 90 % within 1 – 20",
        "the key ends",
        "Loss in bits per event",
        "2.170    2.300",
        "Its course, in seconds",
        "Never seen before in status, 3 minutes ago, event 4000",
        "4,060 events · 50 events/s · 2.17 bits/event · skill 34 %",
    ] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
    // scrolled beyond its end, it ends with its last line
    press(&mut viewer, &overview, &[KeyCode::End]);
    let shown = text(&overview, &viewer, 80, 24);
    assert!(shown[22].contains("once in 40,000"), "{shown:#?}");
    assert_eq!(press(&mut viewer, &overview, &[KeyCode::Char('t')]), Wish::Ask);
    viewer.problem = Some("no stream is called web".into());
    assert!(text(&overview, &viewer, 80, 50)[4].contains("no stream is called"));
}

#[test]
fn a_daemon_that_is_gone_is_told_of() {
    let mut overview = overview();
    overview.link = DaemonLink::Lost { since: NOW - 120.0, reason: "connection refused".into() };
    let shown = text(&overview, &Viewer::default(), 80, 24);
    assert!(shown[0].contains("surmised is gone for 2 minutes; trying again"), "{}", shown[0]);
    assert_eq!(shown[2], "connection refused");
    assert!(text(&Overview::default(), &Viewer::default(), 80, 24)[1].contains("No stream yet"));
}

/// Every view at every size, with names and events that would break a terminal: nothing panics, no control character
/// and nothing that turns the direction of writing comes through, and no cell holds a pile of marks.
#[test]
fn no_size_and_no_name_breaks_the_screen() {
    let mut overview = overview();
    let hostile = serde_json::json!({"alarms": [{"stream": NASTY, "kind": "value", "phase": "begins", "began": 1,
        "offset": 1, "count": 1, "rarity_events": 1e300, "rarity_seconds": -1.0, "field": NASTY, "time": NASTY,
        "event": {"key": NASTY, "data": {NASTY: NASTY.repeat(30)}}, "surprise_bits": 1, "excess_bits": 1,
        "parts": [{"name": NASTY, "value": NASTY, "place": [3, 9], "surprise_bits": 9, "excess_bits": 9}]}]});
    overview.take("alarms", &hostile.to_string()).unwrap();
    let nasty = NASTY.repeat(20);
    for view in [ViewKind::Streams, ViewKind::Incidents, ViewKind::Stream] {
        for (is_helping, is_typing) in [(false, false), (true, false), (false, true)] {
            let viewer = Viewer {
                view,
                is_helping,
                is_typing,
                filter: if is_typing { "東👩\u{200d}👧".repeat(50) } else { String::new() },
                stream: Some(nasty.clone()),
                opened: Some(opened(&nasty)),
                problem: Some(nasty.clone()),
                ..Viewer::default()
            };
            for cells in (1..100).step_by(3).chain([80, 200]) {
                for rows in [1, 2, 3, 4, 5, 9, 10, 11, 24, 60] {
                    let buffer = frame(&overview, &viewer, cells, rows, true);
                    for cell in buffer.content() {
                        let symbol = cell.symbol();
                        let turns = |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
                        let is_harmless = |c: char| !c.is_control() && !turns(c);
                        assert!(symbol.chars().all(is_harmless) && symbol.chars().count() <= 5, "{symbol:?}");
                    }
                }
            }
        }
    }
}

/// Two thousand streams, a cursor that runs through them, and pages of it.
#[test]
fn thousands_of_streams_are_walked_through() {
    let mut overview = Overview::default();
    let rows: Vec<_> = (0..2_000).map(|i| serde_json::json!({"stream": format!("s{i:04}"), "offset": i})).collect();
    overview.take("streams", &serde_json::json!({"all": true, "streams": rows, "gone": []}).to_string()).unwrap();
    let mut viewer = Viewer { sort: SortColumn::Name, is_rising: true, ..Viewer::default() };
    press(&mut viewer, &overview, &[KeyCode::PageDown, KeyCode::PageDown, KeyCode::Down]);
    let shown = text(&overview, &viewer, 80, 24);
    assert_eq!(viewer.stream.as_deref(), Some("s0039"));
    assert!(shown[4].contains("s0038") && shown[22].contains("s0056"), "{shown:#?}");
    press(&mut viewer, &overview, &[KeyCode::End]);
    assert!(text(&overview, &viewer, 80, 24).iter().any(|row| row.contains("s1999")));
    press(&mut viewer, &overview, &[KeyCode::Home, KeyCode::Up]);
    assert_eq!(viewer.stream.as_deref(), Some("s0000"));
}
