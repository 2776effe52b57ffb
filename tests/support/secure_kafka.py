"""Apache Kafka with a listener for every way to sign in, and an authorizer that allows nothing by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from deploy.local import Child, free_port, kafka
from deploy.local.broker import listens
from settings import KafkaSettings
from stream.kafka.clients import admin
from tests.support import kafka_at
from tests.support.certificates import KEY_PASSWORD, Authority
from tests.support.token_server import CLIENT, SCOPE, SECRET, TokenServer

ADMIN, PASSWORD = "admin", "pa,ss=word #1"
"""A user who may do everything."""

USERS = ("worker", "producer", "scheduler", "console", "auditor", "eraser", "a,b=2Cc")
"""Users who may do nothing; their password is ``PASSWORD``, too. The last name has what SCRAM has to escape."""

READY_SECONDS = 180.0
SCRAM = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}

LISTENERS = {
    "TLS": "SSL",
    "MTLS": "SSL",
    "SIGNED": "SASL_PLAINTEXT",
    "SIGNEDTLS": "SASL_SSL",
}
"""Name of the listener, and its security protocol."""


class SecureKafka:
    """Where each listener is, and the settings for each way to sign in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder, "authority")
        self.stranger = Authority(folder, "stranger")
        self.broker = self.authority.certify("broker", ("localhost",))
        self.client = self.authority.certify(ADMIN)
        self.tokens = TokenServer(ADMIN)
        self.node = kafka.Node(1, free_port(), free_port(), folder / "broker")
        self.ports = {name: free_port() for name in LISTENERS}
        self.plaintext = kafka_at(self.node.address)

    def at(self, listener: str, **values: Any) -> KafkaSettings:
        """The settings for one of ``LISTENERS``."""
        protocol = LISTENERS[listener]
        if protocol.endswith("SSL"):
            values = {"ssl_ca": self.authority.file, **values}
        return KafkaSettings(
            bootstrap_servers=f"localhost:{self.ports[listener]}", security_protocol=protocol, **values
        )

    def signed_in_as(self, user: str, **values: Any) -> KafkaSettings:
        """The settings of ``ADMIN``, or of one of ``USERS``."""
        signing = {"sasl_mechanism": "SCRAM-SHA-256", "sasl_username": user, "sasl_password": PASSWORD}
        return self.at("SIGNEDTLS", **signing, **values)

    def ways(self) -> dict[str, KafkaSettings]:
        """Every way to be ``ADMIN`` (with TLS alone, nobody has a name)."""
        secret = self.folder / "password"
        secret.write_text(PASSWORD + "\n")
        user = {"sasl_username": ADMIN, "sasl_password": PASSWORD}
        by_file = {"sasl_username": ADMIN, "sasl_password_file": secret}
        own = {"ssl_certificate": self.client.certificate, "ssl_key": self.client.locked_key}
        token = {"oauth_token_url": self.tokens.url, "oauth_client_id": CLIENT, "oauth_client_secret": SECRET}
        oauth = {"sasl_mechanism": "OAUTHBEARER", "oauth_scope": SCOPE, **token}
        return {
            "SSL": self.at("TLS"),
            "mTLS": self.at("MTLS", ssl_key_password=KEY_PASSWORD, **own),
            "SASL_PLAINTEXT PLAIN": self.at("SIGNED", **user),
            "SASL_SSL PLAIN": self.at("SIGNEDTLS", **by_file),
            "SCRAM-SHA-256": self.at("SIGNEDTLS", sasl_mechanism="SCRAM-SHA-256", **user),
            "SCRAM-SHA-512": self.at("SIGNED", sasl_mechanism="SCRAM-SHA-512", **by_file),
            "OAUTHBEARER": self.at("SIGNEDTLS", **oauth),
        }

    def properties(self) -> dict[str, str]:
        """The broker's settings."""
        listeners = {
            "PLAINTEXT": self.node.address,
            **{name: f"localhost:{port}" for name, port in self.ports.items()},
        }
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **LISTENERS}
        signing = [name.lower() for name, protocol in LISTENERS.items() if protocol.startswith("SASL")]
        module = "org.apache.kafka.common.security"
        oauth = f"{module}.oauthbearer.OAuthBearer"
        found = {
            "listeners": _pairs(listeners, "://") + f",CONTROLLER://127.0.0.1:{self.node.controller_port}",
            "advertised.listeners": _pairs(listeners, "://"),
            "listener.security.protocol.map": _pairs(protocols, ":"),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.broker.both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.file),
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.mtls.ssl.principal.mapping.rules": "RULE:^CN=([^,]+)$/$1/",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN};User:ANONYMOUS",
        }
        for name in signing:
            here = f"listener.name.{name}"
            found |= {
                f"{here}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
                f"{here}.plain.sasl.jaas.config": f"{module}.plain.PlainLoginModule required "
                f'user_{ADMIN}="{PASSWORD}";',
                **{
                    f"{here}.{mechanism.lower()}.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;"
                    for mechanism in SCRAM
                },
                f"{here}.oauthbearer.sasl.jaas.config": f"{oauth}LoginModule required;",
                f"{here}.oauthbearer.sasl.server.callback.handler.class": f"{oauth}ValidatorCallbackHandler",
                f"{here}.oauthbearer.sasl.oauthbearer.jwks.endpoint.url": self.tokens.keys_url,
                f"{here}.oauthbearer.sasl.oauthbearer.expected.audience": "kafka",
            }
        return found


def _pairs(values: dict[str, str], between: str) -> str:
    return ",".join(f"{name}{between}{value}" for name, value in values.items())


def environment(kafka: KafkaSettings) -> dict[str, str]:
    """The variables that make ``kafka``."""
    found = {}
    for name in kafka.model_fields_set:
        value = getattr(kafka, name)
        value = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        found[f"KAFKA_{name.upper()}"] = str(value)
    return found


@contextmanager
def secure_kafka(folder: Path) -> Iterator[SecureKafka]:
    """The broker, ready, with its users."""
    made = SecureKafka(folder)
    jars = kafka.install()
    kafka.prepare(jars, [made.node], made.properties())
    java, *rest = kafka.argv(jars, made.node, heap_mb=512)
    allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={made.tokens.keys_url}"
    ports = (made.node.port, *made.ports.values())
    broker = Child(
        "broker", [java, allowed, *rest], os.environ, lambda: all(map(partial(listens), ports)), folder / "broker.log"
    )
    broker.start()
    try:
        broker.wait_ready(READY_SECONDS)
        with admin(made.plaintext) as client:
            for mechanism in SCRAM.values():
                done = client.alter_user_scram_credentials(
                    [
                        UserScramCredentialUpsertion(user, mechanism, PASSWORD.encode(), iterations=4096)
                        for user in (ADMIN, *USERS)
                    ]
                )
                assert not any(done.values()), done
        yield made
    finally:
        broker.stop()
        made.tokens.stop()
