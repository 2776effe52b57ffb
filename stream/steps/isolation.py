"""Finds the records that make a step fail, so that each of them costs only itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from kafka.errors import KafkaError

from documents import BadRecord, Document, Fault, Label, Position, Row
from errors import FinsentError
from stream.kafka.intake import Reread

log = logging.getLogger(__name__)

NO_RECORDS_FAULT = (FinsentError, KafkaError, OSError)
"""What a step raises when something that it needs is away: ClickHouse, Kafka, a file. No record is to blame for it."""

LONGEST_REASON = 500


def because(step: str, error: Exception) -> str:
    """Why ``step`` failed, as a sentence."""
    return f"{step} failed: {type(error).__name__}: {error}"[:LONGEST_REASON]


class Isolation:
    """Runs steps over batches. A document at which a step fails becomes a dead letter, and its neighbours go on.

    ``reread`` reads the bytes of that record again: steps do not carry them along, as they hold personal data and are
    hardly ever needed.
    """

    def __init__(self, reread: Reread) -> None:
        self._reread = reread

    def run(
        self,
        name: str,
        step: Callable[[Sequence[Row]], None],
        rows: list[Row],
        check: Callable[[], None] = lambda: None,
        found: Callable[[BadRecord], None] = lambda bad: None,
    ) -> None:
        """Run ``step`` over ``rows``. If it fails, the batch is halved until the documents at fault are found, and they
        are replaced in ``rows``. That a step may be run over the same rows again is in its contract.

        ``check`` is called before that, and raises if the step cannot work at all. Then, and if something is away, no
        record is at fault, and the error is raised. ``found`` is called with each new bad record before the step is
        tried with the rows after it.
        """
        try:
            step(rows)
        except NO_RECORDS_FAULT:
            raise
        except Exception:
            check()
            for number, error in _at_fault(step, rows, 0):
                log.error(
                    "%s failed at one record", name, exc_info=error, extra={"position": str(rows[number].position)}
                )
                rows[number] = bad = self.dead_letter(rows[number].position, "failed", because(name, error))
                found(bad)

    def dead_letter(self, position: Position, kind: Fault, sentence: str) -> BadRecord:
        """The record at ``position`` as a bad record, with its bytes if the broker still has them."""
        found = self._reread(position.topic, position.partition, position.offset, position.offset + 1)
        return BadRecord(position, kind, "", sentence, (found[0].value or b"") if found else b"")


def _at_fault(
    step: Callable[[Sequence[Row]], None], rows: Sequence[Row], first: int
) -> Iterator[tuple[int, Exception]]:
    """The number of each of ``rows`` at which ``step`` fails when it has this row only, counted from ``first``."""
    try:
        step(rows)
    except NO_RECORDS_FAULT:
        raise
    except Exception as error:
        half = len(rows) // 2
        if half:
            yield from _at_fault(step, rows[:half], first)
            yield from _at_fault(step, rows[half:], first + half)
        elif isinstance(rows[0], Document | Label):
            yield first, error
        else:
            raise
