"""Words and their synonyms for crates/retrieve/data/thesaurus.txt: `python -m tools.thesaurus`, run by hand.

Two sources: nouns and verbs that share one of their two commonest senses in WordNet, and words among WordNet's common
ones that the default model puts close to each other. Words are stemmed as the extension stems them; the weight is a
tenth of the cosine, 7 for WordNet's. The file is sorted, so that a word is found in it without reading it first.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from eval.synonyms import fetch
from tools.cluster import Cluster
from tools.paths import DEFAULT_PG, ROOT

FILE = ROOT / "crates" / "retrieve" / "data" / "thesaurus.txt"
SENSES = 2  # commonest senses of a word that count
COMMON = 5  # times that the corpora of WordNet have a word before its neighbours are asked for
PAIRED = 2  # times they have one of two words that share a sense
LEAST_COSINE = 0.6
NEIGHBOURS = 5
WORDNET_WEIGHT = 7
PARTS = {"1": "n", "2": "v", "3": "a", "5": "a"}
FILES = {"n": "data.noun", "v": "data.verb"}

Weights = dict[str, dict[str, int]]


def main() -> None:
    """Writes the file."""
    folder = fetch()
    senses, counts = _senses(folder)
    pairs = [pair for pair in _shared_senses(folder, senses) if counts[pair[0]] + counts[pair[1]] >= PAIRED]
    words = sorted(word for word, count in counts.items() if count >= COMMON)
    everything = sorted({*words, *(word for pair in pairs for word in pair)})
    stems, vectors = _ask(everything, words)
    weights: Weights = defaultdict(dict)

    def add(word: str, other: str, weight: int) -> None:
        a, b = stems.get(word), stems.get(other)
        if a and b and a != b:
            weights[a][b] = max(weight, weights[a].get(b, 0))

    for word, other in pairs:
        add(word, other, WORDNET_WEIGHT)
    for at, word in enumerate(words):
        cosines = vectors @ vectors[at]
        near = [other for other in np.argsort(-cosines)[:40] if stems.get(words[other]) != stems.get(word)]
        for other in near[:NEIGHBOURS]:
            if cosines[other] >= LEAST_COSINE:
                add(word, words[other], int(cosines[other] * 10))
    lines = [
        f"{word} {' '.join(f'{other}{weight}' for other, weight in sorted(others.items(), key=lambda one: (-one[1], one[0])))}"
        for word, others in sorted(weights.items())
    ]
    FILE.write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} words, {sum(map(len, weights.values()))} synonyms, {FILE.stat().st_size} bytes")


def _senses(folder: Path) -> tuple[dict[tuple[str, str, str], int], Counter[str]]:
    """The number of each sense of a word, and how often the word is tagged."""
    senses, counts = {}, Counter[str]()
    for line in (folder / "index.sense").read_text().splitlines():
        key, offset, number, tagged = line.split()
        word, rest = key.split("%")
        part = PARTS.get(rest[0])
        if part and word.isalpha() and word.isascii() and len(word) > 2:
            senses[word, part, offset] = int(number)
            counts[word] += int(tagged)
    return senses, counts


def _shared_senses(folder: Path, senses: dict[tuple[str, str, str], int]) -> list[tuple[str, str]]:
    """Words that share one of the commonest senses of both."""
    found = []
    for part, name in FILES.items():
        for line in (folder / name).read_text().splitlines():
            if line.startswith("  "):
                continue
            fields = line.split(" ")
            words = [fields[4 + 2 * at].lower() for at in range(int(fields[3], 16))]
            common = [word for word in words if senses.get((word, part, fields[0]), SENSES + 1) <= SENSES]
            found += itertools.permutations(common, 2)
    return found


def _ask(everything: list[str], words: list[str]) -> tuple[dict[str, str], Any]:
    """Stems of all words, as PostgreSQL's dictionary makes them (it has the same stop words and stemmer as English text
    search), and unit vectors of some.
    """
    with Cluster(DEFAULT_PG, "thesaurus", settings={"fsync": "off"}) as cluster:
        cluster.query("CREATE DATABASE words")
        with cluster.connect("words") as connection:
            connection.execute("CREATE EXTENSION schema_monitor CASCADE")
            rows = connection.execute("SELECT w, ts_lexize('english_stem', w) FROM unnest(%s::text[]) AS w", (everything,))
            stems = {word: lexemes[0] for word, lexemes in rows if lexemes}
            vectors = [connection.execute("SELECT schema_monitor.embed_query(%s)::real[]", (word,)).fetchone() for word in words]
    return stems, np.asarray([row[0] for row in vectors if row], dtype=np.float32)


if __name__ == "__main__":
    main()
