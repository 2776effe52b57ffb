"""The index views over a real ClickHouse: half-lives, copies, volume, scopes, and any past moment."""

from __future__ import annotations

import importlib
import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from clickhouse_driver import Client

from documents import Document, Entity, Mention, Position, Tombstone, Topic
from storage import replace_entities, select, write_documents
from storage.reads import (
    moving_documents,
    recent_documents,
    sample_documents,
    sentiment_and_topic_windows,
    sentiment_windows,
)
from storage.writes import settle_hours

module = importlib.import_module("storage.reads.windows")
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
VIEWS = ("sentiment_now", "sentiment_1m", "sentiment_1h", "sentiment_1d", "movers")


@pytest.fixture
def client(client: Client) -> Client:
    banks = [Entity(ticker=t, name=t, desk="financials", sector="Banks") for t in ("AAA", "BBB")]
    replace_entities(client, banks)
    return client


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
    "counted_mentions": "FROM counted_mentions WHERE published_at > '{first}'",
    "topics": "FROM topics WHERE published_at > '{first}'",
    "mentions_of": "FROM mentions_of(companies = ['AAA'], first = '{first}', until = '{until}')",
    "counted_mentions_of": f"FROM counted_mentions_of(companies = ['AAA'], {SPAN})",
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
        # The day before is looked through for copies, with this one, seven times in whole granules.
        assert windows.documents.sum() == 399 and topics[3].sum() == 399 and read < 0.9 * count
        sample_documents(client, NOON, until, 100)
        assert client.last_query.progress.rows < count / 8
        moving_documents(client, "AAA", NOON, until, 0.0)
        assert client.last_query.progress.rows < count / 4
    span = SPAN.format(first=f"{NOON:%F %T}", until=f"{until:%F %T}")
    hourly = f"SELECT sum(documents) FROM sentiment_windows(width_s = 3600, {span}) WHERE name = '*' AND kind = 'all'"
    assert client.execute(hourly) == [(399,)] and client.last_query.progress.rows > count / 10
    # Repeats and what counts, of two days at once.
    assert [settle_hours(client, NOON + 2 * DAY) for _ in range(6)] == [*[96] * 5, 2]
    assert client.execute(hourly) == [(399,)] and client.last_query.progress.rows < count / 100
    of_one = f"SELECT count() FROM counted_scores_of(companies = ['AAA'], {span})"
    assert client.execute(of_one) == [(399,)] and client.last_query.progress.rows < count / 100
    client.execute(RESCORED)
    for merged in (False, True):
        if merged:
            client.execute("OPTIMIZE TABLE rescored_log FINAL")
        for name, query in DATED.items():
            found = client.execute(f"SELECT * {query.format(first=f'{NOON:%F %T}', until=f'{until:%F %T}')}")
            assert len(found) == (798 if name == "documents_by_model" else 399), name
            assert client.last_query.progress.rows < count / 2, (name, client.last_query.progress.rows)
        for width, start, wanted in (("1m", NOON, 400), ("1h", NOON, 400), ("1d", NOON - DAY / 2, 22_000)):
            window = f"sentiment_{width} WHERE name = 'AAA' AND kind = 'all' AND start >= '{start:%F %T}'"
            found = client.execute(f"SELECT sum(documents) FROM {window}")
            assert found == [(wanted,)], width
            assert client.last_query.progress.rows < count / 2, (width, client.last_query.progress.rows)


RAW = """
SELECT entity, kind, published_at, ingested_at, topic, partition, offset, story_id, source, document_id, sentiment,
    p_negative, greatest(p_negative, p_neutral, p_positive) * novelty / 100 AS weight,
    `topics.name` AS topics
FROM {}
"""
Row = SimpleNamespace


