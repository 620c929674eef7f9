//! `plan`: plans, and what they have allocated.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand};
use ipam_provider::GroupName;
use ipam_store::{
    AllocatedPrefix, AllowedLabels, Attributes, AttributesEdit, Labels, NewPlan, NewPlanAllocation, PlanAllocationEdit,
    PlanAllocationRecord, PlanEdit, PlanRecord, PlanUsage, PublicId, Reading, Sizes, StoreError, Writing,
};
use serde::Serialize;

use super::place::{Located, not_deleted};
use super::plan_values::{Label, LabelValues, Pool, pool, size};
use super::say_fields;
use super::values::{contents, group_name, owner, scope, shown, tag, tags};
use crate::cli::Outcome;
use crate::cli::output::{say, say_json, say_table};

/// How many allocations are read at a time.
const PAGE: u32 = 1000;

/// Arguments of `plan`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Add a plan.
    ///
    /// For example 'plan add clusters --pool primary=10.0.0.0/16 --pool cgnat=100.64.0.0/10,-5 --shortest 20 --longest 26':
    /// each allocation has a /20 to /26 from the first pool, and 32 times as much from the second.
    Add(Box<Add>),
    /// List plans.
    List {
        /// Only those of this group.
        #[arg(long, value_name = "GROUP", value_parser = group_name)]
        group: Option<GroupName>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show a plan and how much of it is allocated.
    Show {
        #[command(flatten)]
        plan: Named,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change a plan; what is not given stays. What is allocated stays in any case.
    Edit {
        #[command(flatten)]
        plan: Named,
        #[command(flatten)]
        changes: Changes,
    },
    /// Delete a plan.
    Delete {
        #[command(flatten)]
        plan: Named,
        /// Release its allocations too.
        #[arg(long)]
        with_contents: bool,
    },
    /// Show what an allocation of some size would have, without allocating.
    Calculate {
        #[command(flatten)]
        plan: Named,
        #[command(flatten)]
        size: Asked,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Allocate a prefix from each pool of a plan.
    Allocate(Box<Allocate>),
    /// List what a plan has allocated.
    Allocations {
        #[command(flatten)]
        plan: Named,
        /// Only those of this owner; upper and lower case do not matter.
        #[arg(long, value_name = "OWNER")]
        owner: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give an allocation to another owner.
    Move {
        /// The allocation's id, as 'plan allocations' prints it.
        id: PublicId,
        /// The new owner.
        #[arg(long, value_name = "OWNER", value_parser = owner)]
        owner: String,
    },
    /// Release the prefixes of an allocation.
    Release {
        /// The allocation's id, as 'plan allocations' prints it.
        id: PublicId,
    },
}

/// Which plan.
#[derive(Debug, Args)]
pub(in crate::cli) struct Named {
    /// The plan's name.
    #[arg(value_name = "PLAN")]
    name: String,
    /// The plan's group; without it, the plan of the global table.
    #[arg(long, value_name = "GROUP", value_parser = group_name)]
    group: Option<GroupName>,
}

impl Named {
    fn find(&self, reading: &Reading<'_>) -> Result<PlanRecord, StoreError> {
        reading.plan(self.group.as_ref(), &self.name)
    }
}

/// Arguments of `plan add`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    #[command(flatten)]
    plan: Named,
    /// A pool: its name, its prefix, and what is added to the length of the first pool's prefix for this one's.
    #[arg(long, value_name = "NAME=PREFIX[,SHIFT]", required = true, value_parser = pool)]
    pool: Vec<Pool>,
    /// The length of the largest prefix of the first pool.
    #[arg(long, value_name = "LENGTH")]
    shortest: u8,
    /// The length of the smallest prefix of the first pool.
    #[arg(long, value_name = "LENGTH")]
    longest: u8,
    /// How many addresses of each prefix no host gets: network, broadcast, router, DNS, spare.
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    kept_back: u32,
    /// How many hosts may be asked for at once; as many as the largest prefix has room for, unless this is given.
    #[arg(long, value_name = "NUMBER")]
    hosts_at_most: Option<u64>,
    /// A label that allocations may have, with its values if it may not have any; may be given several times.
    #[arg(long, value_name = "NAME[=VALUE,…]")]
    label: Vec<LabelValues>,
    /// What it is for.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    /// A word to find it by; may be given several times.
    #[arg(long, value_name = "TAG", value_parser = tag)]
    tag: Vec<String>,
}

/// What to change of a plan.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(in crate::cli) struct Changes {
    /// The new name.
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
    /// The new description.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// What a pool has from now on; all that is allocated must lie in it.
    #[arg(long, value_name = "NAME=PREFIX", value_parser = pool)]
    pool: Vec<Pool>,
    /// The length of the largest prefix of the first pool.
    #[arg(long, value_name = "LENGTH")]
    shortest: Option<u8>,
    /// The length of the smallest prefix of the first pool.
    #[arg(long, value_name = "LENGTH")]
    longest: Option<u8>,
    /// How many addresses of each prefix no host gets.
    #[arg(long, value_name = "NUMBER")]
    kept_back: Option<u32>,
    /// How many hosts may be asked for at once.
    #[arg(long, value_name = "NUMBER", conflicts_with = "no_hosts_at_most")]
    hosts_at_most: Option<u64>,
    /// As many hosts may be asked for as the largest prefix has room for.
    #[arg(long)]
    no_hosts_at_most: bool,
    /// A label that allocations may have, in place of those that the plan has; may be given several times.
    #[arg(long, value_name = "NAME[=VALUE,…]", conflicts_with = "no_labels")]
    label: Vec<LabelValues>,
    /// New allocations have no labels.
    #[arg(long)]
    no_labels: bool,
}

/// How much is asked for.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct Asked {
    /// Room for so many hosts in the first pool.
    #[arg(long, value_name = "NUMBER")]
    hosts: Option<u64>,
    /// A prefix of this length from the first pool.
    #[arg(long, value_name = "LENGTH")]
    length: Option<u8>,
}

