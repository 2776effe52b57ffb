"""Finds out what Kafka has lost: at an assignment, by comparing the ledger with what the broker still holds, or when
the consumer reports it. A loss is stored, counted and logged before any record after it is read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from clickhouse_driver import Client
from kafka.errors import KafkaError

from storage import (
    NO_EPOCH,
    EpochEnd,
    Life,
    Loss,
    LossReason,
    Partition,
    broker_topic_id,
    former_positions,
    known_ends,
    known_epochs,
    lives,
    lost_ranges,
    positions,
    write_ends,
    write_epochs,
    write_losses,
)
from stream.kafka.identity import TopicIdentity
from stream.upkeep.metrics import Metrics
from stream.upkeep.patient_client import GaveUp, PatientClient

log = logging.getLogger(__name__)

Bounds = Mapping[Partition, tuple[int, int]]
"""Of each partition: the first offset that the broker holds, and the one that the next record will get."""


class Continuation(NamedTuple):
    """Where the partitions continue, and what was found to be lost on the way there."""

    positions: Mapping[Partition, int]
    """The next offset of each partition of which anything is stored."""

    lives: Mapping[Partition, Life]
    """The partitions whose log was cut off at some time."""

    losses: list[Loss]


class Losing:
    """Finds, stores and tells losses. For the thread that stores.

    ``sure_ends`` asks the broker what it holds of topics, see ``continue_from``.
    """

    def __init__(
        self,
        identity: TopicIdentity,
        client: PatientClient,
        sure_ends: Callable[[Collection[str]], Bounds],
        metrics: Metrics,
    ) -> None:
        self._identity, self._client, self._sure_ends, self._metrics = identity, client, sure_ends, metrics
        self.on_cut: Callable[[Partition, int], None] = lambda partition, offset: None
        """Called when the log of a partition that is being read was cut off at an offset, and something after that is
        stored: the partition has to be assigned anew."""

    def continuation(self, assigned: Collection[Partition]) -> Continuation:
        """Where the ``assigned`` partitions of the topics whose identity is known continue."""

        def look(client: Client) -> Continuation:
            identity = self._identity
            return continue_from(
                client, identity.assigned, assigned, identity.bounds, self._sure_ends, identity.cut_off
            )

        found = self._client.call(look)
        self._identity.lives = found.lives
        self._say(found.losses)
        return found

    def expired(self, topic: str, partition: int, first: int, end: int) -> None:
        """The broker deleted what was at ``first <= offset < end`` before it was read."""
        losses = [Loss(topic, self._identity.of(topic, partition), partition, first, end, LossReason.expired)]
        self._client.call(lambda client: write_losses(client, losses))
        self._say(losses)

    def keep_ends(self, ends: Mapping[Partition, int]) -> None:
        """Store where partitions end, so that it is known how much of a topic had not been read when it is deleted; and
        their leader epochs. A log that was cut off since the last time is noticed by them."""
        ids = self._identity.assigned
        try:
            self._client.call(lambda client: write_ends(client, ids, ends))
            known = self._client.call(lambda client: known_epochs(client, ids))
            cuts = self._identity.cut_off({where: one for where, one in known.items() if where in ends})
            for where, offset in cuts.items():
                self.on_cut(where, offset)
            now = {where: one for where, one in self._identity.epochs(ends).items() if where not in cuts}
            self._client.call(lambda client: write_epochs(client, ids, now))
        except GaveUp:
            log.warning("the worker ends before it could store the ends of its partitions")
        except KafkaError as error:
            log.warning("the broker does not tell the leader epochs: %s", error)

    def _say(self, losses: Sequence[Loss]) -> None:
        for loss in losses:
            log.error("records are lost: %s", loss, extra={"loss": loss._asdict()})
            self._metrics.lost.labels(loss.topic, loss.partition, loss.reason.value).inc(loss.offsets)


def continue_from(
    client: Client,
    topic_ids: Mapping[str, str],
    assigned: Collection[Partition],
    bounds: Callable[[Collection[Partition]], Bounds],
    sure_ends: Callable[[Collection[str]], Bounds],
    cut_off: Callable[[Mapping[Partition, EpochEnd]], Mapping[Partition, int]],
) -> Continuation:
    """Where the ``assigned`` partitions continue. What is lost is stored before this returns: rows behind a lost range
    would hide it otherwise.

    ``bounds`` asks the broker; its ends may be too small, so where one matters ``sure_ends`` is asked for the topic.
    ``cut_off`` asks whether a log was cut off since its leader epochs were stored, and where: it may be longer again
    than what is stored of it. Raises ``StorageUnavailable`` and what the two raise.
    """
    following = _next_offsets(client, topic_ids, assigned)
    losses = _of_former_topics(client, topic_ids)
    held = bounds(following.keys()) if following else {}
    cut = lives(client, topic_ids)
    doubtful = {topic for (topic, number), offset in following.items() if offset > held[topic, number][1]}
    sure = sure_ends(doubtful) if doubtful else {}
    cuts = cut_off({where: one for where, one in known_epochs(client, topic_ids).items() if where in following})
    for (topic, number), offset in following.items():
        life = cut.get((topic, number))
        topic_id = life.topic_id if life else topic_ids[topic]
        low, high = held[topic, number][0], max(held[topic, number][1], sure.get((topic, number), (0, 0))[1])
        shortest = min(high, cuts.get((topic, number), high))
        if offset < low:
            losses.append(Loss(topic, topic_id, number, offset, low, LossReason.expired))
        elif offset > shortest:
            losses.append(Loss(topic, topic_id, number, shortest, offset, LossReason.truncated))
    if losses:
        write_losses(client, losses)
    # The stored epochs are out of date now. The losses are stored first, because the cut cannot be noticed a second
    # time.
    write_epochs(client, topic_ids, dict.fromkeys(cuts, NO_EPOCH))
    if losses:
        cut = lives(client, topic_ids)
        following = _next_offsets(client, topic_ids, assigned)
    at = {partition: max(offset, held[partition][0]) for partition, offset in following.items()}
    return Continuation(at, cut, losses)


def _next_offsets(
    client: Client, topic_ids: Mapping[str, str], assigned: Collection[Partition]
) -> dict[Partition, int]:
    """The offset after the last one that is stored, of each assigned partition with anything stored."""
    return {where: last + 1 for where, last in positions(client, topic_ids).items() if where in assigned}


def _of_former_topics(client: Client, topic_ids: Mapping[str, str]) -> list[Loss]:
    """The unread rest of topics that were deleted and made again, unless it is stored as lost already."""
    former = former_positions(client, topic_ids)
    if not former:
        return []
    told = {
        (loss.topic, loss.topic_id, loss.partition)
        for loss, _ in lost_ranges(client)
        if loss.reason in (LossReason.topic_made_again, LossReason.truncated)
    }
    ends = known_ends(client, topic_ids)
    found = []
    for (topic, topic_id, number), last in sorted(former.items()):
        if (topic, topic_id, number) not in told:
            end = max(last + 1, ends.get((topic, broker_topic_id(topic_id), number), 0))
            found.append(Loss(topic, topic_id, number, last + 1, end, LossReason.topic_made_again))
    return found