def history(seed: int) -> list[Document]:
    """32 days of documents with copies by other sources, repeats, comments, documents of several companies, of none, or
    of one twice, ones without a score, late ones, and ties in time."""
    dice, rows = random.Random(seed), []
    for number in range(500):
        made = document(number, NOON - timedelta(hours=dice.choice((dice.randint(0, 100), dice.randint(0, 768)))), 0.0)
        made.kind = dice.choice(("news", "comment"))
        made.position = Position(dice.choice(("news", "more")), "id", number % 2, number)
        made.story_id, made.source = dice.choice((number, dice.randint(0, 60))), f"s{dice.randint(0, 3)}"
        made.document_id, made.novelty = dice.choice((f"d{number}", f"d{dice.randint(0, 30)}")), dice.choice((100, 30))
        made.unscored = dice.choice(("", "", "", "unsupported_language"))
        names = dice.choice((["AAA"], ["BBB"], ["CCC"], ["AAA", "CCC"], ["BBB", "BBB"], []))
        made.topics = [Topic(name, 0.9) for name in dice.choice(([], ["macro"], ["macro", "debt"]))]
        made.mentions = []
        for place, name in enumerate([None, *names]):
            worse, better = sorted((dice.random() / 2, dice.random() / 2))
            scores = worse, 1 - worse - better, better, better - worse
            if place:
                # Which of two mentions counts is not said, so they are alike.
                made.mentions.append(
                    next(
                        (one for one in made.mentions if one.entity == name),
                        Mention(name, name, "name", "neutral", *scores),
                    )
                )
            else:
                made.p_negative, made.p_neutral, made.p_positive, made.sentiment = scores
        made.ingested_at = made.published_at + dice.choice((timedelta(0), timedelta(minutes=5), DAY, 9 * DAY))
        rows.append(made)
    return rows


def counted(rows: list[Row], first: datetime, until: datetime) -> list[Row]:
    """By the rule as it is told: neither the story nor the document came in the day before, for the same company."""
    found = []
    rows.sort(key=lambda row: (row.published_at, row.ingested_at, row.topic, row.partition, row.offset))
    last: dict[tuple, datetime] = {}
    for row in rows:
        keys = (row.entity, row.story_id), (row.entity, row.source, row.document_id)
        news = all(key not in last or last[key] < row.published_at - DAY for key in keys)
        last |= dict.fromkeys(keys, row.published_at)
        if news and first < row.published_at <= until:
            found.append(row)
    return found


def raw_rows(client: Client, until: datetime, known: datetime) -> list[Row]:
    tables = RAW.format("mentions"), RAW.format("documents").replace("entity,", "'' AS entity,") + "WHERE unscored = ''"
    rows = [Row(**row) for query in tables for row in select(client, query)]
    return [row for row in rows if row.published_at <= until and row.ingested_at <= known]


@pytest.mark.parametrize("width_s", [60, 7 * 3600])
def test_windows_are_the_same_whether_read_at_once_or_in_pieces(
    client: Client, width_s: int, monkeypatch: pytest.MonkeyPatch
):
    write_documents(client, history(2), stamp=False)
    span = NOON - timedelta(days=30, hours=5), NOON - timedelta(hours=7), width_s

    def read() -> tuple[list, list]:
        sums, topics = sentiment_and_topic_windows(client, *span, no_companies=["CCC"])
        alone = sentiment_windows(client, *span)
        return sorted(zip(*sums, strict=True)) + sorted(zip(*alone, strict=True)), sorted(zip(*topics, strict=True))

    whole, topics = read()
    assert len(module.pieces(client, *span)) == 1 and topics and {row[0] for row in whole} == {"", "AAA", "BBB", "CCC"}
    monkeypatch.setattr(module, "AT_ONCE", 30)
    assert len(module.pieces(client, *span)) > 5
    in_pieces, topics_in_pieces = read()
    assert [row[:3] for row in in_pieces] == [row[:3] for row in whole] and topics_in_pieces == topics
    np.testing.assert_allclose([row[3:] for row in in_pieces], [row[3:] for row in whole], rtol=1e-12)


SPANS = ((NOON, NOON), (NOON, NOON + 9 * DAY), (NOON - timedelta(days=2, hours=5), NOON))
"""Until when documents are published, and known."""


SETTLED = (
    "SELECT countIf(settled), countIf(NOT settled) FROM index_hours(first = '2026-01-25 00:00:00', "
    "until = '2026-03-20 00:00:00', known = '2200-01-01 00:00:00')"
)


def test_old_hours_are_settled_although_late_documents_keep_coming(client: Client):
    write_documents(client, [document(number, NOON - number * DAY, 0.0) for number in range(9)])
    for number in range(9, 18):
        write_documents(client, [document(number, NOON - timedelta(hours=3), 0.0)])
        settle_hours(client, NOON + timedelta(hours=2))
    assert client.execute(SETTLED) == [(10, 0)]


