//! How Foreman's versions write a name into a path or query: Ruby's escape functions.

/// `CGI.escape`, as Foreman from 3.2 on writes a group into a path, and into the query of POST and DELETE.
pub(crate) fn cgi_escape(text: &str) -> String {
    escape(text, "_.-~", Some("+"))
}

/// `URI.encode_www_form_component`, as Foreman from 3.2 on writes the query of GET.
pub(crate) fn form_escape(text: &str) -> String {
    escape(text, "*-._", Some("+"))
}

/// `URI.escape` of Ruby before 3.0, as Foreman 2.1 to 3.1 uses it, twice for GET.
pub(crate) fn uri_escape(text: &str) -> String {
    escape(text, "-_.!~*'();/?:@&=+$,[]", None)
}

fn escape(text: &str, plain: &str, blank: Option<&str>) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match (byte, blank) {
            (b' ', Some(blank)) => escaped.push_str(blank),
            _ if byte.is_ascii_alphanumeric() || plain.as_bytes().contains(&byte) => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[test]
fn names_are_written_as_ruby_writes_them() {
    assert_eq!(cgi_escape("My Group/ä&b+c~*"), "My+Group%2F%C3%A4%26b%2Bc~%2A");
    assert_eq!(form_escape("R&D ä~*"), "R%26D+%C3%A4%7E*");
    assert_eq!(uri_escape("My Group/ä&b+c#%"), "My%20Group/%C3%A4&b+c%23%25");
    assert_eq!(uri_escape(&uri_escape("My Group")), "My%2520Group");
}
