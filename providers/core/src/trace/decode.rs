//! What a text may be an encoding of.

use openssl::base64::decode_block;
use percent_encoding::percent_decode_str;

/// A shorter run of base64 is a word like any other.
const RUN_AT_LEAST: usize = 4;

/// Does the text show one of the secrets, as it is or in an encoding that a server or a library may have chosen?
pub(super) fn shows<S: AsRef<str>>(text: &str, secrets: &[S], depth: usize) -> bool {
    let has = |secret: &S| text.contains(secret.as_ref());
    secrets.iter().any(has) || depth > 0 && decoded(text).iter().any(|other| shows(other, secrets, depth - 1))
}

/// The text with one encoding taken away, for each that it has.
fn decoded(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if text.contains(['%', '+']) {
        found.push(percent_decode_str(text).decode_utf8_lossy().into_owned());
        found.push(percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned());
    }
    if text.contains('\\') {
        found.push(without_escapes(text));
    }
    if text.contains('&') {
        found.push(without_entities(text));
    }
    found.extend(base64(text));
    found
}

/// As JSON and most languages escape.
fn without_escapes(text: &str) -> String {
    let mut units = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        units.extend(before.encode_utf16());
        let code = after.strip_prefix('u').and_then(|code| u16::from_str_radix(code.get(..4)?, 16).ok());
        rest = match (code, after.chars().next()) {
            (Some(unit), _) => {
                units.push(unit);
                &after[5..]
            }
            (None, Some(escaped)) => {
                let meant = match escaped {
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    other => other,
                };
                units.extend(meant.encode_utf16(&mut [0; 2]).iter());
                &after[escaped.len_utf8()..]
            }
            (None, None) => after,
        };
    }
    units.extend(rest.encode_utf16());
    String::from_utf16_lossy(&units)
}

/// As HTML and XML escape.
fn without_entities(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let entity = after.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        let (meant, after) = entity.unwrap_or(('&', after));
        plain.push(meant);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

fn character(entity: &str) -> Option<char> {
    Some(match entity {
        "amp" => '&',
        "apos" => '\'',
        "gt" => '>',
        "lt" => '<',
        "quot" => '"',
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    })
}

/// Each run of base64 in either alphabet, also where it goes on from other letters.
fn base64(text: &str) -> Vec<String> {
    let is_digit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
    let runs = text.split(|c| !is_digit(c)).filter(|run| run.len() >= RUN_AT_LEAST);
    let texts = runs.flat_map(|run| {
        let run = run.replace('-', "+").replace('_', "/");
        (0..4.min(run.len())).filter_map(move |offset| block(&run[offset..]))
    });
    texts.collect()
}

fn block(digits: &str) -> Option<String> {
    let padded = match digits.len() % 4 {
        0 => digits.to_owned(),
        1 => digits[..digits.len() - 1].to_owned(),
        2 => format!("{digits}=="),
        _ => format!("{digits}="),
    };
    Some(String::from_utf8_lossy(&decode_block(&padded).ok()?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_seen_through() {
        let secret = "gehe\"im/ü&<1>";
        for text in [
            r#"x gehe"im/ü&<1> y"#,
            "a=gehe%22im%2F%C3%BC%26%3C1%3E&b",
            r#"gehe\"im\/\u00fc&<1>"#,
            "gehe&quot;im/&#252;&amp;&lt;1&#x3E;",
            // base64 of user:secret, of secret after one and two other letters, and of the URL alphabet.
            "Basic dXNlcjpnZWhlImltL8O8JjwxPg==",
            r#"{"basic": "dXNlcjpnZWhlImltL8O8JjwxPg"}"#,
            "token=dXNlcjpnZWhlImltL8O8JjwxPg%3D%3D",
            "xdXNlcjpnZWhlImltL8O8JjwxPg",
        ] {
            assert!(shows(text, &[secret], 2), "{text}");
        }
        for text in ["", "gehe im", "%zz%", r"\u00 \", "&#x110000; &;", "dXNlcjpnZWhl", "Basic"] {
            assert!(!shows(text, &[secret], 2), "{text}");
        }
        assert!(shows(r"grinning \ud83d\ude00", &["😀"], 1));
    }
}
