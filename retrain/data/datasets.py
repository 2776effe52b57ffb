"""The labelled sets: read, cleaned, and split so that near-duplicates never stand on two sides."""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

LABELS = ("negative", "neutral", "positive")
NOT_NEGATIVE = 3
"""The label of a row of which is known only that it is neutral or positive."""

TRAINED_ON = {
    "en": ("sentfin", "tfns", "finentity", "fiqa", "semeval", "comments_en"),
    "zh": ("zh_finfe", "zh_news", "zh_guba", "zh_finnsp"),
}
"""Financial PhraseBank is not among them: its licence is non-commercial, it is for evaluation only."""

SIGNED = "signed labels"
"""What people's labels are called where next to none is neutral."""

SIGN_ONLY = frozenset({"fiqa", "semeval", "comments_en", "zh_news", "zh_guba", SIGNED})
"""Sets with next to no neutral rows: only the order of positive and negative is learned from them."""

_URL = re.compile(r"https?://\S+|www\.\S+")
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[\u4e00-\u9fff]{1,2}|[^\W_\u4e00-\u9fff]+")
"""A word, or two Chinese characters."""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text; ``entity`` is None where the label is of the whole text. ``mixed``: its companies have
    different labels. ``single``: the label would be the same without the entity."""

    dataset: str
    text: str
    label: int
    entity: str | None = None
    mixed: bool = False
    single: bool = True


def clean(text: str) -> str:
    """Without web addresses, with single spaces."""
    return _SPACE.sub(" ", _URL.sub(" ", text)).strip()


def words(text: str) -> list[str]:
    """The words of ``text`` in small letters; of Chinese, pairs of characters."""
    return _WORD.findall(text.lower())


def _label(name: str) -> int:
    return NOT_NEGATIVE if name == "non_negative" else LABELS.index(name)


def read(path: Path, labelled: bool = True) -> list[Example]:
    """The rows of one of the sets (gzipped CSV), those without labels as neutral.

    Raises ``ValueError`` for an unknown label, ``OSError``.
    """
    name = path.name.split(".")[0]
    examples = []
    csv.field_size_limit(10**7)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = clean(row["text"])
            if not text:
                continue
            extra = json.loads(row["extra"] or "{}")
            tickers = row["ticker"].split()
            entity = row["entity"] or (f"${tickers[0]}" if name == "tfns" and len(tickers) == 1 else None)
            single = name in {"tfns", "zh_news"} or extra.get("n_entities", 2) == 1
            examples.append(
                Example(
                    name,
                    text,
                    _label(row["label"]) if labelled else 1,
                    entity,
                    bool(extra.get("mixed")),
                    single,
                )
            )
    return examples


def clusters(texts: Sequence[str], threshold: float = 0.8) -> list[int]:
    """A cluster number a text: texts whose token sets have a Jaccard similarity of ``threshold`` or more, and
    those linked through others, share one.

    Candidates are found by prefix filtering (Chaudhuri et al. 2006, "A primitive operator for similarity
    joins"): two such sets must share a token among the rarest ``n - ceil(threshold * n) + 1`` of each.
    """
    sets = [frozenset(words(text)) for text in texts]
    frequency = Counter(token for tokens in sets for token in tokens)
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    index: dict[str, list[int]] = defaultdict(list)
    for i, tokens in enumerate(sets):
        rarest = sorted(tokens, key=lambda token: (frequency[token], token))
        prefix = rarest[: len(rarest) - -(-len(rarest) * int(threshold * 100) // 100) + 1]
        for token in prefix:
            for j in index[token]:
                if root(i) != root(j):
                    union = len(tokens | sets[j])
                    if union and len(tokens & sets[j]) >= threshold * union:
                        parent[root(i)] = root(j)
            index[token].append(i)
    return [root(i) for i in range(len(texts))]


def load(folder: Path, names: Sequence[str] = TRAINED_ON["en"]) -> list[Example]:
    """All rows of ``names``. Raises ``FileNotFoundError`` that says which set is missing."""
    examples: list[Example] = []
    for name in names:
        path = folder / f"{name}.csv.gz"
        if not path.exists():
            raise FileNotFoundError(f"{path}: the labelled set {name!r} is missing")
        examples.extend(read(path))
    return examples


def split(
    examples: Sequence[Example], held_out: float = 0.1, seed: int = 13
) -> tuple[list[Example], list[Example], list[Example]]:
    """(train, validation, test): a share ``held_out`` of the near-duplicate clusters each for the last two."""
    numbers = clusters([example.text for example in examples])
    groups = sorted(set(numbers))
    random.Random(seed).shuffle(groups)
    size = int(len(groups) * held_out)
    validation, test = set(groups[:size]), set(groups[size : 2 * size])
    parts: tuple[list[Example], list[Example], list[Example]] = ([], [], [])
    for example, number in zip(examples, numbers, strict=True):
        parts[1 if number in validation else 2 if number in test else 0].append(example)
    return parts


def batches(lengths: Sequence[int], tokens: int, seed: int, shuffle: bool = True) -> Iterator[list[int]]:
    """Indices in batches of about ``tokens`` tokens, texts of like length together, the batches shuffled."""
    rng = random.Random(seed)
    noisy = [(length * (rng.uniform(0.9, 1.1) if shuffle else 1), i) for i, length in enumerate(lengths)]
    order = [i for _, i in sorted(noisy)]
    made: list[list[int]] = [[]]
    for i in order:
        if made[-1] and (len(made[-1]) + 1) * lengths[i] > tokens:
            made.append([])
        made[-1].append(i)
    if shuffle:
        rng.shuffle(made)
    yield from made
