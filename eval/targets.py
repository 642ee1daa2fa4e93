"""What is to be reached, beside what was found."""

from __future__ import annotations

from typing import Any

# what, which way of asking or which figure (by its beginning), which column of the row of search(), at least (at most: negative)
TARGETS = [
    ("own database, table R@1", "spider_train, own", "recall_1", 0.66),
    ("own database, table R@5", "spider_train, own", "recall_5", 0.985),
    ("own database, table MRR", "spider_train, own", "mrr", 0.96),
    ("pooled, R@5", "spider_train, pooled", "recall_5", 0.90),
    ("pooled, R@5, in other words", "spider_train, pooled, in other words", "recall_5", 0.82),
    ("bird with comments, pooled, R@5", "bird, pooled, with comments", "recall_5", 0.96),
    ("bird with comments, pooled, all gold among five", "bird, pooled, with comments", "all_5", 0.90),
    ("bird with comments, own, columns R@10", "bird, own, with comments", "columns_10", 0.85),
    ("the same, ahead of dense alone", "bird, own, with comments: columns ahead", None, 0.10),
    ("what cannot be answered, area under ROC", "defog, area under ROC", None, 0.80),
    ("context of 2,000 tokens, all gold tables inside", "spider_train, context(): all gold", None, 0.95),
    ("business terms, right first", "map_term(): right first", None, 0.85),
    ("business terms, right among three", "map_term(): right among three", None, 0.95),
    ("questions for figures, right rows", "build_query(): right", None, 0.90),
    ("questions for figures, refused", "build_query(): refused", None, -0.10),
    ("join_path, same conditions", "spider_train, join_path(): same conditions, first", None, 0.95),
    ("validate_query, accepted as PostgreSQL accepts", "spider_train, validate_query(): accepts", None, 1.0),
    ("validate_query, right name first, misspelled", "spider_train, validate_query(): right name first, one misspelled", None, 0.90),
    ("validate_query, right name first, synonym", "spider_train, validate_query(): right name first, a synonym", None, 0.90),
    ("search() at 10,000 objects, ms", "search(), 10,000 objects", None, -15),
    ("context() at 10,000 objects, ms", "context(), 10,000 objects", None, -40),
    ("validate_query() at 10,000 objects, ms", "validate_query(), 10,000 objects", None, -5),
]


def print_targets(found: dict[str, Any]) -> None:
    """A line for each; a dash where it was not measured this time."""
    print(f"{'what must be reached':<52}{'reach':>8}{'found':>8}")
    for what, key, column, reach in TARGETS:
        value = _value(found, key, column)
        told = "-" if value is None else f"{value:.3f}"
        is_met = value is not None and (value >= reach if reach > 0 else value <= -reach)
        verdict = "" if value is None else "met" if is_met else "missed"
        print(f"{what:<52}{'≥' if reach > 0 else '≤'}{abs(reach):>7.3f}{told:>8}  {verdict}")


def _value(found: dict[str, Any], key: str, column: str | None) -> float | None:
    """The figure of a way of asking, whose name is the key or the key and a remark after it."""
    exact = [name for name in found if name == key]
    fitting = exact or [name for name in found if name.startswith(key)]
    if not fitting:
        return None
    value = found[fitting[0]]
    return float(value if column is None else getattr(value[0], column))
