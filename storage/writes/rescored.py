"""Scores that another model version gave to stored documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from clickhouse_driver import Client

from documents.record import Record
from storage.connection import WHOLE_INSERT
from storage.reads.rescoring import KEPT

SCORED = {**{name: name for name in ("scored_at", "model_version", "label", "p_negative", "p_neutral", "p_positive",
                                     "sentiment", "tokens")},
          **{f"mention_{name}": f"mentions.{name}" for name in ("entity", "surface", "via", "label", "p_negative",
                                                                "p_neutral", "p_positive", "sentiment")}}  # fmt: skip

WRITTEN = {**{name: name for name in KEPT}, **SCORED}


def write_rescored(client: Client, records: Sequence[Record]) -> None:
    """Store the scores of ``records`` beside those they had. If that is repeated, the first ones stay valid."""
    now = datetime.now(UTC)
    columns = [[getattr(record, name) for record in records] for name in WRITTEN]
    names = ", ".join(f"`{column}`" for column in (*WRITTEN.values(), "rescored_at"))
    client.execute(
        f"INSERT INTO rescored_log ({names}) VALUES",
        [*columns, [now] * len(records)],
        columnar=True,
        settings=WHOLE_INSERT,
    )
