"""What is held about a person, and its erasure. Rows are emptied and stay: the ledger accounts for every position, and
scores without a text, an author or an id tell nothing of a person.

A server keeps the text of each change (``system.mutations``), and often of each query. So names and pseudonyms are sent
beside a query, as tables of its own, and a change says which rows it is about by their positions, or by a hash of the
whole row where a table has none.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from documents import Pseudonymiser, Search
from errors import FinsentError
from storage.refusals import LACKS_RIGHTS
from storage.rows import Row, select

AT_ONCE = {"mutations_sync": 2}
"""A statement returns when every part of the table, on every replica, is written anew."""

_POSITION = "topic, topic_id, partition, offset"
_PSEUDONYMS, _NAME = "(SELECT author FROM meant_authors)", "(SELECT name FROM meant_names)"
"""The tables that are sent beside a query, see ``Person.meant``."""

_OWN = f"author IN {_PSEUDONYMS} AND author != ''"
_OWN_IDS = f"(SELECT document_id FROM record_log WHERE {_OWN} AND document_id != '')"
_SHOWN_IN = f"""
SELECT id, toString(state), evidence, sipHash64(evidence) FROM alerts
WHERE hasAny(
    arrayMap(one -> JSONExtractString(one, 'document_id'), JSONExtractArrayRaw(evidence, 'documents')),
    (SELECT groupUniqArray(document_id) FROM record_log WHERE {_OWN} AND document_id != '')
)
"""
_EMPTIED = """concat('{', arrayStringConcat(arrayMap(
    field -> concat(toJSONString(field.1), ': ', multiIf(
        field.1 IN ('document_id', 'title', 'text', 'url'), '""', field.1 = 'words', '[]', field.2)),
    JSONExtractKeysAndValuesRaw(document)), ', '), '}')"""
_EVIDENCE = f"""concat('{{', arrayStringConcat(arrayMap(
    part -> concat(toJSONString(part.1), ': ', if(part.1 = 'documents', concat('[', arrayStringConcat(arrayMap(
        (document, number) -> if(number IN %(numbers)s, {_EMPTIED}, document),
        JSONExtractArrayRaw(part.2), arrayEnumerate(JSONExtractArrayRaw(part.2))), ', '), ']'), part.2)),
    JSONExtractKeysAndValuesRaw(evidence)), ', '), '}}')"""
"""Evidence without the documents of these numbers. The server makes it: in a change, the texts of all others would be
kept, too."""

OPENED, SAVED = "sipHash64(user, at, document_id, entity)", "sipHash64(user, at, name)"
"""Rows without a position. The time of a row is in its hash, so a name cannot be found by trying names."""

_MAY_NAME = f"(position(raw, {_NAME}) > 0 OR position(raw, %(escape)s) > 0 OR position(raw, char(0)) > 0)"
"""Bad records that ``Person.sent`` must judge if a name is known: all that can hold it. JSON may write it in escapes,
or in UTF-16 or UTF-32, where every character of JSON's own has a zero byte. The others stay on the server."""

DEFAULT_MINUTES = 8.0
"""ClickHouse's own ``old_parts_lifetime``, where we may not ask for it."""

MOST_POSITIONS = 10_000
"""Of one change. Its text must stay below the 256 KiB that a server reads."""

NOBODY = ("nobody",)
"""No row's author. A row without one has '', which must never be looked for."""


class Person(NamedTuple):
    """An author, or somebody who labelled or read. ``name`` is the id as the feed gave it, '' if only a pseudonym is
    known."""

    pseudonyms: tuple[str, ...]
    name: str
    pseudonymiser: Pseudonymiser

    @property
    def meant(self) -> list[dict[str, Any]]:
        """Tables to be sent beside a query, so that its text names nobody. No row's name is '' to those who ask."""
        return [
            {
                "name": "meant_authors",
                "structure": [("author", "String")],
                "data": [{"author": one} for one in self.pseudonyms],
            },
            {"name": "meant_names", "structure": [("name", "String")], "data": [{"name": self.name}]},
        ]

    def sent(self, raw: bytes) -> bool:
        """Whether the bytes of a bad record are this person's. Bytes that are no JSON are theirs if they contain the
        name."""
        try:
            fields = json.loads(raw)
        except (ValueError, RecursionError):
            fields = None
        if isinstance(fields, dict):
            author, source = fields.get("author"), fields.get("source")
            if isinstance(author, str) and self.pseudonymiser.author(str(source), author) in self.pseudonyms:
                return True
            return bool(self.name) and self.name in (author, fields.get("annotator"))
        word = re.escape(self.name.encode())
        return bool(self.name) and re.search(rb"(?<!\w)" + word + rb"(?!\w)", raw) is not None


At = tuple[str, str, int, int]
"""The topic, its identity, the partition and the offset of a row."""


class DeadLetter(NamedTuple):
    """A bad record with its bytes."""

    table: str
    position: At
    raw: bytes


