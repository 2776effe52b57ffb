"""What Kafka still holds of a person, and tombstones where a topic is compacted.

A broker deletes no single record. It drops those that are too old (``retention.ms``), a whole segment at a time; and in
a compacted topic it drops all of a key but the last, and after a tombstone (a record without a value) that, too.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, KafkaTimeoutError

from settings import KafkaSettings
from storage import Sent
from stream.kafka.clients import admin, producer
from stream.kafka.rereading import to_the_end
from stream.kafka.topics import topic_ids

SOURCES, MADE = ("comments", "labels"), ("scored", "dead-letters", "alerts")
"""The topics that may hold a person's records: what they wrote, and what a worker made of it."""

QUIET_S, SEND_S = 30.0, 30.0

Mine = Callable[[Any], bool]
"""Whether a record, as the client gives it, is the person's or shows something of them."""


@dataclass(slots=True)
class HeldRecords:
    """A person's records in one partition. ``policy`` is the topic's ``cleanup.policy``. ``until`` is when the broker
    has deleted the last of them at the latest, None if it never does or does not say (``why`` tells).

    ``tombstones`` were sent for their keys; ``refused`` says why some were not."""

    topic: str
    partition: int
    offsets: list[int] = field(default_factory=list)
    policy: str = ""
    until: datetime | None = None
    why: str = ""
    tombstones: int = 0
    refused: str = ""


@dataclass(slots=True)
class _Found:
    """``last`` is the offset of the last record of each of the person's keys; ``keys`` are those keys, by offset."""

    held: HeldRecords
    newest_ms: int = 0
    keys: dict[int, bytes] = field(default_factory=dict)
    last: dict[bytes, int] = field(default_factory=dict)


def erase_from_topics(
    kafka: KafkaSettings, sent: Sent, wrote: Callable[[bytes], bool], told: Callable[[str], None] = lambda line: None
) -> list[HeldRecords]:
    """Look for a person's records in all topics, from their beginning to their end, and send tombstones where a topic
    is compacted. ``wrote`` tells by its bytes whether the person sent a record; ``sent`` is what is stored of them.
    ``told`` is called with a line about each topic before it is read.

    Raises ``KafkaError`` if a topic cannot be read.
    """
    with admin(kafka) as client:
        there = set(client.list_topics())
    hidden = [name for name in map(kafka.topic, (*SOURCES, *MADE)) if name not in there]
    if hidden:
        told(f"Kafka shows us no topic {', '.join(hidden)}")
    sources = [name for name in map(kafka.topic, SOURCES) if name in there]
    made = {kafka.topic(what): what for what in MADE if kafka.topic(what) in there}
    ids = topic_ids(kafka, sources)
    known = {(topic, partition, offset) for topic, topic_id, partition, offset in sent.positions
             if ids.get(topic) == topic_id}  # fmt: skip
    found: list[_Found] = []
    for name in sources:
        told(f"reading the topic {name}")
        found += _look(kafka, name, lambda record: _at(record) in known or wrote(record.value))
    # Those that no worker has read yet will be scored, or be dead letters.
    positions = set(sent.positions) | {
        (one.held.topic, ids[one.held.topic], one.held.partition, offset)
        for one in found
        for offset in one.held.offsets
    }
    tests: dict[str, Mine] = {
        "scored": lambda record: _position(_json(record.value)) in positions,
        "dead-letters": lambda record: _is_theirs(_json(record.value), positions, wrote),
        "alerts": lambda record: _shows(_json(record.value), sent),
    }
    for name, what in made.items():
        told(f"reading the topic {name}")
        found += _look(kafka, name, tests[what])
    configs = _configs(kafka, {one.held.topic for one in found})
    for one in found:
        _say_how_long(one, configs.get(one.held.topic, {}))
    _send_tombstones(kafka, [one for one in found if "compact" in one.held.policy])
    unseen = Sent([at for at in sent.positions if at[0] not in there], set(), set())
    return [one.held for one in found] + known_records(unseen, "Kafka shows us no such topic")


def known_records(sent: Sent, why: str) -> list[HeldRecords]:
    """The records that are stored, where Kafka was not asked: it may still have them. ``why`` says why it was not."""
    found: dict[tuple[str, int], HeldRecords] = {}
    for topic, _, partition, offset in sent.positions:
        found.setdefault((topic, partition), HeldRecords(topic, partition, why=why)).offsets.append(offset)
    return list(found.values())


