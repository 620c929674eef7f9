//! Adding the rows of a CSV file to a store: all of them, or none with all that is wrong with them.

use super::import::{Head, Rows};
use super::{Fault, Faults, Imported};
use crate::attributes::Noun;
use crate::progress::{Progress, Step};
use crate::recorder::Recorder;
use crate::{Result, Scope, StoreError, SubnetRecord, Writing};

/// How many addresses are added between two reports of progress.
const REPORT_EVERY: u64 = 1000;

/// Adds every row. The caller undoes the transaction when this fails.
pub(crate) fn add(writing: &Writing<'_>, rows: &Rows, progress: &dyn Progress) -> Result<Imported> {
    let mut faults = rows.faults.clone();
    if faults.gave_up {
        return Err(faults.into());
    }
    // Rows may add subnets: what is locked for them comes first.
    writing.lock_subnets()?;
    let mut imported = Imported::default();
    for (line, head) in &rows.heads {
        match add_head(writing, rows, head, &mut imported) {
            Err(error) if error.is_of_the_store() => return Err(error),
            Err(error) => faults.add(*line, &error),
            Ok(()) => {}
        }
    }
    progress.begin(Step::Adding, Some(rows.addresses.rows()));
    for number in 0..rows.addresses.places().len() as i64 {
        match subnet(writing, rows, number) {
            Err(error) if error.is_of_the_store() => return Err(error),
            Err(error) => rows.addresses.each(number, |new| {
                faults.add(new.line, &error);
                Ok(())
            })?,
            Ok(subnet) => imported.addresses += add_addresses(writing, rows, (number, subnet), &mut faults, progress)?,
        }
    }
    faults.sort();
    if faults.faults.is_empty() { Ok(imported) } else { Err(faults.into()) }
}

fn add_head(writing: &Writing<'_>, rows: &Rows, head: &Head, imported: &mut Imported) -> Result<()> {
    match head {
        Head::Group(new, given) => {
            writing.insert_group(new, writing.stamp_of(Noun::Group, *given)?)?;
            imported.groups += 1;
        }
        Head::Plan(new, given) => {
            writing.insert_plan(new, writing.stamp_of(Noun::Plan, *given)?)?;
            imported.plans += 1;
        }
        Head::Allocation(allocated, given) => {
            let plan = writing.plan(allocated.group.as_ref(), &allocated.plan)?;
            let plan = writing.lock_plan(plan.id)?;
            let stamp = writing.stamp_of(Noun::PlanAllocation, *given)?;
            writing.insert_allocated(&plan, &allocated.new, &allocated.prefixes, stamp)?;
            imported.plan_allocations += 1;
        }
        Head::Subnet(new, given) => {
            writing.insert_subnet(new, writing.stamp_of(Noun::Subnet, *given)?)?;
            imported.subnets += 1;
        }
        Head::Excluded { place, range, attributes, given } => {
            let subnet = subnet(writing, rows, *place)?;
            writing.insert_range(subnet.id, range, attributes, writing.stamp_of(Noun::Range, *given)?)?;
            imported.excluded_ranges += 1;
        }
    }
    Ok(())
}

/// The subnet with this number, locked.
fn subnet(writing: &Writing<'_>, rows: &Rows, number: i64) -> Result<SubnetRecord> {
    let (group, bounds) = &rows.addresses.places()[number as usize];
    let found = writing.one_subnet(*bounds, &Scope::from(group.clone()))?;
    writing.lock_subnet(found.id)
}

/// Adds the addresses of one subnet, and returns how many there are.
fn add_addresses(
    writing: &Writing<'_>,
    rows: &Rows,
    (number, subnet): (i64, SubnetRecord),
    faults: &mut Faults,
    progress: &dyn Progress,
) -> Result<u64> {
    let mut recorder = Recorder::new(writing, subnet);
    let mut refuse = |line: u64, why: &StoreError| faults.add(line, why);
    let mut added = 0;
    rows.addresses.each(number, |new| {
        added += 1;
        if added % REPORT_EVERY == 0 {
            progress.advance(REPORT_EVERY);
        }
        recorder.add(new, &mut refuse)
    })?;
    progress.advance(added % REPORT_EVERY);
    recorder.finish(&mut refuse)?;
    Ok(added)
}

impl Faults {
    /// A file with more faults than this is the wrong file.
    const AT_MOST: usize = 10_000;

    /// Adds a fault, unless there are too many.
    pub(super) fn add(&mut self, line: u64, why: &StoreError) {
        if self.faults.len() < Self::AT_MOST {
            self.faults.push(Fault { line, what: why.to_string() });
        } else {
            self.gave_up = true;
        }
    }

    fn sort(&mut self) {
        self.faults.sort_by_key(|fault| fault.line);
    }
}

impl StoreError {
    /// Does the store itself fail, so that no row is at fault?
    fn is_of_the_store(&self) -> bool {
        matches!(self, Self::Database(_) | Self::Inconsistent(_))
    }
}
