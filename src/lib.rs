//! A live, versioned and searchable picture of a database's schema, inside PostgreSQL.
//!
//! `ARCHITECTURE.md` has the map and the invariants; each folder says at its top what it deals with.

mod api;
mod capture;
mod catalog;
mod error;
mod history;
mod index;
mod meaning;
mod pg;
mod settings;
mod worker;

use pgrx::prelude::*;

::pgrx::pg_module_magic!(name, version);

extension_sql_file!("../sql/bootstrap.sql", name = "bootstrap", bootstrap);
extension_sql_file!("../sql/history.sql", name = "history", requires = ["bootstrap"]);
extension_sql_file!("../sql/visibility.sql", name = "visibility", requires = ["history"]);
extension_sql_file!("../sql/index.sql", name = "index", requires = ["visibility"]);
extension_sql_file!("../sql/term.sql", name = "term", requires = ["index"]);
extension_sql_file!("../sql/depend.sql", name = "depend", requires = ["term"]);
extension_sql_file!("../sql/functions.sql", name = "functions", requires = ["depend"]);
extension_sql_file!(
    "../sql/install.sql",
    name = "install",
    requires = ["functions"],
    finalize
);

/// PostgreSQL calls this when the library is loaded: registers and returns.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    settings::init();
    let is_preloading = pg::process::is_preloading();
    capture::init(is_preloading);
    if is_preloading {
        pg::shared::request();
        worker::init();
    }
}
