"""Why no connection to Kafka comes about. The libraries log the reason, and raise only that no broker was found."""

from __future__ import annotations

import socket
import ssl

from kafka.errors import IllegalSaslStateError, KafkaError, SaslAuthenticationFailedError, UnsupportedSaslMechanismError

from settings import KafkaSettings
from stream.kafka.oauth import token_source
from stream.kafka.refusals import KafkaRefused
from stream.kafka.tls import client_context

PROBE_S = 3.0
ANSWER_S = 0.5
"""How long a broker may take to say that it wants another certificate. In TLS 1.3 it says so after the handshake."""

OTHER_HOST, OTHER_ADDRESS = 62, 64
"""OpenSSL's codes for a certificate that names another host."""


def diagnosed(kafka: KafkaSettings, error: KafkaError) -> KafkaError:
    """What to raise in place of ``error``, which a client raised that could not connect."""
    if isinstance(error, KafkaRefused):
        return error
    if isinstance(error, SaslAuthenticationFailedError | UnsupportedSaslMechanismError | IllegalSaslStateError):
        return _not_let_in(kafka, error)
    try:
        if kafka.signs_in and kafka.sasl_mechanism == "OAUTHBEARER":
            token_source(kafka).token()
        listens = check_encryption(kafka)
    except KafkaRefused as reason:
        return reason
    # With SCRAM, a broker does not answer an unknown user but closes the connection.
    return _not_let_in(kafka, error) if listens and kafka.signs_in else error


def check_encryption(kafka: KafkaSettings) -> bool:
    """Whether a broker listens. Raises ``KafkaRefused`` if it and we cannot agree on TLS, or on having none."""
    for server in kafka.servers:
        host, _, port = server.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=PROBE_S) as raw:
                if kafka.encrypts:
                    _handshake(kafka, server, raw, host.strip("[]"))
                elif _speaks_tls(raw):
                    raise KafkaRefused(
                        f"Kafka at {server} wants TLS: set KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL, "
                        f"it is {kafka.security_protocol}"
                    )
                return True
        except (OSError, ValueError):
            continue
    return False


def _not_let_in(kafka: KafkaSettings, error: KafkaError) -> KafkaRefused:
    if isinstance(error, UnsupportedSaslMechanismError):
        return KafkaRefused(
            f"Kafka at {kafka.bootstrap_servers} does not take {kafka.sasl_mechanism} ({error}): set "
            "KAFKA_SASL_MECHANISM to what it takes"
        )
    if kafka.sasl_mechanism == "OAUTHBEARER":
        who, what = f"the token of client {kafka.oauth_client_id!r}", "KAFKA_OAUTH_TOKEN_URL and KAFKA_OAUTH_SCOPE"
    else:
        who, what = f"user {kafka.sasl_username!r}", "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
    return KafkaRefused(
        f"Kafka at {kafka.bootstrap_servers} refused {who} by {kafka.sasl_mechanism}: check {what} ({error})"
    )


def _handshake(kafka: KafkaSettings, server: str, raw: socket.socket, host: str) -> None:
    try:
        with client_context(kafka).wrap_socket(raw, server_hostname=host) as wrapped:
            wrapped.settimeout(ANSWER_S)
            try:
                wrapped.recv(1)
            except TimeoutError:
                return  # it waits for a request
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in (OTHER_HOST, OTHER_ADDRESS):
            raise KafkaRefused(
                f"the certificate of Kafka at {server} is for another host: reach the brokers at a name that it holds, "
                f"or set KAFKA_SSL_CHECK_HOSTNAME=false ({error.verify_message})"
            ) from error
        raise KafkaRefused(
            f"the certificate of Kafka at {server} is not trusted: KAFKA_SSL_CA must name a file with the certificate "
            f"of who signed it ({error.verify_message})"
        ) from error
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or ""):
            ours = (
                f"the certificate in {kafka.ssl_certificate}" if kafka.ssl_certificate else "us without a certificate"
            )
            raise KafkaRefused(
                f"Kafka at {server} does not accept {ours}: check KAFKA_SSL_CERTIFICATE and KAFKA_SSL_KEY ({error})"
            ) from error
        raise KafkaRefused(
            f"Kafka at {server} does not speak TLS: check the port, and KAFKA_SECURITY_PROTOCOL, which is "
            f"{kafka.security_protocol} ({error})"
        ) from error


def _speaks_tls(raw: socket.socket) -> bool:
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE  # only to hear whether it speaks TLS
    try:
        anyone.wrap_socket(raw).close()
    except OSError:
        return False
    return True
