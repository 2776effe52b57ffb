"""The disk under ClickHouse becomes read-only, as after a fault of it: nothing ends, all is told, nothing is lost."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.api.health import problems
from deploy.local import Stack, clickhouse_server, free_port
from deploy.local.install import install
from deploy.local.supervisor import Child, tail
from settings import ClickHouseSettings
from storage import access, audited, connect, migrate, obstacles
from tests.stream.test_refusals import rows, waits
from tests.stream.test_store import patient, storing
from tests.support import PATIENCE_S, eventually
from tests.support.commands import within

TOLD = "ClickHouse takes no rows: its disk is read-only"


class Disk:
    """A file system of its own at ``path``. Skips the test where this user may not mount one."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True)
        self.mounted: list[Path] = []
        if reason := self._mount("-t", "tmpfs", "-o", "size=900M", "tmpfs", str(path)):
            pytest.skip(f"A READ-ONLY DISK IS NOT TRIED: {reason}")
        self.path = path

    def _mount(self, *arguments: str) -> str:
        """What is wrong; '' if it is mounted."""
        try:
            done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
        except FileNotFoundError:
            return "there is no mount"
        if not done.returncode:
            self.mounted.append(Path(arguments[-1]))
        return done.stderr.strip() if done.returncode else ""

    def keep_writable(self, name: str, outside: Path) -> None:
        """``name`` may be held open: while a file is open for writing, its disk cannot be made read-only."""
        for file in (outside, self.path / name):
            file.touch()
        assert not self._mount("--bind", str(outside), str(self.path / name))

    def become(self, how: str) -> None:
        """Read-only (``ro``) or writable (``rw``), when nothing is being written."""

        def remounted() -> bool:
            done = subprocess.run(["mount", "-o", f"remount,{how}", str(self.path)], capture_output=True, text=True)
            assert not done.returncode or "busy" in done.stderr, done.stderr
            return not done.returncode

        eventually(remounted, 30, f"the disk is {how}")

    def unmount(self) -> None:
        for path in reversed(self.mounted):
            subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory for a ClickHouse alone."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    monkeypatch.delenv("CLICKHOUSE_URL", raising=False)
    return tmp_path / "data"


@pytest.fixture
def store(data: Path) -> Iterator[Disk]:
    """The disk of ClickHouse's tables."""
    disk = Disk(data / "clickhouse" / "store")
    try:
        disk.keep_writable("status", data / "status")
        yield disk
    finally:
        disk.unmount()


def test_a_read_only_disk_is_waited_for_and_told(data: Path, store: Disk) -> None:
    with Stack(data) as stack:
        url, clickhouse = stack.clickhouse_url, stack.children["clickhouse"]
        with connect(ClickHouseSettings(url=url)) as client:
            migrate(client)
            assert obstacles(client) == []
        connection = patient(lambda: connect(ClickHouseSettings(url=url)), patience_s=PATIENCE_S)
        made = storing(connection)
        made.run(rows(0))
        first = clickhouse.pid
        store.become("ro")
        later = threading.Thread(target=made.run, args=(rows(10),))
        later.start()
        waits(connection, later, TOLD)

        def told() -> None:
            with connect(ClickHouseSettings(url=url)) as client:
                assert obstacles(client) == [TOLD]
                assert any(TOLD in one["text"] for one in problems(client))
            assert TOLD in within("doctor", CLICKHOUSE_URL=url).stdout

        told()
        assert clickhouse.pid == first, "it has not ended"
        stack.kill("clickhouse")
        stack.wait_ready()
        told()
        store.become("rw")
        later.join(PATIENCE_S)
        assert not later.is_alive() and connection.waiting_for == ""
        connection.close()
        with connect(ClickHouseSettings(url=url)) as client:
            assert obstacles(client) == []
            assert [(one.stored, one.missing) for one in audited(client)] == [(20, [])]


def test_the_embedded_clickhouse_waits_to_start_on_a_read_only_disk(data: Path) -> None:
    """All that it has lies there: it is not started again and again until it is given up."""
    disk = Disk(data / "clickhouse")
    try:
        (disk.path / "users.xml").write_text(access.users_xml("default", [], {}, "secret"))
        disk.become("ro")
        http, library = free_port(), "" if clickhouse_server.binary() else str(install())
        command = clickhouse_server.argv(disk.path, free_port(), http, library)
        log = data / "logs" / "clickhouse.log"
        child = Child(
            "clickhouse", command, os.environ, lambda: clickhouse_server.answers(http), log, tied=bool(library)
        )
        child.start()
        try:
            eventually(lambda: "waits to start" in tail(log) or child.failure, 30, "it says that it waits")
            first = child.pid
            assert not child.failure and "Read-only file system" in tail(log)
            disk.become("rw")
            child.wait_ready(PATIENCE_S)
            assert child.pid == first
        finally:
            child.stop()
    finally:
        disk.unmount()
