"""The command line as people and scripts use it: real processes, real broker, real ClickHouse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from finsent import mask

ROOT = Path(__file__).parent.parent


def finsent(*args: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "finsent", *map(str, args)],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def assert_one_line_failure(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def feed(path: Path, count: int, seconds_apart: int = 1) -> Path:
    start = 1_700_000_000
    with path.open("w") as stream:
        for n in range(count):
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start + n * seconds_apart))
            stream.write(json.dumps({"id": f"n{n}", "source": "s", "title": f"t {n}", "published_at": at}) + "\n")
    return path


def test_help_teaches_and_answers_at_once() -> None:
    times = []
    for _ in range(3):
        started = time.monotonic()
        done = finsent("--help")
        times.append(time.monotonic() - started)
    assert done.returncode == 0
    for word in ("produce", "schemas", "finsent up", "KAFKA_BOOTSTRAP_SERVERS"):
        assert word in done.stdout
    assert min(times) < 0.5


def test_version_and_usage_errors() -> None:
    assert finsent("--version").stdout.startswith("finsent 0.")
    for wrong in (["nonsense"], ["produce", "nope.jsonl"], ["produce", __file__, "--speed", "fast"]):
        done = finsent(*wrong)
        assert done.returncode == 2, done
        assert "Traceback" not in done.stderr


def test_schemas_are_printed_and_checked() -> None:
    assert "published_at" in json.loads(finsent("schemas", "news").stdout)["$defs"]["News"]["properties"]
    assert {"news", "comments", "labels"} <= set(json.loads(finsent("schemas").stdout))
    assert finsent("schemas", "--check").returncode == 0
    assert finsent("schemas", "nope").returncode == 2


def test_produce_counts_what_became_of_every_record(kafka_bootstrap: str, tmp_path: Path) -> None:
    path = feed(tmp_path / "feed.jsonl", 50)
    done = finsent("produce", path, "--topic", "news", "--json", KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert (counts["sent"], counts["acknowledged"], counts["failed"]) == (50, 50, 0)
    assert counts["topics"] == {"news": 50}
    done = finsent("produce", path, "--topic", "news", KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap)
    assert "sent 50 (50 to news), acknowledged 50, failed 0" in done.stdout


def test_produce_fails_when_a_record_or_every_row_could_not_be_sent(kafka_bootstrap: str, tmp_path: Path) -> None:
    large = tmp_path / "large.jsonl"
    large.write_text(json.dumps({"id": "x", "pad": "x" * 3_000_000}) + "\n")
    done = finsent("produce", large, "--topic", "news", KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap)
    assert_one_line_failure(done, "1 failed", "MessageSizeTooLarge")
    undated = tmp_path / "undated.csv"
    undated.write_text("id,text\n1,one\n2,two\n")
    done = finsent("produce", undated, "--topic", "news", KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap)
    assert done.returncode == 1
    assert "2 not sent: without a date" in done.stderr and "--undated" in done.stderr
    done = finsent(
        "produce",
        undated,
        "--topic",
        "news",
        "--undated",
        "2024-01-01",
        KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap,
    )
    assert done.returncode == 0, done.stderr


def test_produce_names_what_is_wrong(kafka_bootstrap: str, tmp_path: Path) -> None:
    path = feed(tmp_path / "feed.jsonl", 1)
    done = finsent("produce", path, "--topic", "news", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert_one_line_failure(done, "127.0.0.1:1", "KAFKA_BOOTSTRAP_SERVERS", "finsent up")
    done = finsent("produce", path, "--topic", "newz", KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap)
    assert_one_line_failure(done, "no topic 'newz'")
    done = finsent("produce", path, KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap)
    assert_one_line_failure(done, "--topic")


def test_ctrl_c_waits_for_what_is_on_its_way_and_reports(kafka_bootstrap: str, tmp_path: Path) -> None:
    path = feed(tmp_path / "feed.jsonl", 1000, seconds_apart=60)
    process = subprocess.Popen(
        [sys.executable, "-m", "finsent", "produce", path, "--topic", "news", "--speed", "600x", "--json"],
        cwd=ROOT,
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)  # ten records a second: it would take 100 s
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    counts = json.loads(out)
    assert 5 < counts["sent"] == counts["acknowledged"] < 60
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