def find_person(client: Client, author: str, pseudonymiser: Pseudonymiser) -> Person:
    """Who is meant by ``author``: a pseudonym (32 hexadecimal digits), or an id as the feeds of comments give it."""
    if not author.strip():
        raise FinsentError("no author is named: everything without an author would be meant")
    if re.fullmatch("[0-9a-f]{32}", author):
        return Person((author,), "", pseudonymiser)
    sources = [row[0] for row in client.execute("SELECT DISTINCT source FROM record_log WHERE kind = 'comment'")]
    pseudonyms = tuple(pseudonymiser.author(source, author) for source in sources)
    return Person(pseudonyms or NOBODY, author, pseudonymiser)


def held_about(client: Client, person: Person) -> Iterator[tuple[str, Row]]:
    """(what it is, row) of all that is held about ``person``."""
    document = (
        f"SELECT {_POSITION}, published_at, ingested_at, source, document_id, author, in_reply_to, url, lang, title, "
        "text, toString(label) AS label, sentiment, `mentions.entity` AS companies FROM record_log "
        f"WHERE {_OWN} ORDER BY {_POSITION}"
    )
    label = (
        f"SELECT {_POSITION}, labelled_at, document_id, text, entity, toString(label) AS label, annotator "
        f"FROM label_log WHERE annotator IN {_NAME} AND annotator != '' ORDER BY {_POSITION}"
    )
    opened = f"SELECT user, at, document_id, entity FROM opened_log WHERE user IN {_NAME} AND user != '' ORDER BY at"
    saved = (
        f"SELECT user, name, at, {', '.join(Search._fields)} FROM saved_searches "
        f"WHERE user IN {_NAME} AND user != '' ORDER BY at"
    )
    for what, query in (("document", document), ("label", label), ("opened", opened), ("saved search", saved)):
        for row in select(client, query, **_beside(client, person)):
            yield what, row
    for letter in _dead_letters(client, person):
        names = zip(("topic", "topic_id", "partition", "offset"), letter.position, strict=True)
        yield "dead letter", {**dict(names), "raw": letter.raw}
    for identifier, state, evidence, _ in _alerts(client, person):
        yield "alert's evidence", {"id": identifier, "state": state, "documents": evidence["documents"]}


class Sent(NamedTuple):
    """What is known of a person's records in Kafka: where they came from, their documents' ids, and which transitions
    of alerts, by (id, state), show them. Once the person is erased, it cannot be asked any more."""

    positions: list[At]
    document_ids: set[str]
    alerts: set[tuple[str, str]]


def sent_by(client: Client, person: Person) -> Sent:
    """Where in Kafka the records of ``person`` are, as far as they are stored."""
    theirs = f"annotator IN {_NAME} AND annotator != ''"
    positions = {
        at
        for table, where in (("record_log", _OWN), ("label_log", theirs))
        for at in client.execute(f"SELECT {_POSITION} FROM {table} WHERE {where}", **_beside(client, person))
    }
    positions |= {letter.position for letter in _dead_letters(client, person)}
    ids = client.execute(f"SELECT DISTINCT document_id FROM record_log WHERE {_OWN}", **_beside(client, person))
    alerts = {(identifier, state) for identifier, state, *_ in _alerts(client, person)}
    return Sent(sorted(positions), {one for (one,) in ids if one}, alerts)


def counts_about(client: Client, person: Person) -> dict[str, int]:
    """How many rows of each kind are held about ``person``."""
    counts = {"document": 0, "label": 0, "opened": 0, "saved search": 0, "dead letter": 0, "alert's evidence": 0}
    for what, _ in held_about(client, person):
        counts[what] += 1
    return counts


