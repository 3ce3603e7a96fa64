//! What every request passes before it reaches a handler: the bound on its address, the names that it may come by, the
//! kind of its body, the room of its connection, its token, and its query.
//!
//! The first three keep web pages out. A page of another origin can send requests here, since its browser runs on a
//! machine that this daemon trusts. Such a request names its origin, or the browser says that it crosses sites; a page
//! whose name was rebound to this machine asks for that name; and without a preflight, which nothing here answers, a
//! page cannot post JSON. A form always names the kind of its body, and be it empty, so what names none and has no body
//! is no form's.

use super::cloud_events;
use super::endpoint::Endpoint;
use super::problem::ProblemResponse;
use super::query::Query;
use super::remote_write::WRITE_REQUEST;
use super::server::HTTP;
use super::unpacking::check_plain;
use crate::access::{Forbidden, Unrecognised};
use crate::admission::Room;
use crate::hub::Hub;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use surmise_event::RefusalCode;

/// Bytes of the longest path with its query.
const ADDRESS_BYTES_MAX: usize = 8 << 10;

/// Kinds of bodies that may be posted. A page of another origin cannot send one of them without asking first.
const BODY_KINDS: [&str; 4] =
    ["application/json", "application/x-ndjson", cloud_events::ONE_EVENT, cloud_events::EVENTS];

/// Where samples are written, which is the one place of another kind of body.
const WRITE_PATH: &str = "/api/v1/write";

/// What may be posted without a kind, since the tools that are made for it name none: it changes nothing that was
/// learnt, and a page's browser names its origin all the same.
const UNTYPED_PATHS: [&str; 3] =
    ["/-/reload", "/v2/models/{stream}/infer", "/v2/models/{stream}/versions/{version}/infer"];

/// Where bodies may come compressed, each in ways of its own.
const UNPACKING_PATHS: [&str; 2] = ["/api/v1/streams/{stream}/events", WRITE_PATH];

/// The policy of everything that is no page: it loads nothing, and nobody may put it into a frame.
const CONTENT_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// What a browser says of where a request comes from.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What a browser says of what a request is for.
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Refuses a request whose address is too long.
pub async fn check_address(request: Request, next: Next) -> Result<Response, ProblemResponse> {
    let length = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if length > ADDRESS_BYTES_MAX {
        let detail = format!("{length} bytes are more than {ADDRESS_BYTES_MAX}");
        return Err(ProblemResponse::new(414, "address too long", detail));
    }
    Ok(next.run(request).await)
}

