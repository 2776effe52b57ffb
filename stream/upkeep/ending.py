"""How a worker ends: at once and with an exit code, as its ledger lets the next one continue."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable

from errors import ExitCode
from stream.upkeep.breaker import FeedBroken
from stream.upkeep.patient_client import GaveUp, PatientClient, TopicReplaced

log = logging.getLogger(__name__)


def end(code: ExitCode, why: str) -> None:
    """End the process at once: what is not stored is read again by the next one."""
    log.critical(why, extra={"exit_code": int(code)})
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


def end_to_try_again(why: str) -> None:
    """End the process: a fresh one may succeed."""
    end(ExitCode.TEMPFAIL, why)


async def until_failure(carry: Callable[[], Awaitable[None]], client: PatientClient) -> None:
    """Await ``carry``; if it fails, end the process. Nothing may be raised to Faust instead: a stream of Faust's that
    saw an exception goes on, and acknowledges what it does not process."""
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
    except BaseException:
        log.exception("a step failed")
        end_to_try_again("records could not be processed")


def end_unless_stopped(within_s: float) -> None:
    """End the process in ``within_s`` seconds, unless it has ended by itself. A call that hangs and cannot be
    interrupted is left then: its batch is not stored, so it is read again."""
    late = f"not stopped within {within_s:g} s (STREAM_STOP_WITHIN_S)"
    last = threading.Timer(within_s, end_to_try_again, (late,))
    last.daemon = True
    last.start()
