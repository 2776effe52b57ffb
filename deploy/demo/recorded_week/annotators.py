"""The labels that two annotators give to documents of the first days."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from deploy.demo.recorded_week.week import MONDAY, SEED, TONES, published_at

LABELLED, LABELLED_AGAIN, SLIPS = 360, 0.25, 0.04
"""Documents with a label, the share of them that a second person labels, and the share of hers that are mistakes."""

LABELLED_UNTIL = MONDAY + timedelta(days=2)


def label(records: Sequence[Mapping[str, Any]], tones: Mapping[str, str], first: Collection[str], path: Path) -> int:
    """Write the annotators' labels into ``path``, each an hour or more after the document; how many there are.

    ``tones`` are the true labels by document, ``first`` the documents that they are asked about before all others.
    """
    chance = random.Random(SEED + 1)  # a generator of its own: without labels the week would be the same
    early = [
        record
        for record in sorted(records, key=published_at)
        if record["id"] in tones and record["published_at"] < f"{LABELLED_UNTIL:%Y-%m-%d}"
    ]
    chance.shuffle(early)
    early.sort(key=lambda record: record["id"] not in first)
    rows = []
    for record in early[:LABELLED]:
        tone = tones[record["id"]]
        at = datetime.fromisoformat(record["published_at"]) + timedelta(minutes=chance.randint(60, 300))
        judgements = [("anna", tone)]
        if chance.random() < LABELLED_AGAIN:
            judgements.append(("ben", chance.choice(TONES) if chance.random() < SLIPS else tone))
        for annotator, judged in judgements:
            rows.append({"document_id": record["id"], "label": judged, "annotator": annotator,
                         "labelled_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"})  # fmt: skip
    rows.sort(key=lambda row: row["labelled_at"])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return len(rows)
