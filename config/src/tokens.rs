//! `[[auth.tokens]]`: what each token opens. The file holds hashes, so that whoever reads it can use none of them.

use crate::stream_name::{StreamNameError, fits};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessRole {
    /// Sending events.
    Ingest,
    /// Asking: predictions, outcomes, alarms, status, metrics, and what checkpoints hold.
    Read,
    /// Operating: making checkpoints, reloading, and whatever changes a stream other than by its events.
    Operate,
}

impl AccessRole {
    /// All roles.
    pub const ALL: [AccessRole; 3] = [AccessRole::Ingest, AccessRole::Read, AccessRole::Operate];

    /// The name of the role, as the configuration has it.
    pub fn name(self) -> &'static str {
        match self {
            AccessRole::Ingest => "ingest",
            AccessRole::Read => "read",
            AccessRole::Operate => "operate",
        }
    }
}

/// One table `[[auth.tokens]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRule {
    /// The name of the token, for people and for the log; it is no secret.
    pub name: String,
    /// The hash of the token.
    #[serde(alias = "token_hash")]
    pub hash: TokenHash,
    /// What the token allows.
    pub roles: Vec<AccessRole>,
    /// The streams that it is good for: names, or patterns with `*`.
    #[serde(default = "all_streams")]
    pub streams: Vec<String>,
}

fn all_streams() -> Vec<String> {
    vec!["*".into()]
}

impl TokenRule {
    /// Whether the token is good for a stream.
    pub fn covers(&self, stream: &str) -> bool {
        self.streams.iter().any(|pattern| fits(pattern, stream))
    }
}

/// Why a token of `[[auth.tokens]]` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It has no name.
    #[error("a token needs a name")]
    Nameless,
    /// Another one has its name.
    #[error("two tokens have this name")]
    Twice,
    /// It allows nothing.
    #[error("a token needs a role: ingest, read or operate")]
    WithoutRole,
    /// It is good for no stream.
    #[error("a token needs streams, as names or patterns; leave the key out for all")]
    WithoutStreams,
    /// A name or pattern of its streams cannot be one.
    #[error("streams: {0}")]
    Stream(StreamNameError),
}

/// The SHA-256 of a token, written `sha256:` and 64 hexadecimal digits.
///
/// A token that `surmise token new` makes has 256 random bits, so that a fast hash is enough: there is no list of
/// likely tokens to try.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &[u8]) -> TokenHash {
        TokenHash(Sha256::digest(token).into())
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"…\"")
    }
}

/// A text that is no hash of a token. It does not say which text: somebody may have written the token itself there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected \"sha256:\" and 64 hexadecimal digits, as `surmise token new` and `surmise token hash` print them")]
pub struct TokenHashError;

impl FromStr for TokenHash {
    type Err = TokenHashError;
    fn from_str(text: &str) -> Result<TokenHash, TokenHashError> {
        let digits = text.strip_prefix("sha256:").ok_or(TokenHashError)?.as_bytes();
        let mut hash = [0; 32];
        if digits.len() != 2 * hash.len() {
            return Err(TokenHashError);
        }
        let digit = |d: u8| char::from(d).to_digit(16).ok_or(TokenHashError);
        for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Ok(TokenHash(hash))
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<TokenHash, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for TokenHash {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_written_and_read() {
        let hash = TokenHash::of(b"abc");
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((hash.to_string().as_str(), text.parse()), (text, Ok(hash)));
        for wrong in ["", "abc", "sha256:", &text[7..], &text[..70], &text.replace('b', "x")] {
            assert_eq!(wrong.parse::<TokenHash>(), Err(TokenHashError), "{wrong}");
        }
    }

    #[test]
    fn a_token_covers_the_streams_of_its_patterns() {
        let streams = vec!["web-*".into(), "db".into()];
        let rule = TokenRule { name: "t".into(), hash: TokenHash::of(b""), roles: vec![AccessRole::Read], streams };
        assert!(rule.covers("web-1") && rule.covers("db") && !rule.covers("db-1") && !rule.covers("default"));
    }
}
