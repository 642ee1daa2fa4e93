"""Gold queries of another dialect as PostgreSQL wants them."""

from __future__ import annotations

import sqlglot
from sqlglot import exp


def postgres(sql: str, names: dict[str, str]) -> str | None:
    """The first statement of a gold query with names quoted where the catalog has capitals in them; None where it does
    not parse. SQLite takes a quoted name that is none for a string.
    """
    try:
        tree = sqlglot.parse(sql, read="sqlite")[0]
    except (sqlglot.errors.SqlglotError, IndexError):
        return None
    if tree is None:
        return None
    for identifier in list(tree.find_all(exp.Identifier)):
        actual = names.get(identifier.name.lower())
        if actual is not None:
            identifier.set("this", actual)
            identifier.set("quoted", not (actual.islower() and actual.isidentifier()))
        elif identifier.args.get("quoted") and isinstance(identifier.parent, exp.Column) and not identifier.parent.table:
            identifier.parent.replace(exp.Literal.string(identifier.name))
    return tree.sql(dialect="postgres")