/// Arguments of `plan allocate`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Allocate {
    #[command(flatten)]
    plan: Named,
    #[command(flatten)]
    size: Asked,
    /// Who gets it.
    #[arg(long, value_name = "OWNER", default_value = "", hide_default_value = true, value_parser = owner)]
    owner: String,
    /// A label that the plan allows; may be given several times.
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<Label>,
    /// What it is for.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    /// Make the prefix of this pool a subnet, in which hosts can be created at once.
    #[arg(long, value_name = "POOL")]
    subnet: Option<String>,
    /// Show what would be allocated, and allocate nothing.
    #[arg(long, conflicts_with = "subnet")]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A plan with its usage.
#[derive(Serialize)]
struct Details {
    #[serde(flatten)]
    plan: PlanRecord,
    usage: PlanUsage,
}

pub(super) fn run(command: Command, located: &Located) -> Outcome {
    match command {
        Command::Add(add) => return self::add(*add, located),
        Command::List { group, json } => {
            let plans = located.open()?.read(|reading| reading.plans_in(&scope(group)))?;
            list(&plans, json);
        }
        Command::Show { plan, json } => {
            let details = located.open()?.read(|reading| {
                let plan = plan.find(reading)?;
                Ok(Details { usage: reading.plan_usage(&plan)?, plan })
            })?;
            show(&details, json);
        }
        Command::Edit { plan, changes } => {
            let edited = located.open_to_change()?.write(|writing| {
                let old = plan.find(writing)?;
                writing.edit_plan(old.id, changes.of(&old))
            })?;
            say(format!("Plan {} is changed", shown(&edited.title())));
        }
        Command::Delete { plan, with_contents } => {
            let delete = |writing: &Writing<'_>| {
                let found = plan.find(writing)?;
                writing.delete_plan(found.id, contents(with_contents))?;
                Ok(found)
            };
            let deleted = located.open_to_change()?.write(delete).map_err(not_deleted)?;
            say(format!("Plan {} is deleted", shown(&deleted.title())));
        }
        Command::Calculate { plan, size: asked, json } => {
            let calculated =
                located.open()?.read(|reading| plan.find(reading)?.calculate(size(asked.hosts, asked.length)))?;
            if json {
                say_json(&calculated);
                return Ok(());
            }
            let row = |one: &ipam_store::CalculatedPrefix| {
                [shown(&one.pool), format!("/{}", one.length), one.addresses.to_string(), one.usable.to_string()]
            };
            let rows: Vec<_> = calculated.prefixes.iter().map(row).collect();
            say_table(["POOL", "LENGTH", "ADDRESSES", "USABLE"], &rows);
        }
        Command::Allocate(allocate) => return self::allocate(*allocate, located),
        Command::Allocations { plan, owner, json } => {
            let store = located.open()?;
            let allocations = store.read(|reading| {
                let plan = plan.find(reading)?;
                all(reading, &plan, owner.as_deref())
            })?;
            list_allocations(&allocations, json);
        }
        Command::Move { id, owner } => {
            let attributes = AttributesEdit { owner: Some(owner), ..AttributesEdit::default() };
            let edit = PlanAllocationEdit { attributes, ..PlanAllocationEdit::default() };
            let moved =
                located.open_to_change()?.write(|writing| writing.edit_plan_allocation(row_of(writing, id)?, edit))?;
            say(format!("Allocation {id} is of '{}' now", shown(&moved.attributes.owner)));
        }
        Command::Release { id } => {
            let mut store = located.open_to_change()?;
            let released =
                store.write(|writing| writing.release_prefixes(row_of(writing, id)?)).map_err(not_deleted)?;
            say(format!("{} is released", named(&released.prefixes)));
        }
    }
    Ok(())
}

