"""The labels by reading in ``labels.csv``: set, row, company, and the events that the readers told. The sentences are
in the data folder.

``reading`` says how sure a label is: two readers agreed (``both``), a third reading decided between them (``third``),
or only one reader's label is valid (``one``). Rows with ``later`` were read afterwards by one reader, by the same
guide, to learn from: types that had few labels were looked for, and rows that seemed doubtful are left out.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from zlib import crc32

from documents.events import EventRole, EventState
from model.events import found_in
from retrain.data import WRITTEN, written_sentences
from retrain.data.near_duplicates import clusters
from retrain.event_reader.rows import SETS, pairs

NEARLY_THE_SAME = 0.6
LATER = "later"

JUDGED = ("law2", "negation2")
"""These files of written sentences judge the reader, and it learns nothing from them."""

Told = tuple[str, EventRole, EventState]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A labelled pair. ``part`` is ``train``, ``tune`` (the threshold is chosen on it) or ``test``."""

    dataset: str
    row: str
    text: str
    surface: str
    language: str
    events: list[Told]
    part: str

    @property
    def marked(self) -> str:
        """The text as the linear reader takes it."""
        return found_in(self.text, self.surface)


def read_labels(data: Path, sets: Sequence[str] = SETS) -> list[Labelled]:
    """The labelled pairs of ``sets`` with their sentences from ``data``. Near-duplicates are in one part, and pairs
    that only one reader labelled are never in the test. Later ones are near to none of the test, and leave its choice
    as it was."""
    text = (resources.files("retrain.event_reader") / "labels.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["set"] in sets]
    names = {(row["row"], row["entity"]) for row in rows}
    found = {
        (pair.row, pair.surface): pair
        for pair in pairs(data, sorted({row["set"] for row in rows}), {row["row"] for row in rows})
        if (pair.row, pair.surface) in names
    }
    rows = [row for row in rows if (row["row"], row["entity"]) in found]
    own = [found[row["row"], row["entity"]] for row in rows]
    texts = [pair.text for pair in own]
    parts = _parts(rows, texts)
    return [
        Labelled(row["set"], row["row"], pair.text, pair.surface, pair.language, told(row["events"]), part)
        for row, pair, part in zip(rows, own, parts, strict=True)
        if part
    ]


def written_labels() -> list[Labelled]:
    """The sentences about a company in ``JUDGED``, which are written for finsent: what happens is told in words that no
    list has, so they judge what a reader makes of those."""
    return [
        Labelled(WRITTEN, "", one.text, one.company, "en", list(one.events), "test")
        for one in written_sentences("en", JUDGED)
        if one.company
    ]


def _parts(rows: Sequence[dict[str, str]], texts: Sequence[str]) -> list[str]:
    """The part of each row, empty for a later row that is near to one of the test."""
    first = [i for i, row in enumerate(rows) if row["reading"] != LATER]
    parts = ["train"] * len(rows)
    for i, number in zip(first, clusters([texts[i] for i in first], NEARLY_THE_SAME), strict=True):
        draw = crc32(rows[first[number]]["row"].encode())
        test = draw % 2 == 1 and rows[i]["reading"] != "one"
        parts[i] = "test" if test else "tune" if draw // 2 % 5 < 2 else "train"
    cluster = clusters(texts, NEARLY_THE_SAME)
    tested = {number for part, number in zip(parts, cluster, strict=True) if part == "test"}
    return [
        "" if row["reading"] == LATER and number in tested else part
        for row, part, number in zip(rows, parts, cluster, strict=True)
    ]


def told(text: str) -> list[Told]:
    """The events in ``type/role/state type/role/state``."""
    return [
        (kind, EventRole(role), EventState(state)) for kind, role, state in (one.split("/") for one in text.split())
    ]
