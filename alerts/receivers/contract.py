"""The contract of all receivers: what the rules' file says of one, and what its transport must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec

from alerts.durations import Duration

AlertRows = Sequence[Mapping[str, Any]]
"""Transitions as ``storage.reads.transitions_to_send`` returns them: the columns of the table ``alerts``, with
``evidence`` decoded."""


class Digest(NamedTuple):
    """What a receiver is sent once a day: the alerts between ``since`` and ``until`` that it was not sent singly, the
    worst first. ``more`` is how many further ones are left out. ``events`` are what else happened and raised no alert
    (see ``storage.reads.events_told``)."""

    since: datetime
    until: datetime
    alerts: AlertRows
    more: int = 0
    events: Sequence[Mapping[str, Any]] = ()


class Receiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is sent alerts, and how: one entry of ``receivers`` in the rules' file."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    type: str
    """One of ``alerts.receivers.TRANSPORTS``."""
    url: str = ""
    secret_env: str = ""
    """The environment variable with the HMAC key, or with the password of an SMTP server."""
    to: list[str] = []
    """The addresses of an e-mail."""
    sender: str = "finsent@localhost"
    private_addresses: bool = False
    """Whether the receiver may be in a private network."""
    attempts: Annotated[int, msgspec.Meta(ge=1, le=20)] = 5
    timeout: Duration = "10s"


class Refused(Exception):
    """The receiver can never be sent this message as it is set up. The text says why."""


class Failed(Exception):
    """The message may be sent later, but not before ``retry_after`` seconds if the receiver asked for a pause."""

    def __init__(self, why: str, retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class Transport(ABC):
    """Sends messages to one receiver. Every kind of receiver is one subclass."""

    schemes: ClassVar[tuple[str, ...]]
    """The receiver's ``url`` must begin with one of these."""

    takes_digests: ClassVar[bool] = True
    """Whether it can be sent digests."""

    def __init__(self, receiver: Receiver, secret: str = "") -> None:
        self.receiver, self.secret = receiver, secret

    @classmethod
    def problem(cls, receiver: Receiver) -> str:
        """What is wrong with the entry in the rules' file, or ''."""
        if receiver.url.startswith(cls.schemes):
            return ""
        return f"'url' must start with {' or '.join(cls.schemes)}, not {receiver.url!r}"

    @abstractmethod
    def send(self, message_id: str, alerts: AlertRows, timeout: float) -> None:
        """Send ``alerts`` as one message, which the receiver can recognise by ``message_id`` when it comes again.

        ``timeout`` is in seconds, for each step. Connections are made by ``open_socket``, which checks the address.
        Raises ``Refused``; raises ``Failed``, ``OSError`` or an error of the protocol's library where a later try may
        work.
        """

    @abstractmethod
    def send_digest(self, message_id: str, digest: Digest, timeout: float) -> None:
        """Send a digest as one message, by the same rules. Raises ``Refused`` where ``takes_digests`` is false."""
