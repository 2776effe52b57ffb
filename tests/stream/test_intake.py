from stream.kafka import Received
from stream.kafka.intake import Intake


def record(offset: int, topic: str = "news", partition: int = 0) -> Received:
    return Received(topic, partition, offset, b"{}")


def offsets(records: list[Received]) -> list[int]:
    return [record.offset for record in records]


def intake(held: set[int], position: int = 0) -> tuple[Intake, list[tuple[int, int]]]:
    asked: list[tuple[int, int]] = []

    def reread(topic: str, partition: int, first: int, end: int) -> list[Received]:
        asked.append((first, end))
        return [record(offset) for offset in range(first, end) if offset in held]

    made = Intake(reread)
    made.assign({("news", 0): position})
    return made, asked


def test_each_position_is_admitted_once():
    made, asked = intake(set())
    assert offsets(made.admit([record(0), record(1)])) == [0, 1]
    assert offsets(made.admit([record(0), record(1), record(2)])) == [2]
    assert asked == []


def test_what_the_ledger_has_is_not_admitted():
    made, _ = intake(set(), position=5)
    assert offsets(made.admit([record(offset) for offset in range(8)])) == [5, 6, 7]


def test_a_record_that_the_client_left_out_is_read_again():
    made, asked = intake({0, 1, 2, 3, 4})
    assert offsets(made.admit([record(0), record(3), record(4)])) == [0, 1, 2, 3, 4]
    assert asked == [(1, 3)]


def test_a_gap_of_the_log_itself_is_accepted_and_asked_for_once():
    made, asked = intake({0, 5})
    assert offsets(made.admit([record(0), record(5)])) == [0, 5]
    assert offsets(made.admit([record(6)])) == [6]
    assert asked == [(1, 5)]


def test_records_that_were_deleted_before_they_could_be_read_again_are_told():
    told: list[tuple[str, int, int, int]] = []
    held = [record(4), record(5)]
    made = Intake(lambda *where: held, log_start=lambda *where: 3, on_expired=lambda *lost: told.append(lost))
    made.assign({("news", 0): 0})
    assert offsets(made.admit([record(0), record(6)])) == [0, 4, 5, 6]
    assert told == [("news", 0, 1, 3)]


def test_offsets_without_records_are_not_awaited_and_not_asked_for():
    made, asked = intake({0, 5})
    made.no_records("news", 0, 1, 3)
    made.no_records("news", 0, 3, 5)
    made.no_records("news", 0, 6, 7)
    assert offsets(made.admit([record(0), record(5)])) == [0, 5]
    assert made.next_offset("news", 0) == 7
    assert asked == []
    made.no_records("comments", 3, 0, 2)  # revoked


def test_records_before_offsets_without_records_are_not_forgotten():
    made, asked = intake({0, 1, 2, 5})
    made.no_records("news", 0, 3, 5)
    assert offsets(made.admit([record(0), record(5)])) == [0, 1, 2, 5]
    assert asked == [(1, 5)]


def test_records_of_a_revoked_partition_are_refused():
    made, _ = intake(set())
    made.assign({("comments", 1): 0})
    assert made.admit([record(0)]) == []
    assert offsets(made.admit([record(0, "comments", 1)])) == [0]
