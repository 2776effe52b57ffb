"""TLS whose certificates may be replaced while the process runs."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Any

from settings import KafkaSettings, secret_of
from stream.kafka.refusals import BadCertificate

log = logging.getLogger(__name__)


class RenewedContext(ssl.SSLContext):
    """A context for clients. Each handshake uses what the files of ``KafkaSettings`` hold by then.

    If the files cannot be used, for example while only one of two has been replaced, the last good certificates stay in
    use. Open connections keep theirs.
    """

    def __new__(cls, kafka: KafkaSettings) -> RenewedContext:  # the protocol is not asked for, as it would be
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._read = _state(kafka)
        self._current = client_context(kafka)

    def _renewed(self) -> ssl.SSLContext:
        try:
            found = _state(self._kafka)
            if found != self._read:
                self._read = found
                self._current = client_context(self._kafka)
                log.info("certificates read again")
        except (OSError, BadCertificate) as error:
            log.warning("the certificates read before serve on: %s", error)
        return self._current

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Called by kafka-python for each connection."""
        return self._renewed().wrap_socket(*args, **options)

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Called by asyncio for each connection of aiokafka."""
        return self._renewed().wrap_bio(*args, **options)


def client_context(kafka: KafkaSettings) -> ssl.SSLContext:
    """A context with what the files hold now. Raises ``BadCertificate``, or ``OSError`` if one cannot be read."""
    try:
        made = ssl.create_default_context(cafile=kafka.ssl_ca)
    except ssl.SSLError as error:
        raise BadCertificate(f"{kafka.ssl_ca} holds no certificates in PEM: {error}") from error
    made.check_hostname = kafka.ssl_check_hostname
    if kafka.ssl_certificate:
        password = secret_of(kafka.ssl_key_password, kafka.ssl_key_password_file)
        try:
            # As a function, because without a password OpenSSL would ask for one on the terminal.
            made.load_cert_chain(kafka.ssl_certificate, kafka.ssl_key, lambda: password)
        except ssl.SSLError as error:
            files = " and ".join(str(path) for path in (kafka.ssl_certificate, kafka.ssl_key) if path)
            why = "they do not belong together" if error.reason == "KEY_VALUES_MISMATCH" else str(error)
            raise BadCertificate(
                f"{files}: no certificate and its key, or the key's password is wrong: {why}"
            ) from error
    return made


def _state(kafka: KafkaSettings) -> list[tuple[Path, int, int, int]]:
    """What changes when a file is written or replaced."""
    paths = (kafka.ssl_ca, kafka.ssl_certificate, kafka.ssl_key, kafka.ssl_key_password_file)
    found = [(path, path.stat()) for path in paths if path is not None]
    return [(path, stat.st_mtime_ns, stat.st_size, stat.st_ino) for path, stat in found]
