"""What search() is compared with: rankings of tables that others make do with, over the same catalog and model."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Vector = Any  # a numpy array; its stubs want more than they give here
RRF = 60  # the constant of the paper that introduced reciprocal rank fusion
K1, B = 1.2, 0.75
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def words(text: str) -> list[str]:
    """Words of a name or a sentence: camel case and underscores split, plurals cut, in lower case."""
    found = [word.lower() for word in WORD.findall(text)]
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in found]


@dataclass
class Table:
    """A table as baselines see it."""

    schema: str
    name: str
    comment: str
    columns: list[tuple[str, str]]
    vector: Vector = None
    terms: Counter[str] = field(default_factory=Counter)

    @property
    def passage(self) -> str:
        """One text for the whole table, as most tools make it."""
        told = f"{' '.join(words(self.name))}{': ' + self.comment if self.comment else ''}"
        return f"{told}. columns: {', '.join(' '.join(words(name)) for name, _ in self.columns)}"

    def index(self) -> None:
        """The terms of BM25: the name three times, columns, comments."""
        self.terms = Counter(words(self.name) * 3 + words(self.comment))
        for name, comment in self.columns:
            self.terms.update(words(name) + words(comment))


def names_only(tables: list[Table], question: list[str], _: Vector) -> list[float]:
    """Words of the table's name in the question, as a share of both."""
    asked = set(question)
    return [len(asked & set(words(one.name))) / math.sqrt(1 + len(set(words(one.name)))) for one in tables]


def bm25(tables: list[Table], question: list[str], _: Vector) -> list[float]:
    """BM25 over what a table is called and says of itself."""
    lengths = [sum(one.terms.values()) for one in tables]
    mean = sum(lengths) / len(lengths)
    scores = [0.0] * len(tables)
    for term in set(question):
        having = [at for at, one in enumerate(tables) if term in one.terms]
        weight = math.log(1 + (len(tables) - len(having) + 0.5) / (len(having) + 0.5))
        for at in having:
            count = tables[at].terms[term]
            scores[at] += weight * count * (K1 + 1) / (count + K1 * (1 - B + B * lengths[at] / mean))
    return scores


def dense(tables: list[Table], _: list[str], vector: Vector) -> list[float]:
    """Cosine of the question and the table's one passage."""
    return list(np.stack([one.vector for one in tables]) @ vector)


def dense_with_rrf(tables: list[Table], question: list[str], vector: Vector) -> list[float]:
    """Reciprocal rank fusion of both."""
    scores = [0.0] * len(tables)
    for ranking in (bm25(tables, question, vector), dense(tables, question, vector)):
        for rank, at in enumerate(sorted(range(len(tables)), key=lambda at: -ranking[at]), 1):
            scores[at] += 1 / (RRF + rank)
    return scores


BASELINES = {"names only": names_only, "BM25": bm25, "dense": dense, "dense + RRF": dense_with_rrf}
