"""Sends files of documents to Kafka, at full speed or paced, and says what became of their records."""

from __future__ import annotations

import heapq
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from statistics import median
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from documents.files import BadFile
from settings import KafkaSettings
from stream.kafka.clients import admin, producer
from stream.kafka.files import Row, rows_of
from stream.kafka.topics import MAX_MESSAGE_BYTES

OnAcknowledged = Callable[[str, int, int, float], None]
"""Called with (topic, partition, offset, Unix time of the acknowledgement) from the producer's own thread."""

OnProgress = Callable[[int, float], None]
"""Called with the count of records sent and the share of the files' bytes that has been read (0 to 1)."""

LATENCY_MS, THROUGHPUT_MS = 5, 50  # how long a batch waits for company: paced, and at full speed
BATCH_BYTES = 256 * 1024
AROUND = 3
"""A paced record goes out when it and so many records on each side of it are due, in the median."""

MAX_LEAD_S = 0.002  # a paced record goes out when it is due within this


@dataclass(slots=True)
class Produced:
    """What became of the records of one call. Each one is acknowledged, has failed, or was not sent (skipped)."""

    sent: int = 0
    acknowledged: int = 0
    seconds: float = 0.0
    by_topic: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    stopped: str = ""

    @property
    def failed(self) -> int:
        """Records that were sent and that the broker did not acknowledge."""
        return self.failures.total()

    @property
    def records_per_second(self) -> float:
        """Acknowledged records over the seconds from the first send to the last acknowledgement."""
        return self.acknowledged / self.seconds if self.seconds else 0.0


def produce(
    path: Path, topic: str | None, kafka: KafkaSettings, speed: float | None = None, **options: Any
) -> Produced:
    """``produce_many`` for one file."""
    return produce_many([(path, topic)], kafka, speed, **options)


def produce_many(
    files: Sequence[tuple[Path, str | None]],
    kafka: KafkaSettings,
    speed: float | None = None,
    *,
    zone: tzinfo = UTC,
    undated: datetime | None = None,
    on_acknowledged: OnAcknowledged | None = None,
    progress: OnProgress | None = None,
    delivery_timeout: float = 120.0,
) -> Produced:
    """Send every record of ``files``, merged in the order of their dates, and wait for all acknowledgements.

    JSON lines are sent as they are; the rows of other files become messages, see ``documents.files``. If a file's topic
    is None, its column ``kind`` names the topic of each row. ``zone`` is that of times without one. Rows without a date
    get ``undated``, or are skipped and counted. Parameters and errors are those of ``send``; also raises ``BadFile`` or
    ``OSError`` for a file that cannot be read at all.
    """
    result = Produced()
    with ExitStack() as opened:
        raws = [opened.enter_context(path.open("rb")) for path, _ in files]
        size = sum(path.stat().st_size for path, _ in files) or 1
        streams = [
            rows_of(path, raw, topic, zone, undated, result.skipped)
            for (path, topic), raw in zip(files, raws, strict=True)
        ]
        return send(
            streams,
            kafka,
            speed,
            on_acknowledged=on_acknowledged,
            progress=progress,
            share=lambda: sum(raw.tell() for raw in raws) / size,
            delivery_timeout=delivery_timeout,
            result=result,
        )


