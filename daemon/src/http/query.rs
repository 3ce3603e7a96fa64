//! The query of a request, read strictly: a key that an endpoint does not know is an error.

use super::problem::ProblemResponse;

/// The pairs of keys and values of a query, in their order.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the raw query of a request, of which the endpoint knows the keys `known`.
    ///
    /// # Errors
    /// A key is not among the known ones, or is there twice.
    pub fn read(raw: Option<&str>, known: &[&str]) -> Result<Query, ProblemResponse> {
        // axum decodes the pairs of a whole address only
        let uri = format!("/?{}", raw.unwrap_or(""))
            .parse()
            .map_err(|_| ProblemResponse::bad_request("query", "the query cannot be read"))?;
        let parsed = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri);
        let pairs = parsed.map_err(|e| ProblemResponse::bad_request("query", e.body_text()))?.0;
        // a mistyped parameter that is ignored would look like an answer to the question that was meant
        for (i, (key, _)) in pairs.iter().enumerate() {
            if !known.contains(&key.as_str()) {
                let hint = match surmise_protocol::suggest(key, known.iter().copied()) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("known are {}", known.join(", ")),
                };
                return Err(ProblemResponse::bad_request(key, format!("unknown parameter {key:?}; {hint}")));
            }
            if pairs[..i].iter().any(|(earlier, _)| earlier == key) {
                return Err(ProblemResponse::bad_request(key, format!("the parameter {key:?} is there twice")));
            }
        }
        Ok(Query(pairs))
    }

    /// The value of a key, if the query has it.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The value of a key as a whole number from `low` to `high`, or `default` if the query does not have the key.
    ///
    /// # Errors
    /// The value is no whole number, or is out of bounds.
    pub fn number(&self, key: &str, default: usize, low: usize, high: usize) -> Result<usize, ProblemResponse> {
        let Some(text) = self.get(key) else { return Ok(default) };
        match text.parse() {
            Ok(number) if (low..=high).contains(&number) => Ok(number),
            _ => {
                let detail = format!("expected a whole number from {low} to {high}, got {text:?}");
                Err(ProblemResponse::bad_request(key, detail))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_strictly() {
        let query = Query::read(Some("key=user%207&top=3"), &["key", "top"]).unwrap();
        assert_eq!((query.get("key"), query.get("horizon")), (Some("user 7"), None));
        assert_eq!((query.number("top", 5, 1, 9).unwrap(), query.number("horizon", 5, 1, 9).unwrap()), (3, 5));
        assert!(query.number("top", 5, 1, 2).is_err() && query.number("key", 5, 1, 9).is_err());
        for wrong in ["tpo=3", "top=3&top=3"] {
            assert!(Query::read(Some(wrong), &["key", "top"]).is_err(), "{wrong}");
        }
    }
}