/// Refuses a request that a page of another origin may have sent.
pub async fn check_origin(
    State((hub, endpoints)): State<(Arc<Hub>, &'static [Endpoint])>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Result<Response, ProblemResponse> {
    let host = asked_host(&hub, &request)?;
    let headers = request.headers();
    let crosses = |why: String| Err(ProblemResponse::new(403, "another origin", why).at("origin", None));
    for origin in headers.get_all(header::ORIGIN) {
        if !is_same_origin(origin, &host) {
            let detail = format!("a page of another origin may not ask here; this is {host}");
            return crosses(detail);
        }
    }
    let site = headers.get(SITE).map_or(&b"none"[..], |site| site.as_bytes());
    // a link on another page may lead to those of this daemon
    let is_link =
        matches!(request.uri().path(), "/" | "/api") && headers.get(MODE).is_some_and(|mode| mode == "navigate");
    if !matches!(site, b"none" | b"same-origin") && !is_link {
        return crosses("the browser says that the request comes from another site".into());
    }
    // what takes no POST says so
    let endpoint = Endpoint::find(endpoints, request.method(), path.as_ref().map(MatchedPath::as_str));
    if let Some(endpoint) = endpoint.filter(|_| matches!(*request.method(), Method::POST | Method::PUT)) {
        check_body(endpoint, headers)?;
    }
    Ok(next.run(request).await)
}

/// The host that a request asks for.
fn asked_host(hub: &Hub, request: &Request) -> Result<Authority, ProblemResponse> {
    let bad = |detail: &str| ProblemResponse::new(400, "bad request", detail).at("host", None);
    let mut named = request.headers().get_all(header::HOST).iter();
    let host = named.next().ok_or_else(|| bad("a request has to say which host it asks for"))?;
    if named.next().is_some() {
        return Err(bad("a request asks for one host"));
    }
    let host: Authority = host.to_str().ok().and_then(|h| h.parse().ok()).ok_or_else(|| bad("this is no host"))?;
    // a request that has the host in its address, too, must not mean another one there
    if request.uri().authority().is_some_and(|authority| *authority != host) {
        return Err(bad("the address of the request names another host than its head"));
    }
    if !hub.access.load().allows_host(host.host()) {
        let detail = format!("{:?} is not known as a name of this machine (listen.hosts)", host.host());
        return Err(ProblemResponse::new(421, "misdirected request", detail).at("host", None));
    }
    Ok(host)
}

/// Whether an origin is the host that is asked for.
fn is_same_origin(origin: &HeaderValue, host: &Authority) -> bool {
    let text = origin.to_str().unwrap_or_default();
    let named = text.strip_prefix("http://").map(|rest| (rest, 80));
    let named = named.or_else(|| text.strip_prefix("https://").map(|rest| (rest, 443)));
    let Some((Ok(named), usual)) = named.map(|(rest, usual)| (rest.parse::<Authority>(), usual)) else { return false };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(usual);
    named.host().eq_ignore_ascii_case(host.host()) && port(&named) == port(host)
}

/// Refuses a body that a form of a page could have sent, or that is compressed where nothing unpacks it.
fn check_body(endpoint: &Endpoint, headers: &HeaderMap) -> Result<(), ProblemResponse> {
    if !UNPACKING_PATHS.contains(&endpoint.path) {
        check_plain(headers)?;
    }
    let may_lack_kind =
        UNTYPED_PATHS.contains(&endpoint.path) || (endpoint.may_lack_body() && is_bare(headers) && !is_silent(headers));
    if may_lack_kind && !headers.contains_key(header::CONTENT_TYPE) {
        return Ok(());
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    // what says there that it is something else is no request of remote write, and is told so where it is read
    let kinds: &[&str] = if endpoint.path == WRITE_PATH { &[WRITE_REQUEST] } else { &BODY_KINDS };
    if kinds.iter().chain(&BODY_KINDS).any(|known| known.eq_ignore_ascii_case(kind)) {
        return Ok(());
    }
    let detail = format!("send it with Content-Type: {}; what came is {kind:?}", kinds.join(" or "));
    Err(ProblemResponse::new(415, "unsupported media type", detail).at("content-type", None))
}

/// Whether a request has no body.
fn is_bare(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    !headers.contains_key(header::TRANSFER_ENCODING) && lengths.all(|length| length == "0")
}

/// Whether a browser sent a request and does not say from where. Firefox told no origin of a page's `fetch` without
/// CORS before its version 70, and such a request without a body has no kind either.
fn is_silent(headers: &HeaderMap) -> bool {
    let is_browser = headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    is_browser && !headers.contains_key(header::ORIGIN) && !headers.contains_key(SITE)
}

/// Refuses a request without a token that opens what it asks for, if the configuration asks for tokens. On a connection
/// in the reserve, only operations are answered.
pub async fn check_access(
    State((hub, endpoints)): State<(Arc<Hub>, &'static [Endpoint])>,
    path: Option<MatchedPath>,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Result<Response, ProblemResponse> {
    let endpoint = Endpoint::find(endpoints, request.method(), path.as_ref().map(MatchedPath::as_str));
    let is_operation = endpoint.is_some_and(Endpoint::is_operation);
    if request.extensions().get() == Some(&Room::Reserve) && !is_operation {
        let max = hub.admissions().iter().find(|seats| &*seats.listener == HTTP).map_or(0, |s| s.limits.seats_max);
        let detail = format!("there are {max} connections, as many as there may be (limits.connections)");
        return Err(ProblemResponse::new(503, "too many connections", detail));
    }
    // probes of health have no token, and the page without data is no secret
    let Some((endpoint, role)) = endpoint.and_then(|endpoint| endpoint.role.map(|role| (endpoint, role))) else {
        return Ok(next.run(request).await);
    };
    let header = request.headers().get(header::AUTHORIZATION);
    let presented = header.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let grant = hub.access.load().recognise(presented)?;
    grant.check_role(role)?;
    if endpoint.is_of_whole_daemon() {
        grant.check_all_streams()?;
    }
    // a path without parameters has none to read
    for (_, stream) in parameters.iter().flatten().filter(|(name, _)| *name == "stream") {
        grant.check_stream(stream)?;
    }
    // Prometheus may be told to ask for metrics with parameters of its own
    if endpoint.path.starts_with("/api/") {
        let query = Query::read(request.uri().query(), endpoint.query)?;
        request.extensions_mut().insert(query);
    }
    request.extensions_mut().insert(grant);
    Ok(next.run(request).await)
}

impl From<Unrecognised> for ProblemResponse {
    fn from(error: Unrecognised) -> ProblemResponse {
        let detail = match error {
            Unrecognised::NoToken => format!("{error}: send it as Authorization: Bearer …"),
            Unrecognised::UnknownToken => error.to_string(),
        };
        ProblemResponse::new(401, "unauthorized", detail).at("authorization", Some(RefusalCode::Unauthorized))
    }
}

impl From<Forbidden> for ProblemResponse {
    fn from(error: Forbidden) -> ProblemResponse {
        let field = match error {
            Forbidden::Role { .. } => "authorization",
            Forbidden::Stream { .. } | Forbidden::AllStreams { .. } => "stream",
        };
        ProblemResponse::new(403, "forbidden", error.to_string()).at(field, Some(RefusalCode::Unauthorized))
    }
}

/// Tells browsers what they must not do with an answer.
pub async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    // the page has a policy of its own
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(fixed(CONTENT_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(header::REFERRER_POLICY, fixed("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, fixed("DENY"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), fixed("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(fixed("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_the_same_or_another_one() {
        let host: Authority = "127.0.0.1:7070".parse().unwrap();
        let same = |origin: &str| is_same_origin(&HeaderValue::from_str(origin).unwrap(), &host);
        assert!(same("http://127.0.0.1:7070") && same("https://127.0.0.1:7070"));
        for other in
            ["null", "", "http://127.0.0.1", "http://evil", "http://127.0.0.1:7070.evil", "file://127.0.0.1:7070"]
        {
            assert!(!same(other), "{other}");
        }
        let usual: Authority = "Box.example".parse().unwrap();
        assert!(is_same_origin(&HeaderValue::from_static("http://box.example"), &usual));
        assert!(is_same_origin(&HeaderValue::from_static("https://box.example"), &usual));
        assert!(!is_same_origin(&HeaderValue::from_static("http://box.example:81"), &usual));
    }
}
