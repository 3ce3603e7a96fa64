//! `GET /api`: the OpenAPI document for people, as one page without a script that asks for nothing but its style.

use super::endpoint::{Content, Endpoint};
use super::openapi::{document, documented, subject};
use super::operations::PAGE_POLICY;
use super::parameter::ParameterValues;
use axum::Extension;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use serde_json::Value;
use std::fmt::Write;
use std::sync::OnceLock;

/// The page, which is the same for everybody.
static PAGE: OnceLock<String> = OnceLock::new();

/// The page.
pub async fn page(Extension(endpoints): Extension<&'static [Endpoint]>) -> impl IntoResponse {
    let page = PAGE.get_or_init(|| make(endpoints));
    ([(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)], Html(page.as_str()))
}

fn make(endpoints: &'static [Endpoint]) -> String {
    let document = document(endpoints);
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>surmise: the interface</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"page.css\">\n<main class=\"reference\">\n\
         <p><a href=\"/\">surmise</a></p>\n<h1>What can be asked over HTTP</h1>\n",
    );
    let about = document["info"]["description"].as_str().unwrap_or_default();
    let _ = writeln!(page, "<p>{}</p>", text(about));
    page += "<p>The same for programs: <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a></p>\n";
    for name in ["streams", "checkpoints", "replays", "producers", "daemon"] {
        let _ = writeln!(page, "<h2>{name}</h2>");
        for endpoint in documented(endpoints).filter(|endpoint| subject(endpoint) == name) {
            write_endpoint(&mut page, endpoint, &document["paths"][endpoint.path][endpoint.method.to_lowercase()]);
        }
    }
    page += "<h2>Types</h2>\n";
    let types = document["components"]["schemas"].as_object();
    types.into_iter().flatten().for_each(|(name, schema)| write_type(&mut page, name, schema));
    page + "</main>\n"
}

fn write_endpoint(page: &mut String, endpoint: &Endpoint, operation: &Value) {
    let Endpoint { method, path, role, about, query, body, answer } = endpoint;
    let _ = writeln!(page, "<section>\n<h3>{method} {}</h3>\n<p>{}</p>", text(path), text(about));
    let _ = write!(page, "<table>");
    for parameter in *query {
        let values = match parameter.values {
            ParameterValues::Text => "text".to_owned(),
            ParameterValues::Flag => "true or false".to_owned(),
            ParameterValues::OneOf(words) => words.join(", "),
            ParameterValues::Number { low, high: usize::MAX, .. } => format!("a number from {low} on"),
            ParameterValues::Number { low, high, default: None } => format!("a number from {low} to {high}"),
            ParameterValues::Number { low, high, default: Some(default) } => {
                format!("a number from {low} to {high}, {default} if it is left out")
            }
        };
        row(page, &format!("?{}=", parameter.name), &format!("{}: {}", text(parameter.about), text(&values)));
    }
    if let Some(body) = body {
        row(page, "body", &content(*body, &operation["requestBody"]["content"]));
    }
    row(page, "answer", &content(*answer, &operation["responses"][answer.status()]["content"]));
    row(page, "role of the token", role.map_or("none is needed", |role| role.name()));
    *page += "</table>\n</section>\n";
}

fn write_type(page: &mut String, name: &str, schema: &Value) {
    let about = schema["description"].as_str().unwrap_or_default();
    let _ = writeln!(page, "<section id=\"{0}\">\n<h3>{0}</h3>\n<p>{1}</p>", text(name), text(about));
    let properties: Vec<_> = schema["properties"].as_object().into_iter().flatten().collect();
    if properties.is_empty() {
        let _ = writeln!(page, "<p>{}</p>", kind(schema));
    } else {
        *page += "<table>";
        for (name, property) in properties {
            let about = property["description"].as_str().unwrap_or_default();
            row(page, name, &format!("{} <span class=\"dim\">{}</span>", text(about), kind(property)));
        }
        *page += "</table>\n";
    }
    *page += "</section>\n";
}

/// A row of a table: a name, and what is said of it as HTML.
fn row(page: &mut String, name: &str, html: &str) {
    let _ = writeln!(page, "<tr><th scope=\"row\"><code>{}</code></th><td>{html}</td></tr>", text(name));
}

/// What a body is, as HTML.
fn content(content: Content, described: &Value) -> String {
    match content {
        Content::Nothing => "nothing".to_owned(),
        Content::Json(_) | Content::OptionalJson(_) | Content::Begun(_) => {
            kind(&described["application/json"]["schema"])
        }
        Content::Other(kind) => format!("<code>{}</code>", text(kind)),
        Content::Events => {
            let kinds =
                described.as_object().into_iter().flatten().map(|(kind, _)| format!("<code>{}</code>", text(kind)));
            kinds.collect::<Vec<_>>().join(" or ")
        }
    }
}

/// The kind of value that a schema describes, as HTML.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next()) {
        return format!("<a href=\"#{0}\">{0}</a>", text(name));
    }
    let several = ["anyOf", "oneOf", "allOf"].iter().find_map(|name| schema[name].as_array());
    if let Some(several) = several {
        return several.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(only) = schema.get("const") {
        return format!("<code>{}</code>", text(&only.to_string()));
    }
    if let Some(words) = schema["enum"].as_array() {
        return words
            .iter()
            .map(|word| format!("<code>{}</code>", text(&word.to_string())))
            .collect::<Vec<_>>()
            .join(" ");
    }
    let named = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any value".to_owned(),
    };
    match schema.get("items").or_else(|| schema.get("additionalProperties")).filter(|inner| inner.is_object()) {
        Some(inner) => format!("{named} of {}", kind(inner)),
        None => named,
    }
}

/// A text as HTML.
fn text(plain: &str) -> String {
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
