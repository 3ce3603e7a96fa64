//! Questions to a daemon over HTTP: what it expects, how well it does, why an event was odd; and what it is to forget.

use crate::address::Address;
use crate::error::ClientError;
use crate::trust::{TrustedRoots, distrust};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use surmise_event::{Prediction, Record};
use surmise_protocol::{AlarmList, EventLine, Problem, StreamStatus, SurpriseList, WhyAnswer};
use tokio::time::timeout;

/// Bytes of the longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How long an answer may take, unless another time is chosen.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// The HTTP interface of a daemon.
///
/// Each question is a connection of its own; nothing is asked again by itself. Questions may be asked concurrently.
///
/// ```no_run
/// # async fn ask() -> Result<(), surmise_client::ClientError> {
/// use surmise_client::Questions;
///
/// let daemon = Questions::at("http://127.0.0.1:7070")?;
/// let expected = daemon.next("web", Some("user-7")).await?;
/// println!("{:?}", expected.fields);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Questions {
    address: Address,
    token: Option<String>,
    trusted_roots: Option<TrustedRoots>,
    time_max: Duration,
}

/// Which events a stream is to forget: those within all that is said. At least one thing has to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Forget {
    /// The offset of the first event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The offset after the last event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// The time of the first event, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The time after the last event, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The key of the events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What became of a stream that has forgotten events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ForgottenEvents {
    /// The name of the stream.
    pub stream: String,
    /// The offset that the next event would have had.
    pub offset_before: u64,
    /// The offset that the next event has now.
    pub offset: u64,
    /// Events that are forgotten, with what was said of them.
    #[serde(default)]
    pub forgotten: u64,
}

/// What is expected of the next events, as the daemon writes it.
#[derive(Deserialize)]
struct ForecastAnswer {
    #[serde(default)]
    steps: Vec<Prediction>,
}

impl Questions {
    /// Questions to the daemon at `http://HOST:PORT` or `https://HOST:PORT`.
    ///
    /// # Errors
    /// The text is no such address.
    pub fn at(server: &str) -> Result<Questions, ClientError> {
        let wrong = || ClientError::Address(server.to_owned());
        let (place, is_private) = match (server.strip_prefix("http://"), server.strip_prefix("https://")) {
            (Some(place), _) => (place, false),
            (None, Some(place)) => (place, true),
            (None, None) => return Err(wrong()),
        };
        let address: Address = place.trim_end_matches('/').parse().map_err(|_| wrong())?;
        let address = if is_private { address.over_tls() } else { address };
        Ok(Questions { address, token: None, trusted_roots: None, time_max: ANSWER_TIME })
    }

    /// Shows an access token with each question.
    pub fn with_token(self, token: impl Into<String>) -> Questions {
        Questions { token: Some(token.into()), ..self }
    }

    /// Trusts these authorities where the address asks for TLS, in place of those of the system.
    pub fn with_trusted_roots(self, roots: TrustedRoots) -> Questions {
        Questions { trusted_roots: Some(roots), ..self }
    }

    /// Lets an answer take so long at most, in place of a minute.
    pub fn with_time(self, time_max: Duration) -> Questions {
        Questions { time_max, ..self }
    }

    /// What is known of a stream: its fields, losses and counts.
    ///
    /// # Errors
    /// The daemon cannot be reached, or has something against the question; so of all questions.
    pub async fn status(&self, stream: &str) -> Result<StreamStatus, ClientError> {
        self.get(&of(stream, ""), &[]).await
    }

    /// What is expected of the next event of a key, or of the stream, after every event that was acknowledged.
    ///
    /// # Errors
    /// As of [`status`](Self::status).
    pub async fn next(&self, stream: &str, key: Option<&str>) -> Result<Prediction, ClientError> {
        let query: Vec<_> = key.map(|key| ("key", key.to_owned())).into_iter().chain([fresh()]).collect();
        self.get(&of(stream, "/next"), &query).await
    }

    /// What is expected of each of the next `horizon` events of a key, or of the stream.
    ///
    /// # Errors
    /// As of [`status`](Self::status).
    pub async fn forecast(
        &self,
        stream: &str,
        key: Option<&str>,
        horizon: usize,
    ) -> Result<Vec<Prediction>, ClientError> {
        let query: Vec<_> = key
            .map(|key| ("key", key.to_owned()))
            .into_iter()
            .chain([("horizon", horizon.to_string()), fresh()])
            .collect();
        let answer: ForecastAnswer = self.get(&of(stream, "/forecast"), &query).await?;
        Ok(answer.steps)
    }

    /// What is expected of the fields that a record lacks, given those that it has.
    ///
    /// # Errors
    /// As of [`status`](Self::status).
    pub async fn predict(&self, stream: &str, given: &Record) -> Result<Prediction, ClientError> {
        let mut line = Vec::new();
        EventLine { seq: None, id: None, stream: None, record: given.clone() }.write_line(&mut line)?;
        self.post(&of(stream, "/predict?fresh=true"), line).await
    }

