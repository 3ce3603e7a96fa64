//! The address of a server that a source reads from, or that a sink publishes to. It may hold a name and a password,
//! which are never shown.

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use url::Url;

/// What stands for a name and a password.
const HIDDEN: &str = "…";

/// The address of a server, such as `redis://user:password@example.org:6379/0`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ServerUrl(String);

/// What is wrong with the address of a server. The address itself is not told, as it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// There is none.
    #[error("it needs an address: url = \"{0}://…\"")]
    Missing(&'static str),
    /// It cannot be read.
    #[error(
        "url is no address ({0}); write \"{1}://host:port\", with user:password@ before the host if it asks for them"
    )]
    Unreadable(url::ParseError, &'static str),
    /// It is that of another kind of server.
    #[error("url begins with {found}://, and has to begin with {expected}")]
    Scheme {
        /// How it begins.
        found: String,
        /// How it may begin.
        expected: String,
    },
    /// It names no host.
    #[error("url names no host; write \"{0}://host:port\"")]
    WithoutHost(&'static str),
}

impl ServerUrl {
    /// Reads the address of a server that is spoken to in one of these ways; the first is the usual one.
    ///
    /// # Errors
    /// Says what is wrong with it, without what it holds.
    pub fn parse(&self, schemes: &[&'static str]) -> Result<Url, ServerUrlError> {
        let usual = schemes[0];
        if self.0.is_empty() {
            return Err(ServerUrlError::Missing(usual));
        }
        let url = Url::parse(&self.0).map_err(|error| ServerUrlError::Unreadable(error, usual))?;
        if !schemes.contains(&url.scheme()) {
            let expected: Vec<String> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
            let found = url.scheme().to_owned();
            return Err(ServerUrlError::Scheme { found, expected: expected.join(" or ") });
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(ServerUrlError::WithoutHost(usual));
        }
        Ok(url)
    }

    /// The address with what it may hold of secrets left out.
    pub fn shown(&self) -> String {
        let text = self.0.split(['?', '#']).next().unwrap_or_default();
        let start = text.find("://").map_or(0, |at| at + 3);
        match text.rfind('@') {
            Some(at) if at >= start => format!("{}{HIDDEN}{}", &text[..start], &text[at..]),
            _ => text.to_owned(),
        }
    }
}

impl From<&str> for ServerUrl {
    fn from(text: &str) -> ServerUrl {
        ServerUrl(text.to_owned())
    }
}

impl Serialize for ServerUrl {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.shown())
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}

/// A name or a password, which an address writes with escapes.
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let digits = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = if byte.is_some() { &after[2..] } else { after };
        bytes.push(byte.unwrap_or(*first));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_are_what_their_escapes_mean() {
        assert_eq!(decoded("p%40ss%3Aw%C3%B6rd"), "p@ss:wörd");
        assert_eq!(decoded("100%, %4, %zz"), "100%, %4, %zz");
    }

    #[test]
    fn an_address_is_shown_without_what_opens_it() {
        for (url, shown) in [
            ("redis://example.org:6379/0", "redis://example.org:6379/0"),
            ("redis://:hidden@example.org/2", "redis://…@example.org/2"),
            ("redis://user:hid@den@example.org?password=hidden", "redis://…@example.org"),
            ("user:hidden@example.org", "…@example.org"),
        ] {
            let url = ServerUrl::from(url);
            assert_eq!(url.shown(), shown);
            assert_eq!(format!("{url:?}"), format!("{shown:?}"));
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_told_without_it() {
        for (url, told) in [
            ("", "needs an address"),
            ("hidden", "is no address"),
            ("http://user:hidden@example.org", "has to begin with redis:// or rediss://"),
            ("redis:hidden", "names no host"),
        ] {
            let error = ServerUrl::from(url).parse(&["redis", "rediss"]).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("hidden"), "{url}: {error}");
        }
        let url = ServerUrl::from("redis://user:hidden@example.org:6380/1").parse(&["redis"]).unwrap();
        assert_eq!((url.host_str(), url.port(), url.password()), (Some("example.org"), Some(6380), Some("hidden")));
    }
}
