//! Questions to a daemon over HTTP.

use crate::{Exit, Failure};
use serde::de::DeserializeOwned;
use std::time::Duration;
use surmise_client::{ClientError, TrustedRoots, distrust};
use surmise_protocol::Problem;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// Time within which a connection has to be made.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// A daemon's HTTP interface, over one connection that is kept open between questions; a copy shares it.
#[derive(Clone)]
pub struct Http {
    agent: Agent,
    server: String,
    token: Option<String>,
}

impl Http {
    /// The interface at an address, `http://HOST:PORT`, `https://HOST:PORT` or `HOST:PORT`, with a token where the
    /// daemon asks for one, and with the authorities whose certificates are trusted, if not those that are known
    /// everywhere.
    pub fn new(server: &str, token: Option<&str>, roots: Option<&TrustedRoots>) -> Http {
        let trusted = roots.map_or(RootCerts::WebPki, |roots| {
            let certificates: Vec<_> = roots.certificates().map(|der| Certificate::from_der(der).to_owned()).collect();
            RootCerts::new_with_certs(&certificates)
        });
        let config = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(trusted).build())
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIME_MAX))
            .user_agent(concat!("surmise/", env!("CARGO_PKG_VERSION")))
            .build();
        let server = server.trim_end_matches('/');
        let server = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
        Http { agent: config.into(), server, token: token.map(str::to_owned) }
    }

    /// The answer to a GET, read as JSON.
    ///
    /// # Errors
    /// The daemon cannot be reached, refuses, or answers with something else.
    pub fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Failure> {
        json(self.open(path, query)?)
    }

    /// The answer to a GET, whatever its body is.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses.
    pub fn open(&self, path: &str, query: &[(&str, String)]) -> Result<Response<Body>, Failure> {
        let mut request = self.agent.get(format!("{}{path}", self.server));
        for (k, v) in query {
            request = request.query(*k, v);
        }
        if let Some(t) = &self.token {
            request = request.header("Authorization", format!("Bearer {t}"));
        }
        self.checked(request.call())
    }

    /// A feed of server-sent events, from the one after an id on if there is one.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses.
    pub fn follow(&self, path: &str, last_id: Option<&str>) -> Result<Response<Body>, Failure> {
        let mut request = self.agent.get(format!("{}{path}", self.server)).header("Accept", "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id);
        }
        if let Some(t) = &self.token {
            request = request.header("Authorization", format!("Bearer {t}"));
        }
        self.checked(request.call())
    }

    /// The address that is asked.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The answer to a POST without a body, read as JSON.
    ///
    /// # Errors
    /// The daemon cannot be reached, refuses, or answers with something else.
    pub fn post<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Failure> {
        // the daemon takes nothing that a form of a web page could have sent
        let url = format!("{}{path}", self.server);
        let mut request = self.agent.post(url).header("Content-Type", "application/json");
        for (k, v) in query {
            request = request.query(*k, v);
        }
        if let Some(t) = &self.token {
            request = request.header("Authorization", format!("Bearer {t}"));
        }
        json(self.checked(request.send_empty())?)
    }

    /// The answer to a POST of JSON, read as JSON.
    ///
    /// # Errors
    /// The daemon cannot be reached, refuses, or answers with something else.
    pub fn post_json<T: DeserializeOwned>(&self, path: &str, body: &serde_json::Value) -> Result<T, Failure> {
        let mut request = self.agent.post(format!("{}{path}", self.server));
        if let Some(t) = &self.token {
            request = request.header("Authorization", format!("Bearer {t}"));
        }
        json(self.checked(request.send_json(body))?)
    }

    /// Why there is no answer at all, and what to do.
    fn not_reached(&self, error: &ureq::Error) -> Failure {
        let server = &self.server;
        let distrusted = if let ureq::Error::Io(e) = error { distrust(e) } else { None };
        if let Some(reason) = distrusted {
            return ClientError::Untrusted { address: server.clone(), reason }.into();
        }
        let hint = match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                return Failure::usage(format!("{server:?} is not the address of a server: {error}"));
            }
            ureq::Error::Protocol(_) if server.starts_with("http:") => "does it speak TLS? --tls asks so",
            _ => "is surmised running? --server or SURMISE_SERVER says where",
        };
        Failure::new(Exit::Unreachable, format!("cannot reach surmised at {server}: {error}; {hint}"))
    }

    fn checked(&self, sent: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Failure> {
        let mut response = sent.map_err(|e| self.not_reached(&e))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        let body = response.body_mut().read_to_string().unwrap_or_default();
        Err(refused(status, &body))
    }
}

/// The failure that an answer other than success is.
fn refused(status: u16, body: &str) -> Failure {
    let exit = match status {
        400 | 413 | 415 | 422 => Exit::Data,
        429 | 502..=504 => Exit::Unreachable,
        400..=499 => Exit::Usage,
        _ => Exit::Internal,
    };
    let told = match serde_json::from_str::<Problem>(body) {
        Ok(p) if !p.detail.is_empty() => match p.field {
            Some(f) => format!("surmised: field {f:?}: {}", p.detail),
            None => format!("surmised: {}", p.detail),
        },
        Ok(p) if !p.title.is_empty() => format!("surmised: {}", p.title),
        _ => format!("surmised answered with status {status}: {}", body.trim().chars().take(200).collect::<String>()),
    };
    let hint = if status == 401 { "; --token or SURMISE_TOKEN gives it" } else { "" };
    Failure::new(exit, format!("{told}{hint}"))
}

fn json<T: DeserializeOwned>(mut response: Response<Body>) -> Result<T, Failure> {
    let body = response.body_mut().with_config().limit(1 << 30).read_to_vec();
    let body = body.map_err(|e| Failure::new(Exit::Unreachable, format!("the answer broke off: {e}")))?;
    serde_json::from_slice(&body).map_err(not_understood)
}

/// An answer that was asked for as any JSON, as the type that it should be.
///
/// # Errors
/// It is of another type.
pub fn from_json<T: DeserializeOwned>(answer: serde_json::Value) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(not_understood)
}

fn not_understood(error: serde_json::Error) -> Failure {
    Failure::internal(format!("the answer is not understood: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_told_in_words() {
        let f = refused(404, r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"no stream \"x\""}"#);
        assert_eq!((f.exit(), f.to_string().as_str()), (Some(Exit::Usage), "surmised: no stream \"x\""));
        assert_eq!(refused(500, "oops").exit(), Some(Exit::Internal));
    }
}
