//! What a client may do: which tokens there are, what each opens, and under which names requests may come.
//!
//! The policy is replaced as a whole when the configuration is read again, so no request sees half of a change.

use std::net::IpAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use surmise_config::{AccessRole, AuthTable, Config, TokenHash, TokenRule};
use tokio_util::sync::CancellationToken;

/// The name of what `auth.token` opens, or the token whose hash is in its place.
const WHOLE_TOKEN_NAME: &str = "auth.token";
/// The name of what is open to everybody where no token is asked for.
const ANYBODY_NAME: &str = "anybody";

/// What a client may do that has shown who it is.
#[derive(Debug)]
pub struct Grant {
    /// The rule; its name is no secret.
    rule: TokenRule,
    /// Cancelled once the configuration no longer has the rule. A connection that goes on for long ends then.
    pub withdrawn: CancellationToken,
}

/// Why a client may do nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrecognised {
    /// It brought no token.
    #[error("this daemon asks for a token")]
    NoToken,
    /// Its token is none of those that there are.
    #[error("the token is not known")]
    UnknownToken,
}

/// Why a client may not do something although its token is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The token does not have the role.
    #[error("the token {token:?} does not have the role {role}")]
    Role {
        /// The name of the token.
        token: String,
        /// The name of the role.
        role: &'static str,
    },
    /// The token is not good for the stream.
    #[error("the token {token:?} is not good for the stream {stream:?}")]
    Stream {
        /// The name of the token.
        token: String,
        /// The name of the stream.
        stream: String,
    },
    /// The token is not good for all streams.
    #[error("the token {token:?} is not good for all streams; name one, where one can be named")]
    AllStreams {
        /// The name of the token.
        token: String,
    },
}

impl Grant {
    fn of(rule: TokenRule) -> Arc<Grant> {
        Arc::new(Grant { rule, withdrawn: CancellationToken::new() })
    }

    fn everything(name: &str, hash: TokenHash) -> TokenRule {
        TokenRule { name: name.into(), hash, roles: AccessRole::ALL.to_vec(), streams: vec!["*".into()] }
    }

    /// The name of the token, which is no secret.
    pub fn name(&self) -> &str {
        &self.rule.name
    }

    fn token(&self) -> String {
        self.rule.name.clone()
    }

    /// Checks that the client has a role.
    ///
    /// # Errors
    /// It does not.
    pub fn check_role(&self, role: AccessRole) -> Result<(), Forbidden> {
        match self.rule.roles.contains(&role) {
            true => Ok(()),
            false => Err(Forbidden::Role { token: self.token(), role: role.name() }),
        }
    }

    /// Whether the client may touch every stream.
    pub fn covers_all(&self) -> bool {
        self.rule.streams.iter().any(|pattern| pattern == "*")
    }

    /// Whether the client may touch a stream.
    pub fn covers(&self, stream: &str) -> bool {
        self.covers_all() || self.rule.covers(stream)
    }

    /// Checks that the client may touch a stream.
    ///
    /// # Errors
    /// It may not.
    pub fn check_stream(&self, stream: &str) -> Result<(), Forbidden> {
        match self.covers(stream) {
            true => Ok(()),
            false => Err(Forbidden::Stream { token: self.token(), stream: stream.to_owned() }),
        }
    }

    /// Checks that the client may touch every stream.
    ///
    /// # Errors
    /// It may not.
    pub fn check_all_streams(&self) -> Result<(), Forbidden> {
        match self.covers_all() {
            true => Ok(()),
            false => Err(Forbidden::AllStreams { token: self.token() }),
        }
    }
}

/// Which requests and connections are let in, and what each may do.
#[derive(Debug)]
pub struct AccessPolicy {
    /// What each token opens; empty where no token is asked for.
    grants: Vec<Arc<Grant>>,
    /// What anybody may do where no token is asked for.
    anybody: Arc<Grant>,
    /// Names of this machine, in small letters, beside `localhost` and addresses.
    hosts: Vec<String>,
}

impl AccessPolicy {
    /// The policy that a configuration asks for.
    pub fn new(config: &Config) -> AccessPolicy {
        let anybody = Grant::of(Grant::everything(ANYBODY_NAME, TokenHash([0; 32])));
        let hosts = config.listen.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        AccessPolicy { grants: rules(&config.auth).map(Grant::of).collect(), anybody, hosts }
    }

    /// The policy that follows this one under another configuration. Grants that both have stay the same, so that their
    /// connections go on; all others are withdrawn once the new policy is in force, by [`AccessPolicy::withdraw`].
    pub fn followed_by(&self, config: &Config) -> AccessPolicy {
        let mut next = AccessPolicy::new(config);
        for grant in &mut next.grants {
            if let Some(same) = self.grants.iter().find(|before| before.rule == grant.rule) {
                *grant = same.clone();
            }
        }
        if self.is_open() && next.is_open() {
            next.anybody = self.anybody.clone();
        }
        next
    }

