//! Percent-encoded text of paths and queries, decoded.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A text that is not percent-encoded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    /// `%` without two hexadecimal digits.
    #[error("has a '%' that is not followed by two hexadecimal digits; write a plain '%' as %25")]
    Percent,
    /// Bytes that are no text.
    #[error("is not UTF-8 text; percent-encode the UTF-8 bytes of the name")]
    NotText,
    /// A control character.
    #[error("contains a control character; names have none")]
    Control,
}

/// The text with each `%XX` decoded.
pub(super) fn percent_decoded(raw: &str) -> Result<Cow<'_, str>, DecodeError> {
    // Nearly every text.
    if raw.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%') {
        return Ok(Cow::Borrowed(raw));
    }
    if !escapes(raw).all(|is_whole| is_whole) {
        return Err(DecodeError::Percent);
    }
    let text = percent_decode_str(raw).decode_utf8().map_err(|_| DecodeError::NotText)?;
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !is_plain && text.chars().any(char::is_control) {
        return Err(DecodeError::Control);
    }
    Ok(text)
}

/// As [`percent_decoded`], and each `+` is a blank, as in forms.
pub(super) fn form_decoded(raw: &str) -> Result<Cow<'_, str>, DecodeError> {
    if !raw.contains('+') {
        return percent_decoded(raw);
    }
    percent_decoded(&raw.replace('+', " ")).map(|text| Cow::Owned(text.into_owned()))
}

/// Does the text have a `%` with two hexadecimal digits?
pub(super) fn has_escape(text: &str) -> bool {
    escapes(text).any(|is_whole| is_whole)
}

/// For each `%`: do two hexadecimal digits follow?
fn escapes(text: &str) -> impl Iterator<Item = bool> {
    let bytes = text.as_bytes();
    let after = (1..=bytes.len()).filter(|next| bytes[next - 1] == b'%');
    after.map(|next| bytes.get(next..next + 2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}