def send(
    streams: Sequence[Iterable[Row]],
    kafka: KafkaSettings,
    speed: float | None = None,
    *,
    on_acknowledged: OnAcknowledged | None = None,
    progress: OnProgress | None = None,
    share: Callable[[], float] = lambda: 0.0,
    delivery_timeout: float = 120.0,
    result: Produced | None = None,
) -> Produced:
    """Send ``streams``, merged in the order of their dates, and wait for all acknowledgements.

    ``speed`` is seconds of the records' times per second of real time; None sends as fast as the broker takes them.
    ``progress`` is called every 100 records and at the end, with what ``share`` says is done.

    Ctrl-C, a broker that takes no more, and a file that breaks off end the sending. The records on their way are waited
    for, and ``stopped`` gives the reason. Raises ``BadFile`` if nothing was sent, and ``kafka.errors.KafkaError`` if no
    broker answers.
    """
    result = result or Produced()
    if speed is not None:
        streams = [_steady(stream) for stream in streams]
    rows = heapq.merge(*streams, key=lambda row: row.at) if len(streams) > 1 else streams[0]
    sender = _producer(kafka, paced=speed is not None, delivery_timeout=delivery_timeout)
    started = time.monotonic()
    try:
        for _ in _sent(_paced(rows, speed) if speed is not None else rows, kafka, sender, result, on_acknowledged):
            if progress and result.sent % 100 == 0:
                progress(result.sent, share())
    except KafkaTimeoutError:  # no metadata, or a full buffer
        result.stopped = f"the broker at {kafka.bootstrap_servers} takes no more records"
    except KeyboardInterrupt:
        result.stopped = "interrupted"
    except BadFile as error:
        if not result.sent:
            raise
        result.stopped = str(error)
    finally:
        try:
            sender.flush(timeout=delivery_timeout + 10)
        except KafkaTimeoutError:
            unanswered = result.sent - result.acknowledged - result.failed
            result.failures[f"no answer within {delivery_timeout:g} s"] += unanswered
        sender.close(timeout=5)
    result.seconds = time.monotonic() - started
    if progress:
        progress(result.sent, 1.0)
    return result


def _sent(
    rows: Iterable[Row],
    kafka: KafkaSettings,
    sender: KafkaProducer,
    result: Produced,
    on_acknowledged: OnAcknowledged | None,
) -> Iterator[Row]:
    """The rows that ``sender`` has taken. All are counted in ``result``. Raises ``KafkaTimeoutError`` when the broker
    takes nothing more."""

    def acknowledged(metadata: Any) -> None:
        result.acknowledged += 1
        if on_acknowledged:
            on_acknowledged(metadata.topic, metadata.partition, metadata.offset, time.time())

    def failed(error: Exception) -> None:
        result.failures[f"{type(error).__name__}: {str(error)[:200]}"] += 1

    for row in rows:
        result.sent += 1
        result.by_topic[row.topic] += 1
        try:
            future = sender.send(kafka.topic(row.topic), value=row.value, key=row.key)
        except KafkaTimeoutError as error:
            failed(error)
            raise
        except KafkaError as error:
            failed(error)
            continue
        future.add_callback(acknowledged).add_errback(failed)
        yield row


def _producer(kafka: KafkaSettings, paced: bool, delivery_timeout: float) -> KafkaProducer:
    with admin(kafka) as client:
        # The embedded broker gives a producer id, but not a second one after it was started again: an
        # idempotent producer would fail for good.
        idempotent = not str(client.describe_cluster().get("cluster_id")).startswith("tansu")
    return producer(
        kafka,
        idempotent,
        linger_ms=LATENCY_MS if paced else THROUGHPUT_MS,
        batch_size=BATCH_BYTES,
        max_request_size=MAX_MESSAGE_BYTES,
        delivery_timeout_ms=int(delivery_timeout * 1000),
        request_timeout_ms=min(30_000, int(delivery_timeout * 1000) - 1000),
        max_block_ms=int(delivery_timeout * 1000),
    )


def _steady(rows: Iterable[Row]) -> Iterator[Row]:
    """``rows``, each due at the median of the times around it: one with a wrong date holds up none behind it."""
    times: deque[float] = deque(maxlen=2 * AROUND + 1)
    held: deque[Row] = deque()

    def first() -> Row:
        place = len(times) - len(held)
        reach = min(place, len(held) - 1)
        return held.popleft()._replace(at=median(list(times)[place - reach : place + reach + 1]))

    broken_off: BadFile | None = None
    try:
        for row in rows:
            times.append(row.at)
            held.append(row)
            if len(held) > AROUND:
                yield first()
    except BadFile as error:  # what was read before is sent
        broken_off = error
    while held:
        yield first()
    if broken_off:
        raise broken_off


def _paced(rows: Iterable[Row], speed: float) -> Iterator[Row]:
    """``rows``, each held back until its time has come; time runs ``speed`` times as fast as it did."""
    started, origin = time.monotonic(), None
    for row in rows:
        if origin is None and row.at > 0:
            origin = row.at
        if origin is not None:
            wait = started + (row.at - origin) / speed - time.monotonic()
            if wait > MAX_LEAD_S:
                time.sleep(wait)
        yield row