@pytest.mark.parametrize(
    ("first", "until"),
    [("1900-01-01", "2299-12-31"), ("1970-01-01", "2150-01-01"), ("2026-01-01", "2106-03-01")],
)
def test_a_span_may_reach_as_far_as_a_time_can_be_written(client: Client, first: str, until: str):
    write_documents(client, [document(0, NOON, 0.5)])
    span = SPAN.format(first=f"{first} 00:00:00", until=f"{until} 00:00:00")
    hourly = f"SELECT sum(documents) FROM sentiment_windows(width_s = 3600, {span}) WHERE name = '*' AND kind = 'all'"
    assert client.execute(hourly) == [(1,)]
    moment = datetime.fromisoformat(first).replace(tzinfo=UTC)
    assert sentiment_windows(client, moment, NOON + DAY).documents.sum() == 1


@pytest.mark.parametrize("hours", [0, 1, 2, 5])
def test_what_counts_is_the_same_where_only_the_last_hours_are_not_settled(client: Client, hours: int):
    rows, until = history(4), NOON + DAY
    last = until - timedelta(hours=hours)
    # Half of them are of the last two days, so that much in the last hours has come before.
    for row in rows[::2]:
        row.published_at = until - (NOON - row.published_at) / 16
        row.ingested_at = row.published_at + timedelta(minutes=1)
    write_documents(client, [row for row in rows if row.published_at < last], stamp=False)
    while settle_hours(client, until + DAY):
        pass
    write_documents(client, [row for row in rows if row.published_at >= last], stamp=False)
    raw, first = raw_rows(client, until, until + 30 * DAY), until - 8 * DAY
    span = f"first = '{first:%F %T}', until = '{until:%F %T}', known = '2200-01-01 00:00:00'"
    unsettled = f"SELECT dateDiff('hour', min(hour), toDateTime('{until:%F %T}', 'UTC')) FROM index_hours({span})"
    (found,) = client.execute(f"{unsettled} WHERE NOT settled")
    assert not hours or found == (hours,)
    for weekly in (0, 1):
        wanted = [
            (row.entity, row.kind, row.published_at, row.sentiment, row.p_negative, row.weight)
            for row in counted(raw, first, until)
            if not weekly or (until - row.published_at).days in (0, 1, 2, 3, 7)
        ]
        columns = "entity, kind, published_at, sentiment, p_negative, weight"
        counts = client.execute(f"SELECT {columns} FROM counted_scores({span}, weekly = {weekly})")
        assert wanted and sorted(counts) == sorted(wanted)
        assert not hours or any(row[2] >= last for row in counts)
        if not weekly:
            of = f"SELECT {columns} FROM counted_scores_of(companies = ['AAA', 'CCC'], {span})"
            assert sorted(client.execute(of)) == sorted(row for row in counts if row[0] in ("AAA", "CCC"))


LEFT = """exp2(dateDiff('millisecond', published_at, toDateTime64('{until:%F %T}', 3, 'UTC'))
    / -1000 / if(kind = 'news', 28800, 1800))"""
SUMS = f"""sum(number), max(published_at), sum(total), sum(total_squares), sum(weight), sum(weighted),
    sum(weighted_squares), sum(weighted_negative), sum(fresh * {LEFT}), sum(fresh_weighted * {LEFT}),
    sum(fresh_squares * {LEFT}), sum(fresh_negative * {LEFT})"""


def added_up(rows: list[tuple], until: datetime) -> list[object]:
    """What ``SUMS`` says of counted mentions: entity, kind, published_at, sentiment, p_negative, weight."""
    found: list[object] = [
        len(rows),
        max(row[2] for row in rows),
        sum(row[3] for row in rows),
        sum(row[3] ** 2 for row in rows),
    ]
    for half_lives in (lambda kind: np.inf, lambda kind: 8 * 3600 if kind == "news" else 1800):
        left = [row[5] * 0.5 ** ((until - row[2]).total_seconds() / half_lives(row[1])) for row in rows]
        for value in (lambda row: 1, lambda row: row[3], lambda row: row[3] ** 2, lambda row: row[4]):
            found.append(sum(share * value(row) for share, row in zip(left, rows, strict=True)))
    return found