def _look(kafka: KafkaSettings, topic: str, mine: Mine) -> list[_Found]:
    """The person's records of a topic by partition; partitions without any are left out."""
    found: dict[int, _Found] = {}
    for record in _records(kafka, topic):
        one = found.get(record.partition)
        if one is not None and record.key in one.last:
            one.last[record.key] = record.offset
        if record.value is None or not mine(record):
            continue
        if one is None:
            one = found[record.partition] = _Found(HeldRecords(topic, record.partition))
        one.held.offsets.append(record.offset)
        one.newest_ms = max(one.newest_ms, record.timestamp)
        if record.key is not None:
            one.keys[record.offset] = record.key
            one.last[record.key] = record.offset
    return [found[partition] for partition in sorted(found)]


def _records(kafka: KafkaSettings, topic: str) -> Iterator[Any]:
    """All records of a topic up to its present end. Raises ``KafkaTimeoutError`` if nothing comes for ``QUIET_S``."""
    heard = time.monotonic()
    for records in to_the_end(kafka, topic):
        if records:
            heard = time.monotonic()
            yield from records
        elif time.monotonic() - heard > QUIET_S:
            raise KafkaTimeoutError(f"{topic} could not be read to its end")


def _at(record: Any) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def _json(value: bytes) -> dict[str, Any]:
    """What a worker wrote; {} if it was somebody else."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _position(message: dict[str, Any]) -> tuple[Any, ...]:
    position = message.get("position")
    if not isinstance(position, dict):
        return ()
    return tuple(position.get(name) for name in ("topic", "topic_id", "partition", "offset"))


def _is_theirs(message: dict[str, Any], positions: Collection[tuple[Any, ...]], wrote: Callable[[bytes], bool]) -> bool:
    """Whether a dead letter is of one of the ``positions``, or holds bytes that the person sent."""
    if _position(message) in positions:
        return True
    try:
        return wrote(base64.b64decode(message.get("raw", "")))
    except (TypeError, ValueError):
        return False


def _shows(message: dict[str, Any], sent: Sent) -> bool:
    """Whether the evidence of an alert shows a document of the person."""
    match message.get("data"):
        case {"id": str(identifier), "state": str(state)} if (identifier, state) in sent.alerts:
            return True
        case {"evidence": {"documents": list(documents)}}:
            return any(isinstance(one, dict) and one.get("document_id") in sent.document_ids for one in documents)
    return False


def _configs(kafka: KafkaSettings, topics: Collection[str]) -> dict[str, dict[str, str]]:
    """The settings of ``topics``, as far as the broker lets us read them."""
    try:
        with admin(kafka) as client:
            asked = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
            told = client.describe_configs(asked, config_filter="all").get("topic", {}) if asked else {}
    except KafkaError:  # it needs a permission of its own
        return {}
    return {topic: {name: one["value"] for name, one in found.items()} for topic, found in told.items()}


def _say_how_long(found: _Found, config: dict[str, str]) -> None:
    held = found.held
    held.policy = config.get("cleanup.policy", "")
    retention = int(config.get("retention.ms") or 0)
    if held.policy and "delete" not in held.policy:
        held.why = "until it is compacted"
    elif retention < 0:
        held.why = "for ever"
    elif not retention or found.newest_ms <= 0:
        held.why = "not known"
    else:
        # A segment is as old as its last record, and may take further ones for segment.ms.
        kept = timedelta(milliseconds=retention + int(config.get("segment.ms") or 0))
        try:
            held.until = datetime.fromtimestamp(found.newest_ms / 1000, UTC) + kept
        except (OverflowError, ValueError):
            held.why = "for ever"


def _send_tombstones(kafka: KafkaSettings, found: Collection[_Found]) -> None:
    """One for each key whose last record is the person's. After one of somebody else, theirs are dropped in any case,
    and a tombstone would drop that, too."""
    wanted = [
        (one.held, key) for one in found for offset, key in sorted(one.keys.items()) if one.last.get(key) == offset
    ]
    if not wanted:
        return
    sender = producer(kafka, max_block_ms=int(SEND_S * 1000))
    try:
        for held, key in wanted:
            try:
                sender.send(held.topic, key=key, value=None, partition=held.partition).get(timeout=SEND_S)
                held.tombstones += 1
            except KafkaError as error:
                held.refused = str(error) or type(error).__name__
    finally:
        sender.close(timeout=5)
