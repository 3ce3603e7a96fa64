//! How the daemon asks others over HTTP: the addresses of webhooks, and the collector of traces.

use std::time::Duration;

/// What posts to an address that the configuration names. A status is an answer and no error, redirections are not
/// followed, and a request takes so long at most.
pub fn agent(time_max: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(time_max))
        .user_agent(concat!("surmised/", env!("CARGO_PKG_VERSION")));
    config.build().into()
}
