//! A page that shows the document, for people: HTML that needs no script and no other host.

use std::fmt::Write;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY, X_FRAME_OPTIONS};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha256;
use serde_json::{Map, Value};

use super::door::API_PATH;
use super::openapi::DOCUMENT;
use super::paths::Path;
use super::problem::Code;

pub(super) fn paths() -> Vec<Path> {
    vec![Path::new("/docs").get_open(show)]
}

const STYLE: &str = "\
:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}\
code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}h3 code{font-size:1rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.25rem .5rem;border-bottom:1px solid #8886}\
pre{overflow-x:auto;padding:.5rem;border:1px solid #8886;border-radius:.25rem}section{margin-bottom:2rem}";

static PAGE: LazyLock<String> = LazyLock::new(|| page(&DOCUMENT));

/// Nothing but the page's own style.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(sha256(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// `GET /docs`, for everybody, as the document.
async fn show() -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(PAGE.as_str())
}

/// Text as HTML.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
    }
    html
}

/// A description as HTML: paragraphs, and code between '`'.
fn prose(text: &str) -> String {
    let code = |paragraph: &str| {
        let parts = paragraph.split('`').enumerate();
        parts
            .map(|(index, part)| if index % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() })
            .collect::<String>()
    };
    escaped(text).split("\n\n").map(|paragraph| format!("<p>{}</p>", code(paragraph))).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn page(document: &Value) -> String {
    let mut html = String::new();
    let title = escaped(text(&document["info"], "title"));
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}: management API</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\
         <h1>{title}: management API</h1>{}<p>Version {}. For programs: <a href=\"{API_PATH}/openapi.json\">openapi.json</a>.</p>",
        prose(text(&document["info"], "description")),
        escaped(text(&document["info"], "version")),
    );
    for tag in items(&document["tags"]) {
        let name = text(tag, "name");
        let _ = write!(html, "<section><h2>{}</h2>{}", escaped(name), prose(text(tag, "description")));
        for (path, methods) in members(&document["paths"]) {
            for (method, operation) in members(methods) {
                if items(&operation["tags"]).iter().any(|tag| tag == name) {
                    write_operation(&mut html, method, path, operation);
                }
            }
        }
        html.push_str("</section>");
    }
    html.push_str("<section><h2>Shapes</h2>");
    for (name, schema) in members(&document["components"]["schemas"]) {
        write_schema(&mut html, name, schema);
    }
    html.push_str("</section><section><h2>Problems</h2><table><tr><th>Code<th>Status<th>Meaning</tr>");
    for code in Code::ALL {
        let (word, status, title) = (code.word(), code.status().as_u16(), code.title());
        let _ = write!(html, "<tr id=\"{word}\"><td><code>{word}</code><td>{status}<td>{}</tr>", escaped(title));
    }
    html.push_str("</table></section></body></html>");
    html
}

fn write_operation(html: &mut String, method: &str, path: &str, operation: &Value) {
    let _ = write!(
        html,
        "<h3><code>{} {API_PATH}{}</code></h3><p>{}</p>{}",
        method.to_uppercase(),
        escaped(path),
        escaped(text(operation, "summary")),
        prose(text(operation, "description")),
    );
    let parameters = items(&operation["parameters"]);
    if !parameters.is_empty() {
        html.push_str("<table><tr><th>Parameter<th>In<th>Meaning</tr>");
        for parameter in parameters {
            let (name, place) = (escaped(text(parameter, "name")), escaped(text(parameter, "in")));
            let meaning = prose(text(parameter, "description"));
            let _ = write!(html, "<tr><td><code>{name}</code><td>{place}<td>{meaning}</tr>");
        }
        html.push_str("</table>");
    }
    for (_, content) in members(&operation["requestBody"]["content"]) {
        let _ = write!(html, "<p>Body: {}</p>", kind(&content["schema"]));
    }
    html.push_str("<table><tr><th>Status<th>Body<th>Meaning</tr>");
    for (status, response) in members(&operation["responses"]) {
        let bodies: Vec<String> = members(&response["content"]).map(|(_, content)| kind(&content["schema"])).collect();
        let meaning = prose(text(response, "description"));
        let _ = write!(html, "<tr><td>{}<td>{}<td>{meaning}</tr>", escaped(status), bodies.join(", "));
    }
    html.push_str("</table>");
}

fn write_schema(html: &mut String, name: &str, schema: &Value) {
    let name = escaped(name);
    let _ = write!(html, "<h3 id=\"schema-{name}\"><code>{name}</code></h3>{}", prose(text(schema, "description")));
    if schema.get("properties").is_some() {
        html.push_str("<table><tr><th>Key<th>Type<th>Meaning</tr>");
        for (key, property) in members(&schema["properties"]) {
            let (key, meaning) = (escaped(key), prose(text(property, "description")));
            let _ = write!(html, "<tr><td><code>{key}</code><td>{}<td>{meaning}</tr>", kind(property));
        }
        html.push_str("</table>");
    } else {
        let _ = write!(html, "<p>{}</p>", kind(schema));
    }
    if let Some(example) = schema.get("example") {
        let example = serde_json::to_string_pretty(example).unwrap_or_default();
        let _ = write!(html, "<pre><code>{}</code></pre>", escaped(&example));
    }
}

/// A type in a few words, with links to the shapes that it is made of.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let name = escaped(name);
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    let several = ["oneOf", "anyOf", "allOf"].into_iter().flat_map(|key| items(&schema[key]));
    let several: Vec<String> = several.map(kind).filter(|kind| !kind.is_empty()).collect();
    if !several.is_empty() {
        return several.join(" or ");
    }
    let words =
        items(&schema["enum"]).iter().filter_map(Value::as_str).map(|word| format!("<code>{}</code>", escaped(word)));
    let words: Vec<String> = words.collect();
    if !words.is_empty() {
        return words.join(", ");
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(name) => escaped(name),
        Value::Array(names) => {
            let names: Vec<String> = names.iter().filter_map(Value::as_str).map(escaped).collect();
            names.join(" or ")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_page_has_every_operation_and_every_shape_that_it_links_to() {
        for (path, methods) in members(&DOCUMENT["paths"]) {
            for (method, _) in members(methods) {
                let heading = format!("<h3><code>{} {API_PATH}{path}</code></h3>", method.to_uppercase());
                assert!(PAGE.contains(&heading), "{heading}");
            }
        }
        for link in PAGE.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(PAGE.contains(&format!("id=\"{link}\"")), "{link} is nowhere");
        }
        assert!(PAGE.len() < 100_000, "{}", PAGE.len());
    }

    #[test]
    fn no_text_becomes_markup() {
        let document = json!({
            "info": {"title": "<script>", "description": "a `<b>` & \"c\""},
            "tags": [{"name": "<i>"}],
            "paths": {"/<p>": {"get": {"tags": ["<i>"], "summary": "<s>", "parameters": [{"name": "<n>"}]}}},
            "components": {"schemas": {"<x>": {"properties": {"<k>": {"enum": ["<e>"]}}}}},
        });
        let html = page(&document);
        for tag in ["<script>", "<b>", "<i>", "<s>", "<n>", "<x>", "<k>", "<e>"] {
            assert!(!html.contains(tag), "{tag}");
        }
    }
}
