//! Server-sent events, as the daemon's feeds send them.

/// One event of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedEvent {
    /// What it tells of: `learn`, `alarm`, `streams` and so on.
    pub name: String,
    /// Its data, which is JSON.
    pub data: String,
    /// What `Last-Event-ID` says to go on after it.
    pub id: Option<String>,
}

/// A parser of server-sent events, line by line. It holds the event that is not complete yet.
#[derive(Default)]
pub struct FeedParser {
    event: FeedEvent,
}

impl FeedParser {
    /// Parses a line, without its end. Returns the event that is complete with it.
    pub fn line(&mut self, line: &str) -> Option<FeedEvent> {
        let value = |v: &str| v.strip_prefix(' ').unwrap_or(v).to_owned();
        match line.split_once(':') {
            Some(("event", v)) => self.event.name = value(v),
            Some(("id", v)) => self.event.id = Some(value(v)),
            Some(("data", v)) => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data += &value(v);
            }
            None if line.is_empty() => {
                let done = std::mem::take(&mut self.event);
                return (!done.data.is_empty()).then_some(done);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feed_is_read() {
        let mut parser = FeedParser::default();
        let mut got = Vec::new();
        let lines =
            [": hello", "event: learn", "id: 7", "data: {\"a\":", "data: 1}", "", "", "event: drift", "data: x"];
        for line in lines.iter().chain(&["", "data: y", ""]) {
            got.extend(parser.line(line));
        }
        let event = |name: &str, data: &str, id: Option<&str>| FeedEvent {
            name: name.into(),
            data: data.into(),
            id: id.map(str::to_owned),
        };
        assert_eq!(got, [event("learn", "{\"a\":\n1}", Some("7")), event("drift", "x", None), event("", "y", None)]);
    }
}
