"""What is held about a person, and its erasure. Rows are emptied and stay: the ledger accounts for every position, and
scores without a text, an author or an id tell nothing of a person."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

from clickhouse_driver import Client

from documents import Pseudonymiser, Search
from errors import FinsentError
from storage.rows import Row, select

AT_ONCE = {"mutations_sync": 2}
"""A statement returns when every part of the table, on every replica, is written anew."""

_POSITION = "topic, topic_id, partition, offset"
_OWN = "(SELECT {} FROM record_log WHERE author IN %(pseudonyms)s)"
_SHOWN_IN = """
SELECT id, toString(state), evidence FROM alerts
WHERE hasAny(
    arrayMap(one -> JSONExtractString(one, 'document_id'), JSONExtractArrayRaw(evidence, 'documents')),
    (SELECT groupUniqArray(document_id) FROM record_log WHERE author IN %(pseudonyms)s AND document_id != '')
)
"""
_NO_TEXT = {"document_id": "", "title": "", "text": "", "url": "", "words": []}
_MAY_NAME = "(position(raw, %(name)s) > 0 OR position(raw, %(escape)s) > 0 OR position(raw, char(0)) > 0)"
"""Bad records that ``Person.sent`` must judge if a name is known: all that can hold it. JSON may write it in escapes,
or in UTF-16 or UTF-32, where every character of JSON's own has a zero byte. The others stay on the server."""

MOST_POSITIONS = 1000
NOBODY = ("nobody",)
"""No row's author. A row without one has '', which must never be looked for."""


class Person(NamedTuple):
    """An author, or somebody who labelled or read. ``name`` is the id as the feed gave it, '' if only a pseudonym is
    known."""

    pseudonyms: tuple[str, ...]
    name: str
    pseudonymiser: Pseudonymiser

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


class DeadLetter(NamedTuple):
    """A bad record with its bytes."""

    table: str
    position: tuple[str, str, int, int]
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
    known = _parameters(person)
    for row in select(
        client,
        f"SELECT {_POSITION}, published_at, ingested_at, source, document_id, author, in_reply_to, url, lang, title, "
        "text, toString(label) AS label, sentiment, `mentions.entity` AS companies FROM record_log "
        f"WHERE author IN %(pseudonyms)s ORDER BY {_POSITION}",
        known,
    ):
        yield "document", row
    labels = "labelled_at, document_id, text, entity, toString(label) AS label, annotator FROM label_log"
    for row in select(
        client,
        f"SELECT {_POSITION}, {labels} WHERE annotator = %(name)s AND annotator != '' ORDER BY {_POSITION}",
        known,
    ):
        yield "label", row
    opened = "SELECT user, at, document_id, entity FROM opened_log WHERE user = %(name)s AND user != '' ORDER BY at"
    for row in select(client, opened, known):
        yield "opened", row
    saved = (
        f"SELECT user, name, at, {', '.join(Search._fields)} FROM saved_searches "
        "WHERE user = %(name)s AND user != '' ORDER BY at"
    )
    for row in select(client, saved, known):
        yield "saved search", row
    for letter in _dead_letters(client, person):
        names = zip(("topic", "topic_id", "partition", "offset"), letter.position, strict=True)
        yield "dead letter", {**dict(names), "raw": letter.raw}
    for identifier, state, evidence in _alerts(client, person):
        yield "alert's evidence", {"id": identifier, "state": state, "documents": evidence["documents"]}


def counts_about(client: Client, person: Person) -> dict[str, int]:
    """How many rows of each kind are held about ``person``."""
    counts = {"document": 0, "label": 0, "opened": 0, "saved search": 0, "dead letter": 0, "alert's evidence": 0}
    for what, _ in held_about(client, person):
        counts[what] += 1
    return counts


