//! The text of a token, and its hash.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::rand::rand_bytes;
use openssl::sha::sha256;
use secrecy::SecretString;

/// What each token begins with, so that people and programs that search for leaked secrets recognise one.
const TOKEN_PREFIX: &str = "fip_";

/// How many random bytes there are.
const BYTES: usize = 32;

/// SHA-256 of a token's text. The token has 256 random bits, so a slow hash would add nothing.
pub(super) type Hash = [u8; 32];

/// A new token.
pub(super) fn new() -> SecretString {
    let mut bytes = [0; BYTES];
    rand_bytes(&mut bytes).expect("OpenSSL has random numbers, or no TLS either");
    format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into()
}

/// The hash of a token.
pub(super) fn hash(text: &str) -> Hash {
    sha256(text.as_bytes())
}

/// Could the text be a token? Any other is not looked up.
pub(super) fn looks_like_one(text: &str) -> bool {
    let random = text.strip_prefix(TOKEN_PREFIX).and_then(|random| URL_SAFE_NO_PAD.decode(random).ok());
    random.is_some_and(|random| random.len() == BYTES)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_new_token_looks_like_one_and_like_no_other() {
        let (one, other) = (new(), new());
        assert!(looks_like_one(one.expose_secret()) && looks_like_one(other.expose_secret()));
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_ne!(hash(one.expose_secret()), hash(other.expose_secret()));
        assert_eq!(one.expose_secret().len(), TOKEN_PREFIX.len() + 43);
        assert!(!format!("{one:?}").contains(TOKEN_PREFIX));
    }

    #[test]
    fn other_texts_do_not() {
        let token = new();
        let token = token.expose_secret();
        for text in
            ["", "fip_", "geheim", &token[1..], &token[..46], &format!("{token}A"), &token.replace("fip_", "x_")]
        {
            assert!(!looks_like_one(text), "{text}");
        }
    }
}
