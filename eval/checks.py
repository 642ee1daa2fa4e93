"""Whether validate_query() agrees with PostgreSQL, and knows what was meant where a name is wrong."""

from __future__ import annotations

from random import Random
from typing import Any

import psycopg
import sqlglot
from sqlglot.tokens import TokenType

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LEAST_LENGTH = 4  # of a name that is misspelled, or a word that is replaced
VALIDATE = "SELECT valid, sqlstate, suggestions FROM schema_monitor.validate_query(%s)"

Connection = psycopg.Connection[Any]
Synonyms = dict[str, list[str]]


def accepted(connection: Connection, sql: str) -> str | None:
    """The SQLSTATE with which PostgreSQL refuses to plan a statement; None for one it would run."""
    try:
        connection.execute("EXPLAIN " + sql.rstrip(" ;"))  # type: ignore[arg-type]
    except psycopg.Error as error:
        return error.sqlstate or "?"
    return None


def validated(connection: Connection, sql: str) -> tuple[bool, str | None, list[str]]:
    """What validate_query() says of it."""
    row = connection.execute(VALIDATE, (sql,)).fetchone()
    assert row is not None
    return bool(row[0]), row[1], list(row[2] or [])


def misspelled(name: str, random: Random) -> str:
    """One slip of the keyboard: a letter left out, doubled, swapped with the next, or another one."""
    at = random.randrange(1, len(name) - 1)
    return random.choice([
        name[:at] + name[at + 1 :],
        name[:at] + name[at] + name[at:],
        name[:at] + name[at + 1] + name[at] + name[at + 2 :],
        name[:at] + random.choice(LETTERS) + name[at + 1 :],
    ])


def reworded(name: str, synonyms: Synonyms, random: Random) -> str | None:
    """The name with one of its words replaced by a synonym; None where there is none."""
    words = name.split("_")
    places = [at for at, word in enumerate(words) if len(word) >= LEAST_LENGTH and synonyms.get(word)]
    if not places:
        return None
    at = random.choice(places)
    words[at] = random.choice(synonyms[words[at]])
    return "_".join(words)


def damaged(sql: str, names: dict[str, str], random: Random, synonyms: Synonyms | None) -> tuple[str, str] | None:
    """A statement with one name of a table or column wrong, and the right one in lower case; None where nothing suits.

    A name with capitals is quoted and stays so.
    """
    try:
        tokens = sqlglot.tokenize(sql, read="postgres")
    except sqlglot.errors.SqlglotError:
        return None
    suitable = [
        token
        for at, token in enumerate(tokens)
        if token.token_type in (TokenType.VAR, TokenType.IDENTIFIER)
        and token.text.lower() in names
        and len(token.text) >= LEAST_LENGTH
        # a qualifier, or an alias that happens to be called so
        and not (at + 1 < len(tokens) and tokens[at + 1].token_type == TokenType.DOT)
        and not (at and tokens[at - 1].token_type == TokenType.ALIAS)
    ]
    random.shuffle(suitable)
    for token in suitable:
        right = token.text.lower()
        wrong = misspelled(right, random) if synonyms is None else reworded(right, synonyms, random)
        if wrong is not None and wrong != right and wrong not in names:
            written = f'"{wrong}"' if token.token_type == TokenType.IDENTIFIER else wrong
            return sql[: token.start] + written + sql[token.end + 1 :], right
    return None


def is_first(suggestions: list[str], right: str) -> bool:
    """Whether the first suggestion is the right name, whatever it is qualified by."""
    return bool(suggestions) and suggestions[0].rsplit(".", 1)[-1].strip('"').lower() == right
