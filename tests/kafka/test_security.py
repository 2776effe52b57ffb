"""Every way to sign in to Apache Kafka, with every client; and what a person is told when it does not work."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from pydantic import ValidationError

from deploy.local import kafka as local_kafka
from settings import KafkaSettings
from stream.kafka import (
    KafkaRefused,
    check_encryption,
    count_brokers,
    ensure_topics,
    produce,
    reread,
    topic_ids,
    watermarks,
)
from stream.kafka.clients import async_consumer
from stream.kafka.message import Message
from stream.kafka.oauth import token_source
from stream.kafka.refusals import BadCertificate
from stream.kafka.sender import Sender
from stream.kafka.tls import RenewedContext
from tests.support import Asking, eventually
from tests.support.certificates import KEY_PASSWORD, Authority
from tests.support.commands import assert_one_line_failure, within
from tests.support.secure_kafka import PASSWORD, USERS, SecureKafka, environment, secure_kafka
from tests.support.worker_process import worker_process

WAYS = ("SSL", "mTLS", "SASL_PLAINTEXT PLAIN", "SASL_SSL PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
WRONG = "not-the-password"


@pytest.fixture(scope="module", params=["kafka"])
def secure(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    if reason := local_kafka.problem():
        pytest.skip(reason)
    with secure_kafka(tmp_path_factory.mktemp("secure")) as made:
        yield made


@pytest.mark.parametrize("way", WAYS)
def test_every_client_reaches_a_broker_in_every_way(secure: SecureKafka, way: str, tmp_path: Path) -> None:
    kafka, topic = secure.ways()[way], f"way-{WAYS.index(way)}"
    assert ensure_topics(kafka, 1, [topic]) == [topic]
    path = tmp_path / "feed.jsonl"
    path.write_text("".join(json.dumps({"id": str(n)}) + "\n" for n in range(3)))
    assert produce(path, topic, kafka).acknowledged == 3
    read = asyncio.run(_send_and_read(kafka, topic))
    assert watermarks(kafka, [topic]) == {(topic, 0): (0, 4)}
    assert [record.value for record in reread(kafka, topic, 0, 0, 4)] == read
    assert topic_ids(kafka, [topic]) == topic_ids(secure.plaintext, [topic])


async def _send_and_read(kafka: KafkaSettings, topic: str) -> list[bytes]:
    """Send one message as a worker does, and read four in a group."""
    sender = Sender(kafka)
    await sender.start()
    await sender.send(topic, [Message(b"sent by a worker", 0)])
    await sender.stop()
    consumer = async_consumer(kafka, topic, group_id=f"group-{topic}", auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await asyncio.wait_for(anext(consumer), 60)).value for _ in range(4)]
    finally:
        await consumer.stop()


@pytest.mark.parametrize("way", ["mTLS", "OAUTHBEARER"])
def test_a_whole_worker_signs_in(
    secure: SecureKafka, way: str, clickhouse_url: str, shipped: Path, tmp_path: Path
) -> None:
    """With SCRAM and TLS it is run by the tests of permissions."""
    names = {"topic_news": f"news-{way}", "topic_prefix": f"{way}.", "group_id": way}
    kafka = secure.ways()[way].model_copy(update=names)
    path, client = tmp_path / "feed.jsonl", Asking(clickhouse_url)
    feed = [{"id": str(n), "source": "desk", "title": f"Siemens wins order {n}", "published_at": "2026-01-05T10:00:00Z"}
            for n in range(5)]  # fmt: skip
    path.write_text("".join(json.dumps(message) + "\n" for message in feed))
    with worker_process(environment(kafka), clickhouse_url, shipped, tmp_path):
        assert produce(path, kafka.topic_news, kafka).acknowledged == 5
        eventually(lambda: client.execute("SELECT count() FROM documents") == [(5,)], 60, "all are stored")
    assert sum(high for _, high in watermarks(secure.plaintext, [kafka.topic("scored")]).values()) == 5


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_user_name_may_have_what_scram_escapes(secure: SecureKafka, mechanism: str) -> None:
    assert count_brokers(secure.signed_in_as(USERS[-1]).model_copy(update={"sasl_mechanism": mechanism})) == 1


def test_clients_share_a_token(secure: SecureKafka) -> None:
    kafka = secure.ways()["OAUTHBEARER"]
    token_source(kafka).token()
    before = secure.tokens.asked
    topic_ids(kafka, ensure_topics(kafka, 1, ["shared-token"]))
    assert secure.tokens.asked == before


REFUSED = {
    "a wrong password": ("SASL_SSL PLAIN", {"sasl_password": WRONG}, ("KAFKA_SASL_PASSWORD", "'admin'", "PLAIN")),
    "a wrong password, SCRAM": ("SCRAM-SHA-256", {"sasl_password": WRONG}, ("KAFKA_SASL_PASSWORD", "SCRAM-SHA-256")),
    "an unknown user, SCRAM": ("SCRAM-SHA-512", {"sasl_username": "nobody"}, ("KAFKA_SASL_USERNAME", "'nobody'")),
    "a wrong secret": ("OAUTHBEARER", {"oauth_client_secret": WRONG}, ("KAFKA_OAUTH_CLIENT_SECRET", "HTTP 401")),
    "a wrong scope": ("OAUTHBEARER", {"oauth_scope": "other"}, ("KAFKA_OAUTH_SCOPE", "invalid_scope")),
    "an untrusted authority": ("SSL", {"ssl_ca": "stranger"}, ("KAFKA_SSL_CA", "not trusted")),
    "another host": ("SSL", {"bootstrap_servers": "127.0.0.1"}, ("KAFKA_SSL_CHECK_HOSTNAME", "another host")),
    "no certificate of ours": ("mTLS", {"ssl_certificate": None, "ssl_key": None}, ("KAFKA_SSL_CERTIFICATE",)),
    "no TLS where TLS is wanted": ("SSL", {"security_protocol": "PLAINTEXT"}, ("wants TLS", "KAFKA_SECURITY_PROTOCOL")),
    "TLS where there is none": (
        "SASL_PLAINTEXT PLAIN", {"security_protocol": "SASL_SSL"}, ("does not speak TLS", "KAFKA_SECURITY_PROTOCOL")
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_one_line_that_says_what_to_do(
    secure: SecureKafka, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.kafka.clients.CONNECT_MS", 2000)
    way, changed, words = REFUSED[case]
    values = secure.ways()[way].model_dump(exclude_unset=True) | changed
    if values.get("ssl_ca") == "stranger":
        values["ssl_ca"] = secure.stranger.file
    if values["bootstrap_servers"] == "127.0.0.1":
        values["bootstrap_servers"] = f"127.0.0.1:{secure.ports['TLS']}"
    if "sasl_password" in changed:
        values.pop("sasl_password_file", None)
    kafka = KafkaSettings(**{name: value for name, value in values.items() if value is not None})
    path = tmp_path / "feed.jsonl"
    path.write_text('{"id": "1", "source": "s", "title": "t", "published_at": "2024-01-05T10:00:00Z"}\n')
    done = within("produce", str(path), "--topic", "news", **environment(kafka))
    assert_one_line_failure(done, *words)
    assert WRONG not in done.stderr and PASSWORD not in done.stderr


def test_doctor_says_it_too(secure: SecureKafka) -> None:
    wrong = secure.ways()["SASL_PLAINTEXT PLAIN"].model_copy(update={"sasl_username": "nobody"})
    done = within("doctor", "--json", **environment(wrong))
    found = next(one for one in json.loads(done.stdout) if one["what"] == "Kafka")
    assert not found["ok"] and "user 'nobody'" in found["state"] and "KAFKA_SASL_PASSWORD" in found["state"]


def test_a_broker_of_another_name_is_taken_where_the_name_is_not_checked(secure: SecureKafka) -> None:
    address = f"127.0.0.1:{secure.ports['TLS']}"
    check_encryption(secure.at("TLS").model_copy(update={"bootstrap_servers": address, "ssl_check_hostname": False}))
    with pytest.raises(KafkaRefused, match="another host"):
        check_encryption(secure.at("TLS").model_copy(update={"bootstrap_servers": address}))


class TlsServer:
    """Takes one connection after the other, and keeps the names of the clients' certificates."""

    def __init__(self, authority: Authority) -> None:
        files = authority.certify("server", ("localhost",))
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
        self._context.load_cert_chain(files.certificate, files.key)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def name_of(self, client: ssl.SSLContext) -> str:
        """Shake hands with ``client``, and tell the name in its certificate."""
        threading.Thread(target=self._connect, args=(client,), daemon=True).start()
        raw, _ = self._socket.accept()
        raw.settimeout(30)
        with self._context.wrap_socket(raw, server_side=True) as wrapped:
            der = wrapped.getpeercert(binary_form=True)
            wrapped.sendall(b"x")
        assert der is not None
        return x509.load_der_x509_certificate(der).subject.rfc4514_string()

    def _connect(self, client: ssl.SSLContext) -> None:
        raw = socket.create_connection(("127.0.0.1", self.port), 30)
        with client.wrap_socket(raw, server_hostname="localhost") as wrapped:
            wrapped.recv(1)


