"""WordPiece as BERT's tokenizer.json describes it, enough for the baseline of embedding_throughput to have token ids.

It covers what our passages hold (BasicTokenizer with lower-casing, accents stripped); the benchmark proves it by
comparing vectors. What it costs is never counted.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

LONGEST_WORD = 100


class WordPiece:
    """Texts to ids, special tokens included, cut at `max_tokens`."""

    def __init__(self, directory: Path) -> None:
        model = json.loads((directory / "tokenizer.json").read_text())["model"]
        self._vocabulary: dict[str, int] = model["vocab"]
        self._prefix: str = model["continuing_subword_prefix"]
        self._max_tokens: int = json.loads((directory / "schema_monitor.json").read_text())["max_tokens"]
        self._unknown, self._first, self._last = (self._vocabulary[name] for name in ("[UNK]", "[CLS]", "[SEP]"))

    def encode(self, text: str) -> list[int]:
        """[CLS], the pieces of every word, [SEP]."""
        pieces = [piece for word in _words(text) for piece in self._pieces(word)]
        return [self._first, *pieces[: self._max_tokens - 2], self._last]

    def _pieces(self, word: str) -> list[int]:
        """The longest known beginning, again and again; one unknown token when some part is not known."""
        pieces: list[int] = []
        start = 0
        while start < len(word) <= LONGEST_WORD:
            prefix = self._prefix if start else ""
            ends = range(len(word), start, -1)
            end = next((end for end in ends if prefix + word[start:end] in self._vocabulary), None)
            if end is None:
                return [self._unknown]
            pieces.append(self._vocabulary[prefix + word[start:end]])
            start = end
        return pieces or [self._unknown]


def _words(text: str) -> list[str]:
    """Lower-cased, without accents, every punctuation character a word of its own."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    spaced = "".join(f" {c} " if _is_punctuation(c) else c for c in plain)
    return spaced.split()


def _is_punctuation(character: str) -> bool:
    # BERT counts every non-alphanumeric character of ASCII as punctuation
    if character.isascii():
        return not character.isalnum() and not character.isspace() and character.isprintable()
    return unicodedata.category(character).startswith("P")