fn add(add: Add, located: &Located) -> Outcome {
    let Add { plan, pool, shortest, longest, kept_back, hosts_at_most, label, description, tag } = add;
    let new = NewPlan {
        group: plan.group,
        name: plan.name,
        description,
        sizes: Sizes { shortest, longest, kept_back, hosts_at_most },
        labels: allowed(label),
        pools: pool.into_iter().map(Pool::into_new).collect(),
        attributes: Attributes { tags: tags(&tag)?, ..Attributes::default() },
    };
    let plan = located.write_or_create(|writing| writing.add_plan(&new))?;
    say(format!("Plan {} is added", shown(&plan.title())));
    Ok(())
}

fn allocate(allocate: Allocate, located: &Located) -> Outcome {
    let Allocate { plan, size: asked, owner, label, description, subnet, dry_run, json } = allocate;
    let asked = size(asked.hosts, asked.length);
    let labels = Labels(label.into_iter().map(|Label(name, value)| (name, value)).collect());
    if dry_run {
        let prefixes = located.open()?.read(|reading| {
            let plan = plan.find(reading)?;
            reading.preview_prefixes(&plan, asked, &labels)
        })?;
        if json {
            say_json(&prefixes);
        } else {
            say(format!("{} would be allocated", named(&prefixes)));
        }
        return Ok(());
    }
    let new = NewPlanAllocation { size: asked, labels, description, attributes: Attributes::of_owner(owner) };
    let (allocation, subnet) = located.open_to_change()?.write(|writing| {
        let plan = plan.find(writing)?;
        let allocation = writing.allocate_prefixes(plan.id, &new)?;
        let subnet = subnet.map(|pool| writing.add_subnet_of(&allocation, &pool)).transpose()?;
        Ok((allocation, subnet))
    })?;
    if json {
        say_json(&allocation);
        return Ok(());
    }
    say(format!("{} is allocated, with the id {}", named(&allocation.prefixes), allocation.public_id));
    if let Some(subnet) = subnet {
        say(format!("Subnet {subnet} is added"));
    }
    Ok(())
}

impl Changes {
    fn of(self, old: &PlanRecord) -> PlanEdit {
        let Sizes { shortest, longest, kept_back, hosts_at_most } = old.sizes;
        let sizes = Sizes {
            shortest: self.shortest.unwrap_or(shortest),
            longest: self.longest.unwrap_or(longest),
            kept_back: self.kept_back.unwrap_or(kept_back),
            hosts_at_most: if self.no_hosts_at_most { None } else { self.hosts_at_most.or(hosts_at_most) },
        };
        let labels = (self.no_labels || !self.label.is_empty()).then(|| allowed(self.label));
        PlanEdit {
            name: self.rename,
            description: self.description,
            sizes: Some(sizes),
            labels,
            pools: self.pool.into_iter().map(|pool| (pool.name, pool.prefix)).collect(),
            attributes: AttributesEdit::default(),
        }
    }
}

fn allowed(labels: Vec<LabelValues>) -> AllowedLabels {
    let mut all = BTreeMap::<String, BTreeSet<String>>::new();
    for LabelValues(name, values) in labels {
        all.entry(name).or_default().extend(values);
    }
    AllowedLabels(all)
}

