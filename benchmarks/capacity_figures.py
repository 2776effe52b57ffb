"""What ``benchmarks.capacity`` measures, as it is kept in its JSON file."""

from __future__ import annotations

import msgspec


class Run(msgspec.Struct, frozen=True):
    """Workers that store what a full topic holds."""

    workers: int
    cores: int
    """That each of them may use; it scores with as many threads."""

    scoring: bool
    """Whether texts are scored; if not, the scorer costs nothing."""

    records: int
    per_second: float
    worker_ms: float
    """Processor time a record, of all workers."""

    clickhouse_ms: float
    broker_ms: float


class Loop(msgspec.Struct, frozen=True):
    """A program that reads the same records and only counts them."""

    name: str
    records: int
    per_second: float
    cpu_us: float
    """Processor time a record."""


class Insert(msgspec.Struct, frozen=True):
    """One insert of records, durable."""

    rows: int
    ms: float
    cpu_ms: float
    """Processor time of ClickHouse."""


class Evaluation(msgspec.Struct, frozen=True):
    """An evaluation of the alert rules."""

    companies: int
    documents_a_day: float
    documents: int
    """That are stored."""

    cpu_seconds: float
    """Of ClickHouse and of the leading worker."""

    first_cpu_seconds: float
    """Of the first one after a start, which reads the whole baseline."""


class Bytes(msgspec.Struct, frozen=True):
    """The mean size of a record."""

    received: float
    """Its value in the topic that it comes from."""

    scored: float
    """What is sent on about it."""

    stored: float
    """On ClickHouse's disk, all tables."""

    embedding: float
    """The part of it that is the document's vector."""


class Figures(msgspec.Struct, frozen=True):
    """Everything that was measured, and where."""

    date: str
    command: str
    processor: str
    cores: int
    memory_gb: float
    python: str
    load: float
    """The load average of the machine before it began: that of others."""

    runs: list[Run]
    loops: list[Loop]
    inserts: list[Insert]
    evaluations: list[Evaluation]
    bytes: Bytes

    def run(self, workers: int, cores: int, scoring: bool) -> Run:
        """The run of that kind."""
        return next(r for r in self.runs if (r.workers, r.cores, r.scoring) == (workers, cores, scoring))
