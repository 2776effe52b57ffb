"""Where partitions continue when the broker does not hold what the ledger says: over a real ClickHouse."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from clickhouse_driver import Client

from documents import Document, Position
from storage import EpochEnd, Loss, LossReason, lost_ranges, positions, write_documents, write_ends, write_epochs
from stream.kafka.losing import Bounds, Continuation, continue_from

IDS = {"news": "now", "comments": "c"}


def write(client: Client, first: int, last: int, topic_id: str = "now", partition: int = 0) -> None:
    write_documents(client, [Document(Position("news", topic_id, partition, n)) for n in range(first, last + 1)])


def found(
    client: Client, low: int, high: int, sure: int | None = None, partition: int = 0, cut: int | None = None
) -> Continuation:
    """The continuation where the broker holds ``low <= offset < high`` of news/0; ``sure`` is its end if it is larger
    than the broker first says. ``cut`` is where the log was cut off since its epoch was stored."""

    def bounds(partitions: Collection[tuple[str, int]]) -> Bounds:
        assert set(partitions) == {("news", partition)}
        return {("news", partition): (low, high)}

    def sure_ends(topics: Collection[str]) -> Bounds:
        assert set(topics) == {"news"}
        return {("news", partition): (low, sure or high)}

    def cut_off(known: Mapping[tuple[str, int], EpochEnd]) -> Mapping[tuple[str, int], int]:
        return {where: cut for where, one in known.items() if cut is not None and cut < one.end}

    return continue_from(client, IDS, {("news", 0), ("news", 1), ("comments", 0)}, bounds, sure_ends, cut_off)


def stored(client: Client) -> list[Loss]:
    return [loss for loss, _ in lost_ranges(client)]


def test_without_a_loss_it_continues_behind_what_is_stored(client: Client):
    write(client, 0, 4)
    assert found(client, 0, 9) == ({("news", 0): 5}, {}, [])
    assert found(client, 5, 5) == ({("news", 0): 5}, {}, [])
    assert found(client, 0, 3, sure=5).losses == stored(client) == []


def test_what_expired_is_lost_once(client: Client):
    write(client, 0, 4)
    expired = Loss("news", "now", 0, 5, 8, LossReason.expired)
    assert found(client, 8, 9) == ({("news", 0): 8}, {}, [expired])
    longer = expired._replace(end=9)  # the log went on being deleted before anything behind it was stored
    assert found(client, 9, 9).losses == [longer] and stored(client) == [longer]


def test_offsets_that_are_given_a_second_time_are_other_positions(client: Client):
    write(client, 0, 9)
    at, lives, losses = found(client, 0, 6)
    assert losses == [Loss("news", "now", 0, 6, 10, LossReason.truncated)]
    assert at == {("news", 0): 6} and lives["news", 0] == ("now+1", 6)
    assert found(client, 0, 6) == (at, lives, [])
    write(client, 6, 7, "now+1")
    assert found(client, 0, 8) == ({("news", 0): 8}, lives, [])
    at, lives, losses = found(client, 0, 7)
    assert losses == [Loss("news", "now+1", 0, 7, 8, LossReason.truncated)]
    assert at == {("news", 0): 7} and lives["news", 0] == ("now+2", 7)
    write(client, 7, 7, "now+2")
    assert positions(client, IDS)["news", 0] == 7
    assert found(client, 9, 9).losses == [Loss("news", "now+2", 0, 8, 9, LossReason.expired)]


def test_a_log_that_was_cut_off_and_has_grown_again_is_noticed_once(client: Client):
    write(client, 0, 9)
    write_epochs(client, IDS, {("news", 0): EpochEnd(3, 12)})
    at, lives, losses = found(client, 0, 30, cut=6)
    assert losses == [Loss("news", "now", 0, 6, 10, LossReason.truncated)]
    assert at == {("news", 0): 6} and lives["news", 0] == ("now+1", 6)
    write(client, 6, 20, "now+1")
    assert found(client, 0, 30, cut=6) == ({("news", 0): 21}, lives, [])


def test_a_cut_behind_what_is_stored_costs_nothing(client: Client):
    write(client, 0, 9)
    write_epochs(client, IDS, {("news", 0): EpochEnd(3, 15)})
    assert found(client, 0, 30, cut=10) == ({("news", 0): 10}, {}, [])


def test_of_a_topic_made_again_is_told_once_what_was_known_to_be_unread(client: Client):
    write(client, 0, 4, "before", 0)
    write(client, 0, 4, "before", 1)
    write_ends(client, {"news": "before"}, {("news", 0): 5, ("news", 1): 8})
    at, _, losses = found(client, 0, 0)
    assert at == {} and [(loss.partition, loss.first, loss.end) for loss in losses] == [(0, 5, 5), (1, 5, 8)]
    assert {loss.reason for loss in losses} == {LossReason.topic_made_again}
    assert found(client, 0, 0).losses == []
