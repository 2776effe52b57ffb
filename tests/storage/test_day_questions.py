"""Views that read only what a question asks for answer as their first definitions did, which read everything: over
history with copies of rows, late and rescored documents, ties in time, bad records and tombstones."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_driver import Client

from documents import BadRecord, Document, Mention, Position, Tombstone
from documents.events import Event, EventRole, EventState, load_event_types
from storage import replace_event_types, write_documents
from storage.migrate import files, statements

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIRST = {
    "events_between": "0026", "events_as_of": "0026", "documents_as_of": "0068", "mentions_as_of": "0068",
    "dead_letters": "0019", "feeds_as_of": "0019",
}  # fmt: skip
"""The migration with the first definition of each."""

Row = Document | BadRecord | Tombstone


def first_definitions(client: Client) -> None:
    """Make them as views named ``first_...``, which read one another."""
    sql = dict((name[:4], text) for name, text in files())
    for view, number in FIRST.items():
        (made,) = [one for one in statements(sql[number]) if f" VIEW {view} AS" in one]
        made = made[made.index("CREATE") :].replace("events_between(", "first_events_between(")
        made = made.replace("FROM documents_as_of(", "FROM first_documents_as_of(")
        client.execute(made.replace(f"VIEW {view} AS", f"VIEW first_{view} AS"))


def told(dice: random.Random) -> list[Event]:
    """The events of a document: of each company and type one at most."""
    named = {(dice.choice("AB") * 3, dice.choice(("outage", "results_miss", "data_breach", "odd"))) for _ in range(2)}
    return [
        Event(*one, 0.9, dice.choice((EventRole.SUBJECT, EventRole.SUBJECT, EventRole.MENTIONED)),
              dice.choice(list(EventState)), 80, dice.randint(1, 5), dice.choice((-1, 0, 1)))
        for one in sorted(named)
    ]  # fmt: skip


def history(seed: int) -> list[Row]:
    """A year of documents, dense at its end. Copies of a document may tell of other events, or of none."""
    dice, rows = random.Random(seed), []
    for number in range(700):
        at = NOON - dice.choice((HOUR * dice.randint(0, 60), HOUR * dice.randint(0, 900), DAY * dice.randint(0, 400)))
        for _ in range(dice.choice((1, 1, 1, 1, 2, 3))):
            place = Position(dice.choice(("news", "more")) if number % 2 else "news", "id", number % 3, number)
            made = Document(place, document_id=f"d{number}", source=f"s{dice.randint(0, 3)}", title=f"t{dice.random()}")
            made.published_at, made.story_id, made.model_version = at, dice.randint(0, 300), "m1"
            made.ingested_at = at + dice.choice((timedelta(seconds=10), HOUR * dice.randint(1, 30)))
            made.scored_at, made.unscored = made.ingested_at, dice.choice(("", "", "", "", "unsupported_language"))
            made.mentions = [
                Mention(name, name, "name", "negative", 0.6, 0.3, 0.1, dice.random()) for name in ("AAA", "CCC")
            ]
            made.mentions = dice.choice((made.mentions, made.mentions[:1], []))
            made.events = told(dice) if dice.random() < 0.6 else []
            rows.append(made)
    for number in range(200):
        for _ in range(dice.choice((1, 1, 2))):
            place = Position("posts", "id", number % 2, number)
            kinds = (BadRecord(place, "not_json", raw=b"{"), Tombstone(place), Document(place, source="s1"))
            made = dice.choice(kinds)
            made.ingested_at = NOON - HOUR * dice.randint(0, 300) - timedelta(milliseconds=dice.randint(0, 999))
            rows.append(made)
    return rows


def store(client: Client, rows: list[Row], dice: random.Random) -> None:
    """In several inserts of the rows of a month each, not in order."""
    months = defaultdict(list)
    for row in rows:
        months[row.ingested_at.month, row.ingested_at.year, dice.randint(0, 1)].append(row)
    for month in months.values():
        write_documents(client, month, stamp=False)


RESCORED = """
INSERT INTO rescored_log (topic, topic_id, partition, offset, model_version, rescored_at, kind, document_id, source,
    published_at, ingested_at, scored_at, story_id, label, sentiment, mentions.entity, mentions.surface, mentions.via,
    mentions.label, mentions.p_negative, mentions.p_neutral, mentions.p_positive, mentions.sentiment)
SELECT topic, topic_id, partition, offset, 'm{n}', ingested_at + toIntervalHour({n} + offset % 7), kind, document_id,
    source, published_at, ingested_at, ingested_at + {n}, story_id, label, -0.{n}, mentions.entity, mentions.surface,
    mentions.via, mentions.label, mentions.p_negative, mentions.p_neutral, mentions.p_positive, mentions.sentiment
