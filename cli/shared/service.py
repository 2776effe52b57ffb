"""Which service the commands speak to, and who runs them."""

from __future__ import annotations

import getpass
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from errors import FinsentError
from settings import data_directory, given

if TYPE_CHECKING:
    from settings import KafkaSettings


class KafkaUnavailable(FinsentError):
    """No broker listens at the configured addresses; the sentence says what to do."""


def kafka_answering() -> KafkaSettings:
    """How to reach Kafka. Raises ``KafkaUnavailable`` if no broker listens, and ``KafkaRefused`` if there is no getting
    on with it about TLS, both at once and without a time-out."""
    from settings import KafkaSettings

    kafka, errors = KafkaSettings(), []
    for server in kafka.servers:
        host, _, port = server.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            break
        except (OSError, ValueError) as error:
            errors.append(f"{server}: {error}")
    else:
        raise KafkaUnavailable(
            f"no Kafka broker listens ({'; '.join(errors)}); set KAFKA_BOOTSTRAP_SERVERS, or start the service "
            "with 'finsent up'"
        )
    if kafka.encrypts:
        from stream.kafka import check_encryption

        check_encryption(kafka)
    return kafka


_taken_over: set[str] = set()


def use_running_service() -> None:
    """Use the service that runs on the data directory, unless the environment names a cluster."""
    if given("KAFKA_BOOTSTRAP_SERVERS") or given("CLICKHOUSE_URL"):
        return
    state = data_directory() / "state.json"
    if state.exists():
        from deploy.local import NotRunning, environment_of

        with suppress(NotRunning):
            found = environment_of(data_directory())
            _taken_over.update(found.keys() - os.environ.keys())
            for name in _taken_over:  # what the caller set stays
                os.environ[name] = found[name]


def own_environment() -> None:
    """Drop what ``use_running_service`` took over: the command is about another service."""
    for name in _taken_over:
        os.environ.pop(name, None)


def user_name() -> str:
    """The account that runs the command, for the audit log. Fails where it has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise FinsentError("this account has no name; set LOGNAME to say who it is") from error
