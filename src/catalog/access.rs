//! Owners and privileges of an object.

use schema::{Access, Privileges};

use super::Reading;

impl Reading<'_> {
    /// Access of an object from its owner and access list.
    pub(super) fn access(&mut self, owner: u32, items: Option<Vec<String>>, public_default: &str) -> Access {
        Access::read(self.lookup.role(owner), items.as_deref(), public_default)
    }
}

/// Privileges of a column: there is no default, so all that is listed counts.
pub(super) fn of_column(items: Option<Vec<String>>) -> Privileges {
    items.map_or_else(Privileges::new, |items| {
        let access = Access::read(String::new(), Some(&items), "");
        access.privileges
    })
}
