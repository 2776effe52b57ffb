"""One labelled text, the names of the kinds of sets, and the JSON lines in which rows travel between processes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

LABELS = ("negative", "neutral", "positive")
"""In the order of the model's outputs; an ``Example``'s label is an index into it."""

NOT_NEGATIVE = 3
"""The label of a row that is known to be neutral or positive, but not which of the two."""

PEOPLE = "labels"
"""Name of the set that holds people's labels."""

SIGNED = "signed labels"
"""Name of that set when hardly any of its labels is neutral: see ``retrain.data.labels.resolve``."""

PEOPLES = frozenset({PEOPLE, SIGNED})

SELF_LABELLED = "self"
"""Name of the set of documents that the network labelled itself (self-training)."""

SIGN_ONLY = frozenset(
    {
        "fiqa", "semeval", "comments_en", "sentivent", "sentifm", "zh_news", "zh_guba", "ja_chabsa", "ja_ews",
        "pt_bovespa", "es_chile", SIGNED,
    }
)  # fmt: skip
"""Sets with hardly any neutral rows. Only the order of positive and negative is learned and measured on them."""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text. ``dataset`` is the name of its set. ``entity`` is None if the label is of the whole text.

    ``mixed`` says that the companies in the text have different labels; ``single`` that the label would be the same
    without the entity.
    """

    dataset: str
    text: str
    label: int
    entity: str | None = None
    mixed: bool = False
    single: bool = True


def write_examples(path: Path, examples: Sequence[Example]) -> None:
    """Write one JSON object a line."""
    path.write_text("".join(json.dumps(asdict(e), ensure_ascii=False) + "\n" for e in examples), encoding="utf-8")


def read_examples(path: Path) -> list[Example]:
    """Read what ``write_examples`` wrote."""
    return [Example(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
