//! The query of a request, read strictly: a key that the endpoint does not know, or a value that it does not take, is
//! an error.

use super::parameter::{Parameter, ParameterValues, YES};
use super::problem::ProblemResponse;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::convert::Infallible;

/// The pairs of keys and values of a query, in their order, each of them as its endpoint takes it.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query, Infallible> {
        // whoever checked the request has read it; an endpoint without parameters has none
        Ok(parts.extensions.remove::<Query>().unwrap_or_default())
    }
}

impl Query {
    /// Reads the raw query of a request, of which the endpoint knows some parameters.
    ///
    /// # Errors
    /// A key is not among the known ones or is there twice, a value is none that its parameter takes, or a parameter
    /// is missing.
    pub fn read(raw: Option<&str>, known: &[Parameter]) -> Result<Query, ProblemResponse> {
        // axum decodes the pairs of a whole address only
        let uri = format!("/?{}", raw.unwrap_or(""))
            .parse()
            .map_err(|_| ProblemResponse::bad_request("query", "the query cannot be read"))?;
        let parsed = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri);
        let pairs = parsed.map_err(|e| ProblemResponse::bad_request("query", e.body_text()))?.0;
        // a mistyped parameter that is ignored would look like an answer to the question that was meant
        for (i, (key, value)) in pairs.iter().enumerate() {
            let Some(parameter) = known.iter().find(|parameter| parameter.name == key) else {
                return Err(unknown(key, known));
            };
            if pairs[..i].iter().any(|(earlier, _)| earlier == key) {
                return Err(ProblemResponse::bad_request(key, format!("the parameter {key:?} is there twice")));
            }
            if let Some(fault) = parameter.fault(value) {
                return Err(ProblemResponse::bad_request(key, fault));
            }
        }
        let is_there = |parameter: &Parameter| pairs.iter().any(|(key, _)| key == parameter.name);
        if let Some(missing) = known.iter().find(|parameter| parameter.is_required && !is_there(parameter)) {
            let detail = format!("the parameter {:?} is missing: {}", missing.name, missing.about);
            return Err(ProblemResponse::bad_request(missing.name, detail));
        }
        Ok(Query(pairs))
    }

    /// The value of a parameter, if the query has it.
    pub fn get(&self, parameter: &Parameter) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == parameter.name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that takes a number; its default if the query does not have it.
    pub fn number(&self, parameter: &Parameter) -> Option<usize> {
        let ParameterValues::Number { default, .. } = parameter.values else { return None };
        self.get(parameter).map_or(default, |text| text.parse().ok())
    }

    /// Whether a parameter says yes; none if the query does not have it.
    pub fn flag(&self, parameter: &Parameter) -> Option<bool> {
        self.get(parameter).map(|text| YES.contains(&text))
    }
}

/// The problem of a key that no parameter has.
fn unknown(key: &str, known: &[Parameter]) -> ProblemResponse {
    let names = || known.iter().map(|parameter| parameter.name);
    let hint = match surmise_protocol::suggest(key, names()) {
        Some(near) => format!("did you mean {near:?}?"),
        None if known.is_empty() => "there are none here".into(),
        None => format!("known are {}", names().collect::<Vec<_>>().join(", ")),
    };
    ProblemResponse::bad_request(key, format!("unknown parameter {key:?}; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Parameter = Parameter::text("key", "a key");
    const TOP: Parameter = Parameter::number("top", (1, 9), Some(5), "how many");
    const HASH: Parameter = Parameter::flag("hash", "whether");
    const KNOWN: [Parameter; 3] = [KEY, TOP, HASH];

    #[test]
    fn a_query_is_read_strictly() {
        let query = Query::read(Some("key=user%207&top=3&hash"), &KNOWN).unwrap();
        assert_eq!((query.get(&KEY), query.number(&TOP), query.flag(&HASH)), (Some("user 7"), Some(3), Some(true)));
        let query = Query::read(None, &KNOWN).unwrap();
        assert_eq!((query.get(&KEY), query.number(&TOP), query.flag(&HASH)), (None, Some(5), None));
        for wrong in ["tpo=3", "top=3&top=3", "top=10", "top=x", "top=", "hash=maybe"] {
            assert!(Query::read(Some(wrong), &KNOWN).is_err(), "{wrong}");
        }
        assert!(Query::read(None, &[KEY.required()]).is_err());
        assert!(Query::read(Some("span=weeks"), &[Parameter::one_of("span", &["days"], "which")]).is_err());
    }
}
