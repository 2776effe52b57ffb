"""What it means that a worker cannot get into its consumer group: whether it may pass, and what to do."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
)

from errors import ExitCode
from settings import KafkaSettings

TAKEN_TIMES, TAKEN_WITHIN_S = 4, 60.0
"""A member that the broker forgot because it was slow loses its place once; two members with one name take it from each
other every few seconds."""


class InstanceIdTaken(Exception):
    """Another process is in the group under this worker's ``group.instance.id``."""


class Place:
    """The place of a static member in its group, by the member ids that the broker gave it.

    The broker gives a new id to each process that joins under the name, and forgets the one before. The client only
    hears that it is unknown, and joins again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._member = ""
        self._lost: deque[float] = deque(maxlen=TAKEN_TIMES)

    def look(self, member: str) -> None:
        """Look at the id that the client has now, "" while it has none. Raises ``InstanceIdTaken``."""
        if not member or member == self._member:
            return
        if self._member:
            self._lost.append(self._clock())
        self._member = member
        if len(self._lost) == TAKEN_TIMES and self._lost[-1] - self._lost[0] < TAKEN_WITHIN_S:
            raise InstanceIdTaken


def ending(error: Exception, kafka: KafkaSettings) -> tuple[ExitCode, str] | None:
    """How the worker ends because of ``error``, and why; None if it may try again in the same process."""
    if isinstance(error, InvalidSessionTimeoutError):
        return ExitCode.CONFIG, (
            f"the broker refuses a session time-out of {kafka.session_timeout_s:g} s (KAFKA_SESSION_TIMEOUT_S): "
            "it takes what lies between its group.min.session.timeout.ms and group.max.session.timeout.ms"
        )
    if isinstance(error, InvalidGroupIdError):
        return ExitCode.CONFIG, f"the broker refuses the group id {kafka.group_id!r} (KAFKA_GROUP_ID)"
    if isinstance(error, InconsistentGroupProtocolError):
        return ExitCode.CONFIG, (
            f"the group {kafka.group_id!r} has members that share partitions in another way: they are no workers of "
            "finsent, so give the workers another KAFKA_GROUP_ID"
        )
    if isinstance(error, InstanceIdTaken):  # the other one may be a process that is about to end
        return ExitCode.TEMPFAIL, (
            f"the place of {kafka.group_instance_id!r} (KAFKA_GROUP_INSTANCE_ID) in the group {kafka.group_id!r} was "
            "taken by another process again and again: give each worker a name of its own"
        )
    if isinstance(error, GroupAuthorizationFailedError):  # permissions are often given a moment later
        return ExitCode.TEMPFAIL, (
            f"the worker may not read as the group {kafka.group_id!r} (KAFKA_GROUP_ID); "
            "`finsent doctor --acls` prints what has to be allowed"
        )
    return None