FROM record_log WHERE error_kind = '' AND cityHash64(offset, {n}) % 3 = 0
"""


def questions(dice: random.Random) -> list[str]:
    """Of each view some, of moments and spans by chance."""

    def time(most: int) -> str:
        at = NOON - HOUR * dice.randint(-1, most) + timedelta(milliseconds=dice.randint(0, 999))
        return f"'{at:%F %T}.{at.microsecond // 1000:03}'"

    found = []
    for most in (30, 800, 5000):
        known = dice.choice(("now64(3)", time(most)))
        until = NOON - HOUR * dice.randint(-1, most)
        first = until - dice.choice((DAY, 7 * DAY, 200 * DAY))
        span = f"first = '{first:%F %T}', until = '{until:%F %T}', known = {known}"
        found.append(f"events_between({span})")
        found.append(f"events_between({span}) WHERE published_at > '{until - HOUR * 20:%F %T}'")
        moment = time(most)
        found.append(f"events_as_of(moment = {moment}, known = {known})")
        for condition in ("", f"WHERE published_at > '{until - 2 * DAY:%F %T}'"):
            found.append(f"documents_as_of(moment = {moment}) {condition}")
            found.append(f"mentions_as_of(moment = {moment}) {condition}")
        found.append(f"feeds_as_of(moment = {moment})")
        found.append(f"dead_letters WHERE ingested_at > {time(most)}")
    span = "first = '1970-07-02 00:00:00', until = '2200-01-01 00:00:00', known = '2200-01-01 00:00:00'"
    return [*found, "dead_letters", f"events_between({span})"]


@pytest.mark.parametrize("seed", range(2))
def test_the_answers_are_those_of_the_definitions_that_read_everything(client: Client, seed: int):
    dice = random.Random(seed)
    first_definitions(client)
    replace_event_types(client, load_event_types().by_name.values())
    client.execute("SYSTEM STOP MERGES record_log")
    # One without copies, as the rows of such a partition are read otherwise.
    rows = history(seed)
    if seed:
        rows = list({row.position: row for row in rows}.values())
    store(client, rows, dice)
    for version in (2, 3, 2):
        client.execute(RESCORED.format(n=version))
    answered = 0
    for turn in (0, 1):
        if turn:
            client.execute("SYSTEM START MERGES record_log")
            client.execute("ALTER TABLE record_log UPDATE document_id = 'erased', title = '' WHERE offset % 9 = 0",
                           settings={"mutations_sync": 2})  # fmt: skip
            client.execute("OPTIMIZE TABLE record_log FINAL")
        for question in questions(dice):
            now = client.execute(f"SELECT * FROM {question}", with_column_types=True)
            then = client.execute(f"SELECT * FROM first_{question}", with_column_types=True)
            assert not set(now[1]) ^ set(then[1]), (question, set(now[1]) ^ set(then[1]))
            assert sorted(map(repr, now[0])) == sorted(map(repr, then[0])), (turn, question)
            answered += bool(now[0])
    assert answered > 30


HISTORY = """
INSERT INTO record_log (topic, topic_id, partition, offset, ingested_at, kind, document_id, source, published_at,
    scored_at, label, p_neutral, model_version, story_id, mentions.entity, mentions.surface, mentions.via,
    mentions.label,
    mentions.p_negative, mentions.p_neutral, mentions.p_positive, mentions.sentiment, mentions.deciding_start,
    mentions.deciding_end, events.entity, events.type, events.probability, events.role, events.state, events.relevance,
    events.severity, events.polarity, error_kind)
WITH number %% 20 = 7 AS told, number %% 1000 = 3 AS bad
SELECT 'news', 'id', number %% 4, number, at, 'news', toString(number), 's', if(bad, toDateTime64(0, 3), at), at,
    'neutral', 1, 'm1', number, ['AAA'], ['AAA'], ['name'], ['neutral'], [0.], [1.], [0.], [0.], [0], [0],
    if(told, ['AAA'], []), if(told, ['fine'], []), if(told, [0.9], []), if(told, ['subject'], []),
    if(told, ['happened'], []), if(told, [80], []), if(told, [3], []), if(told, [-1], []), if(bad, 'not_json', '')
FROM (SELECT number, %(first)s + toIntervalSecond(number * 2) AS at FROM numbers(%(count)s))
"""
"""A document every other second."""


def test_a_question_about_a_day_reads_few_other_rows(client: Client):
    """Of ten days, without copies of rows."""
    replace_event_types(client, load_event_types().by_name.values())
    count, until = 432_000, NOON
    first = until - 10 * DAY
    client.execute(HISTORY, {"first": first, "count": count})
    client.execute(RESCORED.format(n=2).replace("% 3 = 0", "% 20 = 0"))
    day, moment = f"{until - DAY:%F %T}", f"moment = '{until:%F %T}'"
    span = f"first = '{day}', until = '{until:%F %T}', known = '{until:%F %T}'"
    most = {
        f"events_between({span})": (2160, 0.2),
        f"events_as_of({moment}, known = '{until:%F %T}')": (1, 0.2), f"feeds_as_of({moment})": (2, 1.0),
        f"documents_as_of({moment}) WHERE published_at > '{day}'": (43156, 0.5),
        f"mentions_as_of({moment}) WHERE published_at > '{day}'": (43156, 0.7),
        f"dead_letters WHERE ingested_at > '{day}'": (43, 1.0),
    }  # fmt: skip
    for query, (rows, share) in most.items():
        found = client.execute(f"SELECT * FROM {query}")
        read = client.last_query.progress.rows / count
        assert len(found) == rows and read < share, (query, len(found), read)