    /// Ends what the grants of this policy allowed that the next one does not have.
    pub fn withdraw(&self, next: &AccessPolicy) {
        for grant in self.grants.iter().chain([&self.anybody]) {
            if !next.grants.iter().chain([&next.anybody]).any(|kept| Arc::ptr_eq(kept, grant)) {
                grant.withdrawn.cancel();
            }
        }
    }

    /// Whether no token is asked for.
    pub fn is_open(&self) -> bool {
        self.grants.is_empty()
    }

    /// What the bearer of a token may do. The time that this takes depends on the length of what is presented alone:
    /// hashes are compared, each with every one that there is, and each comparison reads all of its bytes.
    ///
    /// # Errors
    /// No token was brought, or an unknown one.
    pub fn recognise(&self, presented: Option<&[u8]>) -> Result<Arc<Grant>, Unrecognised> {
        if self.is_open() {
            return Ok(self.anybody.clone());
        }
        let hash = TokenHash::of(presented.ok_or(Unrecognised::NoToken)?);
        let mut found = None;
        for grant in &self.grants {
            if bool::from(grant.rule.hash.0.ct_eq(&hash.0)) {
                found = Some(grant);
            }
        }
        found.cloned().ok_or(Unrecognised::UnknownToken)
    }

    /// Whether a request may ask for a host by this name. Any address may be asked for: a page that a name was rebound
    /// for still asks for that name.
    pub fn allows_host(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let name = bare.to_ascii_lowercase();
        bare.parse::<IpAddr>().is_ok() || name == "localhost" || self.hosts.contains(&name)
    }
}

/// The rules of all tokens; those of `auth.token` and `auth.token_hash` open everything.
fn rules(auth: &AuthTable) -> impl Iterator<Item = TokenRule> {
    let whole = auth.whole_tokens().map(|hash| Grant::everything(WHOLE_TOKEN_NAME, hash));
    auth.tokens.iter().cloned().chain(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(more: &str) -> Config {
        Config::from_toml(more).unwrap()
    }

    fn table(name: &str, token: &str, rest: &str) -> String {
        format!("[[auth.tokens]]\nname = {name:?}\nhash = \"{}\"\n{rest}\n", TokenHash::of(token.as_bytes()))
    }

    #[test]
    fn a_token_opens_what_its_table_says() {
        let narrow = table("a", "one", "roles = [\"ingest\"]\nstreams = [\"web-*\"]");
        let policy = AccessPolicy::new(&config(&format!("[auth]\ntoken = \"all\"\n{narrow}")));
        let one = policy.recognise(Some(b"one")).unwrap();
        assert!(one.check_role(AccessRole::Ingest).is_ok() && one.check_role(AccessRole::Read).is_err());
        assert!(one.covers("web-1") && !one.covers("db") && one.check_all_streams().is_err());
        let all = policy.recognise(Some(b"all")).unwrap();
        assert!(AccessRole::ALL.iter().all(|role| all.check_role(*role).is_ok()) && all.check_all_streams().is_ok());
        assert_eq!(policy.recognise(None).unwrap_err(), Unrecognised::NoToken);
        for wrong in ["", "on", "one ", "onf"] {
            assert_eq!(policy.recognise(Some(wrong.as_bytes())).unwrap_err(), Unrecognised::UnknownToken);
        }
        assert!(AccessPolicy::new(&config("")).recognise(None).is_ok(), "without tokens everything is open");
        let hashed = format!("[auth]\ntoken_hash = \"{}\"\n", TokenHash::of(b"all"));
        let same = policy.followed_by(&config(&format!("{hashed}{}", narrow.replace("hash = ", "token_hash = "))));
        policy.withdraw(&same);
        assert!(!all.withdrawn.is_cancelled() && !one.withdrawn.is_cancelled(), "its hash is the same token");
        assert!(same.recognise(Some(b"all")).is_ok() && same.recognise(Some(hashed.as_bytes())).is_err());
    }

    #[test]
    fn only_grants_that_changed_are_withdrawn() {
        let (a, b) = (table("a", "one", "roles = [\"read\"]"), table("b", "two", "roles = [\"read\"]"));
        let first = AccessPolicy::new(&config(&format!("{a}{b}")));
        let [kept, gone] = ["one", "two"].map(|t| first.recognise(Some(t.as_bytes())).unwrap());
        let second = first.followed_by(&config(&a));
        first.withdraw(&second);
        assert!(!kept.withdrawn.is_cancelled() && gone.withdrawn.is_cancelled());
        assert!(Arc::ptr_eq(&kept, &second.recognise(Some(b"one")).unwrap()));
    }

    #[test]
    fn addresses_and_known_names_are_hosts() {
        let policy = AccessPolicy::new(&config("[listen]\nhosts = [\"Box.example\"]"));
        for host in ["127.0.0.1", "[::1]", "10.1.2.3", "localhost", "LOCALHOST", "box.EXAMPLE"] {
            assert!(policy.allows_host(host), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[evil]"] {
            assert!(!policy.allows_host(host), "{host}");
        }
    }
}
