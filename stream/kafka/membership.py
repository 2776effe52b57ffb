"""What it means that a worker cannot get into its consumer group: whether it may pass, and what to do."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable

from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
)
from kafka.admin import MemberToRemove
from kafka.errors import KafkaError, NoError

from errors import ExitCode
from settings import KafkaSettings
from stream.kafka.clients import admin
from stream.kafka.topics import READ

log = logging.getLogger(__name__)

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


def leave_for_other_topics(kafka: KafkaSettings) -> None:
    """Take this worker's static member out of the group if it was in it for other topics than those of the settings.

    To call before the worker joins. A member that comes back under its name gets the partitions that it had, and the
    group does not share them anew: nobody would read a topic that is new in the settings.
    """
    name = kafka.group_instance_id
    if not name:
        return
    topics = {kafka.topic(topic) for topic in READ}
    with admin(kafka) as client:
        try:
            members = client.describe_groups([kafka.group_id])[kafka.group_id]["members"]
            own = next((one for one in members if one.get("group_instance_id") == name), None)
            if own is None or not isinstance(own["member_metadata"], dict):  # not told while the group shares anew
                return
            if set(own["member_metadata"]["topics"]) == topics:
                return
            (left,) = client.remove_group_members(kafka.group_id, [MemberToRemove(group_instance_id=name)]).values()
        except (KafkaError, ValueError, KeyError) as error:  # no such group, no right, an answer that cannot be read
            log.info("not looked at in the group: %r", error, extra={"group": kafka.group_id})
            return
    if left is NoError:
        log.info("the topics are others than before, so the group shares them anew", extra={"group": kafka.group_id})
    else:
        log.warning(
            "the topics are others than before, and may not be read until the group shares them anew: %s",
            left.__name__,
            extra={"group": kafka.group_id},
        )
