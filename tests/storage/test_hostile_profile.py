"""A server whose default profile changes what queries answer: our views tell us, and people, the same as elsewhere."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.local import Stack
from documents import Document, Mention, Position
from storage import migrate, write_documents
from storage.writes import WorkerEnd, write_worker_ends
from tests.support import Asking

HOSTILE = {
    "do_not_merge_across_partitions_select_final": 1,
    "join_use_nulls": 1,
    "date_time_input_format": "best_effort",
    "date_time_output_format": "unix_timestamp",
    "session_timezone": "Asia/Tokyo",
    "aggregate_functions_null_for_empty": 1,
    "group_by_use_nulls": 1,
    "transform_null_in": 1,
    "asterisk_include_materialized_columns": 1,
    "prefer_column_name_to_alias": 1,
    "enable_positional_arguments": 0,
    "cast_keep_nullable": 1,
    "data_type_default_nullable": 1,
    "extremes": 1,
    "limit": 2,
    "max_rows_to_group_by": 1000,
    "group_by_overflow_mode": "any",
    "result_overflow_mode": "break",
    "async_insert": 1,
    "wait_for_async_insert": 0,
    "min_insert_block_size_rows": 3,
    "max_insert_block_size": 3,
    "max_partitions_per_insert_block": 1,
}


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """As its profile is made hostile."""
    with Stack(tmp_path_factory.mktemp("hostile"), timezone="America/New_York") as made:
        yield made


def be_hostile(stack: Stack) -> None:
    users = stack.data / "clickhouse" / "users.xml"
    settings = "".join(f"<{name}>{value}</{name}>" for name, value in HOSTILE.items())
    users.write_text(users.read_text().replace("<default/>", f"<default>{settings}</default>", 1))
    stack.kill("clickhouse")
    stack.wait_ready(60)


def as_risk_reader(stack: Stack, query: str) -> str:
    password = json.loads((stack.data / "clickhouse-passwords.json").read_text())["risk_reader"]
    request = urllib.request.Request(
        stack.clickhouse_http_url,
        query.encode(),
        {"X-ClickHouse-User": "risk_reader", "X-ClickHouse-Key": password},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def written(client: Any) -> None:
    """Ten documents, one of them stored a second time in another month; an alert that nobody acknowledged."""
    at = datetime(2026, 1, 5, 10, tzinfo=UTC)
    rows = [Document(Position("news", "id", 0, n), document_id=f"d{n}", story_id=n, kind="news") for n in range(10)]
    for row in rows:
        row.published_at = row.scored_at = row.ingested_at = at
        row.label, row.sentiment = "negative", -0.5
        row.mentions = [Mention("WDI.DE", "Wirecard", "name", "negative", 0.6, 0.3, 0.1, -0.5)]
    write_documents(client, rows, stamp=False)
    rows[3].ingested_at = datetime(2026, 2, 5, 10, tzinfo=UTC)
    write_documents(client, rows[3:4], stamp=False)
    client.execute(
        "INSERT INTO alerts (id, kind, entity, severity, state, fired_at, at, recorded_at, began_at) VALUES",
        [("a", "sentiment", "WDI.DE", "notice", "firing", at, at, at, at)],
    )
    write_worker_ends(client, [WorkerEnd("w", at, at, 1, "reason", "")])


def answers(stack: Stack) -> dict[str, Any]:
    """What the public views tell us, and what some of them tell a risk reader."""
    asking = Asking(stack.clickhouse_url)
    plain = asking.execute(
        "SELECT name, name = 'feeds' FROM system.tables WHERE database = currentDatabase() "
        "AND engine = 'View' AND create_table_query NOT LIKE '%{%' AND name NOT IN ('sentiment_now', 'movers')"
    )
    found: dict[str, Any] = {
        name: asking.execute(
            f"SELECT {'* EXCEPT (silent_s)' if counts_seconds else '*'} FROM {name} ORDER BY ALL",
            with_column_types=True,
        )
        for name, counts_seconds in plain
    }
    assert len(found["documents"][0]) == len(found["mentions"][0]) == 10 and found["alerts_now"][0]
    for query in (
        "SELECT document_id, published_at FROM documents ORDER BY document_id",
        "SELECT * FROM alerts_now",
        "SELECT count() FROM mentions WHERE published_at >= '2026-01-05 10:00:00'",
    ):
        found[query] = as_risk_reader(stack, query)
    return found


def test_a_hostile_profile_changes_no_answer(own_stack: Stack):
    asking = Asking(own_stack.clickhouse_url)
    asking(migrate)
    asking(written)
    plain = answers(own_stack)
    be_hostile(own_stack)
    hostile = answers(own_stack)
    assert {name: hostile[name] for name in plain if hostile[name] != plain[name]} == {}
    for (name,) in asking.execute("SELECT name FROM system.tables WHERE database = currentDatabase()"):
        asking.execute(f"DROP TABLE IF EXISTS {name} SYNC")
    asking(migrate)
    asking(written)
    migrated = answers(own_stack)
    assert {name: migrated[name] for name in plain if migrated[name] != plain[name]} == {}
    parts = asking.execute("SELECT count() FROM system.parts WHERE table = 'record_log' AND active")
    assert parts == [(2,)], "each insert made one part"
