"""The command line as people and scripts use it: real broker, real ClickHouse, and where it matters a process."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from clickhouse_driver import Client

from cli.shared.failures import mask
from deploy.local import BrokerKind
from deploy.local.service import _port_of_console
from documents import BadRecord, Position
from storage import write_documents
from storage.writes import write_alerts
from stream.kafka import ensure_topics, topic_ids, watermarks
from tests.support import eventually, kafka_at
from tests.support.commands import ROOT, assert_one_line_failure, finsent, within
from tests.support.schema_registry import SchemaRegistry


def feed(path: Path, count: int, seconds_apart: int = 1) -> Path:
    start = 1_700_000_000
    with path.open("w") as stream:
        for n in range(count):
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start + n * seconds_apart))
            stream.write(json.dumps({"id": f"n{n}", "source": "s", "title": f"t {n}", "published_at": at}) + "\n")
    return path


SMALLEST = """
import typer

app = typer.Typer(rich_markup_mode="markdown", help="One command.")
app.command()(print)
app(["--help"])
"""
"""A command line that has nothing but its help."""


def imported(stderr: str) -> set[str]:
    """The packages that a process imported, but for Python's own."""
    found = {name.partition(".")[0] for name in re.findall(r"^import time:.*\| +(\S+)$", stderr, re.MULTILINE)}
    return found - sys.stdlib_module_names


def test_help_teaches_and_answers_at_once() -> None:
    # What takes time are imports. Seconds would tell of the machine, which may be slow or busy with other tests.
    profile = {"PYTHONPROFILEIMPORTTIME": "1"}
    done = finsent("--help", **profile)
    smallest = subprocess.run(
        [sys.executable, "-c", SMALLEST], env=os.environ | profile, capture_output=True, text=True, timeout=120
    )
    needed = imported(smallest.stderr)
    assert {"typer", "rich"} <= needed and "cli" in imported(done.stderr)
    assert imported(done.stderr) - needed <= {"cli", "errors", "settings"}
    assert done.returncode == 0
    for word in ("produce", "dead-letters", "doctor", "finsent up", "KAFKA_BOOTSTRAP_SERVERS"):
        assert word in done.stdout


@pytest.fixture
def topic(kafka_bootstrap: str) -> str:
    """A topic of the test's own, so that no worker of another test reads what is sent."""
    name = f"cli-{uuid.uuid4().hex[:12]}"
    ensure_topics(kafka_at(kafka_bootstrap), topics=[name])
    return name


def test_version_and_usage_errors() -> None:
    assert within("--version").stdout.startswith("finsent 0.")
    for wrong in (["nonsense"], ["produce", "nope.jsonl"], ["produce", __file__, "--speed", "fast"]):
        done = within(*wrong)
        assert done.returncode == 2, done
        assert "Traceback" not in done.stderr


def test_schemas_are_printed_and_checked() -> None:
    assert "published_at" in json.loads(within("schemas", "news").stdout)["$defs"]["News"]["properties"]
    assert {"news", "comments", "labels"} <= set(json.loads(within("schemas").stdout))
    assert within("schemas", "--check").returncode == 0
    assert within("schemas", "nope").returncode == 2


