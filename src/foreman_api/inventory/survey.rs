//! What the user may see, and which way there is to read it.
//!
//! An empty list proves nothing: Foreman shows a user only the hosts and subnets of the user's organizations and locations, and
//! does not say that there are others. An administrator sees all. Of the others only the report template shows which
//! organizations and locations there are: Foreman shows those of a template to a user who is in one of them, and adds a
//! template that is a default to each new one.

use std::collections::BTreeSet;

use reqwest::Method;

use super::super::wire::{CurrentUser, ReportTemplate, Taxonomy};
use super::super::{Error, Foreman};
use super::report::{REPORT_TEMPLATE, is_ours};
use super::{SubnetOfForeman, known_subnets};

/// What is known before the hosts are read.
#[derive(Debug)]
pub(crate) struct Survey {
    /// The user's login.
    pub login: String,
    /// What the user may see.
    pub sight: Sight,
    /// How the hosts are read.
    pub way: Way,
    /// The subnets that the user may see.
    pub subnets: Vec<SubnetOfForeman>,
}

/// What a user may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All hosts and subnets.
    Everything {
        /// How that is known.
        why: String,
    },
    /// All organizations and locations. Hosts can be hidden all the same; their addresses are not.
    Member {
        /// How that is known.
        why: String,
    },
    /// Perhaps not everything.
    Unproven {
        /// Why, and what would be right.
        why: String,
    },
}

/// How the hosts are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// By one report.
    Report {
        /// The template's id.
        template: u64,
    },
    /// One by one.
    HostByHost {
        /// Why, and what would be right.
        why: String,
    },
}

impl Foreman {
    async fn current_user(&self) -> Result<CurrentUser, Error> {
        self.understood(self.call(Method::GET, &["current_user"], None).await?.body)
    }

    /// Is the user an administrator, who sees everything?
    ///
    /// # Errors
    /// When Foreman cannot be asked.
    pub(crate) async fn is_admin(&self) -> Result<bool, Error> {
        Ok(self.current_user().await?.effective_admin)
    }

    /// Finds out what the user may see, and which way there is.
    ///
    /// # Errors
    /// When Foreman cannot be asked, or does not allow what each way needs.
    pub(crate) async fn survey(&self, is_this_proxy: &(dyn Fn(&str) -> bool + Send + Sync)) -> Result<Survey, Error> {
        let user = self.current_user().await?;
        let subnets = known_subnets(&self.subnets().await?, is_this_proxy);
        let template = match self.report_template().await {
            Ok(Some(template)) => Ok(template),
            Ok(None) => Err(format!(
                "Foreman shows no report template {REPORT_TEMPLATE} to {}; create it as an administrator with: \
                 foreman-ipam-proxy setup --sweep",
                self.who()
            )),
            Err(error @ (Error::Forbidden { .. } | Error::Refused { .. })) => Err(error.to_string()),
            Err(error) => return Err(error),
        };
        Ok(Survey { sight: sight(&user, template.as_ref()), way: way(template), login: user.login, subnets })
    }
}

fn way(template: Result<ReportTemplate, String>) -> Way {
    match template {
        Ok(template) if is_ours(&template.template) => Way::Report { template: template.id },
        Ok(_) => Way::HostByHost {
            why: format!(
                "the report template {REPORT_TEMPLATE} in Foreman has another text than this version brings with it; renew it with: \
                 foreman-ipam-proxy setup --sweep"
            ),
        },
        Err(why) => Way::HostByHost { why },
    }
}

fn sight(user: &CurrentUser, template: Result<&ReportTemplate, &String>) -> Sight {
    let login = &user.login;
    if user.effective_admin {
        return Sight::Everything { why: format!("{login} is an administrator") };
    }
    let template = match template {
        Ok(template) => template,
        Err(why) => {
            let why = format!(
                "{login} is no administrator, and only the report template shows which organizations and locations there \
                 are: {why}"
            );
            return Sight::Unproven { why };
        }
    };
    if !template.default {
        let why = format!(
            "the report template {REPORT_TEMPLATE} is no default any more, so that new organizations do not get it; renew it with: \
             foreman-ipam-proxy setup --sweep"
        );
        return Sight::Unproven { why };
    }
    let lacking: Vec<String> = [
        ("organization", &user.organizations, &template.organizations),
        ("location", &user.locations, &template.locations),
    ]
    .into_iter()
    .flat_map(|(kind, own, all)| lacking(own, all).map(move |name| format!("the {kind} {name}")))
    .collect();
    if lacking.is_empty() {
        Sight::Member { why: format!("{login} is in all organizations and locations") }
    } else {
        let why = format!("{login} is not in {}; add the user to it", lacking.join(", "));
        Sight::Unproven { why }
    }
}

/// The names of those that the user is not in. Who is in one is in all below it.
fn lacking<'a>(own: &'a [Taxonomy], all: &'a [Taxonomy]) -> impl Iterator<Item = &'a str> {
    let ids: BTreeSet<u64> = own.iter().map(|own| own.id).collect();
    let is_below = |one: &Taxonomy| {
        let title = one.title.as_deref().unwrap_or_default();
        own.iter()
            .filter_map(|own| own.title.as_deref())
            .any(|above| title.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')))
    };
    all.iter()
        .filter(move |one| !ids.contains(&one.id) && !is_below(one))
        .map(|one| one.title.as_deref().unwrap_or(&one.name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::report::TEXT;
    use super::*;

    fn user(is_admin: bool, organizations: Value) -> CurrentUser {
        let row =
            json!({"login": "ipam", "effective_admin": is_admin, "organizations": organizations, "locations": []});
        serde_json::from_value(row).expect("a user")
    }

    fn template(is_default: bool) -> ReportTemplate {
        let organizations = json!([
            {"id": 1, "name": "Red", "title": "Red"}, {"id": 2, "name": "Lab", "title": "Red/Lab"},
            {"id": 3, "name": "Reduced", "title": "Reduced"},
        ]);
        let row = json!({"id": 9, "template": TEXT, "default": is_default, "organizations": organizations});
        serde_json::from_value(row).expect("a template")
    }

    fn unproven(sight: Sight) -> String {
        match sight {
            Sight::Unproven { why } => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_is_in_an_organization_is_in_those_below_it_and_in_no_other() {
        let all = json!([{"id": 1, "name": "Red", "title": "Red"}, {"id": 3, "name": "Reduced", "title": "Reduced"}]);
        assert!(matches!(sight(&user(false, all), Ok(&template(true))), Sight::Member { .. }));
        let one = json!([{"id": 1, "name": "Red", "title": "Red"}]);
        let why = unproven(sight(&user(false, one), Ok(&template(true))));
        assert_eq!(why, "ipam is not in the organization Reduced; add the user to it");
        let below =
            json!([{"id": 2, "name": "Lab", "title": "Red/Lab"}, {"id": 3, "name": "Reduced", "title": "Reduced"}]);
        assert!(unproven(sight(&user(false, below), Ok(&template(true)))).contains("the organization Red;"));
    }

    #[test]
    fn without_a_template_that_new_organizations_get_only_an_administrator_sees_everything() {
        let why = "no template".to_owned();
        assert!(matches!(sight(&user(true, json!([])), Err(&why)), Sight::Everything { .. }));
        assert!(unproven(sight(&user(false, json!([])), Err(&why))).ends_with("there are: no template"));
        assert!(unproven(sight(&user(false, json!([])), Ok(&template(false)))).contains("is no default any more"));
    }
}
