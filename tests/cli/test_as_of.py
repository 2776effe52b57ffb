"""Commands about the present, over documents of 2014: they say that these are old, and answer as of then."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_driver import Client

from documents import Document, Mention, Position
from storage import as_of, by_what_is_stored_today, views_of_the_present, write_documents
from storage.questions import questions
from storage.writes import write_alerts
from tests.support.commands import within

END = datetime(2014, 3, 7, 18, tzinfo=UTC)
MOMENT = "2014-03-07T18:00:01Z"
MOVED = "SELECT name, change FROM movers WHERE scope = 'entity' AND kind = 'all'"


def document(number: int, at: datetime, sentiment: float) -> Document:
    record = Document(Position("news", "id", 0, number), document_id=f"d{number}", story_id=number, source="wire")
    record.published_at, record.title, record.model_version = at, f"title {number}", "m1"
    record.label = "negative" if sentiment < 0 else "positive"
    record.sentiment = sentiment
    chances = max(0.0, -sentiment), 1 - abs(sentiment), max(0.0, sentiment)
    record.p_negative, record.p_neutral, record.p_positive = chances
    record.mentions = [Mention("ACME", "Acme", "name", record.label, *chances, sentiment)]
    return record


@pytest.fixture
def old(client: Client, configured: None) -> Client:
    """Good days of Acme in March 2014, a bad one, and the alert about it, which was over the next day."""
    records = [document(n, END - timedelta(hours=150 - 5 * n), 0.6) for n in range(24)]
    records += [document(n, END - timedelta(minutes=30 * (35 - n)), -0.8) for n in range(24, 36)]
    write_documents(client, records)
    alert = {
        "id": "a1", "kind": "sentiment_shift", "entity": "ACME", "direction": "negative", "severity": "warning",
        "fired_at": END, "recorded_at": END, "before_mean": 0.6, "after_mean": -0.8, "before_documents": 24,
        "after_documents": 9, "began_at": END, "model_version": "m1", "evidence": {"documents": []},
    }  # fmt: skip
    states = [("firing", END), ("resolved", END + timedelta(days=1))]
    write_alerts(client, [alert | {"state": state, "at": at} for state, at in states])
    return client


def test_the_newest_document_is_old_and_its_moment_is_offered(old: Client) -> None:
    told = f"the newest document is of 2014-03-07T18:00:00Z, {(datetime.now(UTC) - END).days:,} days ago: "
    present = [("sql", MOVED, "--format", "csv"), ("cookbook", "movers", "--format", "csv"), ("alerts",)]
    for command in present:
        done = within(*command)
        assert done.returncode == 0, done.stderr
        assert f"{told}this is the answer of now; '--as-of {MOMENT}' asks as of then" in done.stderr, command
        assert told not in within(*command, "--as-of", MOMENT).stderr, command
    assert "nothing was published since then" in within("topics", "--since", "2015-01-01").stderr
    # What was asked for is there, or has no moment.
    for command in (
        ("alerts", "--since", "2014-03-01"),
        ("topics", "--since", "2014-03-01"),
        ("sql", "SELECT count() FROM documents"),
        ("sql", "SELECT 'FROM movers' -- FROM movers"),
    ):
        assert told not in within(*command).stderr, command


def test_questions_about_the_present_are_asked_as_of_a_moment(old: Client) -> None:
    assert list(csv.reader(io.StringIO(within("sql", MOVED, "--format", "csv").stdout))) == [["name", "change"]]
    (_, row) = csv.reader(io.StringIO(within("sql", MOVED, "--format", "csv", "--as-of", MOMENT).stdout))
    assert row[0] == "ACME" and float(row[1]) < -1
    assert "ACME" in within("cookbook", "movers", "--as-of", MOMENT).stdout
    states = {
        moment: [row["state"] for row in json.loads(within("alerts", "--json", "--as-of", moment).stdout)]
        for moment in ("2014-03-07", MOMENT, "2014-03-09", "now")
    }
    assert states == {"2014-03-07": [], MOMENT: ["firing"], "2014-03-09": ["resolved"], "now": ["resolved"]}
    for refused in (("sql", "SELECT 1", "--as-of", MOMENT), ("sql", MOVED, "--as-of", "yesterday"),
                    ("cookbook", "movers", "--recorded", "--as-of", MOMENT)):  # fmt: skip
        done = within(*refused)
        assert done.returncode == 2 and "Traceback" not in done.stderr, refused
    assert within("cookbook", "model-versions", "--as-of", MOMENT).returncode == 1


def test_every_view_of_the_present_has_one_of_a_moment(old: Client) -> None:
    query = "SELECT count() FROM {0} AS v LEFT join\n {0} AS w ON 1 = 1 WHERE 'FROM {0} it\\'s' != '' -- JOIN {0}"
    for view in ("alerts_now", "events_now", "incidents", "movers", "sentiment_now"):
        assert views_of_the_present(query.format(view)) == [view, view]
        asked = as_of(query.format(view), END)
        assert asked.count("_as_of(moment = '2014-03-07 18:00:00.000', known = now64(3))") == 2
        assert asked.endswith(f"WHERE 'FROM {view} it\\'s' != '' -- JOIN {view}")
        old.execute(asked.partition(" LEFT")[0])
    compared = questions()["known-at-14-05"].sql  # then with today
    assert by_what_is_stored_today(compared) == compared
    assert views_of_the_present("SELECT * FROM movers_as_of(moment = now(), known = now())") == []
