"""The scorer that costs nothing: what a worker asks of a scorer, it answers."""

from __future__ import annotations

from pathlib import Path

import model
from benchmarks.constant_worker import ConstantScorer
from benchmarks.pipeline_records import stream_of
from benchmarks.pipeline_service import linker, reading
from documents import Document
from stream.kafka import Received
from stream.steps import Score


def test_a_worker_scores_with_it(shipped: Path) -> None:
    real = model.load(model.champion_folder(shipped))
    received = [Received(topic, 0, offset, value) for offset, (topic, value) in enumerate(stream_of(None, 20))]
    rows = reading(linker()).run(received)
    Score(ConstantScorer(real)).run(rows)
    documents = [row for row in rows if isinstance(row, Document) and not row.unscored]
    assert documents
    assert {(one.label, one.model_version) for one in documents} == {("neutral", real.version)}
    assert {one.lang_quality for one in documents} <= {"measured", "experimental"}
