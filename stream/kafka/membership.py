"""What it means that a worker cannot get into its consumer group: whether it may pass, and what to do."""

from __future__ import annotations

from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
)

from errors import ExitCode
from settings import KafkaSettings


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
    if isinstance(error, GroupAuthorizationFailedError):  # permissions are often given a moment later
        return ExitCode.TEMPFAIL, (
            f"the worker may not read as the group {kafka.group_id!r} (KAFKA_GROUP_ID); "
            "`finsent doctor --acls` prints what has to be allowed"
        )
    return None
