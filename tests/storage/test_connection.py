"""How ClickHouse is reached: with TLS, certificates, several hosts, and secrets that are written nowhere."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from clickhouse_driver.errors import ServerException
from pydantic import ValidationError

from deploy.local import Stack, usage
from settings import ClickHouseSettings, without_password
from storage import StorageUnavailable, connect
from storage.connection import first_line
from tests.support.certificates import KEY_PASSWORD, Authority
from tests.support.commands import within

NOBODY = "127.0.0.1:1"


class TlsEnd:
    """Listens with TLS on 127.0.0.1:``port``, asks for a client's certificate, and forwards to ``target``, where
    ``account`` may sign in."""

    def __init__(self, target: str, context: ssl.SSLContext) -> None:
        self._where, self._context = urlsplit(target), context
        self.account = self._where.netloc.rpartition("@")[0]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        start = asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=context)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(self._where.hostname, self._where.port)

        async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
            while chunk := await source.read(65536):
                to.write(chunk)
                await to.drain()
            to.close()

        await asyncio.gather(copy(reader, up_writer), copy(up_reader, writer), return_exceptions=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"), "ours")


@pytest.fixture(scope="module")
def tls(stack: Stack, authority: Authority) -> Iterator[TlsEnd]:
    files = authority.certify("clickhouse", ("127.0.0.1", "localhost"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    end = TlsEnd(stack.clickhouse_url, context)
    yield end
    end.stop()


def test_tls_with_an_authority_and_a_certificate_of_our_own(tls: TlsEnd, authority: Authority):
    own = authority.certify("worker")
    url = f"clickhouses://{tls.account}@localhost:{tls.port}/default"
    settings = ClickHouseSettings(
        url=url,
        ssl_ca=authority.file,
        ssl_certificate=own.certificate,
        ssl_key=own.locked_key,
        ssl_key_password=KEY_PASSWORD,
    )
    with connect(settings) as client:
        assert client.execute("SELECT 1") == [(1,)]
    with pytest.raises(StorageUnavailable, match="certificate verify failed"):
        connect(ClickHouseSettings(url=url, ssl_certificate=own.certificate, ssl_key=own.key))
    with pytest.raises(StorageUnavailable, match="does not answer"):
        connect(ClickHouseSettings(url=url, ssl_ca=authority.file))


def test_the_next_host_is_tried_where_one_does_not_answer(stack: Stack):
    url = stack.clickhouse_url.replace("@", f"@{NOBODY},")
    with connect(ClickHouseSettings(url=url)) as client:
        assert client.execute("SELECT currentDatabase()") == [("default",)]
    with pytest.raises(StorageUnavailable, match=r"127.0.0.1:1, 127.0.0.1:2 does not answer"):
        connect(ClickHouseSettings(url=f"clickhouse://default@{NOBODY},127.0.0.1:2/default"))


def test_the_password_comes_from_a_file(tmp_path: Path):
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    settings = ClickHouseSettings(url=f"clickhouse://somebody@{NOBODY}", password_file=file)
    assert settings.secret == "s3cret"
    with pytest.raises(ValidationError, match="CLICKHOUSE_URL is not") as failure:
        ClickHouseSettings(url="http://me:s3cret@db:8123")
    assert "s3cret" not in str(failure.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("clickhouse://me:s3cret@a:9000,b:9000/db", "clickhouse://me@a:9000,b:9000/db"),
        ("clickhouses://me:s3c:r@et@db:9440/x?verify=0", "clickhouses://me@db:9440/x?verify=0"),
        ("https://:s3cret@db:8443", "https://@db:8443"),
        ("clickhouse://me@db/x?password=s3cret&secure=1", "clickhouse://me@db/x?password=...&secure=1"),
        ("kafka:9092,kafka2:9092", "kafka:9092,kafka2:9092"),
    ],
)
def test_what_is_shown_of_a_url(url: str, shown: str):
    assert without_password(url) == shown
    if url.startswith("clickhouse"):
        assert ClickHouseSettings(url=url).shown == shown and "s3c" not in repr(ClickHouseSettings(url=url))


def test_no_password_in_a_log_a_state_file_or_what_is_printed(
    tmp_path: Path, stack: Stack, monkeypatch: pytest.MonkeyPatch
):
    """As ``finsent up --detach`` writes them, over a ClickHouse that the environment names."""
    url = f"clickhouse://me:s3cret@{NOBODY}/default"
    monkeypatch.setenv("CLICKHOUSE_URL", url)
    monkeypatch.setenv("CLICKHOUSE_HTTP_URL", "http://me:s3cret@127.0.0.1:2")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", stack.kafka_bootstrap)
    with Stack(tmp_path) as named:
        named.write_state()
        assert "s3cret" not in (tmp_path / "state.json").read_text()
        assert "127.0.0.1:1" in (tmp_path / "state.json").read_text()
        assert "s3cret" not in usage(named.environment(), tmp_path)
        assert named.environment()["CLICKHOUSE_URL"] == url, "what the workers get"
    done = within("doctor")
    assert "127.0.0.1:1" in done.stdout and "s3cret" not in done.stdout + done.stderr
    worker = subprocess.run(
        [sys.executable, "-m", "finsent", "worker"],
        env={
            **os.environ,
            "FINSENT_DATA": str(tmp_path),
            "FINSENT_PSEUDONYM_KEY": "k" * 32,
            "STREAM_STORE_PATIENCE_S": "0.1",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert worker.returncode and "does not answer" in worker.stderr and "s3cret" not in worker.stdout + worker.stderr


def test_what_clickhouse_says_is_told_in_one_line():
    said = ServerException("DB::Exception: ana: Authentication failed: wrong password. Stack trace:\n\n0. ? @ 0x1", 516)
    assert first_line(said) == "ana: Authentication failed: wrong password"
    assert first_line(EOFError()) == "EOFError" and first_line(OSError("gone\nfor good")) == "gone"
