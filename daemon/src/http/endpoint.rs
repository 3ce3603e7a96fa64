//! What is known of an endpoint beside its handler.

use axum::http::Method;
use surmise_config::AccessRole;

/// One endpoint, as documents list it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The method: `GET` or `POST`.
    pub method: &'static str,
    /// The path; a part in braces stands for a name or a number.
    pub path: &'static str,
    /// The role that a token needs for it; none where no token is asked for.
    pub role: Option<AccessRole>,
    /// What the endpoint does, in one clause; parameters of the query included.
    pub about: &'static str,
}

impl Endpoint {
    /// The endpoint of a list that a request with this method and this pattern of a path is for.
    pub fn find(endpoints: &'static [Endpoint], method: &Method, path: Option<&str>) -> Option<&'static Endpoint> {
        // the head of an answer is asked for like the answer
        let method = if method == Method::HEAD { &Method::GET } else { method };
        endpoints.iter().find(|endpoint| endpoint.method == method && Some(endpoint.path) == path)
    }

    /// Whether it serves probes and operators.
    pub fn is_operation(&self) -> bool {
        matches!(self.role, None | Some(AccessRole::Operate)) || self.path == "/metrics"
    }
}