def erase_person(client: Client, person: Person) -> None:
    """Empty all that ``held_about`` finds. If a call ends half-way, the next one does the rest: documents come last,
    because they show what else is this person's."""
    nobody = f"erased-{uuid.uuid4().hex[:16]}"

    def found(table: str, what: str, where: str) -> list[Any]:
        query = f"SELECT DISTINCT {what} FROM {table} WHERE {where}"
        return list(client.execute(query, **_beside(client, person)))

    def update(table: str, change: str, positions: list[At], **parameters: Any) -> None:
        for where, known in _conditions(positions):
            client.execute(f"ALTER TABLE {table} UPDATE {change} WHERE {where}", known | parameters, settings=AT_ONCE)

    def change_hashed(change: str, hashed: str, rows: list[tuple[int]]) -> None:
        for some in _some([number for (number,) in rows]):
            client.execute(f"{change} WHERE {hashed} IN %(rows)s", {"rows": some}, settings=AT_ONCE)

    ids = {one for (one,) in found("record_log", "document_id", _OWN)}
    for identifier, state, evidence, hashed in _alerts(client, person):
        numbers = [n for n, one in enumerate(evidence["documents"], 1) if one.get("document_id") in ids]
        where = "id = %(id)s AND toString(state) = %(state)s AND sipHash64(evidence) = %(hashed)s"
        client.execute(
            f"ALTER TABLE alerts UPDATE evidence = {_EVIDENCE} WHERE {where}",
            {"numbers": tuple(numbers), "id": identifier, "state": state, "hashed": hashed},
            settings=AT_ONCE,
        )
    own = found("record_log", _POSITION, _OWN)
    for table in ("rescored_log", "shadow_log"):
        update(table, "document_id = 'erased'", own)
    about = f"document_id != '' AND document_id IN {_OWN_IDS}"
    update("label_log", "document_id = 'erased'", found("label_log", _POSITION, about))
    change_hashed("ALTER TABLE opened_log UPDATE document_id = 'erased'", OPENED, found("opened_log", OPENED, about))
    theirs = found("label_log", _POSITION, f"annotator IN {_NAME} AND annotator != ''")
    update("label_log", "annotator = %(nobody)s", theirs, nobody=nobody)
    for table, row in (("opened_log", OPENED), ("saved_searches", SAVED)):
        change_hashed(f"ALTER TABLE {table} DELETE", row, found(table, row, f"user IN {_NAME} AND user != ''"))
    letters = list(_dead_letters(client, person))
    for table in ("record_log", "label_log"):
        update(table, "raw = '', error = 'erased on request'", [one.position for one in letters if one.table == table])
    replies = found("record_log", _POSITION, f"in_reply_to != '' AND in_reply_to IN {_OWN_IDS}")
    update("record_log", "in_reply_to = ''", replies)
    update(
        "record_log",
        "document_id = concat('erased-', topic_id, '-', toString(partition), '-', toString(offset)), title = '', "
        "text = '', url = '', in_reply_to = '', embedding = '', author = ''",
        own,
    )


def minutes_on_disk(client: Client) -> float:
    """How long the server keeps the files that a change has replaced: the ``old_parts_lifetime`` of its tables."""
    query = """
    SELECT toUInt64(value) FROM system.merge_tree_settings WHERE name = 'old_parts_lifetime'
    UNION ALL
    SELECT max(toUInt64OrZero(extract(engine_full, 'old_parts_lifetime = ([0-9]+)'))) FROM system.tables
    WHERE database = currentDatabase()
    """
    try:
        return max(seconds for (seconds,) in client.execute(query)) / 60
    except ServerException as error:
        if error.code != LACKS_RIGHTS:
            raise
        return DEFAULT_MINUTES


def _beside(client: Client, person: Person) -> dict[str, Any]:
    """How a query is put that asks about ``person``. Shards get a query with the name in it, so they are not to write
    it down."""
    return {
        "external_tables": person.meant,
        "settings": {"log_queries": 0} if getattr(client, "shards", "") else {},
    }


def _conditions(positions: list[At]) -> Iterator[tuple[str, dict[str, Any]]]:
    """SQL that is true of the rows at ``positions``, with its parameters, some of the rows at a time."""
    for some in _some(sorted(set(positions))):
        offsets: dict[tuple[str, str, int], list[int]] = {}
        for *partition, offset in some:
            offsets.setdefault(tuple(partition), []).append(offset)
        where, known = [], dict[str, Any]()
        for n, ((topic, topic_id, partition), those) in enumerate(offsets.items()):
            where.append(
                f"(topic = %(topic{n})s AND topic_id = %(id{n})s AND partition = {partition} AND offset IN %(at{n})s)"
            )
            known |= {f"topic{n}": topic, f"id{n}": topic_id, f"at{n}": tuple(those)}
        yield " OR ".join(where), known


def _some(of_many: list[Any]) -> Iterator[tuple[Any, ...]]:
    for start in range(0, len(of_many), MOST_POSITIONS):
        yield tuple(of_many[start : start + MOST_POSITIONS])


def _alerts(client: Client, person: Person) -> Iterator[tuple[str, str, dict[str, Any], int]]:
    """(id, state, evidence, its hash) of the alerts whose evidence shows a document of ``person``."""
    for identifier, state, text, hashed in client.execute(_SHOWN_IN, **_beside(client, person)):
        yield identifier, state, json.loads(text), hashed


def _dead_letters(client: Client, person: Person) -> Iterator[DeadLetter]:
    """The bad records of ``person``. If a pseudonym alone is known, every one is read: only the name is in them."""
    where = f"raw != '' AND {_MAY_NAME}" if person.name else "raw != ''"
    # Characters are escaped as \uXXXX (RFC 8259, section 7); these few have other escapes, too.
    escape = "\\" if set(person.name) & set('"\\/\b\f\n\r\t') else "\\u"
    for table in ("record_log", "label_log"):
        query = f"SELECT {_POSITION}, hex(raw) FROM {table} WHERE {where}"
        for *position, raw in client.execute(query, {"escape": escape}, **_beside(client, person)):
            letter = DeadLetter(table, tuple(position), bytes.fromhex(raw))
            if person.sent(letter.raw):
                yield letter
