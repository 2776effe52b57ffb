"""The index views over a real ClickHouse: half-lives, copies, volume, scopes, and any past moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_driver import Client

from documents import Document, Entity, Mention, Position
from settings import ClickHouseSettings
from storage import connect, migrate, replace_entities, select, write_documents
from storage.reads import (
    moving_documents,
    recent_documents,
    sample_documents,
    sentiment_and_topic_windows,
    sentiment_windows,
)

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
VIEWS = ("sentiment_now", "sentiment_1m", "sentiment_1h", "sentiment_1d", "movers")


@pytest.fixture
def client(clickhouse_url: str) -> Iterator[Client]:
    made = connect(ClickHouseSettings(url=clickhouse_url))
    migrate(made)
    banks = [Entity(ticker=t, name=t, desk="financials", sector="Banks") for t in ("AAA", "BBB")]
    replace_entities(made, banks)
    yield made
    made.disconnect()


def document(number: int, at: datetime, sentiment: float, entity: str = "AAA", kind: str = "news") -> Document:
    position = Position("news", "id", 0, number)
    record = Document(position, kind, document_id=f"d{number}", story_id=number, source="s")
    record.published_at, record.label, record.sentiment = at, "neutral", sentiment
    record.p_negative, record.p_neutral, record.p_positive = max(-sentiment, 0.0), 1 - abs(sentiment), max(sentiment, 0)
    chances = record.p_negative, record.p_neutral, record.p_positive
    record.mentions = [Mention(entity, entity, "name", "neutral", *chances, sentiment)]
    return record


def index(client: Client, at: datetime, scope: str = "entity", name: str = "AAA", kind: str = "all") -> dict:
    rows = select(
        client,
        f"SELECT * FROM sentiment_as_of(moment = '{at:%Y-%m-%d %H:%M:%S}', known = now64(3)) "
        "WHERE scope = %(scope)s AND name = %(name)s AND kind = %(kind)s",
        {"scope": scope, "name": name, "kind": kind},
    )
    return rows[0] if rows else {}


def test_old_news_counts_half_after_eight_hours_and_a_comment_after_thirty_minutes(client: Client):
    hour = timedelta(hours=1)
    write_documents(
        client,
        [
            document(0, NOON - 8 * hour, -1.0),
            document(1, NOON, 1.0),
            document(2, NOON - 0.5 * hour, -1.0, "BBB", "comment"),
            document(3, NOON, 1.0, "BBB", "comment"),
        ],
    )
    for name, kind in (("AAA", "news"), ("BBB", "comment"), ("BBB", "all")):
        found = index(client, NOON, name=name, kind=kind)
        assert found["sentiment"] == pytest.approx(1 / 3, abs=1e-4) and found["weight"] == pytest.approx(1.5, abs=1e-4)
        assert found["documents_1d"] == 2 and found["latest_at"] == NOON
    assert index(client, NOON, name="AAA", kind="comment") == {}
    assert index(client, NOON, "desk", "financials")["documents_1d"] == 4
    assert index(client, NOON, "sector", "Banks", "news")["documents_1d"] == 2
    assert index(client, NOON, "market", "*")["documents_1d"] == 4
    # Eight hours earlier only the first had been published.
    assert index(client, NOON - 8 * hour)["sentiment"] == pytest.approx(-1)
    assert index(client, NOON, name="AAA")["dispersion"] == pytest.approx((8 / 9) ** 0.5, abs=1e-3)


def test_other_entities_have_their_type_as_scope_and_are_in_no_index_of_companies(client: Client):
    usd = Entity("currency:USD", "US dollar", "macro", entity_type="currency")
    person = Entity("person:X", "X", "people", entity_type="person", leads="AAA")
    replace_entities(client, [Entity("AAA", "AAA", "financials", "Banks"), usd, person])
    earlier = [document(2 + n, NOON - timedelta(days=1 + n), 0.5, usd.ticker) for n in range(3)]
    latest = [document(5 + n, NOON, -0.5, usd.ticker) for n in range(2)]
    write_documents(client, [document(0, NOON, 0.5), document(1, NOON, -0.5, usd.ticker), *earlier, *latest])
    span = "first = '2026-02-20 00:00:00', until = '2026-03-05 00:00:00', known = now64(3)"
    moment = "moment = '2026-03-04 12:00:00', known = now64(3)"
    for view in (
        f"index_documents({span})",
        f"sentiment_windows(width_s = 60, {span})",
        f"sentiment_as_of({moment})",
        f"movers_as_of({moment})",
    ):
        scopes = client.execute(f"SELECT DISTINCT scope FROM {view} WHERE name = 'currency:USD'")
        assert scopes == [("currency",)], view
    assert index(client, NOON)["sentiment"] == pytest.approx(0.5)
    assert index(client, NOON, "entity", usd.ticker) == {} == index(client, NOON, "sector", "")
    assert index(client, NOON, "currency", usd.ticker)["sentiment"] < 0
    desks = {name: index(client, NOON, "desk", name)["documents_1d"] for name in ("financials", "macro")}
    assert desks == {"financials": 1, "macro": 3} and index(client, NOON, "market", "*")["documents_1d"] == 4
    assert client.execute("SELECT ticker FROM companies") == [("AAA",)]
    assert client.execute("SELECT ticker, entity_type, leads FROM watchlist ORDER BY ticker") == [
        ("AAA", "company", ""), ("currency:USD", "currency", ""), ("person:X", "person", "AAA"),
    ]  # fmt: skip
    (recent,) = [row for row in recent_documents(client, {}, 10) if row.position.offset == 1]
    assert isinstance(recent, Document) and recent.mentions[0].entity_type == "currency" and recent.companies == []


def test_copies_count_once_a_day_however_much_is_read(client: Client):
    rows = []
    for number, hours in enumerate((0, 10, 20, 80)):
        copy = document(number, NOON + timedelta(hours=hours), -1.0)
        copy.story_id, copy.source = 7, f"source {number}"
        rows.append(copy)
    write_documents(client, rows)
    assert client.execute("SELECT published_at FROM counted_mentions ORDER BY published_at") == [
        (NOON,), (NOON + timedelta(hours=80),)
    ]  # fmt: skip
    late = NOON + timedelta(hours=15)
    assert len(sentiment_windows(client, late, NOON + timedelta(days=9)).start) == 1
    assert len(sentiment_windows(client, NOON - timedelta(days=9), NOON + timedelta(days=9)).start) == 2
    days = "SELECT sum(documents) FROM sentiment_1d WHERE scope = 'market' AND kind = 'all'"
    assert client.execute(days) == [(2,)]
    span = f"first = '{NOON:%F %T}', until = '{late:%F %T}'"
    # The first copy is not in the span, but before it, so that the second does not count.
    assert client.execute(f"SELECT count() FROM counted_mentions_between({span}, known = now64(3))") == [(0,)]


def test_volume_is_compared_with_the_same_weekday(client: Client):
    rows = []
    for day in range(29):
        # Twice as many on the weekday of the moment.
        for number in range(4 if day % 7 == 0 else 2):
            rows.append(document(len(rows), NOON - timedelta(days=day, hours=1 + number), 0.1))
    write_documents(client, rows)
    found = index(client, NOON)
    assert (found["documents_1d"], found["usual_1d"], found["buzz"]) == (4, 4, 1)
    # With a week's history there is nothing to compare with.
    assert index(client, NOON - timedelta(days=22))["buzz"] == 1


def test_every_view_answers_and_movers_come_clearest_first(client: Client):
    hour, rows = timedelta(hours=1), []
    for entity, late in (("AAA", -0.9), ("BBB", 0.1)):
        for back in (30, 40, 50, 60, 70):
            rows.append(document(len(rows), NOON - back * hour, 0.1, entity))
        for back in (1, 2, 3, 4):
            rows.append(document(len(rows), NOON - back * hour, late, entity))
    write_documents(client, rows)
    found = select(client, f"SELECT * FROM movers_as_of(moment = '{NOON:%Y-%m-%d %H:%M:%S}', known = now64(3))")
    first = next(row for row in found if row["scope"] == "entity")
    assert (first["name"], first["documents"], first["documents_before"]) == ("AAA", 4, 5)
    assert first["change"] == pytest.approx(-1.0, abs=1e-5) and first["z"] < -10
    for view in VIEWS:
        client.execute(f"SELECT * FROM {view} WHERE scope = 'entity' AND name = 'AAA'")
    hours = select(
        client, "SELECT start, documents FROM sentiment_1h WHERE scope='desk' AND kind='news' ORDER BY start"
    )
    assert hours[-1] == {"start": NOON - hour, "documents": 2}
    # What was stored later was not known then.
    assert client.execute("SELECT count() FROM sentiment_as_of(moment = now(), known = '2020-01-01 00:00:00')") == [
        (0,)
    ]


HISTORY = """
INSERT INTO record_log (topic, topic_id, partition, offset, kind, document_id, source, published_at, ingested_at, label,
    sentiment, p_negative, p_neutral, p_positive, story_id, mentions.entity, mentions.surface, mentions.via,
    mentions.label, mentions.sentiment, mentions.p_negative, mentions.p_neutral, mentions.p_positive, topics.name)
