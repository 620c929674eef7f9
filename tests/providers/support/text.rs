//! Texts as people read them.

use ipam_conformance::RAW_BODY;

/// Is it a text for the person in front of Foreman's form, with nothing of the IPAM's own answer in it?
#[track_caller]
pub(crate) fn assert_is_sentence(text: &str) {
    assert!(!text.contains(RAW_BODY), "the raw answer is shown: {text:?}");
    assert!(!text.contains(['\n', '<', '>', '{', '}']), "no markup and no JSON: {text:?}");
    let begins = text.starts_with(char::is_uppercase) || text.starts_with("phpIPAM");
    assert!(begins && text.split(' ').count() >= 4, "a sentence: {text:?}");
}
