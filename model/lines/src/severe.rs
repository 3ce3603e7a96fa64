//! Words of alarm, which people write into lines that they want to be read.

/// Words of alarm, in order, so that they can be searched.
const WORDS: &[&str] = &[
    "abort",
    "aborted",
    "alert",
    "cannot",
    "corrupt",
    "corrupted",
    "crit",
    "critical",
    "dead",
    "deadlock",
    "denied",
    "emerg",
    "err",
    "error",
    "errors",
    "errs",
    "exceeded",
    "exceeds",
    "exception",
    "expired",
    "fail",
    "failed",
    "failing",
    "fails",
    "failure",
    "fatal",
    "illegal",
    "killed",
    "lost",
    "oom",
    "panic",
    "refused",
    "reject",
    "rejected",
    "segfault",
    "timedout",
    "timeout",
    "traceback",
    "unable",
    "unavailable",
    "unreachable",
    "warn",
    "warning",
];

/// Whether a text has a word of alarm: one of the list in small or large letters, `timed out`, `no space`, or a name
/// that ends in `Error` or `Exception`.
pub(crate) fn is_severe(text: &[u8]) -> bool {
    let (mut at, mut before): (usize, &[u8]) = (0, b"");
    while at < text.len() {
        if !text[at].is_ascii_alphabetic() {
            at += 1;
            continue;
        }
        let end = text[at..].iter().position(|b| !b.is_ascii_alphabetic()).map_or(text.len(), |n| at + n);
        let word = &text[at..end];
        let is_whole = at == 0 || !(text[at - 1].is_ascii_digit() || text[at - 1] == b'_');
        if (is_whole && is_listed(word, before)) || is_name_of_error(word) {
            return true;
        }
        (before, at) = (word, end);
    }
    false
}

fn is_listed(word: &[u8], before: &[u8]) -> bool {
    const LONGEST: usize = 11;
    if word.len() < 3 || word.len() > LONGEST {
        return false;
    }
    let mut small = [0; LONGEST];
    for (to, from) in small.iter_mut().zip(word) {
        *to = from.to_ascii_lowercase();
    }
    let small = &small[..word.len()];
    let after = |first: &[u8]| before.eq_ignore_ascii_case(first);
    (small == b"out" && (after(b"timed") || after(b"time")))
        || (small == b"space" && after(b"no"))
        || WORDS.binary_search_by(|w| w.as_bytes().cmp(small)).is_ok()
}

fn is_name_of_error(word: &[u8]) -> bool {
    let named = |end: &[u8]| {
        word.len() > end.len() && word.ends_with(end) && word[word.len() - end.len() - 1].is_ascii_lowercase()
    };
    named(b"Error") || named(b"Exception")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_alarm_are_found_whole() {
        assert!(WORDS.is_sorted());
        for text in ["an ERROR: x", "timed out", "ValueError at", "no space left", "x=failed", "oom-killer", "Timeout"]
        {
            assert!(is_severe(text.as_bytes()), "{text}");
        }
        for text in ["errorless", "terror", "space", "out of", "warned", "Erroring"] {
            assert!(!is_severe(text.as_bytes()), "{text}");
        }
    }
}