    /// Why an event was as surprising as it was.
    ///
    /// # Errors
    /// As of [`status`](Self::status).
    pub async fn why(&self, stream: &str, offset: u64) -> Result<WhyAnswer, ClientError> {
        self.get(&of(stream, &format!("/events/{offset}/why")), &[]).await
    }

    /// The latest incidents of a stream, the latest first.
    ///
    /// # Errors
    /// As of [`status`](Self::status).
    pub async fn incidents(&self, stream: &str) -> Result<AlarmList, ClientError> {
        self.get(&of(stream, "/alarms"), &[]).await
    }

    /// The rarest events of a stream, the rarest first.
    ///
    /// # Errors
    /// As of [`status`](Self::status).
    pub async fn surprises(&self, stream: &str) -> Result<SurpriseList, ClientError> {
        self.get(&of(stream, "/surprises"), &[]).await
    }

    /// Makes a stream what it would be if it had never seen some of its events. A token needs the role `operate`.
    ///
    /// # Errors
    /// As of [`status`](Self::status); or the log lacks what would have to be learnt again.
    pub async fn forget(&self, stream: &str, events: &Forget) -> Result<ForgottenEvents, ClientError> {
        let body = serde_json::to_vec(events).map_err(|e| ClientError::Protocol(e.to_string()))?;
        self.post(&of(stream, "/forget"), body).await
    }

    /// Asks whatever else the interface answers: a path such as `/api/v1/system`, and the parameters of its query.
    ///
    /// # Errors
    /// As of [`status`](Self::status); or the answer is of another type.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, ClientError> {
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", segment(value))).collect();
        let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) };
        self.ask(Method::GET, &target, Vec::new()).await
    }

    /// Posts JSON to a path.
    ///
    /// # Errors
    /// As of [`get`](Self::get).
    pub async fn post<T: DeserializeOwned>(&self, path: &str, json: Vec<u8>) -> Result<T, ClientError> {
        self.ask(Method::POST, path, json).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, target: &str, body: Vec<u8>) -> Result<T, ClientError> {
        let asked = timeout(self.time_max, self.exchange(method, target, body)).await;
        let (status, answer) = asked.map_err(|_| self.unreachable(format!("no answer in {:?}", self.time_max)))??;
        if !(200..300).contains(&status) {
            let problem = serde_json::from_slice(&answer).unwrap_or_else(|_| Problem {
                status,
                title: "an answer that is none of surmised".into(),
                ..Problem::default()
            });
            return Err(ClientError::Problem(Box::new(problem)));
        }
        serde_json::from_slice(&answer).map_err(|e| ClientError::Protocol(format!("the answer cannot be read: {e}")))
    }

    /// Sends one request; gives the status and the body of its answer.
    async fn exchange(&self, method: Method, target: &str, body: Vec<u8>) -> Result<(u16, Bytes), ClientError> {
        let socket = self.address.open(self.trusted_roots.as_ref()).await.map_err(|e| match distrust(&e) {
            Some(reason) => ClientError::Untrusted { address: self.address.to_string(), reason },
            None => self.unreachable(e.to_string()),
        })?;
        let broken = |e: hyper::Error| self.unreachable(e.to_string());
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(broken)?;
        let host = match &self.address {
            Address::Tcp(place) | Address::Tls(place) => place.as_str(),
            Address::Unix(_) => "localhost",
        };
        let mut request = Request::builder().method(method).uri(target).header(header::HOST, host);
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request =
            request.body(Full::new(Bytes::from(body))).map_err(|e| ClientError::Protocol(format!("{target}: {e}")))?;
        let answered = async {
            let answer = sender.send_request(request).await.map_err(broken)?;
            let status = answer.status().as_u16();
            let whole = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            whole.map(|body| (status, body.to_bytes())).map_err(|e| self.unreachable(e.to_string()))
        };
        // the connection is driven here, so that it ends with its question
        tokio::pin!(answered);
        tokio::select! {
            answer = &mut answered => answer,
            ended = connection => {
                ended.map_err(broken)?;
                answered.await
            }
        }
    }

    fn unreachable(&self, reason: String) -> ClientError {
        ClientError::Unreachable { address: self.address.to_string(), reason }
    }
}

/// The parameter that has an answer wait until it is of every event that was acknowledged.
fn fresh() -> (&'static str, String) {
    ("fresh", "true".to_owned())
}

/// A path below a stream.
fn of(stream: &str, rest: &str) -> String {
    format!("/api/v1/streams/{}{rest}", segment(stream))
}

/// A text as one part of a path, or as a value of a query.
pub fn segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_address_of_http() {
        let address = |text: &str| Questions::at(text).map(|questions| questions.address.to_string());
        assert_eq!(address("http://127.0.0.1:7070/").as_deref(), Ok("127.0.0.1:7070"));
        assert_eq!(address("https://box.example:7070").as_deref(), Ok("tls://box.example:7070"));
        assert!(address("127.0.0.1:7070").is_err() && address("http://box").is_err());
        assert_eq!(of("a/b ü", "/next"), "/api/v1/streams/a%2Fb%20%C3%BC/next");
    }
}