SELECT 'news', 'id', number %% 4, intDiv(number, 4) + %(first)s, 'news', toString(number + 4 * %(first)s), 's',
    toDateTime64(%(since)s, 3, 'UTC') + toIntervalSecond(number * 2) AS published_at, published_at, 'neutral', 0.5, 0.1,
    0.2, 0.7, number + 4 * %(first)s, ['AAA'], ['AAA'], ['name'], ['neutral'], [0.5], [0.1], [0.2], [0.7], ['macro']
FROM numbers(%(count)s)
"""


RESCORED = """
INSERT INTO rescored_log (topic, topic_id, partition, offset, model_version, rescored_at, kind, document_id, source,
    published_at, ingested_at, story_id, label, sentiment, mentions.entity, mentions.label, mentions.sentiment)
SELECT topic, topic_id, partition, offset, 'm2', ingested_at, kind, document_id, source, published_at, ingested_at,
    story_id, label, -0.5, mentions.entity, mentions.label, [-0.5]
FROM record_log
"""
SPAN = "first = '{first}', until = '{until}', known = '{until}'"
DATED = {
    "documents": "FROM documents WHERE published_at > '{first}'",
    "documents_by_model": "FROM documents_by_model WHERE published_at > '{first}'",
    "documents_as_of": "FROM documents_as_of(moment = '{until}') WHERE published_at > '{first}'",
    "mentions_as_of": "FROM mentions_as_of(moment = '{until}') WHERE published_at > '{first}'",
    "counted_mentions_between": f"FROM counted_mentions_between({SPAN})",
    "topics_between": f"FROM topics_between({SPAN})",
}


def test_a_question_about_a_day_does_not_read_older_history(client: Client):
    """With 10 days of 43,200 documents in four partitions, merged or not, and what follows of them."""
    count = 432_000
    for day in range(2):
        part = {"first": day * count // 8, "count": count // 2, "since": NOON + (day * 5 - 10) * timedelta(days=1)}
        client.execute(HISTORY, part)
    client.execute(HISTORY, {"first": count // 4, "count": 400, "since": NOON})
    until = NOON + timedelta(seconds=799)
    for merged in (False, True):
        if merged:
            client.execute("OPTIMIZE TABLE record_log FINAL")
        windows, topics = sentiment_and_topic_windows(client, NOON, until)
        read = client.last_query.progress.rows
        # The day before is looked through for copies, by two queries, in whole granules.
        assert windows.documents.sum() == 399 and topics[3].sum() == 399 and read < count / 2
        sample_documents(client, NOON, until, 100)
        assert client.last_query.progress.rows < count / 8
        moving_documents(client, "AAA", NOON, until, 0.0)
        assert client.last_query.progress.rows < count / 4
    client.execute(RESCORED)
    for merged in (False, True):
        if merged:
            client.execute("OPTIMIZE TABLE rescored_log FINAL")
        for name, query in DATED.items():
            found = client.execute(f"SELECT * {query.format(first=f'{NOON:%F %T}', until=f'{until:%F %T}')}")
            assert len(found) == (798 if name == "documents_by_model" else 399), name
            assert client.last_query.progress.rows < count / 2, (name, client.last_query.progress.rows)