fn row_of(reading: &Reading<'_>, id: PublicId) -> Result<i64, StoreError> {
    let found = reading.find_plan_allocation_with(id)?;
    found.map(|allocation| allocation.id).ok_or_else(|| StoreError::NoPlanAllocation(id.to_string()))
}

fn all(reading: &Reading<'_>, plan: &PlanRecord, owner: Option<&str>) -> Result<Vec<PlanAllocationRecord>, StoreError> {
    let mut all: Vec<PlanAllocationRecord> = Vec::new();
    loop {
        let after = all.last().map(PlanAllocationRecord::after);
        let page = reading.plan_allocations(plan.id, owner, after.as_ref(), PAGE)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Prefixes as a sentence names them.
fn named(prefixes: &[AllocatedPrefix]) -> String {
    let one = |one: &AllocatedPrefix| format!("{} ({})", one.prefix, shown(&one.pool));
    prefixes.iter().map(one).collect::<Vec<_>>().join(" with ")
}

fn pools(plan: &PlanRecord) -> String {
    let pool = |pool: &ipam_store::PoolRecord| format!("{}={}", shown(&pool.name), pool.prefix);
    plan.pools.iter().map(pool).collect::<Vec<_>>().join(" ")
}

fn list(plans: &[PlanRecord], json: bool) {
    if json {
        say_json(&plans);
        return;
    }
    let row = |plan: &PlanRecord| {
        let group = plan.group.as_ref().map(|group| shown(group.as_str())).unwrap_or_default();
        [shown(&plan.name), group, pools(plan), shown(&plan.description)]
    };
    say_table(["PLAN", "GROUP", "POOLS", "DESCRIPTION"], &plans.iter().map(row).collect::<Vec<_>>());
}

fn show(details: &Details, json: bool) {
    if json {
        say_json(details);
        return;
    }
    let Details { plan, usage } = details;
    let Sizes { shortest, longest, kept_back, hosts_at_most } = plan.sizes;
    let label = |(name, values): (&String, &BTreeSet<String>)| match values.is_empty() {
        true => shown(name),
        false => format!("{}={}", shown(name), shown(&values.iter().cloned().collect::<Vec<_>>().join(","))),
    };
    say_fields([
        ("Plan", shown(&plan.title())),
        ("Description", shown(&plan.description)),
        ("Prefixes", format!("/{shortest} to /{longest} of the first pool")),
        ("Kept back", kept_back.to_string()),
        ("Hosts at most", hosts_at_most.map_or_else(|| "-".to_owned(), |number| number.to_string())),
        ("Labels", plan.labels.0.iter().map(label).collect::<Vec<_>>().join(" ")),
        ("Allocations", usage.allocations.to_string()),
        ("Tags", shown(&plan.attributes.tags.to_string())),
        ("Id", plan.public_id.to_string()),
        ("Created", plan.created_at.to_string()),
        ("Changed", plan.updated_at.to_string()),
    ]);
    say("");
    let rows = plan.pools.iter().zip(&usage.pools).map(|(pool, usage)| {
        let largest = usage.largest_free.map_or_else(|| "-".to_owned(), |length| format!("/{length}"));
        [shown(&pool.name), pool.prefix.to_string(), pool.shift.to_string(), usage.free.to_string(), largest]
    });
    say_table(["POOL", "PREFIX", "SHIFT", "FREE", "LARGEST FREE"], &rows.collect::<Vec<_>>());
}

fn list_allocations(allocations: &[PlanAllocationRecord], json: bool) {
    if json {
        say_json(&allocations);
        return;
    }
    let row = |allocation: &PlanAllocationRecord| {
        let labels = allocation.labels.0.iter().map(|(name, value)| format!("{name}={value}"));
        [
            allocation.public_id.to_string(),
            shown(&allocation.attributes.owner),
            allocation.prefixes.iter().map(|one| one.prefix.to_string()).collect::<Vec<_>>().join(" "),
            shown(&labels.collect::<Vec<_>>().join(" ")),
            shown(&allocation.description),
        ]
    };
    let rows: Vec<_> = allocations.iter().map(row).collect();
    say_table(["ID", "OWNER", "PREFIXES", "LABELS", "DESCRIPTION"], &rows);
}
