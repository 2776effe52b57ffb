"""Leader epochs, by which a consumer notices that a log was cut off and has grown again (Kafka's KIP-320)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.protocol.consumer import OffsetForLeaderEpochRequest

from storage import EpochEnd, Partition

AskedTopic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic
AskedPartition = AskedTopic.OffsetForLeaderPartition


def latest_epochs(client: KafkaAdminClient, partitions: Collection[Partition]) -> dict[Partition, EpochEnd]:
    """The leader epoch and the end of each (topic, partition). One whose broker gives no epoch is left out."""
    asked = dict.fromkeys((TopicPartition(*where) for where in partitions), OffsetSpec.LATEST)
    return {
        (where.topic, where.partition): EpochEnd(found.leader_epoch, found.offset)
        for where, found in client.list_partition_offsets(asked).items()
        if found.leader_epoch is not None
    }


def cut_off(client: KafkaAdminClient, known: Mapping[Partition, EpochEnd]) -> dict[Partition, int]:
    """The partitions whose log was cut off since ``known`` was true, and the first offset that was lost of each.

    Only where the leader has changed a log may have been cut off, so most of the time one question is enough.
    """
    latest = latest_epochs(client, known) if known else {}
    changed = {where: known[where].epoch for where, now in latest.items() if now.epoch > known[where].epoch}
    return {where: end for where, end in _epoch_ends(client, changed).items() if 0 <= end < known[where].end}


def _epoch_ends(client: KafkaAdminClient, epochs: Mapping[Partition, int]) -> dict[Partition, int]:
    """Where the records of each epoch and of earlier ones end now; -1 where the leader does not know."""
    by_leader: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for topic in client.describe_topics(sorted({name for name, _ in epochs})) if epochs else []:
        for part in topic["partitions"]:
            where = topic["name"], part["partition_index"]
            if where in epochs:
                by_leader[part["leader_id"]].append((*where, epochs[where]))
    found: dict[Partition, int] = {}
    for leader, asked in by_leader.items():
        topics = [AskedTopic(topic=topic, partitions=[AskedPartition(partition=number, current_leader_epoch=-1,
                  leader_epoch=epoch)]) for topic, number, epoch in asked]  # fmt: skip
        # The library has no function for it that is not about a consumer's own position.
        manager = client._manager
        answer = manager.run(manager.send, OffsetForLeaderEpochRequest(replica_id=-1, topics=topics), leader)
        for one in answer.topics:
            found |= {(one.topic, part.partition): part.end_offset for part in one.partitions if not part.error_code}
    return found
