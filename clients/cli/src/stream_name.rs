//! The stream that a question is about.

use clap::Args;

/// A stream, bare as most commands take it, or behind `--stream`.
#[derive(Args, Debug)]
pub(crate) struct StreamName {
    /// The stream.
    #[arg(value_name = "STREAM", required_unless_present = "stream")]
    bare: Option<String>,
    /// The stream, by an option.
    #[arg(long, value_name = "STREAM", conflicts_with = "bare")]
    stream: Option<String>,
}

impl StreamName {
    /// The name, however it was said.
    pub(crate) fn name(&self) -> &str {
        self.bare.as_deref().or(self.stream.as_deref()).unwrap_or_default()
    }
}

#[cfg(test)]
impl From<&str> for StreamName {
    fn from(name: &str) -> StreamName {
        StreamName { bare: Some(name.to_owned()), stream: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser, Debug)]
    struct Question {
        #[command(flatten)]
        stream: StreamName,
    }

    #[test]
    fn a_stream_is_said_once_bare_or_by_the_option() {
        let read = |words: &[&str]| Question::try_parse_from([&["surmise"], words].concat());
        for words in [&["web"][..], &["--stream", "web"]] {
            assert_eq!(read(words).unwrap().stream.name(), "web");
        }
        for wrong in [&[][..], &["web", "--stream", "web"], &["web", "shop"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
