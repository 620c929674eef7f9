//! `group`: add, list, show, edit and delete groups.

use clap::{Args, Subcommand};
use ipam_provider::GroupName;
use ipam_store::{Attributes, ExternalId, GroupEdit, GroupRecord, NewGroup, Scope, SubnetRecord};
use serde::Serialize;

use super::place::{Located, not_deleted};
use super::values::{attributes_edit, contents, group_name, new_group_name, shown, shown_or_dash, tag, tags};
use super::{say_fields, subnets};
use crate::cli::Outcome;
use crate::cli::output::{say, say_json, say_table};

/// Arguments of `group`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Add a group.
    Add {
        /// Its name, any text; in Foreman it is chosen for a subnet by exactly this name.
        #[arg(value_parser = new_group_name)]
        name: GroupName,
        /// What it is for.
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        description: String,
        /// A word to find it by; may be given several times.
        #[arg(long, value_name = "TAG", value_parser = tag)]
        tag: Vec<String>,
        /// Its id in another system.
        #[arg(long, value_name = "ID")]
        external_id: Option<ExternalId>,
    },
    /// List all groups.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show a group and its subnets.
    Show {
        /// Its name.
        #[arg(value_parser = group_name)]
        name: GroupName,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change a group; what is not given stays.
    Edit {
        /// Its name.
        #[arg(value_parser = group_name)]
        name: GroupName,
        #[command(flatten)]
        changes: Changes,
    },
    /// Delete a group.
    Delete {
        /// Its name.
        #[arg(value_parser = group_name)]
        name: GroupName,
        /// Delete its subnets and their addresses too.
        #[arg(long)]
        with_contents: bool,
    },
}

/// What to change.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(in crate::cli) struct Changes {
    /// The new name. Subnets in Foreman that have the old one must be changed too.
    #[arg(long, value_name = "NAME", value_parser = new_group_name)]
    rename: Option<GroupName>,
    /// The new description.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A tag that it is to have, in place of those it has; may be given several times.
    #[arg(long, value_name = "TAG", value_parser = tag, conflicts_with = "no_tags")]
    tag: Vec<String>,
    /// Remove its tags.
    #[arg(long)]
    no_tags: bool,
    /// Its new id in another system.
    #[arg(long, value_name = "ID", conflicts_with = "no_external_id")]
    external_id: Option<ExternalId>,
    /// Forget its id in another system.
    #[arg(long)]
    no_external_id: bool,
}

/// A group with its subnets.
#[derive(Serialize)]
struct Details {
    #[serde(flatten)]
    group: GroupRecord,
    subnets: Vec<SubnetRecord>,
}

pub(super) fn run(command: Command, located: &Located) -> Outcome {
    match command {
        Command::Add { name, description, tag, external_id } => {
            let attributes = Attributes { external_id, tags: tags(&tag)?, ..Attributes::default() };
            let new = NewGroup { name, description, attributes };
            let group = located.write_or_create(|writing| writing.add_group_with(&new))?;
            say(format!("Group '{}' is added", shown(group.name.as_str())));
        }
        Command::List { json } => {
            #[expect(clippy::redundant_closure_for_method_calls, reason = "the method alone is not general enough")]
            let groups = located.open()?.read(|reading| reading.groups())?;
            list(&groups, json);
        }
        Command::Show { name, json } => {
            let details = located.open()?.read(|reading| {
                let group = reading.group(&name)?;
                Ok(Details { subnets: reading.subnets_in(&Scope::Group(name))?, group })
            })?;
            show(&details, json);
        }
        Command::Edit { name, changes } => {
            let Changes { rename, description, tag, no_tags, external_id, no_external_id } = changes;
            let attributes = attributes_edit(None, (&tag, no_tags), (external_id, no_external_id))?;
            let edit = GroupEdit { name: rename, description, attributes };
            let group = located.open_to_change()?.write(|writing| writing.edit_group(&name, edit))?;
            say(format!("Group '{}' is changed", shown(group.name.as_str())));
        }
        Command::Delete { name, with_contents } => {
            let mut store = located.open_to_change()?;
            store.write(|writing| writing.delete_group(&name, contents(with_contents))).map_err(not_deleted)?;
            say(format!("Group '{}' is deleted", shown(name.as_str())));
        }
    }
    Ok(())
}

fn list(groups: &[GroupRecord], json: bool) {
    if json {
        say_json(&groups);
        return;
    }
    let row = |group: &GroupRecord| [shown(group.name.as_str()), shown(&group.description)];
    say_table(["GROUP", "DESCRIPTION"], &groups.iter().map(row).collect::<Vec<_>>());
}

fn show(details: &Details, json: bool) {
    if json {
        say_json(details);
        return;
    }
    let Details { group, subnets } = details;
    say_fields([
        ("Group", shown(group.name.as_str())),
        ("Description", shown(&group.description)),
        ("Subnets", subnets.len().to_string()),
        ("Tags", shown(&group.attributes.tags.to_string())),
        ("External id", shown_or_dash(group.attributes.external_id.as_ref())),
        ("Metadata", shown(group.attributes.metadata.as_str())),
        ("Id", group.public_id.to_string()),
        ("Created", group.created_at.to_string()),
        ("Changed", group.updated_at.to_string()),
    ]);
    if !subnets.is_empty() {
        say("");
        subnets::list(subnets, false);
    }
}
