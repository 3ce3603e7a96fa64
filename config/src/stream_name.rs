//! Names of streams, and the patterns that rules for streams are written for.

/// Why a stream cannot have a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamNameError {
    /// The name is empty.
    #[error("a stream needs a name")]
    Empty,
    /// The name is longer than the limit.
    #[error("a name of {bytes} bytes is longer than the limit of {bytes_max}")]
    TooLong {
        /// Bytes of the name.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The name holds a character that has a meaning in paths, patterns or terminals.
    #[error("the name of a stream cannot hold {0:?}")]
    Character(char),
    /// The name is that of a directory entry.
    #[error("the name of a stream cannot be a dot")]
    Dot,
}

/// Checks that a stream can have a name: streams are named in paths of HTTP, in patterns and on terminals.
///
/// # Errors
/// Says what is wrong with the name.
pub fn check_stream_name(name: &str, bytes_max: usize) -> Result<(), StreamNameError> {
    if name.is_empty() {
        return Err(StreamNameError::Empty);
    }
    if name.len() > bytes_max {
        return Err(StreamNameError::TooLong { bytes: name.len(), bytes_max });
    }
    match name.chars().find(|c| c.is_control() || matches!(c, '/' | '?' | '#' | '*' | '%' | '\\')) {
        Some(c) => Err(StreamNameError::Character(c)),
        None if matches!(name, "." | "..") => Err(StreamNameError::Dot),
        None => Ok(()),
    }
}

/// Whether a name fits a pattern, in which `*` stands for any run of characters.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    // the first place of each part leaves the most room for the parts after it
    for part in parts {
        match rest.find(part) {
            Some(i) => rest = &rest[i + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit() {
        for (pattern, name, fit) in [
            ("web", "web", true),
            ("web", "web-1", false),
            ("web-*", "web-1", true),
            ("web-*", "web-", true),
            ("*", "anything", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("*-eu", "web-eu", true),
            ("aa*aa", "aaa", false),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }

    #[test]
    fn names_that_cannot_be_say_why() {
        assert_eq!(check_stream_name("web-1", 5), Ok(()));
        for (name, says) in
            [("", "needs a name"), ("web-12", "6 bytes"), ("a/b", "'/'"), ("a\n", "'\\n'"), ("..", "dot")]
        {
            let fault = check_stream_name(name, 5).unwrap_err().to_string();
            assert!(fault.contains(says), "{name:?}: {fault}");
        }
    }
}
