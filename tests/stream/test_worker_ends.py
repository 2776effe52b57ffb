"""What is known of workers that ended: from the file that each leaves, in ClickHouse, by the doctor and the console."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_driver import Client

from console.api.health import problems
from errors import ExitCode, FinsentError
from settings import ClickHouseSettings
from storage import Loss, LossReason, connect, write_losses
from storage.reads import restarts, trouble, worker_ends
from storage.writes import WorkerEnd, write_heartbeat, write_worker_ends
from stream.upkeep.ending import recorded
from stream.upkeep.run_record import NO_WORD, RunRecord, bring_in, left_behind
from tests.support.commands import within

AWAY = ClickHouseSettings(url="clickhouse://nobody@127.0.0.1:1/default")
KILLED = """
import sys
from pathlib import Path
from stream.upkeep.run_record import RunRecord
record = RunRecord(Path(sys.argv[1]), "killed", lambda: None)
record.begin()
record.reading("news/1 at 7")
print("runs", flush=True)
sys.stdin.read()
"""


def ends(*minutes_ago: float, code: int = 75) -> list[WorkerEnd]:
    now = datetime.now(UTC)
    return [
        WorkerEnd(
            f"w{n}", now - timedelta(minutes=ago + 1), now - timedelta(minutes=ago), code, f"reason {n}", "news/0 at 12"
        )
        for n, ago in enumerate(minutes_ago)
    ]


def test_three_ends_in_a_row_are_trouble_until_none_follows():
    found = trouble(ends(30, 20, 10), alive=True)
    assert found and (found.times, found.latest.reason) == (3, "reason 2")
    assert str(found).startswith("workers ended 3 times since ") and str(found).endswith("reason 2 (news/0 at 12)")
    assert trouble(ends(20, 10), alive=False) is None
    assert trouble(ends(60, 20, 10), alive=False) is None
    assert trouble(ends(40, 30, 20), alive=False) is None


def test_an_end_for_a_person_is_trouble_until_a_worker_lives():
    assert trouble(ends(200, code=ExitCode.CONFIG), alive=False)
    assert trouble(ends(200, code=ExitCode.CONFIG), alive=True) is None


def test_a_worker_that_was_killed_is_told_by_the_next_start(client: Client, tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=os.getcwd()
    )
    assert process.stdout and process.stdout.readline() == b"runs\n"
    assert list(left_behind(tmp_path)) == []
    process.send_signal(signal.SIGKILL)
    process.communicate()
    bring_in(tmp_path, client)
    (end,) = worker_ends(client)
    assert (end.worker, end.exit_code, end.reason, end.subject) == ("killed", -1, NO_WORD, "news/1 at 7")
    assert list(tmp_path.iterdir()) == []


def test_an_end_is_told_at_once_or_where_clickhouse_is_away_later(client: Client, clickhouse_url: str, tmp_path: Path):
    there = RunRecord(tmp_path, "there", lambda: connect(ClickHouseSettings(url=clickhouse_url)))
    with pytest.raises(FinsentError), recorded(there):
        raise FinsentError("the disk is full")
    (end,) = worker_ends(client)
    assert (end.worker, end.exit_code, end.reason) == ("there", 1, "the disk is full")
    away = RunRecord(tmp_path, "away", lambda: connect(AWAY))
    with pytest.raises(SystemExit), recorded(away):
        try:
            raise ValueError("why")
        except ValueError:
            sys.exit(1)
    assert [found.worker for _, found in left_behind(tmp_path)] == ["away"]
    bring_in(tmp_path, client)
    told = {found.worker: found.reason for found in worker_ends(client)}
    assert told["away"] == "the worker crashed: ValueError('why')"


def test_what_goes_on_while_a_worker_ends_does_not_hide_why(tmp_path: Path):
    def goes_on() -> Client:
        record.reading("labels/2 at 0")
        return connect(AWAY)

    record = RunRecord(tmp_path, "ending", goes_on)
    record.begin()
    record.ended(78, "no library for lz4", "labels/2")
    ((_, end),) = left_behind(tmp_path)
    assert (end.exit_code, end.reason, end.subject) == (78, "no library for lz4", "labels/2")


def test_a_worker_that_is_stopped_leaves_nothing(client: Client, tmp_path: Path):
    for stop in (SystemExit(0), KeyboardInterrupt()):
        with pytest.raises(type(stop)), recorded(RunRecord(tmp_path, "stopped", lambda: connect(AWAY))):
            raise stop
    assert list(tmp_path.iterdir()) == [] and worker_ends(client) == []


def test_a_worker_that_is_stopped_while_it_ends_by_itself_keeps_its_word(tmp_path: Path):
    record = RunRecord(tmp_path, "ending", lambda: connect(AWAY))
    record.begin()
    record.ended(ExitCode.TEMPFAIL, "no batch stored", "news/0 at 5")
    record.stopped()
    ((_, end),) = left_behind(tmp_path)
    assert (end.exit_code, end.reason, end.subject) == (ExitCode.TEMPFAIL, "no batch stored", "news/0 at 5")


def test_the_doctor_and_the_console_say_so(client: Client, clickhouse_url: str, tmp_path: Path):
    environment = {
        "CLICKHOUSE_URL": clickhouse_url, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "FINSENT_DATA": str(tmp_path),
    }  # fmt: skip

    def doctor() -> dict[str, dict]:
        return {one["what"]: one for one in json.loads(within("doctor", "--json", **environment).stdout)}

    write_heartbeat(client, "alive", "v1")
    assert problems(client) == [] and restarts(client) is None
    well = doctor()
    assert well["workers"]["ok"] and well["lost records"]["ok"] and {*well["Kafka"]} == {"what", "ok", "state", "todo"}
    write_worker_ends(client, ends(3, 2, 1))
    write_losses(client, [Loss("news", "id", 1, 3, 8, LossReason.expired)])
    found = problems(client)
    assert "reason 2 (news/0 at 12)" in found[0]["text"] and "news/1: offsets 3 to 7" in found[1]["text"]
    ill = doctor()
    assert not ill["workers"]["ok"] and "reason 2 (news/0 at 12)" in ill["workers"]["state"] and ill["workers"]["todo"]
    assert not ill["lost records"]["ok"] and "news/1: offsets 3 to 7" in ill["lost records"]["state"]
