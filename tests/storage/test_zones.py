"""What depends on the time of day gives one answer, whatever the time zone of the server: each view, each question of
the cookbook, and what alerts and the console read, on servers of three zones that hold the same.

The other tests see one zone or two, by the process that runs them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clickhouse_driver import Client

from deploy.local import Stack
from documents import Document, Mention, Position
from settings import ClickHouseSettings
from storage import connect, public_views, restore, write_documents
from storage.questions import ask, questions
from storage.reads import (
    active_feeds,
    alerts_now,
    alerts_recorded,
    event_time_watermark,
    events_told,
    latest_labels,
    moving_documents,
    newest_document,
    sentiment_windows,
    silences_at,
    source_days,
    stored_hours,
    topic_counts,
    transitions_to_send,
)
from storage.writes import add_silence
from tests.storage.test_access import GIVEN

ZONES = ("UTC", "America/New_York", "Asia/Kolkata")
NIGHT = datetime(2026, 3, 8, 2, 30, tzinfo=UTC)
"""Still the evening before in New York, whose clocks have no half past two on that day; morning in India."""

MOMENT = datetime(2020, 6, 18, 12, tzinfo=UTC)
BEFORE = MOMENT - timedelta(days=2, hours=5)
ALL_STORED = "'2026-03-09 00:00:00'"
READS: dict[str, Callable[[Client], Any]] = {
    "active_feeds": lambda client: active_feeds(client, BEFORE),
    "active_feeds, of the night": lambda client: active_feeds(client, NIGHT),
    "alerts_now": lambda client: alerts_now(client, since=BEFORE),
    "alerts_recorded": lambda client: alerts_recorded(client, BEFORE, MOMENT),
    "event_time_watermark": lambda client: event_time_watermark(client, BEFORE),
    "event_time_watermark, of the night": lambda client: event_time_watermark(client, NIGHT),
    "events_told": lambda client: events_told(client, BEFORE, MOMENT, 0.5),
    "latest_labels": lambda client: latest_labels(client, MOMENT),
    "moving_documents": lambda client: moving_documents(client, "WDI.DE", BEFORE, MOMENT, 0.0),
    "newest_document": newest_document,
    "sentiment_windows": lambda client: sentiment_windows(client, BEFORE, MOMENT, 3600),
    "sentiment_windows, a day": lambda client: sentiment_windows(client, BEFORE, MOMENT, 86400, ["WDI.DE"]),
    "silences, when the first begins": lambda client: silences_at(client, NIGHT),
    "silences, when it has ended": lambda client: silences_at(client, NIGHT + timedelta(hours=1)),
    "source_days": lambda client: source_days(client, BEFORE, MOMENT),
    "stored_hours": lambda client: stored_hours(client, BEFORE, MOMENT),
    "topic_counts": lambda client: topic_counts(client, BEFORE),
    "transitions_to_send": lambda client: transitions_to_send(client, BEFORE),
}
"""What a tick of the alerts and the console ask with a time."""


@pytest.fixture(scope="module")
def clients(recorded: str, of_the_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Client]]:
    """Of a server in each zone, with the recorded week in it, and with what is written there."""
    with ExitStack() as stacks:
        made = {}
        for zone in ZONES:
            folder = tmp_path_factory.mktemp("zone")
            stack = stacks.enter_context(Stack(folder, timezone=zone))
            backup = folder / "clickhouse" / "backups" / "recorded-week"
            shutil.copytree(of_the_run / "recorded-week", backup)
            made[zone] = stacks.enter_context(connect(ClickHouseSettings(url=stack.clickhouse_url)))
            restore(made[zone], f"File('{backup.name}')")
            write_what_has_times(made[zone])
        yield made


def write_what_has_times(client: Client) -> None:
    """Restoring shows how servers read; this, how they are written to."""
    late = Document(Position("night", "id", 0, 7), document_id="night", source="wire", model_version="m1", story_id=9)
    late.published_at, late.ingested_at, late.title, late.label = (
        NIGHT,
        NIGHT + timedelta(seconds=5),
        "Late",
        "negative",
    )
    late.mentions = [Mention("WDI.DE", "Wirecard", "name", "negative", 0.6, 0.3, 0.1, -0.5)]
    write_documents(client, [late], stamp=False)
    add_silence(client, "WDI.DE", "", NIGHT, NIGHT + timedelta(minutes=45), "ana")


NUMBER = re.compile(rb"-?\d+(?:\.\d+(?:e-?\d+)?|e-?\d+)")


def texts(client: Client, columns: str, of: str) -> list[bytes]:
    """The rows, each as text: some columns are of kinds that the driver does not read, and bad records are no text."""
    sql = f"SELECT toString(tuple({columns})) FROM {of}"
    rows = client.execute(sql, settings={"strings_as_bytes": True})
    return sorted(NUMBER.sub(lambda found: b"%.4g" % (round(float(found[0]), 9) + 0.0), row) for (row,) in rows)


def told(value: Any) -> Any:
    """An answer as it can be compared: rows in any order, without what is drawn by chance, and without the last digits
    of sums, which are added up in another order each time."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: told(one) for key, one in value.items() if key not in ("silence_id", "at")}
    if isinstance(value, list | set | frozenset) or (isinstance(value, tuple) and not hasattr(value, "_fields")):
        return sorted((told(one) for one in value), key=repr)
    if isinstance(value, tuple):
        return [told(one) for one in value]
    return float(f"{value:.4g}") + 0.0 if isinstance(value, float) else value


def differing(clients: dict[str, Client], asked: dict[str, Callable[[Client], Any]]) -> dict[str, dict[str, Any]]:
    """The answers that are not the same in all zones."""
    found = {name: {zone: told(ask_it(client)) for zone, client in clients.items()} for name, ask_it in asked.items()}
    return {name: answers for name, answers in found.items() if any(one != answers["UTC"] for one in answers.values())}


def test_the_servers_are_in_their_zones(clients: dict[str, Client]) -> None:
    assert {zone: client.execute("SELECT serverTimezone()")[0][0] for zone, client in clients.items()} == {
        zone: zone for zone in ZONES
    }


def test_views_say_the_same(clients: dict[str, Client]) -> None:
    given = GIVEN | {"known": ALL_STORED}
    differ, compared = {}, 0
    for view in public_views(clients["UTC"]):
        values = ", ".join(f"{one.name} = {given.get(one.name, '1')}" for one in view.parameters)
        # Silences have an id by chance, and say when they were written.
        columns = "* EXCEPT (silence_id, at)" if view.name == "alert_silences" else "*"
        of = f"{view.name}({values})" if values else view.name
        found = {zone: texts(client, columns, of) for zone, client in clients.items()}
        compared += bool(found["UTC"])
        if any(rows != found["UTC"] for rows in found.values()):
            differ[view.name] = {zone: sorted(set(rows) - set(found["UTC"]))[:1] for zone, rows in found.items()}
    assert compared > 40 and not differ


def test_questions_are_answered_the_same(clients: dict[str, Client]) -> None:
    asked = {one.name: lambda client, one=one: ask(client, one, {})[1] for one in questions().values()}
    assert len(asked) > 30 and not differing(clients, asked)


def test_what_alerts_and_the_console_read_with_a_time_is_the_same(clients: dict[str, Client]) -> None:
    assert not differing(clients, READS)
    utc = clients["UTC"]
    empty = {name for name, read in READS.items() if told(read(utc)) in ([], {}, None)}
    assert empty == {"silences, when it has ended"}, "two answers of nothing are the same, too"
    assert event_time_watermark(utc, NIGHT) == NIGHT
