//! Which objects to read: everything, or what the captured events say may have changed.
//!
//! Events are a hint. A command names one object, yet may change others: renaming a column changes the
//! views that read it and the foreign keys that point to it, altering a partitioned table alters its
//! partitions, renaming a schema changes the text of all that refers into it. So a hint is widened by
//! inheritance children and by one level of dependents; where it says too little, everything is read.

use crate::pg::Oid;
use std::collections::BTreeSet;

use super::{Address, EXTENSION_CLASS, FUNCTION_CLASS, RELATION_CLASS, SCHEMA_CLASS, TYPE_CLASS};
use crate::error::Result;
use crate::pg::query;

/// What one captured event says.
pub struct Hint {
    /// What it was about; zeros where the event does not say.
    pub address: Address,
    /// Whether that is gone.
    pub dropped: bool,
    /// The command.
    pub tag: String,
}

/// What to read.
#[derive(Default)]
pub struct Scope {
    everything: bool,
    addresses: BTreeSet<Address>,
    /// Whether something was dropped, so that what vanished with it must be looked for.
    pub has_drops: bool,
}

impl Scope {
    /// All there is.
    pub fn everything() -> Scope {
        Scope {
            everything: true,
            ..Scope::default()
        }
    }

    /// One relation.
    pub fn relation(oid: u32) -> Scope {
        Scope {
            addresses: BTreeSet::from([Address {
                class: RELATION_CLASS,
                oid,
            }]),
            ..Scope::default()
        }
    }

    /// What the events may have changed.
    pub fn of(hints: &[Hint]) -> Result<Scope> {
        let tells_nothing = |hint: &Hint| match hint.tag.as_str() {
            "ALTER DEFAULT PRIVILEGES" => false, // changes no object that is there
            "ALTER EXTENSION" | "CREATE EXTENSION" | "DROP EXTENSION" | "DROP OWNED" | "REASSIGN OWNED" => true,
            _ => hint.address.oid == 0 || (hint.dropped && !is_object(hint.address.class)),
        };
        if hints.iter().any(tells_nothing) {
            return Ok(Scope {
                has_drops: true,
                ..Scope::everything()
            });
        }
        let named: BTreeSet<Address> = hints
            .iter()
            .map(|hint| hint.address)
            .filter(|address| address.oid != 0)
            .collect();
        let mut scope = Scope {
            has_drops: hints.iter().any(|hint| hint.dropped),
            ..Scope::default()
        };
        // An index is dropped alone: which relation it was of, nothing says any more.
        if hints.iter().any(|hint| hint.dropped && hint.tag == "DROP INDEX") {
            scope.everything = true;
            return Ok(scope);
        }
        scope.addresses = widen(&named)?;
        // What was dropped is in no catalog any more, and must be seen to be missing.
        scope
            .addresses
            .extend(hints.iter().filter(|hint| hint.dropped).map(|hint| hint.address));
        Ok(scope)
    }

    /// Reads these, too.
    pub fn add(&mut self, addresses: impl IntoIterator<Item = Address>) {
        self.addresses.extend(addresses);
    }

    /// Whether everything is read.
    pub fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether an object is among what is read.
    pub fn has(&self, address: Address) -> bool {
        self.everything || self.addresses.contains(&address)
    }

    pub(super) fn relations(&self) -> Option<Vec<Oid>> {
        self.of_class(RELATION_CLASS)
    }

    pub(super) fn types(&self) -> Option<Vec<Oid>> {
        self.of_class(TYPE_CLASS)
    }

    pub(super) fn functions(&self) -> Option<Vec<Oid>> {
        self.of_class(FUNCTION_CLASS)
    }

    pub(super) fn has_schema(&self, oid: u32) -> bool {
        self.has(Address {
            class: SCHEMA_CLASS,
            oid,
        })
    }

    pub(super) fn has_extension(&self, oid: u32) -> bool {
        self.has(Address {
            class: EXTENSION_CLASS,
            oid,
        })
    }

