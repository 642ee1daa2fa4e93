"""Small `tokenizer.json` files in the format of the `tokenizers` library, written as plain JSON.

Two kinds, as e5 has them: BERT's WordPiece over lower-cased text, and XLM-R's Unigram over Metaspace. Both know every
printable ASCII character, so any ASCII text tokenizes; some words of schemas; and of other scripts a few characters,
so that known and unknown ones both occur.
"""

from __future__ import annotations

from typing import Any

ASCII = [chr(code) for code in range(33, 127)]
OTHER = list("äéèñöøßçабвгдежзиклмнопрстαβγδ中文表订单価格日本")
WORDS = """
a an the of for and or in on by to from with is are which what how many query passage table column order
orders item items customer customers product products price unit quantity total amount date time created
updated id name email address city country status type user users account invoice payment key index primary
foreign references number text integer numeric boolean timestamp
""".split()
PIECES = "s ed er ing ion tion id able ity ment ly al es".split()


def wordpiece(size: int | None = None) -> dict[str, Any]:
    """BERT's tokenizer; `size` pads the vocabulary with fillers that no text reaches, as `[unusedN]` in BERT's own."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    special = [_added(position, token) for position, token in enumerate(tokens)]
    letters = [letter for letter in ASCII + OTHER if letter == letter.lower()]
    tokens += letters + [f"##{letter}" for letter in letters] + WORDS + [f"##{piece}" for piece in PIECES]
    tokens = list(dict.fromkeys(tokens))
    if size is not None:
        tokens += [f"[unused{number}]" for number in range(size - len(tokens))]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": _template(("[CLS]", 2), ("[SEP]", 3), between=["[SEP]"], second_type=1),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {token: position for position, token in enumerate(tokens)},
        },
    }


def unigram() -> dict[str, Any]:
    """XLM-R's tokenizer: ids 0 to 3 are `<s> <pad> </s> <unk>`, the last one is `<mask>`.

    XLM-R's normaliser is a compiled table of NFKC with exceptions; plain NFKC stands in for it. The regular
    expression is in the published multilingual files too: a reader built without an engine for it fails to load them.
    """
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces: dict[str, float] = {token: 0.0 for token in specials}
    for rank, word in enumerate(WORDS):
        pieces[f"▁{word}"] = -5.0 - rank / 64
    for rank, piece in enumerate(PIECES):
        pieces.setdefault(piece, -6.0 - rank / 64)
    pieces["▁"] = -4.0
    for rank, letter in enumerate(ASCII + OTHER):
        pieces.setdefault(letter, -8.0 - rank / 64)
    pieces["<mask>"] = 0.0
    blank = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    blanks = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    normalizers = [{"type": "Nmt"}, {"type": "NFKC"}, blanks]
    vocabulary = [[piece, score] for piece, score in pieces.items()]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(position, token) for position, token in enumerate(specials)]
        + [_added(len(vocabulary) - 1, "<mask>") | {"lstrip": True}],
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, blank]},
        "post_processor": _template(("<s>", 0), ("</s>", 2), between=["</s>", "</s>"], second_type=0),
        "decoder": blank,
        "model": {"type": "Unigram", "unk_id": 3, "vocab": vocabulary, "byte_fallback": False},
    }


def limit(tokenizer: dict[str, Any], tokens: int) -> None:
    """Makes the file truncate to and pad up to `tokens` by itself, as some published ones do.

    all-MiniLM-L6-v2's does so at 128. A reader must reset both and use the limit of `schema_monitor.json`.
    """
    names = [added["content"] for added in tokenizer["added_tokens"]]
    padding = next(name for name in names if "pad" in name.lower())
    number = next(added["id"] for added in tokenizer["added_tokens"] if added["content"] == padding)
    tokenizer["truncation"] = {"direction": "Right", "max_length": tokens, "strategy": "LongestFirst", "stride": 0}
    tokenizer["padding"] = {
        "strategy": {"Fixed": tokens},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": number,
        "pad_type_id": 0,
        "pad_token": padding,
    }


def length(tokenizer: dict[str, Any]) -> int:
    """How many ids the vocabulary has."""
    return len(tokenizer["model"]["vocab"])


def _added(number: int, content: str) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": content, **flags}


def _template(first: tuple[str, int], last: tuple[str, int], between: list[str], second_type: int) -> dict[str, Any]:
    """A post-processor: `first A last`, and for pairs `first A between B last`."""

    def token(name: str, kind: int = 0) -> dict[str, Any]:
        return {"SpecialToken": {"id": name, "type_id": kind}}

    def text(name: str, kind: int = 0) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": kind}}

    return {
        "type": "TemplateProcessing",
        "single": [token(first[0]), text("A"), token(last[0])],
        "pair": [token(first[0]), text("A"), *map(token, between), text("B", second_type), token(last[0], second_type)],
        "special_tokens": {name: {"id": name, "ids": [number], "tokens": [name]} for name, number in (first, last)},
    }