def about_companies_alone(client: Client, companies: list[str], until: datetime, known: datetime) -> None:
    """What is asked of some companies is what is found where all are asked about and some are chosen."""
    moment, at, chosen = f"'{until:%F %T}'", f"known = '{known:%F %T}'", f"has({companies}, entity)"
    first = f"'{until - 29 * DAY:%F %T}'"
    span, of = f"first = {first}, until = {moment}", f"companies = {companies}"
    about = f"mentions WHERE {chosen} AND published_at > {first} AND published_at <= {moment}"
    indices = f"sentiment_as_of(moment = {moment}, {at}) WHERE scope = 'entity' AND {chosen}"
    for alone, chosen_of_all in (
        (f"* FROM mentions_of({of}, {span})", f"* FROM {about}"),
        (
            f"* EXCEPT entity, entity FROM sentiment_of({of}, moment = {moment}, {at})",
            f"* EXCEPT (scope, name), name AS entity FROM {indices}",
        ),
    ):
        found, wanted = (sorted(client.execute(f"SELECT {query}"), key=_exactly) for query in (alone, chosen_of_all))
        assert [_exactly(row) for row in found] == [_exactly(row) for row in wanted]
        assert bool(found) == (companies != ["nobody"])
        for row, other in zip(found, wanted, strict=True):
            sums = [[value for value in one if isinstance(value, float)] for one in (row, other)]
            assert sums[0] == pytest.approx(sums[1], rel=1e-12, abs=1e-12)


def _exactly(row: tuple) -> list[str]:
    """What of a row does not depend on the order in which numbers are added."""
    return [str(value) for value in row if not isinstance(value, float)]


