//! Posts of incidents and rare events, signed.
//!
//! They follow Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, and `webhook-signature`, which is `v1,` and
//! the base64 of the HMAC-SHA256 of `id.timestamp.body`. Deliveries are at least once, and their `webhook-id` is the
//! same each time.

use super::carrier::{Carrier, SendResult};
use super::message::SinkMessage;
use crate::outgoing::agent;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::time::Duration;
use surmise_config::WebhookRule;
use ureq::http::StatusCode;

/// How long a post may take.
const POST_TIME_MAX: Duration = Duration::from_secs(15);
/// What a secret may begin with, if it is written as base64.
const SECRET_PREFIX: &str = "whsec_";

/// Why incidents cannot be posted.
#[derive(Debug, thiserror::Error)]
pub enum PosterError {
    /// The secret cannot be read.
    #[error("the secret in {path}: {source}")]
    Secret {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The secret cannot be one.
    #[error("the secret in {0} is empty, or no base64 after whsec_")]
    BadSecret(String),
}

/// Posts to one address.
pub struct Poster {
    url: String,
    secret: Option<Vec<u8>>,
    agent: ureq::Agent,
}

impl Poster {
    /// What posts to the address of a webhook.
    ///
    /// # Errors
    /// Its secret cannot be read.
    pub fn new(rule: &WebhookRule) -> Result<Poster, PosterError> {
        let secret = rule.secret_file.as_ref().map(|file| {
            let path = file.display().to_string();
            let text = std::fs::read_to_string(file);
            let text = text.map_err(|source| PosterError::Secret { path: path.clone(), source })?;
            secret(&text).ok_or(PosterError::BadSecret(path))
        });
        Ok(Poster { url: rule.url.clone(), secret: secret.transpose()?, agent: agent(POST_TIME_MAX) })
    }
}

impl Carrier for Poster {
    fn send(&mut self, message: &SinkMessage, now_us: i64) -> SendResult {
        let (id, body, timestamp) = (message.id(), message.json(now_us), (now_us / 1_000_000).to_string());
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", &timestamp);
        if let Some(secret) = &self.secret {
            request = request.header("webhook-signature", signature(secret, &id, &timestamp, &body));
        }
        match request.send(&body) {
            Ok(answer) => judge(answer.status()),
            Err(e) => SendResult::Failed(e.to_string()),
        }
    }
}

/// What a status says.
fn judge(status: StatusCode) -> SendResult {
    let may_pass = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    match status {
        status if status.is_success() => SendResult::Taken,
        status if status.is_client_error() && !may_pass.contains(&status) => SendResult::Refused(status.to_string()),
        status => SendResult::Failed(status.to_string()),
    }
}

/// The bytes of a secret as its file has it.
fn secret(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let bytes = match text.strip_prefix(SECRET_PREFIX) {
        Some(base64) => STANDARD.decode(base64).ok()?,
        None => text.as_bytes().to_vec(),
    };
    (!bytes.is_empty()).then_some(bytes)
}

fn signature(secret: &[u8], id: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("invariant: a key of any length will do");
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_text_or_base64() {
        assert_eq!(secret("open sesame\n").as_deref(), Some(&b"open sesame"[..]));
        assert_eq!((secret(" \n"), secret("whsec_***")), (None, None));
    }

    #[test]
    fn what_may_pass_is_sent_again() {
        let name = |status: u16| judge(StatusCode::from_u16(status).unwrap()).name();
        let names = [204, 301, 400, 408, 410, 429, 500].map(name);
        assert_eq!(names, ["taken", "failed", "refused", "failed", "refused", "failed", "failed"]);
    }
}
