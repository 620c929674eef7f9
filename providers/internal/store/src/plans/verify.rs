//! What must hold of plans, beside what the tables see to.

use super::{allocations, blocks};
use crate::key::Span;
use crate::{Finding, Reading, Result, Scope};

/// Adds what does not hold.
pub(crate) fn verify(reading: &Reading<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    for plan in reading.plans_in(&Scope::Anywhere)? {
        for pool in &plan.pools {
            let mut add = |what: String| {
                findings.push(Finding::of_all(format!("pool '{}' of plan {} {what}", pool.name, plan.title())));
            };
            let of_pool = Span::from((pool.prefix.network(), pool.prefix.last()));
            let allocated = allocations::spans(reading.connection, pool)?;
            for pair in allocated.windows(2).filter(|pair| pair[0].last >= pair[1].first) {
                add(format!("has overlapping prefixes at {}", pair[1].first.address()));
            }
            let is_outside = |span: &&Span| span.first < of_pool.first || of_pool.last < span.last;
            if let Some(outside) = allocated.iter().find(is_outside) {
                add(format!("has a prefix outside itself, at {}", outside.first.address()));
                continue;
            }
            let mut right = blocks::work_out(pool, &allocated);
            right.sort_by_key(|block| block.first);
            if blocks::all(reading.connection, pool)? != right {
                add("has free space that does not agree with what is allocated".to_owned());
            }
        }
    }
    Ok(())
}
