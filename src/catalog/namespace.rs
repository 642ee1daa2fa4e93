//! Schemas and extensions.

use schema::{Definition, Kind};

use super::{Address, Definitions, EXTENSION_CLASS, Reading, SCHEMA_CLASS, set, set_if};
use crate::error::Result;
use crate::pg::query;

const SCHEMAS: &str = "
    SELECT n.oid, n.nspname, n.nspowner, n.nspacl::text[]
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname OPERATOR(pg_catalog.<>) ALL ('{pg_catalog,information_schema,pg_toast,schema_monitor}')
      AND n.nspname OPERATOR(pg_catalog.!~~) 'pg\\_temp\\_%'
      AND n.nspname OPERATOR(pg_catalog.!~~) 'pg\\_toast\\_temp\\_%'";

const EXTENSIONS: &str = "
    SELECT e.oid, e.extname, e.extversion, n.nspname, e.extowner
    FROM pg_catalog.pg_extension AS e
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
    WHERE e.extname OPERATOR(pg_catalog.<>) 'schema_monitor'";

/// Reads all schemas into the reading, and those of the scope, with extensions, into what was found.
pub(super) fn read(reading: &mut Reading<'_>, found: &mut Definitions) -> Result<()> {
    query::read(SCHEMAS, &[], |row| {
        let (oid, name) = (row.oid(0), row.name(1));
        let address = Address {
            class: SCHEMA_CLASS,
            oid,
        };
        if reading.exclusion.covers(&name, None) {
            return Ok(());
        }
        // A schema an extension made is told by the extension; what users put there is not.
        if !reading.members.contains(&address) && reading.scope.has_schema(oid) {
            let mut definition = Definition::new(Kind::Schema, None, name.clone());
            set_if(
                &mut definition.attributes,
                "comment",
                reading.comment(SCHEMA_CLASS, oid, 0),
            );
            definition.access = reading.access(row.oid(2), row.texts(3), "");
            found.insert(address, definition);
        }
        reading.schemas.insert(oid, name);
        Ok(())
    })?;
    query::read(EXTENSIONS, &[], |row| {
        let oid = row.oid(0);
        if !reading.scope.has_extension(oid) {
            return Ok(());
        }
        let mut definition = Definition::new(Kind::Extension, None, row.name(1));
        set_if(&mut definition.attributes, "version", row.text(2));
        set(&mut definition.attributes, "schema", row.name(3));
        set_if(
            &mut definition.attributes,
            "comment",
            reading.comment(EXTENSION_CLASS, oid, 0),
        );
        definition.access = reading.access(row.oid(4), None, "");
        let address = Address {
            class: EXTENSION_CLASS,
            oid,
        };
        found.insert(address, definition);
        Ok(())
    })
}
