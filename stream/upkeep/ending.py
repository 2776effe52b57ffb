"""How a worker ends: at once and with an exit code, as its ledger lets the next one continue."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from errors import ExitCode, FinsentError
from stream.upkeep.breaker import FeedBroken
from stream.upkeep.patient_client import GaveUp, PatientClient, TopicReplaced
from stream.upkeep.run_record import RunRecord

log = logging.getLogger(__name__)

_records: list[RunRecord] = []
"""The record of this process, once there is one."""


@contextmanager
def recorded(record: RunRecord) -> Iterator[None]:
    """While this lasts, ``record`` is told how the process ends, whether it ends here or in ``end``."""
    record.begin()
    _records[:] = [record]
    try:
        yield
    except (KeyboardInterrupt, GeneratorExit):
        record.stopped()
        raise
    except SystemExit as stop:  # Faust's way to end; a failure is its context
        if stop.code:
            record.ended(int(ExitCode.FAILED), f"the worker crashed: {stop.__context__!r}"[:500])
        else:
            record.stopped()
        raise
    except BaseException as error:
        code = error.exit_code if isinstance(error, FinsentError) else ExitCode.FAILED
        record.ended(code, str(error)[:500] if isinstance(error, FinsentError) else repr(error)[:500])
        raise
    else:
        record.stopped()
    finally:
        _records.clear()


def end(code: ExitCode, why: str, subject: str = "") -> None:
    """End the process at once: what is not stored is read again by the next one. ``subject`` is the record or partition
    that it is about."""
    log.critical(why, extra={"exit_code": int(code)})
    for record in _records:
        record.ended(code, why, subject)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


def end_to_try_again(why: str, subject: str = "") -> None:
    """End the process: a fresh one may succeed."""
    end(ExitCode.TEMPFAIL, why, subject)


async def until_failure(carry: Callable[[], Awaitable[None]], client: PatientClient) -> None:
    """Await ``carry``; if it fails, end the process. The exception must not reach Faust: its stream would go on, and
    acknowledge records that it did not process."""
    try:
        await carry()
    except FeedBroken as error:
        end(error.exit_code, f"{error}; {error.remedy}")
    except GaveUp as error:
        if not client.stopping:
            end(error.exit_code, str(error))
    except TopicReplaced as error:
        end(error.exit_code, str(error))
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        log.exception("a step failed")
        end_to_try_again(f"records could not be processed: {type(error).__name__}: {error}"[:500])


def end_unless_stopped(within_s: float) -> None:
    """End the process in ``within_s`` seconds, unless it has ended by itself. A call that hangs and cannot be
    interrupted is left then: its batch is not stored, so it is read again."""
    late = f"not stopped within {within_s:g} s (STREAM_STOP_WITHIN_S)"
    last = threading.Timer(within_s, end_to_try_again, (late,))
    last.daemon = True
    last.start()