    /// OIDs of the objects, whatever their catalog; `None` for everything.
    pub fn oids(&self) -> Option<Vec<Oid>> {
        (!self.everything).then(|| self.addresses.iter().map(|address| address.oid.into()).collect())
    }

    fn of_class(&self, class: u32) -> Option<Vec<Oid>> {
        let of_class = self.addresses.iter().filter(|address| address.class == class);
        (!self.everything).then(|| of_class.map(|address| address.oid.into()).collect())
    }
}

fn is_object(class: u32) -> bool {
    matches!(
        class,
        RELATION_CLASS | TYPE_CLASS | FUNCTION_CLASS | SCHEMA_CLASS | EXTENSION_CLASS
    )
}

// From what a command named to the objects it is part of (an index to its table), to all that is in a
// schema, to children, to the types that come with them, and to what depends on any of these.
const WIDEN: &str = "
    WITH RECURSIVE hint AS (
        SELECT h.class, h.oid
        FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS h(class, oid)
    ), owner AS (
        SELECT h.class, h.oid FROM hint AS h
        WHERE h.class IN (1259, 1247, 1255, 2615, 3079)
        UNION
        SELECT 1259::oid, x.indrelid FROM hint AS h
        JOIN pg_catalog.pg_index AS x ON x.indexrelid OPERATOR(pg_catalog.=) h.oid
        WHERE h.class OPERATOR(pg_catalog.=) 1259
        UNION
        SELECT 1247::oid, c.reltype FROM hint AS h
        JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) h.oid
        WHERE h.class OPERATOR(pg_catalog.=) 1259 AND c.relkind OPERATOR(pg_catalog.=) 'c'
        UNION
        SELECT CASE WHEN k.conrelid OPERATOR(pg_catalog.<>) 0 THEN 1259::oid ELSE 1247::oid END,
               CASE WHEN k.conrelid OPERATOR(pg_catalog.<>) 0 THEN k.conrelid ELSE k.contypid END
        FROM hint AS h
        JOIN pg_catalog.pg_constraint AS k ON k.oid OPERATOR(pg_catalog.=) h.oid
        WHERE h.class OPERATOR(pg_catalog.=) 2606
        UNION
        SELECT 1259::oid, t.tgrelid FROM hint AS h
        JOIN pg_catalog.pg_trigger AS t ON t.oid OPERATOR(pg_catalog.=) h.oid
        WHERE h.class OPERATOR(pg_catalog.=) 2620
        UNION
        SELECT 1259::oid, p.polrelid FROM hint AS h
        JOIN pg_catalog.pg_policy AS p ON p.oid OPERATOR(pg_catalog.=) h.oid
        WHERE h.class OPERATOR(pg_catalog.=) 3256
        UNION
        SELECT 1259::oid, r.ev_class FROM hint AS h
        JOIN pg_catalog.pg_rewrite AS r ON r.oid OPERATOR(pg_catalog.=) h.oid
        WHERE h.class OPERATOR(pg_catalog.=) 2618
        UNION
        SELECT 1259::oid, s.stxrelid FROM hint AS h
        JOIN pg_catalog.pg_statistic_ext AS s ON s.oid OPERATOR(pg_catalog.=) h.oid
        WHERE h.class OPERATOR(pg_catalog.=) 3381
        UNION
        SELECT 1259::oid, c.oid FROM hint AS h
        JOIN pg_catalog.pg_class AS c ON c.relnamespace OPERATOR(pg_catalog.=) h.oid
        WHERE h.class OPERATOR(pg_catalog.=) 2615
        UNION
        SELECT 1247::oid, t.oid FROM hint AS h
        JOIN pg_catalog.pg_type AS t ON t.typnamespace OPERATOR(pg_catalog.=) h.oid
        WHERE h.class OPERATOR(pg_catalog.=) 2615
        UNION
        SELECT 1255::oid, p.oid FROM hint AS h
        JOIN pg_catalog.pg_proc AS p ON p.pronamespace OPERATOR(pg_catalog.=) h.oid
        WHERE h.class OPERATOR(pg_catalog.=) 2615
        UNION
        -- a foreign key changes what is known of the relation it points to only by name; a new parent
        -- changes its child, which is the one the command names
        SELECT 1259::oid, d.objid FROM hint AS h
        JOIN pg_catalog.pg_depend AS d
            ON d.refclassid OPERATOR(pg_catalog.=) 1259 AND d.refobjid OPERATOR(pg_catalog.=) h.oid
            AND d.classid OPERATOR(pg_catalog.=) 1259 AND d.deptype IN ('a', 'i', 'P', 'S')
        WHERE h.class OPERATOR(pg_catalog.=) 1259
    ), family AS (
        SELECT o.class, o.oid FROM owner AS o
        UNION
        SELECT 1259::oid, i.inhrelid FROM family AS f
        JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) f.oid
        WHERE f.class OPERATOR(pg_catalog.=) 1259
    ), source AS MATERIALIZED (
        SELECT f.class, f.oid FROM family AS f
        UNION
        SELECT 1247::oid, t.oid FROM family AS f
        JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) f.oid
        JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) c.reltype
        WHERE f.class OPERATOR(pg_catalog.=) 1259 AND c.reltype OPERATOR(pg_catalog.<>) 0
        UNION
        SELECT 1247::oid, t.typarray FROM family AS f
        JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) f.oid
        WHERE f.class OPERATOR(pg_catalog.=) 1247 AND t.typarray OPERATOR(pg_catalog.<>) 0
    ), dependent AS MATERIALIZED (
        SELECT DISTINCT d.classid, d.objid
        FROM source AS s
        JOIN pg_catalog.pg_depend AS d
            ON d.refclassid OPERATOR(pg_catalog.=) s.class AND d.refobjid OPERATOR(pg_catalog.=) s.oid
    )
    SELECT s.class, s.oid FROM source AS s
    UNION
    SELECT d.classid, d.objid FROM dependent AS d WHERE d.classid IN (1259, 1247, 1255)
    UNION
    SELECT 1259::oid, r.ev_class FROM dependent AS d
    JOIN pg_catalog.pg_rewrite AS r ON r.oid OPERATOR(pg_catalog.=) d.objid
    WHERE d.classid OPERATOR(pg_catalog.=) 2618
    UNION
    SELECT 1259::oid, k.conrelid FROM dependent AS d
    JOIN pg_catalog.pg_constraint AS k ON k.oid OPERATOR(pg_catalog.=) d.objid
    WHERE d.classid OPERATOR(pg_catalog.=) 2606
    UNION
    SELECT 1259::oid, t.tgrelid FROM dependent AS d
    JOIN pg_catalog.pg_trigger AS t ON t.oid OPERATOR(pg_catalog.=) d.objid
    WHERE d.classid OPERATOR(pg_catalog.=) 2620
    UNION
    SELECT 1259::oid, p.polrelid FROM dependent AS d
    JOIN pg_catalog.pg_policy AS p ON p.oid OPERATOR(pg_catalog.=) d.objid
    WHERE d.classid OPERATOR(pg_catalog.=) 3256
    UNION
    SELECT 1259::oid, a.adrelid FROM dependent AS d
    JOIN pg_catalog.pg_attrdef AS a ON a.oid OPERATOR(pg_catalog.=) d.objid
    WHERE d.classid OPERATOR(pg_catalog.=) 2604";

fn widen(named: &BTreeSet<Address>) -> Result<BTreeSet<Address>> {
    let classes: Vec<Oid> = named.iter().map(|address| address.class.into()).collect();
    let oids: Vec<Oid> = named.iter().map(|address| address.oid.into()).collect();
    let mut wide = BTreeSet::new();
    query::read(WIDEN, &[classes.into(), oids.into()], |row| {
        wide.insert(Address {
            class: row.oid(0),
            oid: row.oid(1),
        });
        Ok(())
    })?;
    Ok(wide)
}
