//! Names of groups on the command line.

use ipam_provider::GroupName;

/// The name of a group that is there.
pub(super) fn group_name(text: &str) -> Result<GroupName, String> {
    GroupName::new(text).ok_or_else(|| "a group's name is not empty".to_owned())
}

/// The name of a group to be. Control characters are refused because no caller could ask for them over HTTP.
pub(super) fn new_group_name(text: &str) -> Result<GroupName, String> {
    if text.contains(char::is_control) {
        return Err("a group's name has no control characters".to_owned());
    }
    group_name(text)
}
