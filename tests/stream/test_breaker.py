import pytest

from stream.upkeep.breaker import CircuitBreaker, FeedBroken


def test_scattered_bad_records_pass():
    breaker = CircuitBreaker(run=5, share=0.5, window=100)
    for _ in range(20):
        breaker.check([True, False, False] * 10)


def test_a_run_of_bad_records_stops_the_feed_even_across_batches():
    breaker = CircuitBreaker(run=5, share=1, window=100)
    breaker.check([False, True, True, True, True])
    with pytest.raises(FeedBroken, match="5 bad records in a row"):
        breaker.check([True])


def test_a_large_share_stops_the_feed_once_the_window_is_full():
    breaker = CircuitBreaker(run=100, share=0.5, window=10)
    breaker.check([True, True, False] * 3)
    with pytest.raises(FeedBroken, match="7 of the latest 10"):
        breaker.check([True])


def test_old_bad_records_are_forgotten():
    breaker = CircuitBreaker(run=100, share=0.5, window=10)
    breaker.check([True] * 5 + [False] * 5)
    breaker.check([False] * 10)
    breaker.check([True] * 5)