def test_produce_counts_what_became_of_every_record(kafka_bootstrap: str, topic: str, tmp_path: Path) -> None:
    path = feed(tmp_path / "feed.jsonl", 50)
    done = within("produce", path, "--topic", topic, "--json", KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert (counts["sent"], counts["acknowledged"], counts["failed"]) == (50, 50, 0)
    assert counts["topics"] == {topic: 50}
    done = within("produce", path, "--topic", topic, KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap)
    assert f"sent 50 (50 to {topic}), acknowledged 50, failed 0" in done.stdout


def test_produce_fails_when_a_record_or_every_row_could_not_be_sent(
    kafka_bootstrap: str, topic: str, tmp_path: Path
) -> None:
    large = tmp_path / "large.jsonl"
    large.write_text(json.dumps({"id": "x", "pad": "x" * 3_000_000}) + "\n")
    done = within("produce", large, "--topic", topic, KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap)
    assert_one_line_failure(done, "1 failed", "MessageSizeTooLarge")
    undated = tmp_path / "undated.csv"
    undated.write_text("text,label,annotator\none,neutral,a\ntwo,neutral,a\n")
    done = within("produce", undated, "--topic", "labels", KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap)
    assert done.returncode == 1
    assert "row 3, labelled_at: there is no date; --undated" in done.stderr and "nothing was sent: 2 bad" in done.stderr
    done = within(
        "produce",
        undated,
        "--topic",
        "news",
        "--undated",
        "2024-01-01",
        KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap,
    )
    assert done.returncode == 0, done.stderr


def test_produce_shows_the_columns_and_stops_at_the_first_hundred_bad_rows(tmp_path: Path) -> None:
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for file in files:
        file.write_text("Headline,Published On,Colour\n" + "Profit falls,yesterday,red\n" * 300)
    # No broker is there: rows are checked before one is asked.
    done = within("produce", *files, "--topic", "news", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert done.returncode == 1
    shown = [" ".join(line.split()) for line in done.stderr.splitlines()]
    assert shown[:5] == [
        "a.csv is CSV (commas)",
        "fields of news from column for example",
        "title Headline Profit falls",
        "published_at Published On yesterday",
        "not used: Colour",
    ]
    bad = [line for line in shown if line.startswith(("finsent: a.csv, row", "finsent: b.csv, row"))]
    assert len(bad) == 100
    assert bad[0].startswith("finsent: a.csv, row 2, published_at: ") and "2024-01-31T12:00:00Z" in bad[0]
    assert bad[-1].startswith("finsent: a.csv, row 101, ")
    assert shown[-1].startswith("finsent: nothing was sent: the first 100 bad rows are above; --skip-bad")


def test_produce_names_what_is_wrong(kafka_bootstrap: str, topic: str, tmp_path: Path) -> None:
    path = feed(tmp_path / "feed.jsonl", 1)
    done = within("produce", path, "--topic", topic, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert_one_line_failure(done, "127.0.0.1:1", "KAFKA_BOOTSTRAP_SERVERS", "finsent up")
    done = within("produce", path, "--topic", "newz", KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap)
    assert_one_line_failure(done, "no topic 'newz'")
    done = within("produce", path, KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap)
    assert_one_line_failure(done, "--topic")


def test_what_has_no_record_in_each_line_is_not_sent_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "pretty.json").write_text('[\n {"id": "a", "title": "b"}\n]\n')
    done = within("produce", str(tmp_path / "pretty.json"), "--topic", "news", "--as-is")
    assert_one_line_failure(done, "is JSON, which has no record in each line: leave out --as-is")


def test_produce_says_where_to_watch_and_gives_a_wait_in_vain_up(
    kafka_bootstrap: str, clickhouse_url: str, client: Client, tmp_path: Path
) -> None:
    path = feed(tmp_path / "feed.jsonl", 3)
    here = {"KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "CLICKHOUSE_URL": clickhouse_url}
    news = ("produce", path, "--topic", "news")
    done = within(*news, **here, CONSOLE_URL="http://console/")
    assert done.returncode == 0, done.stderr
    assert "watch 'finsent doctor' and http://console/health; --wait" in done.stderr.strip().splitlines()[-1]
    # No worker reads this topic, and none is alive.
    done = within(*news, "--wait", "--patience", "1", "--json", **here)
    assert done.returncode == 1 and json.loads(done.stdout)["stored"] == 0
    sentence = done.stderr.strip().splitlines()[-1]
    assert "0 of 3 records are stored, and nothing more for 1 s: no worker is running" in sentence
    assert "finsent doctor" in sentence and "Traceback" not in done.stderr
    before = watermarks(kafka_at(kafka_bootstrap), ["news"])
    done = within(*news, "--wait", **here | {"CLICKHOUSE_URL": "clickhouse://127.0.0.1:1/none"})
    assert_one_line_failure(done, "127.0.0.1:1", "CLICKHOUSE_URL")
    assert watermarks(kafka_at(kafka_bootstrap), ["news"]) == before  # nothing was sent
    assert within("produce", path, "--topic", "else", "--wait", **here).returncode == 2


def test_ctrl_c_waits_for_what_is_on_its_way_and_reports(kafka_bootstrap: str, topic: str, tmp_path: Path) -> None:
    path = feed(tmp_path / "feed.jsonl", 1000, seconds_apart=60)
    process = subprocess.Popen(
        [sys.executable, "-m", "finsent", "produce", path, "--topic", topic, "--speed", "600x", "--json"],
        cwd=ROOT,
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def arrived() -> int:
        found = watermarks(kafka_at(kafka_bootstrap), [topic])
        return sum(high for _, high in found.values())

    eventually(lambda: arrived() > 5, 90, "some records have arrived")  # ten a second: all would take 100 s
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    counts = json.loads(out)
    assert 5 < counts["sent"] == counts["acknowledged"] < 1000
    assert "interrupted" in err


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("clickhouse://me:hunter2@db:9000/x", "clickhouse://me:***@db:9000/x"),
        ("http://db:8123/ and s3://key:p:w@host", "http://db:8123/ and s3://key:***@host"),
        ("clickhouse://default@127.0.0.1:9000", "clickhouse://default@127.0.0.1:9000"),
    ],
)
def test_passwords_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


def test_sql_prints_every_format(clickhouse_url: str) -> None:
    query = (
        "SELECT 1 AS n, 'é, \"q\"' AS s, toDateTime64('2024-01-31 12:00:00', 3, 'UTC') AS t, [1.5, nan] AS a, "
        "NULL AS z, unhex('61ff') AS b, map('k', 'v') AS m, toUUID('8460e127-45e3-45c1-a949-ce61e4d41532') AS u"
    )
    expected = {
        "n": 1, "s": 'é, "q"', "t": "2024-01-31T12:00:00Z", "a": [1.5, None], "z": None, "b": "a\\xff", "m": {"k": "v"},
        "u": "8460e127-45e3-45c1-a949-ce61e4d41532",
    }  # fmt: skip

    def ask(form: str, query: str = query) -> str:
        done = within("sql", query, "--format", form, CLICKHOUSE_URL=clickhouse_url)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert json.loads(ask("json")) == [expected]
    assert json.loads(ask("json", "SELECT 1 WHERE 0")) == []
    lines = ask("jsonl", "SELECT number AS n FROM numbers(20000)").splitlines()
    assert [json.loads(line)["n"] for line in lines] == list(range(20000))
    header, row = csv.reader(io.StringIO(ask("csv")))
    assert header == list(expected)
    assert row[:3] == ["1", 'é, "q"', "2024-01-31T12:00:00Z"] and row[4] == ""
    assert 'é, "q"' in ask("table")


def test_sql_reads_only_and_tells_what_is_wrong(clickhouse_url: str, client: Client) -> None:
    for statement in ("INSERT INTO alerts (id) VALUES ('a')", "DROP TABLE alerts", "SELECT 1 SETTINGS readonly = 0"):
        assert_one_line_failure(within("sql", statement, CLICKHOUSE_URL=clickhouse_url), "readonly mode")
    assert client.execute("SELECT count() FROM alerts") == [(0,)]
    assert_one_line_failure(within("sql", "SELEC 1", CLICKHOUSE_URL=clickhouse_url), "Syntax error")
    assert_one_line_failure(within("sql", "SELECT nope", CLICKHOUSE_URL=clickhouse_url), "nope")
    slow = "SELECT sum(sleepEachRow(0.1)) FROM numbers(100) SETTINGS max_block_size = 1"
    assert within("sql", slow, CLICKHOUSE_URL=clickhouse_url).returncode == 1
    away = within("sql", "SELECT 1", CLICKHOUSE_URL="clickhouse://me:hunter2@127.0.0.1:1/default")
    assert_one_line_failure(away, "127.0.0.1:1", "CLICKHOUSE_URL", "finsent up")
    assert "hunter2" not in away.stderr + away.stdout


def test_dead_letters_are_listed_shown_replayed_once_and_dropped(
    clickhouse_url: str, client: Client, kafka_bootstrap: str, topic: str
) -> None:
    identity = topic_ids(kafka_at(kafka_bootstrap), [topic])[topic]
    bad = [b"\xff{", b"not json", b"17"]
    rows = [
        BadRecord(Position(topic, identity, 0, offset), "not_json", sentence="why", raw=raw)
        for offset, raw in enumerate(bad)
    ]
    write_documents(client, rows)
    settings = {"CLICKHOUSE_URL": clickhouse_url, "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap}

    def letters(*args: str) -> str:
        done = within("dead-letters", *args, **settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def actions() -> dict[str, str]:
        listed = json.loads(letters("list", "--format", "json"))
        return {row["position"]: row["action"] for row in listed}

    first, second, third = (f"{topic}/0/{offset}" for offset in range(3))
    assert actions() == {first: "", second: "", third: ""}
    shown = letters("show", first)
    assert "error: why" in shown and "raw (2 bytes): \\xff{" in shown

    assert letters("replay", first).startswith("1 ")
    assert letters("drop", second).startswith("1 ")
    assert actions() == {first: "replayed", second: "dropped", third: ""}
    assert letters("replay", first).startswith("0 ")
    assert letters("replay", "--all").startswith("1 ")
    assert letters("replay", first, "--again").startswith("1 ")
    assert sum(high for _, high in watermarks(kafka_at(kafka_bootstrap), [topic]).values()) == 3

    for command in ("show", "replay", "drop"):
        assert_one_line_failure(within("dead-letters", command, f"{topic}/0/99", **settings), f"{topic}/0/99")
    assert within("dead-letters", "replay", **settings).returncode == 2
    assert within("dead-letters", "show", "17", **settings).returncode == 2


def test_alerts_are_listed_with_their_latest_state(clickhouse_url: str, client: Client) -> None:
    at = datetime(2024, 1, 31, 12, tzinfo=UTC)
    evidence = {"documents": [{"title": "a title", "text": ""}]}
    alert = {
        "id": "a1", "kind": "sentiment_shift", "entity": "ACME", "direction": "negative", "severity": "warning",
        "state": "firing", "fired_at": at, "at": at, "recorded_at": at, "before_mean": 0.1, "after_mean": -0.5,
        "before_documents": 20, "after_documents": 9, "began_at": at, "model_version": "v", "evidence": evidence,
    }  # fmt: skip
    later = at + timedelta(hours=1)
    write_alerts(client, [alert, alert | {"state": "resolved", "at": later, "recorded_at": later}])

    def listed(*args: str) -> list[dict]:
        done = within("alerts", "--json", *args, CLICKHOUSE_URL=clickhouse_url)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    (found,) = listed()
    assert (found["id"], found["state"], found["fired_at"]) == ("a1", "resolved", "2024-01-31T12:00:00Z")
    assert found["evidence"] == evidence
    assert len(listed("--entity", "ACME", "--since", "2024-01-31")) == 1
    assert listed("--entity", "OTHER") == listed("--since", "2024-02-01") == []
    table = within("alerts", CLICKHOUSE_URL=clickhouse_url).stdout
    assert "ACME" in table and "a title" in table and "-0.50 (9)" in table
    # The mean of an event is the weight of its stories, and no sentiment.
    event = alert | {"id": "a2", "kind": "event", "topic": "bankruptcy", "after_mean": 0.75, "after_documents": 3}
    rising = alert | {"id": "a3", "kind": "topic_shift", "topic": "fraud", "after_mean": 0.31, "after_documents": 7}
    write_alerts(client, [event, rising])
    table = within("alerts", CLICKHOUSE_URL=clickhouse_url).stdout
    assert "0.75" not in table and "(3)" in table and "31 % (7)" in table


def test_doctor_tells_what_to_fix_and_no_secrets(clickhouse_url: str, kafka_bootstrap: str) -> None:
    settings = {"CLICKHOUSE_URL": clickhouse_url, "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap}
    well = within("doctor", "--json", **settings)
    states = {finding["what"]: finding for finding in json.loads(well.stdout)}
    assert states["Kafka"]["ok"] and states["ClickHouse"]["ok"], states
    ill = settings | {
        "CLICKHOUSE_URL": "clickhouse://me:hunter2@127.0.0.1:1/default",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "FINSENT_PSEUDONYM_KEY": "short-secret",
    }
    for options in ([], ["--json"]):
        done = within("doctor", *options, **ill)
        assert done.returncode == 1
        assert "finsent up" in done.stdout
        assert "hunter2" not in done.stdout + done.stderr
        assert "short-secret" not in done.stdout + done.stderr


def test_doctor_asks_the_schema_registry(configured: None) -> None:
    def told(**environment: str) -> dict[str, object]:
        settings = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "KAFKA_SCHEMA_REGISTRY_USER": "ana", **environment}
        done = within("doctor", "--json", **settings)
        assert "s3cret" not in done.stdout + done.stderr
        return next(one for one in json.loads(done.stdout) if one["what"] == "schema registry")

    with SchemaRegistry("ana", "s3cret") as registry:
        url = {"KAFKA_SCHEMA_REGISTRY_URL": registry.url}
        assert told(**url, KAFKA_SCHEMA_REGISTRY_PASSWORD="s3cret")["ok"]
        assert "answers 401" in str(told(**url))
    away = told(**url, KAFKA_SCHEMA_REGISTRY_PASSWORD="s3cret")
    assert away["ok"] is False and registry.url in str(away)


def test_two_services_that_start_at_once_have_consoles_at_two_addresses() -> None:
    with _port_of_console() as one, _port_of_console() as other:  # before either console listens
        assert one.getsockname()[1] != other.getsockname()[1]
        for held in (one, other):
            with socket.create_server(held.getsockname()) as console:
                assert console.getsockname() == held.getsockname()


def commands_that_show(secrets: set[str]) -> list[str]:
    """The command lines of this machine that hold one of ``secrets``: any of its users can read them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            words = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found += [words] if any(secret in words for secret in secrets) else []
    return found


def readable_by_others(names: set[str]) -> list[str]:
    """The processes with one of these variables whose environment others than their owner may read."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            given = {line.partition(b"=")[0].decode(errors="replace") for line in file.read_bytes().split(b"\0")}
            found += [str(file)] if given & names and file.stat().st_mode & 0o077 else []
    return found


@pytest.mark.usefixtures("built_in")
def test_up_detached_serves_the_other_commands_until_down(broker: BrokerKind, tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {"FINSENT_DATA": str(data)}
    sources = tmp_path / "feeds.yaml"
    sources.write_text("contact: me@firm.test\nfeeds: [{name: away, url: 'https://nowhere.invalid/rss'}]\n")
    started = finsent("up", "--broker", broker, "--data", data, "--feeds", sources, "--detach", "--env")
    try:
        assert started.returncode == 0, started.stderr
        said = [line.split(" at ")[0] for line in started.stderr.splitlines() if line.startswith("starting ")]
        kafka = "the embedded broker" if broker == "embedded" else "Apache Kafka"
        parts = (f"finsent in {data}", kafka, "ClickHouse", "worker 1 of 1", "the scheduler", "the console", "to read")
        assert len(said) == len(parts) and all(map(str.startswith, said, (f"starting {part}" for part in parts))), said
        settings = dict(line.removeprefix("export ").split("=", 1) for line in started.stdout.splitlines())
        assert {"KAFKA_BOOTSTRAP_SERVERS", "CLICKHOUSE_URL", "CONSOLE_URL"} <= settings.keys()
        assert "FINSENT_PSEUDONYM_KEY" not in settings
        if Path("/proc/self/cmdline").exists():  # Linux: the workers, the console, the scheduler and the brokers run
            password = urlsplit(settings["CLICKHOUSE_URL"].strip("'")).password
            assert password and len(password) > 30
            assert commands_that_show({str(data)}), "the processes are looked at"
            assert commands_that_show({password}) == [] and readable_by_others({"CLICKHOUSE_URL"}) == []
        assert finsent("up", "--data", data, "--env").stdout == started.stdout
        path = feed(tmp_path / "feed.jsonl", 20)
        done = finsent("produce", path, "--topic", "news", "--wait", "--json", **environment)
        assert done.returncode == 0, done.stderr
        assert "stored: 20 records, 100%" in done.stderr or "stored: 0 records, 0%" in done.stderr
        counts = json.loads(done.stdout)
        assert (counts["sent"], counts["stored"], counts["dead_letters"]) == (20, 20, 0)
        done = finsent("sql", "SELECT count() AS n FROM documents", "--format", "json", **environment)
        assert json.loads(done.stdout)[0]["n"] == 20
        (tmp_path / "one-bad.jsonl").write_text("no record\n" + (tmp_path / "feed.jsonl").read_text())
        done = finsent("produce", tmp_path / "one-bad.jsonl", "--topic", "news", "--as-is", "--wait", **environment)
        assert done.returncode == 0, done.stderr
        assert "stored 21, 1 of them as dead letters ('finsent dead-letters list')" in done.stdout
        url = finsent("console", "--print-url", **environment).stdout.strip()
        assert url == settings["CONSOLE_URL"].strip("'")
        with urlopen(f"{url}api/state", timeout=30) as answer:
            assert json.load(answer)["records"] == 41

        # A worker that asks for a person takes nothing with it: what the embedded broker holds is in its memory.
        (tmp_path / "garbage.jsonl").write_text("no record\n" * 600)
        done = finsent(
            *("produce", tmp_path / "garbage.jsonl", "--topic", "news", "--as-is", "--wait", "--patience", "25"),
            **environment,
        )
        assert done.returncode == 1 and "records are stored, and nothing more for 25 s" in done.stderr, done.stderr
        assert "no worker is running" in done.stderr and f"see 'finsent doctor' and {url}health" in done.stderr
        log = data / "service.log"
        eventually(lambda: "no way to the internet" in log.read_text(), 60, "that no feed can be reached is told")
        eventually(lambda: "bad records in a row" in log.read_text(), 60, "the worker stops")
        eventually(lambda: "finsent worker" in log.read_text(), 10, "what to do is told")

        def behind() -> bool:
            done = finsent("audit", "--json", "-", **environment)
            return done.returncode == 0 and any(row["lag"] for row in json.loads(done.stdout)["partitions"])

        # A worker that ends in the middle of a conversation may take the embedded ClickHouse with it, which comes back.
        eventually(behind, 60, "the broker still has what the worker did not take")
    finally:
        stopped = finsent("down", "--data", data)
    assert stopped.returncode == 0, stopped.stderr
    assert_one_line_failure(finsent("down", "--data", data), "finsent up")


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    shown = subprocess.Popen(
        [sys.executable, "-m", "finsent", "schemas"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert shown.stdout is not None and shown.stderr is not None
    shown.stdout.close()
    assert shown.stderr.read() == b""
    shown.wait(60)


def test_the_tables_are_brought_up_to_date_before_any_worker_starts(clickhouse_url: str, configured: None) -> None:
    first = within("storage", "migrate", CLICKHOUSE_KEEP_COMMENTS_DAYS="30")
    assert first.returncode == 0 and "migrations applied: 0001" in first.stdout, first
    with Client.from_url(clickhouse_url) as client:
        (declared,) = client.execute("SHOW CREATE TABLE record_log")[0]
    assert "toIntervalDay(30)" in declared and "fsync_after_insert = 1" in declared
    assert "up to date" in within("storage", "migrate").stdout