def test_new_connections_use_certificates_that_were_replaced(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    server = TlsServer(authority)
    old, new = authority.certify("old"), authority.certify("new")
    certificate, key = tmp_path / "mine.crt", tmp_path / "mine.key"
    shutil.copy(old.certificate, certificate)
    shutil.copy(old.key, key)
    files = {"ssl_ca": authority.file, "ssl_certificate": certificate, "ssl_key": key}
    context = RenewedContext(KafkaSettings(security_protocol="SSL", **files))  # type: ignore[arg-type]
    assert server.name_of(context) == "CN=old"
    shutil.copy(new.certificate, certificate)
    assert server.name_of(context) == "CN=old", "half of the files were replaced: they do not belong together"
    shutil.copy(new.key, key)
    assert server.name_of(context) == "CN=new"


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    one, other = authority.certify("one"), authority.certify("other")
    for certificate, key, password in (
        (one.certificate, other.key, None),
        (one.certificate, one.locked_key, WRONG),
        (one.certificate, one.locked_key, None),
        (one.key, one.key, None),
    ):
        with pytest.raises(BadCertificate, match=str(certificate)) as failure:
            RenewedContext(KafkaSettings(ssl_certificate=certificate, ssl_key=key, ssl_key_password=password))
        assert WRONG not in str(failure.value)
    locked = {"ssl_certificate": one.certificate, "ssl_key": one.locked_key, "ssl_key_password": KEY_PASSWORD}
    RenewedContext(KafkaSettings(**locked))  # type: ignore[arg-type]
    with pytest.raises(BadCertificate, match=str(one.key)):
        RenewedContext(KafkaSettings(ssl_ca=one.key))


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({"security_protocol": "SASL_SSL"}, "KAFKA_SASL_USERNAME"),
        ({"security_protocol": "SASL_SSL", "sasl_username": "ana"}, "KAFKA_SASL_PASSWORD"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"}, "KAFKA_OAUTH_TOKEN_URL"),
        ({"ssl_key": __file__}, "KAFKA_SSL_CERTIFICATE"),
    ],
)
def test_what_belongs_together_is_asked_for(values: dict[str, str], missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        KafkaSettings(**values)  # type: ignore[arg-type]


def test_secrets_are_shown_nowhere() -> None:
    with pytest.raises(ValidationError) as failure:
        KafkaSettings(security_protocol="SASL_SSL", sasl_password="hidden", sasl_mechanism="OAUTHBEARER")  # type: ignore[arg-type]
    assert "hidden" not in str(failure.value)
    given = KafkaSettings(sasl_password="hidden", ssl_key_password="hidden", oauth_client_secret="hidden")  # type: ignore[arg-type]
    assert "hidden" not in f"{given!r} {given}"
