"""What a rate of records asks for, worked out from measured figures. For ``benchmarks.capacity``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from benchmarks.capacity_figures import Figures
from settings import AlertSettings, StreamSettings

RATES = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)

LOAD = 0.6
"""The share of what a part could do that is planned with: the rest is for peaks and for catching up."""

COMPANIES = 1_000
"""On the watch list, for the cost of an evaluation."""

INSERTS_A_SECOND = (1.0, 5.0)
INSERT_SHARE = 0.2
"""A worker inserts so often, and takes at most this share of the time for it (``stream/flow.py``)."""

DAY, HOUR = 86_400, 3_600
MOST_INSERTS = 100
"""A second into one table. Each makes a part that ClickHouse has to merge: far more, and it merges no longer fast
enough, and then slows inserts down (``parts_to_delay_insert``)."""

MOST_CLICKHOUSE_CORES = 64
"""Of one server; the tables have one shard."""


@dataclass(frozen=True)
class Costs:
    """What one record, insert or evaluation takes; processor time if nothing else is said."""

    record_ms: float
    """A worker's, scoring on the processor."""

    rest_ms: float
    """The same without the scoring."""

    insert_ms: float
    row_ms: float
    insert_s: float
    """How long an insert takes."""

    evaluation_s: tuple[float, float, float]
    """An evaluation's: always, a company, and a document a day."""

    first_s: tuple[float, float, float]
    """The first one's: always, a company, and a document in the baseline."""


def costs(figures: Figures) -> Costs:
    """Those that follow from the figures."""
    small, large = figures.inserts[0], figures.inserts[-1]
    row_ms = max((large.cpu_ms - small.cpu_ms) / (large.rows - small.rows), 0.0)
    companies = [float(one.companies) for one in figures.evaluations]
    return Costs(
        record_ms=figures.run(1, 1, True).worker_ms,
        rest_ms=figures.run(1, 1, False).worker_ms,
        insert_ms=max(small.cpu_ms - row_ms * small.rows, 0.0),
        row_ms=row_ms,
        insert_s=large.ms / 1000,
        evaluation_s=fitted(
            companies,
            [one.documents_a_day for one in figures.evaluations],
            [one.cpu_seconds for one in figures.evaluations],
        ),
        first_s=fitted(
            companies,
            [float(one.documents) for one in figures.evaluations],
            [one.first_cpu_seconds for one in figures.evaluations],
        ),
    )


def fitted(first: list[float], second: list[float], seconds: list[float]) -> tuple[float, float, float]:
    """Constant and two slopes that fit best, none of them negative: a part whose slope would be is left out."""
    columns = [np.ones(len(first)), np.array(first), np.array(second)]
    kept = [0, 1, 2]
    while True:
        found, *_ = np.linalg.lstsq(np.column_stack([columns[k] for k in kept]), np.array(seconds), rcond=None)
        if (found >= 0).all() or len(kept) == 1:
            break
        del kept[int(np.argmin(found))]
    slopes = dict(zip(kept, (float(max(value, 0.0)) for value in found), strict=True))
    return slopes.get(0, 0.0), slopes.get(1, 0.0), slopes.get(2, 0.0)


@dataclass(frozen=True)
class Plan:
    """What so many records a second ask for."""

    per_second: float
    workers: int
    """Of one core each, which score on it."""

    fewest_workers: int
    """If the scoring cost nothing: no GPU can need fewer."""

    partitions: int
    """Of all input topics together, at least."""

    inserts: float
    """A second."""

    clickhouse_cores: float
    stored_gb: float
    """A day."""

    kafka_gb: float
    """A day, in and out, one copy."""

    stories_s: float
    """The time within which a copy of a story is recognised."""

    evaluation_s: float
    first_s: float

    def parts(self) -> list[str]:
        """Which part to scale, and how; the most urgent one last."""
        tick = AlertSettings.model_fields["tick_s"].default
        found = ["nothing: one worker is enough" if self.workers == 1 else f"workers: {self.workers:,} cores for them"]
        if self.workers > 4:
            found.append(f"partitions: {self.partitions:,}, before the workers start")
        if self.stories_s < HOUR:
            found.append("stories: `STREAM_NOVELTY_DOCUMENTS`")
        if self.stored_gb > 100:
            found.append("disk: `CLICKHOUSE_KEEP_*`, drop old partitions")
        if self.clickhouse_cores > 8 or self.inserts > MOST_INSERTS:
            found.append("ClickHouse: a server of its own; fewer and larger workers")
        if self.evaluation_s > tick:
            found.append("**alerts: more than one leader can do: several installations, each with its companies**")
        elif self.evaluation_s > tick / 3:
            found.append("alerts: more cores for ClickHouse, a longer `ALERT_TICK_S`")
        if self.clickhouse_cores > MOST_CLICKHOUSE_CORES or min(self.inserts, self.fewest_workers) > MOST_INSERTS:
            found.append("**inserts: more than one table can take: several installations**")
        return found


def plan(figures: Figures, per_second: float) -> Plan:
    """Work it out."""
    each = costs(figures)
    workers = math.ceil(per_second * each.record_ms / 1000 / LOAD)
    fewest = math.ceil(per_second * each.rest_ms / 1000 / LOAD)
    least, most = INSERTS_A_SECOND
    inserts = min(per_second, workers * min(max(INSERT_SHARE / each.insert_s, least), most))
    daily = per_second * DAY
    sizes = figures.bytes
    always, company, document = each.evaluation_s
    first_always, first_company, first_document = each.first_s
    baseline_days = 44  # 30 days, and twice the longest span of a test before them
    window = StreamSettings.model_fields["novelty_documents"].default
    return Plan(
        per_second=per_second,
        workers=workers,
        fewest_workers=fewest,
        partitions=2 ** math.ceil(math.log2(max(workers * 1.5, 8))),
        inserts=inserts,
        clickhouse_cores=(inserts * each.insert_ms + per_second * each.row_ms) / 1000 / LOAD,
        stored_gb=daily * sizes.stored / 1e9,
        kafka_gb=daily * (2 * sizes.received + sizes.scored) / 1e9,
        stories_s=min(DAY, window / per_second),
        evaluation_s=always + company * COMPANIES + document * daily,
        first_s=first_always + first_company * COMPANIES + first_document * daily * baseline_days,
    )
