import pytest

from documents import BadRecord, Document, Position, Tombstone
from stream.upkeep import CircuitBreaker, FeedBroken


def check(breaker: CircuitBreaker, bad: list[bool]) -> None:
    at = Position("news", "id", 0, 0)
    breaker.check([BadRecord(at, "not_json") if verdict else Document(at) for verdict in bad])


def test_scattered_bad_records_pass():
    breaker = CircuitBreaker(run=5, share=0.5, window=100)
    for _ in range(20):
        check(breaker, [True, False, False] * 10)


def test_a_run_of_bad_records_stops_the_feed_even_across_batches():
    breaker = CircuitBreaker(run=5, share=1, window=100)
    check(breaker, [False, True, True, True, True])
    with pytest.raises(FeedBroken, match="5 bad records in a row"):
        check(breaker, [True])


def test_a_large_share_stops_the_feed_once_the_window_is_full():
    breaker = CircuitBreaker(run=100, share=0.5, window=10)
    check(breaker, [True, True, False] * 3)
    with pytest.raises(FeedBroken, match="7 of the latest 10"):
        check(breaker, [True])


def test_old_bad_records_are_forgotten():
    breaker = CircuitBreaker(run=100, share=0.5, window=10)
    check(breaker, [True] * 5 + [False] * 5)
    check(breaker, [False] * 10)
    check(breaker, [True] * 5)


def test_tombstones_are_neither_good_nor_bad():
    breaker = CircuitBreaker(run=5, share=0.5, window=10)
    tombstones = [Tombstone(Position("news", "id", 0, 0))] * 20
    breaker.check(tombstones)
    check(breaker, [True] * 4)
    breaker.check(tombstones)
    with pytest.raises(FeedBroken, match="5 bad records in a row"):
        check(breaker, [True])
