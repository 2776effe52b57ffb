"""Texts, authors and bad records expire; scores, indices and the ledger stay. And a worker refuses several servers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from clickhouse_driver import Client

from deploy.local import Stack
from documents import BadRecord, Document, Mention, Position
from errors import ExitCode
from settings import ClickHouseSettings
from storage import SeveralServers, audited, check_one_server, connect, set_retention, write_documents

TABLES = ("title", "text", "url", "author", "in_reply_to")


def written(client: Client) -> None:
    """A news item, a comment and a bad record, a day old and a hundred days old."""
    for age, first in ((100, 0), (1, 3)):
        rows = [
            Document(Position("news", "id", 0, first), "news", "n", title="a title", text="a text", url="https://x"),
            Document(Position("news", "id", 0, first + 1), "comment", "c", text="a text", author="an author"),
            BadRecord(Position("news", "id", 0, first + 2), "not_json", sentence="why", raw=b"bytes"),
        ]
        for row in rows[:2]:
            row.label, row.sentiment = "negative", -0.5
            row.mentions = [Mention("WDI.DE", "Wirecard", "name", "negative", 0.6, 0.3, 0.1, -0.5)]
        for row in rows:
            row.ingested_at = datetime.now(UTC) - timedelta(days=age)
        write_documents(client, rows, stamp=False)


def shown(client: Client) -> dict[int, tuple[str, ...]]:
    client.execute("OPTIMIZE TABLE record_log FINAL")
    rows = client.execute(f"SELECT offset, {', '.join(TABLES)} FROM documents ORDER BY offset")
    return {offset: texts for offset, *texts in rows}


def test_what_expires_is_emptied_and_the_rest_stays(client: Client):
    written(client)
    plain = shown(client)
    settings = ClickHouseSettings(keep_comments_days=30, keep_dead_letters_days=7)
    assert set_retention(client, settings) == 9
    assert set_retention(client, settings) == 0, "the declarations are as the server shows them"
    found = shown(client)
    assert found[1] == [""] * 5 and [found[n] for n in (0, 3, 4)] == [plain[n] for n in (0, 3, 4)]
    assert client.execute("SELECT raw, error, error_kind FROM dead_letters ORDER BY offset") == [
        ("", "", "not_json"),
        ("bytes", "why", "not_json"),
    ]
    assert client.execute("SELECT count(), avg(sentiment) FROM mentions") == [(4, -0.5)]
    (account,) = audited(client)
    assert (account.stored, account.dead_lettered, account.missing) == (4, 2, [])
    every = ClickHouseSettings(keep_comments_days=30, keep_news_days=90, keep_authors_days=0)
    assert set_retention(client, every) > 0 and set_retention(client, every) == 0
    assert shown(client)[0] == [""] * 5 and shown(client)[3] == plain[3]
    assert set_retention(client, ClickHouseSettings(keep_authors_days=1)) > 0
    assert set_retention(client, ClickHouseSettings()) == 1
    assert " TTL " not in client.execute("SHOW CREATE TABLE record_log")[0][0]


@pytest.fixture
def another(stack: Stack, tmp_path: Path) -> Iterator[Stack]:
    """Another server, with the same accounts."""
    shutil.copy(stack.data / "clickhouse-service-password", tmp_path)
    with Stack(tmp_path) as started:
        yield started


def test_hosts_that_are_several_servers_are_refused(stack: Stack, another: Stack):
    here, there = (urlsplit(one.clickhouse_url).netloc.rpartition("@")[2] for one in (stack, another))
    account = urlsplit(stack.clickhouse_url).netloc.rpartition("@")[0]

    def check(*hosts: str) -> None:
        settings = ClickHouseSettings(url=f"clickhouse://{account}@{','.join(hosts)}/default")
        with connect(settings) as client:
            check_one_server(client, settings)

    check(here)
    check(here, "127.0.0.1:1")
    check(here, here.replace("127.0.0.1", "localhost"))
    with pytest.raises(SeveralServers, match="are several servers") as refused:
        check(here, there)
    assert refused.value.exit_code == ExitCode.CONFIG


class Answering:
    """Answers as a server of a cluster: the embedded ClickHouse cannot be one."""

    def execute(self, query: str) -> list[tuple[str]]:
        return [('it has a macro "replica"',)] if "system.macros" in query else []


def test_a_server_with_replicas_is_refused_unless_it_is_reached_alone():
    with pytest.raises(SeveralServers, match=r"is one of several servers .it has a macro"):
        check_one_server(Answering(), ClickHouseSettings())  # type: ignore[arg-type]
    check_one_server(Answering(), ClickHouseSettings(one_server=True))  # type: ignore[arg-type]
