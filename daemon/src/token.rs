//! The access token of the daemon, which clients of the event socket and of HTTP have to present.

/// Whether a presented token equals the configured one.
///
/// The comparison reads every byte of tokens of equal length, so its duration does not reveal where they differ: a
/// client cannot find the token byte by byte.
pub fn tokens_match(presented: &[u8], configured: &[u8]) -> bool {
    let differing_bits = presented.iter().zip(configured).fold(0, |bits, (a, b)| bits | (a ^ b));
    presented.len() == configured.len() && differing_bits == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_configured_token_matches() {
        assert!(tokens_match(b"open sesame", b"open sesame"));
        for wrong in ["open barley", "open sesam", "open sesame ", ""] {
            assert!(!tokens_match(wrong.as_bytes(), b"open sesame"), "{wrong:?}");
        }
    }
}
