"""The public labelled sets: read, cleaned, and split by clusters of near-duplicates."""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

from retrain.data.examples import LABELS, NOT_NEGATIVE, Example
from retrain.data.near_duplicates import clusters

TRAINED_ON = {
    "en": ("sentfin", "tfns", "finentity", "fiqa", "semeval", "comments_en"),
    "zh": ("zh_finfe", "zh_news", "zh_guba", "zh_finnsp"),
    "more": (
        "ja_chabsa", "ja_ews", "id_cnbc", "es_finances", "es_chile", "pt_bovespa", "ru_sentirueval", "ru_rusentne_org",
        "de_gerntsa", "vi_fireant_llm", "newsmtsc",
    ),
}  # fmt: skip
"""The sets of the shipped model, by the names of its parts. Financial PhraseBank is not among them: its licence is
non-commercial, so it serves for evaluation only."""

ADDED = {
    "en": ("pyfin_tweets", "sentivent", "sentifm", "newsmtsc"),
    "zh": ("cfsc",),
    "more": ("sentfin", "tfns", "finentity"),
}
"""Sets that the shipped model saw as well, by the names of its parts. They are split on their own, so that a row of
``TRAINED_ON`` is in the same part with them as without. The data card says where each is from."""

ONLY_MEASURED = {"more": ("ko_fpb_nc",)}
"""Sets that no shipped model may learn from, which say how good a part is."""

PART_LANGUAGES = {
    "en": ("en",),
    "zh": ("zh",),
    "more": ("de", "es", "fr", "id", "it", "ja", "ko", "pl", "pt", "ru", "sv", "tr", "vi"),
}
"""The languages that each part of the shipped model reads."""


def part_of(language: str) -> str:
    """The name of the part that reads ``language``. Raises ``ValueError`` if none does."""
    for name, languages in PART_LANGUAGES.items():
        if language in languages:
            return name
    raise ValueError(f"the shipped model does not read {language!r}")


JUDGEMENTS = frozenset({"ja_ews"})
"""Sets whose neutral rows say "unchanged", which is as often unchanged and bad. Those rows teach nothing."""

OF_WHOLE_TWEETS = frozenset({"tfns", "pyfin_tweets"})
"""Sets whose labels are of a whole tweet. A tweet with one cashtag is also shown as one about that company."""

_URL = re.compile(r"https?://\S+|www\.\S+")
_SPACE = re.compile(r"\s+")


def clean(text: str) -> str:
    """``text`` without web addresses and with single spaces."""
    return _SPACE.sub(" ", _URL.sub(" ", text)).strip()


def _label(name: str) -> int:
    return NOT_NEGATIVE if name == "non_negative" else LABELS.index(name)


def read(path: Path, labelled: bool = True) -> list[Example]:
    """The rows of one set (gzipped CSV). With ``labelled`` False the label column is ignored and every row is neutral.

    Raises ``ValueError`` for an unknown label and ``OSError`` if the file cannot be read.
    """
    name = path.name.split(".")[0]
    examples = []
    csv.field_size_limit(10**7)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = clean(row["text"])
            if not text or (labelled and name in JUDGEMENTS and row["label"] == "neutral"):
                continue
            extra = json.loads(row["extra"] or "{}")
            tickers = row["ticker"].split()
            entity = row["entity"] or (f"${tickers[0]}" if name in OF_WHOLE_TWEETS and len(tickers) == 1 else None)
            single = name in OF_WHOLE_TWEETS | {"zh_news"} or extra.get("n_entities", 2) == 1
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


def load(folder: Path, names: Sequence[str] = TRAINED_ON["en"]) -> list[Example]:
    """All rows of the sets ``names``. Raises ``FileNotFoundError`` that says which set is missing."""
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
    """(train, validation, test). Validation and test get a share ``held_out`` of the near-duplicate clusters each."""
    numbers = clusters([example.text for example in examples])
    groups = sorted(set(numbers))
    random.Random(seed).shuffle(groups)
    size = int(len(groups) * held_out)
    validation, test = set(groups[:size]), set(groups[size : 2 * size])
    parts: tuple[list[Example], list[Example], list[Example]] = ([], [], [])
    for example, number in zip(examples, numbers, strict=True):
        parts[1 if number in validation else 2 if number in test else 0].append(example)
    return parts