def erase_person(client: Client, person: Person) -> None:
    """Empty all that ``held_about`` finds. If a call ends half-way, the next one does the rest: documents come last,
    because they show what else is this person's."""
    known = _parameters(person) | {"nobody": f"erased-{uuid.uuid4().hex[:16]}"}

    def update(table: str, change: str, where: str, **parameters: Any) -> None:
        client.execute(f"ALTER TABLE {table} UPDATE {change} WHERE {where}", known | parameters, settings=AT_ONCE)

    ids = _ids(client, person)
    for identifier, state, evidence in _alerts(client, person):
        documents = [one | _NO_TEXT if one.get("document_id") in ids else one for one in evidence["documents"]]
        emptied = json.dumps(evidence | {"documents": documents})
        where = "id = %(id)s AND toString(state) = %(state)s"
        update("alerts", "evidence = %(evidence)s", where, id=identifier, state=state, evidence=emptied)
    for own, values in _own(client, person, _POSITION):
        for table in ("rescored_log", "shadow_log"):
            update(table, "document_id = 'erased'", f"({_POSITION}) IN {own}", **values)
    for own, values in _own(client, person, "document_id"):
        for table in ("label_log", "opened_log"):
            update(table, "document_id = 'erased'", f"document_id != '' AND document_id IN {own}", **values)
    update("label_log", "annotator = %(nobody)s", "annotator = %(name)s AND annotator != ''")
    for table in ("opened_log", "saved_searches"):
        client.execute(f"ALTER TABLE {table} DELETE WHERE user = %(name)s AND user != ''", known, settings=AT_ONCE)
    _empty_dead_letters(client, person)
    for own, values in _own(client, person, "document_id"):
        update("record_log", "in_reply_to = ''", f"in_reply_to != '' AND in_reply_to IN {own}", **values)
    update(
        "record_log",
        "document_id = concat('erased-', topic_id, '-', toString(partition), '-', toString(offset)), title = '', "
        "text = '', url = '', in_reply_to = '', embedding = '', author = ''",
        "author IN %(pseudonyms)s AND author != ''",
    )


def _own(client: Client, person: Person, columns: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the person's documents have in ``columns``, as SQL with its parameters.

    A change with a sub-query would give each replica the answer of its own moment, and ClickHouse refuses it; a shard
    does not have the tables that it asks. So a cluster gets the values, some at a time."""
    if not getattr(client, "cluster", "") and not getattr(client, "shards", ""):
        yield _OWN.format(columns), {}
        return
    rows = client.execute(
        f"SELECT DISTINCT {columns} FROM record_log WHERE author IN %(pseudonyms)s", _parameters(person)
    )
    values = [row if len(row) > 1 else row[0] for row in rows]
    for start in range(0, len(values), MOST_POSITIONS):
        yield "%(own)s", {"own": tuple(values[start : start + MOST_POSITIONS])}


def _parameters(person: Person) -> dict[str, Any]:
    return {"pseudonyms": person.pseudonyms, "name": person.name}


def _ids(client: Client, person: Person) -> set[str]:
    found = client.execute(
        "SELECT DISTINCT document_id FROM record_log WHERE author IN %(pseudonyms)s", _parameters(person)
    )
    return {row[0] for row in found}


def _alerts(client: Client, person: Person) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(id, state, evidence) of the alerts whose evidence shows a document of ``person``."""
    for identifier, state, text in client.execute(_SHOWN_IN, _parameters(person)):
        yield identifier, state, json.loads(text)


def _dead_letters(client: Client, person: Person) -> Iterator[DeadLetter]:
    """The bad records of ``person``. If a pseudonym alone is known, every one is read: only the name is in them."""
    where = f"raw != '' AND {_MAY_NAME}" if person.name else "raw != ''"
    # Characters are escaped as \uXXXX (RFC 8259, section 7); these few have other escapes, too.
    escape = "\\" if set(person.name) & set('"\\/\b\f\n\r\t') else "\\u"
    for table in ("record_log", "label_log"):
        query = f"SELECT {_POSITION}, hex(raw) FROM {table} WHERE {where}"
        for *position, raw in client.execute(query, {"name": person.name, "escape": escape}):
            letter = DeadLetter(table, tuple(position), bytes.fromhex(raw))
            if person.sent(letter.raw):
                yield letter


def _empty_dead_letters(client: Client, person: Person) -> None:
    found = list(_dead_letters(client, person))
    for table in ("record_log", "label_log"):
        positions = [letter.position for letter in found if letter.table == table]
        for start in range(0, len(positions), MOST_POSITIONS):
            client.execute(
                f"ALTER TABLE {table} UPDATE raw = '', error = 'erased on request' "
                f"WHERE ({_POSITION}) IN %(positions)s",
                {"positions": tuple(positions[start : start + MOST_POSITIONS])},
                settings=AT_ONCE,
            )
