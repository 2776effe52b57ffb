"""For how long the oldest record of a partition waits, from what the looks at its end have seen."""

from __future__ import annotations

from stream.upkeep.lag import Ends


def test_the_oldest_record_that_is_not_stored_counts_from_the_look_that_saw_it_first() -> None:
    ends = Ends()
    ends.look(100, now=0)
    assert ends.waited(stored=100, now=4) == 0, "nothing waits"
    ends.look(100, now=5)
    ends.look(130, now=10)
    ends.look(190, now=15)
    assert ends.waited(stored=100, now=20) == 10
    assert ends.waited(stored=129, now=20) == 10
    assert ends.waited(stored=130, now=20) == 5, "what was seen at 10 is stored; what was seen at 15 is not"
    assert ends.waited(stored=190, now=20) == 0
    ends.look(191, now=25)
    assert ends.waited(stored=190, now=25.5) == 0.5


def test_a_busy_partition_that_keeps_up_has_no_lag_to_speak_of() -> None:
    """There is always a record under way, and another one each time."""
    ends = Ends()
    for second in range(0, 600, 5):
        ends.look(1000 + second, now=second)
        assert ends.waited(stored=999 + second, now=second) <= 5


def test_a_worker_that_stands_still_has_more_lag_from_look_to_look() -> None:
    ends = Ends()
    waited = []
    for second in range(0, 60, 5):
        ends.look(1000 + second, now=second)
        waited.append(ends.waited(stored=900, now=second))
    assert waited == [float(second) for second in range(0, 60, 5)]
