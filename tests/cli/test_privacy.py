"""A person's data: all of it is exported, all of it is erased, and every position is still accounted for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from clickhouse_driver import Client

from deploy.local import Stack
from documents import BadRecord, Document, Label, Position, Pseudonymiser, Search
from storage import audited, erase_person, find_person, held_about, positions, write_documents, write_labels
from storage.writes import ShadowRow, delete_search, save_search, write_opened, write_rescored, write_shadow_rows
from tests.support import eventually
from tests.support.commands import within

KEY = "k" * 32
NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_topics(stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A broker without any of our topics (tests/kafka has those), and no retraining."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", stack.kafka_bootstrap)
    for name in ("KAFKA_TOPIC_NEWS", "KAFKA_TOPIC_COMMENTS", "KAFKA_TOPIC_LABELS", "KAFKA_TOPIC_PREFIX"):
        monkeypatch.setenv(name, f"no-{name.lower()}-here-")
    monkeypatch.setenv("RETRAIN_FOLDER", str(tmp_path / "retrain"))


def comment(offset: int, author: str, source: str = "forum") -> Document:
    found = Document(Position("comments", "id", 0, offset), "comment", f"c{offset}", source, "", f"words of {author}")
    found.author = Pseudonymiser(KEY).author(source, author)
    found.published_at, found.url, found.in_reply_to = NOW, f"https://example.com/{author}", f"answer of {author}"
    found.embedding = (author.encode() * 384)[:384]
    return found


def store(client: Client) -> None:
    replied = comment(2, "john")
    replied.in_reply_to = "c0"
    bad = [
        json.dumps({"id": "x", "source": "elsewhere", "author": "jane", "text": "secret"}).encode(),
        b'{"author": "jane", "text": "secret',
        json.dumps({"id": "x", "source": "forum", "author": "john", "text": "jane"}).encode(),
    ]
    letters = [BadRecord(Position("comments", "id", 0, n), "invalid", raw=raw) for n, raw in enumerate(bad, 3)]
    write_documents(client, [hers := comment(0, "jane"), comment(1, "jane", "board"), replied, *letters])
    hers.label, hers.scored_at = "negative", NOW
    write_rescored(client, [hers])
    found = ("negative", "neutral", [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], -0.7, 0.0)
    shadow = ShadowRow("comments", "id", 0, 0, NOW, "w", "comment", "forum", hers.document_id, "m1", "m2", *found)
    write_shadow_rows(client, [shadow])
    given = [("jane", "c2"), ("ann", "c0"), ("ann", "c2")]
    write_labels(
        client,
        [Label(Position("labels", "id", 0, n), "negative", who, NOW, which) for n, (who, which) in enumerate(given)],
    )
    evidence = json.dumps({"documents": [{"document_id": d, "text": "words", "words": ["w"]} for d in ("c0", "c2")]})
    for reader, which in (("jane", "c2"), ("ann", "c0"), ("ann", "c2")):
        write_opened(client, reader, which, "ACME")
    save_search(client, "jane", "mine", Search("john"))
    save_search(client, "jane", "gone", Search("x"))
    delete_search(client, "jane", "gone")
    save_search(client, "ann", "jane's posts", Search())
    # Evidence that shows nothing of a person is not read, whatever it is.
    alerts = [("a", "firing", evidence, NOW), ("b", "firing", "", NOW), ("c", "firing", '{"documents": 7', NOW)]
    client.execute("INSERT INTO alerts (id, state, evidence, recorded_at) VALUES", alerts)


def dump(client: Client) -> str:
    """Everything in the tables that hold texts or names."""
    tables = (
        "record_log",
        "label_log",
        "alerts",
        "audit_log",
        "opened_log",
        "saved_searches",
        "rescored_log",
        "shadow_log",
    )
    return " ".join(str(client.execute(f"SELECT * FROM {table}")) for table in tables)


@pytest.mark.usefixtures("configured")
def test_a_person_is_exported_and_erased_and_no_position_is_lost(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FINSENT_PSEUDONYM_KEY", KEY)
    store(client)
    ledger, accounts = positions(client, {"comments": "id", "labels": "id"}), audited(client)

    lines = [json.loads(line) for line in within("privacy", "export", "jane").stdout.splitlines()]
    assert [one["row"]["name"] for one in lines if one["held"] == "saved search"] == ["mine"]
    assert [one["held"] for one in lines] == (
        ["document"] * 2 + ["label", "opened", "saved search"] + ["dead letter"] * 2 + ["alert's evidence"]
    )
    assert "words of jane" in str(lines) and "words of john" not in str(lines)

    done = within("privacy", "erase", "jane", "--yes")
    assert done.returncode == 0, done
    held = dump(client)
    assert "words of john" in held and "secret" not in held and "words of jane" not in held
    assert not any(Pseudonymiser(KEY).author(source, "jane") in held for source in ("forum", "board"))
    assert not any(f"'{gone}'" in held or f'"{gone}"' in held for gone in ("c0", "c1"))
    assert held.count("jane") == 2, "John's own bad record names her, and a search of Ann's"
    assert within("privacy", "export", "jane").stdout == ""

    (row,) = client.execute("SELECT action, detail FROM audit_log")
    assert row[0] == "erased a person" and "document: 2 before, 0 after" in row[1]
    assert positions(client, {"comments": "id", "labels": "id"}) == ledger
    assert audited(client) == accounts

    write_documents(client, [comment(0, "jane")])
    client.execute("OPTIMIZE TABLE record_log FINAL")
    assert client.execute("SELECT text FROM record_log WHERE topic = 'comments' AND offset = 0") == [("",)], (
        "a record that is read again must not bring it back"
    )


TABLES = ("record_log", "label_log", "alerts", "opened_log", "saved_searches", "rescored_log", "shadow_log")


@pytest.mark.usefixtures("configured")
def test_neither_the_texts_of_changes_nor_any_file_of_the_server_names_the_person(
    stack: Stack, client: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FINSENT_PSEUDONYM_KEY", KEY)
    name = "jane_doe_of_the_files"
    hers = comment(0, name)
    hers.text, hers.document_id = "markerofhertext", "markerofherid"
    other = comment(1, "john")
    other.in_reply_to = hers.document_id
    bad = BadRecord(Position("comments", "id", 0, 2), "invalid", raw=f'{{"author": "{name}"}}'.encode())
    write_documents(client, [hers, other, bad])
    write_labels(client, [Label(Position("labels", "id", 0, 0), "negative", name, NOW, "c1")])
    write_labels(client, [Label(Position("labels", "id", 0, 1), "negative", "ann", NOW, hers.document_id)])
    write_opened(client, name, "c1", "ACME")
    write_opened(client, "ann", hers.document_id, "ACME")
    save_search(client, name, "kept", Search("x"))
    save_search(client, name, "gone", Search("y"))
    delete_search(client, name, "gone")
    shown = [
        {"document_id": one.document_id, "title": "t", "text": one.text, "url": "u", "words": ["w"]}
        for one in (hers, other)
    ]
    evidence = {"reach": 0.25, "documents": [*shown, {"document_id": "n"}], "terms": ['q"\\', "ü"]}
    client.execute(
        "INSERT INTO alerts (id, state, evidence, recorded_at) VALUES",
        [("a", "firing", json.dumps(evidence), NOW), ("b", "firing", json.dumps({"documents": shown[1:]}), NOW)],
    )
    for table in TABLES:  # what a change has replaced is removed at once, and not after the server's eight minutes
        client.execute(f"ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = 0")

    asked: list[str] = []  # servers keep these, too: system.query_log, and their own logs
    with monkeypatch.context() as watched:
        execute = Client.execute
        watched.setattr(
            Client, "execute", lambda self, *what, **how: asked.append(str(what)) or execute(self, *what, **how)
        )
        assert within("privacy", "erase", name, "--yes").returncode == 0

    held = dict(client.execute("SELECT id, evidence FROM alerts"))
    empty = {"document_id": "", "title": "", "text": "", "url": "", "words": []}
    assert json.loads(held["a"]) == evidence | {"documents": [empty, *shown[1:], {"document_id": "n"}]}
    assert json.loads(held["b"]) == {"documents": shown[1:]}
    hidden = [name, Pseudonymiser(KEY).author("forum", name), hers.text, hers.document_id]
    changes = str(client.execute("SELECT * FROM system.mutations WHERE database = currentDatabase()"))
    assert "record_log" in changes and not [one for one in (*hidden, other.text) if one in changes]
    assert len(asked) > 20 and not [one for one in hidden if one in str(asked)]
    replaced = "SELECT count() FROM system.parts WHERE database = currentDatabase() AND NOT active"
    eventually(lambda: client.execute(replaced) == [(0,)], 120, "the server has removed what was replaced")
    files = [path for path in stack.data.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert not [(path, one) for path in files for one in hidden if one.encode() in _bytes(path)]


def _bytes(path: Path) -> bytes:
    """What is in a file, with its name; the server may remove one meanwhile."""
    try:
        return str(path).encode() + path.read_bytes()
    except FileNotFoundError:
        return b""


@pytest.mark.usefixtures("configured")
def test_erasing_by_a_pseudonym_does_not_write_it_down(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FINSENT_PSEUDONYM_KEY", KEY)
    store(client)
    pseudonym = Pseudonymiser(KEY).author("forum", "jane")
    assert within("privacy", "erase", pseudonym, "--yes").returncode == 0
    assert pseudonym not in dump(client)


def test_a_person_of_many_records_is_erased_in_few_changes(client: Client):
    many = [comment(offset, "jane") for offset in range(12_000)]
    for number, one in enumerate(many):
        one.embedding, one.position = b"", Position("comments", "0123456789abcdef" * 2, number % 9, number)
    write_documents(client, many)
    person = find_person(client, "jane", Pseudonymiser(KEY))
    erase_person(client, person)
    assert client.execute("SELECT countIf(text != '' OR author != ''), count() FROM record_log") == [(0, 12_000)]
    changed = "SELECT count() FROM system.mutations WHERE database = currentDatabase() AND table = 'record_log'"
    assert client.execute(changed) == [(2,)]


NAMED = {
    "as it is": '{"source": "forum", "author": "%s"}',
    "as an annotator": '{"annotator": "%s"}',
    "in no JSON": "%s, wrote",
}
ESCAPES = {"/": "\\/", '"': '\\"', "\\": "\\\\", "\t": "\\t"}


@pytest.mark.parametrize("name", ["jane", "zoë/q", 'a"b\\c', "b\tb", "%_x", "李雷", "u"])
def test_a_bad_record_is_found_however_it_writes_the_name(client: Client, name: str):
    """The server chooses which records are looked at: it must leave out none that the look itself would find."""
    short = "".join(ESCAPES.get(letter, letter) for letter in name)
    long = "".join(f"\\u{ord(letter):04X}" for letter in name)
    written = [NAMED["in no JSON"] % name, *(NAMED[how] % short for how in ("as it is", "as an annotator"))]
    written += [NAMED["as it is"] % long, NAMED["as it is"] % (long[:6] + short.removeprefix(short[0]))]
    own = [text.encode() for text in written]
    own += [(NAMED["as it is"] % short).encode(code) for code in ("utf-16", "utf-16-be", "utf-32-le", "utf-8-sig")]
    others = [
        b'{"source": "forum", "author": "somebody"}',
        b'{"author": "x\\u0020y"}',
        b"\xff\x00",
        b"nobody's \\u0041",
    ]
    # How a name starts with an escape of one letter can only be told if it has one.
    own = own if short[0] == name[0] else [raw for raw in own if raw != own[4]]
    letters = [BadRecord(Position("comments", "id", 0, n), "invalid", raw=raw) for n, raw in enumerate(own + others)]
    write_documents(client, [comment(100, "john"), *letters])
    person = find_person(client, name, Pseudonymiser(KEY))
    assert [raw for raw in own if not person.sent(raw)] == []
    found = [row["raw"] for what, row in held_about(client, person) if what == "dead letter"]
    assert found == own


@pytest.mark.usefixtures("configured")
def test_a_pseudonym_names_its_author_of_one_source(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FINSENT_PSEUDONYM_KEY", KEY)
    store(client)
    assert within("privacy", "erase", Pseudonymiser(KEY).author("forum", "jane"), "--yes").returncode == 0
    texts = {row[0] for row in client.execute("SELECT text FROM record_log WHERE error_kind = ''")}
    assert texts == {"", "words of jane", "words of john"}


@pytest.mark.usefixtures("configured")
def test_rows_without_an_author_are_nobodys(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FINSENT_PSEUDONYM_KEY", KEY)
    write_documents(client, [Document(Position("news", "id", 0, 0), "news", "n0", "wire", "a title", published_at=NOW)])
    assert within("privacy", "erase", "jane", "--yes").returncode == 0
    assert within("privacy", "erase", "", "--yes").returncode == 1
    assert client.execute("SELECT title, document_id FROM record_log") == [("a title", "n0")]