@pytest.mark.parametrize(("seed", "settles"), [(0, True), (1, False)])
def test_what_counts_is_what_the_rule_says_of_any_history(client: Client, seed: int, settles: bool):
    """Also with late documents, records that were stored twice, tombstones, and rows that were emptied since; and where
    some hours were settled before that, some after it, and some never."""

    def settle(times: int) -> None:
        while settles and times and settle_hours(client, NOON + 2 * DAY):
            times -= 1

    rows = history(seed)
    late, later = rows[100:120], rows[200:203]
    for month in {(row.ingested_at.month, row.position.offset % 5) for row in rows}:
        some = [row for row in rows if (row.ingested_at.month, row.position.offset % 5) == month]
        write_documents(client, [row for row in some if row not in late + later], stamp=False)
    settle(100)
    assert not settles or client.execute(SETTLED)[0][1] == 0
    for row in late:
        write_documents(client, [row], stamp=False)
    write_documents(client, [*rows[::7], Tombstone(Position("news", "id", 0, 1000))])
    erased = "document_id = concat('erased-', toString(offset)) WHERE offset % 11 = 0"
    client.execute(f"ALTER TABLE record_log UPDATE {erased}", settings={"mutations_sync": 2})
    settle(12)
    for row in later:
        write_documents(client, [row], stamp=False)
    held, other = client.execute(SETTLED)[0]
    assert other > 50 and (held > 50 if settles else held == 0)
    for until, known in SPANS:
        raw = raw_rows(client, until, known)
        for companies in (["AAA"], ["BBB", "CCC"], ["nobody"]):
            about_companies_alone(client, companies, until, known)
            span = f"first = '{until - 29 * DAY:%F %T}', until = '{until:%F %T}', known = '{known:%F %T}'"
            told = "published_at, kind, entity, document_id, story_id, sentiment, p_negative"
            found = client.execute(f"SELECT {told} FROM counted_mentions_of(companies = {companies}, {span})")
            rule = [row for row in counted(raw, until - 29 * DAY, until) if row.entity in companies]
            assert sorted(found) == sorted(
                (row.published_at, row.kind, row.entity, row.document_id, row.story_id, row.sentiment, row.p_negative)
                for row in rule
            )
            told = "entity, kind, published_at, sentiment, p_negative, weight, `topics.name`"
            found = client.execute(f"SELECT {told} FROM counted_scores_of(companies = {companies}, {span})")
            names = told.replace("`topics.name`", "topics").split(", ")
            assert sorted(found) == sorted(tuple(getattr(row, name) for name in names) for row in rule)
        for first in (until - 29 * DAY, until - timedelta(hours=31)):
            for weekly in (0, 1):
                wanted = [
                    (row.entity, row.kind, row.published_at, row.sentiment, row.p_negative, row.weight)
                    for row in counted(raw, first, until)
                    if not weekly or (until - row.published_at).days in (0, 1, 2, 3, 7, 14, 21, 28)
                ]
                span = f"first = '{first:%F %T}', until = '{until:%F %T}', known = '{known:%F %T}', weekly = {weekly}"
                found = client.execute(
                    f"SELECT entity, kind, published_at, sentiment, p_negative, weight FROM counted_scores({span})"
                )
                assert wanted and sorted(found) == sorted(wanted)
                sums = SUMS.format(until=until)
                rows = client.execute(
                    f"SELECT entity, kind, hour, {sums} FROM counted_sums({span}, sums = 1) GROUP BY entity, kind, hour"
                )
                groups: dict[tuple, list[tuple]] = {}
                for row in wanted:
                    groups.setdefault((*row[:2], row[2].replace(minute=0, second=0)), []).append(row)
                assert sorted(row[:3] for row in rows) == sorted(groups)
                for row in rows:
                    added = added_up(groups[row[:3]], until)
                    assert list(row[3:5]) == added[:2]
                    assert list(row[5:]) == pytest.approx(added[2:], rel=1e-6, abs=1e-9)
            span = f"first = '{first:%F %T}', until = '{until:%F %T}', known = '{known:%F %T}'"
            told = "entity, topic, partition, offset, document_id, weight"
            found = client.execute(f"SELECT {told} FROM counted_rows({span})")
            assert sorted(found) == sorted(
                tuple(getattr(row, name) for name in told.split(", ")) for row in counted(raw, first, until)
            )
            for width_s in (3600, 6 * 3600, 5400):
                windows = client.execute(
                    f"SELECT sum(documents), uniqExact(start) FROM sentiment_windows({span}, width_s = {width_s}) "
                    "WHERE name = '*' AND kind = 'all'"
                )
                starts = [
                    row.published_at.timestamp() // width_s for row in counted(raw, first, until) if not row.entity
                ]
                assert windows == [(len(starts), len(set(starts)))]
        expected = counted(raw, until - 29 * DAY, until)
        ages = {
            (until - row.published_at) // DAY for row in raw if not row.entity and until - row.published_at < 36 * DAY
        }
        weeks = max(week for week in range(5) if week == 0 or any(7 * week < age for age in ages))
        assert weeks == 4
        for name, entities in (("AAA", ["AAA"]), ("financials", ["AAA", "BBB"]), ("*", [""])):
            of = [(row, (until - row.published_at) / DAY) for row in expected if row.entity in entities]
            shares = [
                row.weight * 0.5 ** (age * (3 if row.kind == "news" else 48)) if age < 4 else 0.0 for row, age in of
            ]
            tone, squares, negative = (
                sum(share * value(row) for share, (row, _) in zip(shares, of, strict=True)) / sum(shares)
                for value in (lambda row: row.sentiment, lambda row: row.sentiment**2, lambda row: row.p_negative)
            )
            usual = sum(int(age) in (7, 14, 21, 28) for _, age in of) / weeks
            today = sum(age < 1 for _, age in of)
            (found,) = select(
                client,
                f"SELECT * FROM sentiment_as_of(moment = '{until:%F %T}', known = '{known:%F %T}') "
                f"WHERE scope IN ('entity', 'desk', 'market') AND name = '{name}' AND kind = 'all'",
            )
            assert found["weight"] == pytest.approx(sum(shares)) and found["sentiment"] == pytest.approx(tone)
            assert found["dispersion"] == pytest.approx((squares - tone**2) ** 0.5, abs=1e-6)
            assert found["negative_share"] == pytest.approx(negative) and found["buzz"] == (today + 1) / (usual + 1)
            assert (found["documents_1d"], found["usual_1d"]) == (today, usual)
            assert found["latest_at"] == max(row.published_at for row, _ in of)
            before = [row for row, age in of if 1 <= age < 8]
            (moved,) = select(
                client,
                f"SELECT * FROM movers_as_of(moment = '{until:%F %T}', known = '{known:%F %T}') "
                f"WHERE scope IN ('entity', 'desk', 'market') AND name = '{name}' AND kind = 'all'",
            )
            assert (moved["documents"], moved["documents_before"]) == (today, len(before))
            mean = sum(row.weight * row.sentiment for row in before) / sum(row.weight for row in before)
            assert moved["before"] == pytest.approx(mean)
        of = [row for row in expected if row.entity == "AAA" and until - row.published_at < 8 * DAY]
        late = [row for row in of if until - row.published_at < DAY]
        (macro,) = select(
            client,
            f"SELECT * FROM topics_as_of(moment = '{until:%F %T}', known = '{known:%F %T}') "
            "WHERE entity = 'AAA' AND topic = 'macro'",
        )
        on = [row for row in late if "macro" in row.topics]
        assert macro["documents"] == len(on) and macro["share"] == pytest.approx(len(on) / len(late))
        assert macro["documents_before"] == sum("macro" in row.topics for row in of) - len(on)
        assert macro["sentiment"] == (pytest.approx(sum(row.sentiment for row in on) / len(on)) if on else None)
