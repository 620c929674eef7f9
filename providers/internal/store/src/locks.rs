//! What a unit of work keeps to itself until it ends, where several may write at the same time.
//!
//! Every unit that changes something locks it here first, in one order: the list of subnets, then a subnet, then a plan. Then it reads
//! what it relies on. Where one unit writes at a time there is nothing to lock.

use crate::connection::Writers;
use crate::value::values;
use crate::{PlanRecord, Result, SubnetRecord, Writing};

impl Writing<'_> {
    /// From now on nobody else adds or moves subnets, or changes groups: what was found not to overlap does not.
    /// Addresses are recorded meanwhile.
    pub(crate) fn lock_subnets(&self) -> Result<()> {
        match self.connection.writers() {
            Writers::One => Ok(()),
            Writers::Several => {
                self.connection.execute("LOCK TABLE ipam_group, subnet IN SHARE ROW EXCLUSIVE MODE", &[]).map(drop)
            }
        }
    }

    /// The subnet of this id, in which from now on nobody else changes anything.
    ///
    /// # Errors
    /// [`NoSubnet`](crate::StoreError::NoSubnet) when there is none.
    pub(crate) fn lock_subnet(&self, id: i64) -> Result<SubnetRecord> {
        match self.connection.writers() {
            Writers::One => self.subnet(id),
            Writers::Several => self.subnet_by_lock(id),
        }
    }

    /// The plan of this id, in which from now on nobody else changes anything.
    ///
    /// # Errors
    /// [`NoPlan`](crate::StoreError::NoPlan) when there is none.
    pub(crate) fn lock_plan(&self, id: i64) -> Result<PlanRecord> {
        if self.connection.writers() == Writers::Several {
            self.connection.is_any("SELECT 1 FROM prefix_plan WHERE id = ?1 FOR UPDATE", values![id])?;
        }
        self.plan_by_id(id)
    }
}
