//! Reading a catalog from its first row to its last, as it is now, without a query.
//!
//! SPI plans, and makes a tuple of every row before it is looked at; for a question about all relations that is
//! most of the cost.

use pgrx::pg_sys;

/// A relation as `pg_class` has it.
pub struct Relation<'a> {
    /// Its OID.
    pub oid: u32,
    /// The OID of its schema.
    pub schema: u32,
    /// The OID of its owner.
    pub owner: u32,
    /// `relkind`.
    pub kind: char,
    tuple: pg_sys::HeapTuple,
    descriptor: &'a pg_sys::TupleDescData,
}

impl Relation<'_> {
    /// The stored bytes of its access list, to tell lists apart; `None` where it has the default privileges.
    pub fn access_list(&self) -> Option<Vec<u8>> {
        let attribute = pg_sys::Anum_pg_class_relacl as i32;
        let mut is_null = false;
        // SAFETY: the tuple is the one the scan stands on and fits the descriptor; relacl is a varlena.
        unsafe {
            let descriptor = std::ptr::from_ref(self.descriptor).cast_mut();
            let datum = pg_sys::heap_getattr(self.tuple, attribute, descriptor, &mut is_null);
            (!is_null).then(|| super::query::bytes(datum))
        }
    }
}

/// Hands each relation of whatever kind to `each`.
pub fn relations(mut each: impl FnMut(&Relation<'_>)) {
    rows(pg_sys::RelationRelationId, |tuple, descriptor| {
        // SAFETY: a tuple of pg_class begins with this struct.
        let form = unsafe { &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>() };
        each(&Relation {
            oid: form.oid.to_u32(),
            schema: form.relnamespace.to_u32(),
            owner: form.relowner.to_u32(),
            kind: char::from(form.relkind as u8),
            tuple,
            descriptor,
        });
    });
}

/// Hands relation and number of each column that has an access list of its own to `each`.
pub fn columns_with_access_list(mut each: impl FnMut(u32, i16)) {
    rows(pg_sys::AttributeRelationId, |tuple, descriptor| {
        let attribute = pg_sys::Anum_pg_attribute_attacl as i32;
        // SAFETY: the tuple fits the descriptor and begins with this struct.
        unsafe {
            if !pg_sys::heap_attisnull(tuple, attribute, std::ptr::from_ref(descriptor).cast_mut()) {
                let form = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_attribute>();
                each(form.attrelid.to_u32(), form.attnum);
            }
        }
    });
}

fn rows(catalog: pg_sys::Oid, mut each: impl FnMut(pg_sys::HeapTuple, &pg_sys::TupleDescData)) {
    // SAFETY: relation and scan are closed before returning; an error unwinds to the end of the (sub)transaction,
    // which releases both. A tuple is valid until the next is asked for.
    unsafe {
        let relation = pg_sys::table_open(catalog, pg_sys::AccessShareLock as i32);
        let newest = std::ptr::null_mut();
        let scan = pg_sys::systable_beginscan(relation, pg_sys::InvalidOid, false, newest, 0, std::ptr::null_mut());
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            each(tuple, &*(*relation).rd_att);
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
    }
}
