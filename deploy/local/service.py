"""The whole service on one machine: the stack and the workers, in the foreground or detached."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from deploy.local.stack import BrokerKind, Stack
from deploy.local.supervisor import Child, ChildFailed, free_port, tail
from errors import FinsentError
from settings import given, without_password
from storage.access import PASSWORDS_FILE

WORKER_START_S = 240.0
STOP_S = 60.0


class NotRunning(FinsentError, RuntimeError):
    """No service runs on this data directory."""


class NewErrors:
    """What a child has logged as errors since the last call: people see it where they started the service."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = log.stat().st_size if log.exists() else 0

    def __call__(self) -> list[str]:
        size = self._log.stat().st_size if self._log.exists() else 0
        self._read = min(self._read, size)  # it was rotated
        if size == self._read:
            return []
        with self._log.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read += len(whole + newline)
        found = []
        for line in whole.splitlines():
            with contextlib.suppress(ValueError):  # what is no JSON is no error that it logged
                entry = json.loads(line)
                if entry["level"] in ("ERROR", "CRITICAL"):
                    found.append(str(entry["message"]))
        return found


class Service:
    """A context manager: everything is ready when it is entered, and gone when it is left.

    ``extra`` are settings for what runs beside the stack: the workers and, with ``scheduler``, the process that
    retrains (left out where PyTorch is not installed), with ``console`` the web page, and with the file ``feeds`` what
    reads public sources. ``broker`` and what follows are for ``Stack``. Raises ``AlreadyRunning`` and ``ChildFailed``
    on entering.
    """

    def __init__(
        self,
        data: Path,
        workers: int = 1,
        extra: Mapping[str, str] | None = None,
        scheduler: bool = False,
        console: bool = False,
        broker: BrokerKind = "embedded",
        brokers: int = 1,
        kafka_settings: Mapping[str, str] | None = None,
        feeds: Path | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.stack = Stack(data, broker, brokers, kafka_settings, say=say)
        self.web_ports: list[int] = []
        self._workers = workers
        self._scheduler = scheduler and importlib.util.find_spec("torch") is not None
        self._console = console
        self._held: socket.socket | None = None
        """Keeps the console's port for it."""

        self._feeds = feeds
        self.errors_of_feeds: Callable[[], list[str]] = list
        self._extra = dict(extra or {})
        if workers > 1 and not given("MODEL_THREADS"):  # each finds by itself what is best for one
            self._extra.setdefault("MODEL_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

    def __enter__(self) -> Service:
        self.stack.__enter__()
        try:
            if self._console:
                self._held = _port_of_console()
                self.stack.console_url = f"http://127.0.0.1:{self._held.getsockname()[1]}/"
                if sys.platform != "linux":  # others let nobody listen where a socket is bound
                    self._held.close()
                self._extra.setdefault("ALERT_CONSOLE_URL", self.stack.console_url)
            # The first one migrates the schema, makes the topics and builds the model; the others find them.
            for number in range(self._workers):
                tables = "makes the tables and the model at the first start, and " if number == 0 else ""
                self.stack.say(f"starting worker {number + 1} of {self._workers}: it {tables}reads the model")
                self.start_worker(number)
            if self._scheduler:
                self.stack.say("starting the scheduler of retrainings")
                self._start_scheduler()
            if self._console:
                self.stack.say(f"starting the console at {self.stack.console_url}")
                self._start_console()
            if self._feeds:
                self.stack.say(f"starting to read the feeds in {self._feeds}")
                self._start_feeds(self._feeds)
            self.stack.ready = True
            self.stack.write_state()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        self.stack.__exit__(*error)
        if self._held is not None:
            self._held.close()

    def start_worker(self, number: int) -> None:
        """Start worker ``number`` and wait until it has its partitions. Raises ``ChildFailed``."""
        port = free_port()
        self.web_ports.append(port)
        name = f"worker-{number}"
        env = {**os.environ, **self.stack.environment(), **self._extra, "STREAM_WEB_PORT": str(port)}
        if instance := env.get("KAFKA_GROUP_INSTANCE_ID"):  # no two workers of a group may have the same
            env["KAFKA_GROUP_INSTANCE_ID"] = f"{instance}-{number}"
        worker = Child(
            name,
            [sys.executable, "-m", "finsent", "worker"],
            env,
            lambda: _answers(f"http://127.0.0.1:{port}/ready"),
            self.stack.logs / f"{name}.log",
            changed=self.stack.write_state,
        )
        self.stack.add(worker)
        worker.wait_ready(WORKER_START_S)

    def _start_scheduler(self) -> None:
        argv = [sys.executable, "-m", "finsent", "scheduler"]
        env = {**os.environ, **self.stack.environment(), **self._extra}
        log = self.stack.logs / "scheduler.log"
        # Ready as soon as it runs: nobody waits for it.
        self.stack.add(Child("scheduler", argv, env, lambda: True, log, changed=self.stack.write_state))

    def _start_feeds(self, file: Path) -> None:
        state = self.stack.data / "feeds-state.json"
        argv = [sys.executable, "-m", "finsent", "feeds", "run", str(file.resolve()), "--state", str(state)]
        env = {**os.environ, **self.stack.environment(), **self._extra}
        log = self.stack.logs / "feeds.log"
        self.errors_of_feeds = NewErrors(log)
        self.stack.add(Child("feeds", argv, env, lambda: True, log, changed=self.stack.write_state))

    def _start_console(self) -> None:
        url = self.stack.console_url
        port = url.rstrip("/").rpartition(":")[2]
        argv = [sys.executable, "-m", "finsent", "console", "--host", "127.0.0.1", "--port", port]
        env = {**os.environ, **self.stack.environment(), **self._extra}
        log = self.stack.logs / "console.log"
        console = Child("console", argv, env, lambda: _answers(f"{url}healthz"), log, changed=self.stack.write_state)
        self.stack.add(console)
        console.wait_ready(WORKER_START_S)

    def kill_worker(self, number: int) -> None:
        """SIGKILL a worker, as a fault would; it is started again."""
        self.stack.children[f"worker-{number}"].kill()


def _port_of_console() -> socket.socket:
    """Bound to CONSOLE_PORT, or 8800, where that is free: people keep addresses. As long as the socket is open, another
    ``finsent up`` takes another port; both would otherwise find this one free until a console listens."""
    wanted = int(given("CONSOLE_PORT") or "8800")
    held = socket.socket()
    try:
        held.bind(("127.0.0.1", wanted or free_port()))
    except OSError:
        held.bind(("127.0.0.1", free_port()))
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # so the console can listen there
    return held


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _state(data: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads((data / "state.json").read_text())
        os.kill(state["pid"], 0)
    except (FileNotFoundError, ProcessLookupError):
        raise NotRunning(f"no service runs on {data}; start one with `finsent up --data {data}`") from None
    return state


def environment_of(data: Path) -> dict[str, str]:
    """The settings of the service that runs on ``data``, without the pseudonym key. Raises ``NotRunning``."""
    return {str(name): str(value) for name, value in _state(data)["environment"].items()}


def run(
    data: Path, workers: int = 1, broker: BrokerKind = "embedded", brokers: int = 1, feeds: Path | None = None
) -> None:
    """Serve until SIGINT or SIGTERM. Raises ``ChildFailed`` when a child cannot be kept alive."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with Service(
        data, workers, scheduler=True, console=True, broker=broker, brokers=brokers, feeds=feeds, say=_say
    ) as service:
        print(usage(service.stack.environment(), data), flush=True)
        told: set[str] = set()
        while not stopping.wait(0.2):
            for child in [child for child in service.stack.children.values() if child.failure]:
                # What the embedded broker holds is in its memory, so it goes on while somebody may want to read it.
                if not (child.refused and child.name.startswith(("worker-", "feeds"))):
                    raise ChildFailed(child.failure)
                if child.name not in told:
                    told.add(child.name)
                    print(stopped(child, data), file=sys.stderr, flush=True)
            for line in service.errors_of_feeds():
                print(f"feeds: {line}", file=sys.stderr, flush=True)
        print("stopping ...", flush=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _relay(log: Path, read: int) -> int:
    """Say what a detached service has said in ``log`` behind its first ``read`` bytes about what it starts; how many
    bytes have been read then."""
    with log.open("rb") as file:
        file.seek(read)
        whole, newline, _ = file.read().rpartition(b"\n")
    for line in whole.decode(errors="replace").splitlines():
        if line.startswith(("starting ", "using ")):
            _say(line)
    return read + len(whole + newline)


def stopped(child: Child, data: Path) -> str:
    """What a person can do about a child that will not be restarted: a worker, or what reads feeds."""
    if child.name == "feeds":
        return f"{child.failure}\nAll else goes on. To read feeds again, mend that, and start the service anew."
    path = data / "pseudonym.key"
    if given("FINSENT_PSEUDONYM_KEY") or given("FINSENT_PSEUDONYM_KEY_FILE") or not path.exists():
        key = "# with the FINSENT_PSEUDONYM_KEY that finsent up was given\n  "
    else:
        key = f"FINSENT_PSEUDONYM_KEY=$(cat {path}) "
    return f"""{child.failure}
The broker and ClickHouse go on, and what is not stored waits there. For another worker, from another shell:
  eval "$(finsent up --data {data} --env)"
  {key}finsent worker"""


def usage(environment: Mapping[str, str], data: Path) -> str:
    """How to produce, query and stop, for a person: without passwords, as it may go to a log."""
    environment = {name: without_password(value) for name, value in environment.items()}
    return f"""finsent is up
  console:             {environment.get("CONSOLE_URL", "")}
  Kafka:               {environment["KAFKA_BOOTSTRAP_SERVERS"]}
  ClickHouse:          {environment["CLICKHOUSE_URL"]}
  from another shell:  eval "$(finsent up --data {data} --env)"
  produce:             finsent produce FILE --topic news
  query:               finsent sql "SELECT count() FROM documents"
  alerts:              finsent alerts
{_reading(environment, data)}\
  retrain:             finsent label queue, finsent label import FILE; finsent retrain --next
  stop:                Ctrl-C here, or finsent down --data {data}"""


def _reading(environment: Mapping[str, str], data: Path) -> str:
    """How people's tools reach the embedded ClickHouse; '' if another one is used."""
    path = data / PASSWORDS_FILE
    if not path.exists() or not environment.get("CLICKHOUSE_HTTP_URL"):
        return ""
    return f"""  for people's tools:  {environment["CLICKHOUSE_HTTP_URL"]} as risk_reader, password in {path}
"""


def start_detached(
    data: Path, workers: int = 1, broker: BrokerKind = "embedded", brokers: int = 1, feeds: Path | None = None
) -> dict[str, str]:
    """Start the service in a session of its own; returns its settings when it is ready, and says on stderr what it
    starts.

    Raises ``ChildFailed`` with the end of its log.
    """
    data.mkdir(parents=True, exist_ok=True)
    log_path = data / "service.log"
    with open(log_path, "wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from deploy.local.service import main; main()"),
                *(str(data.resolve()), str(workers), broker, str(brokers), *([str(feeds.resolve())] if feeds else [])),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    read = 0
    while process.poll() is None:
        read = _relay(log_path, read)
        with contextlib.suppress(NotRunning):
            state = _state(data)
            if state["ready"] and state["pid"] == process.pid:
                _relay(log_path, read)
                return environment_of(data)
        time.sleep(0.05)
    raise ChildFailed(f"the service did not start; the end of {log_path}:\n{tail(log_path)}")


def stop(data: Path) -> None:
    """Stop the service that runs on ``data``; returns when all of it is gone. Raises ``NotRunning``."""
    pid = int(_state(data)["pid"])
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):  # it may be a child of this very process
            os.waitpid(pid, os.WNOHANG)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    # Its children are tied to it, so they go with it.
    os.kill(pid, signal.SIGKILL)
    (data / "state.json").unlink(missing_ok=True)


def main() -> None:
    """What the detached process runs. Its arguments: data directory, workers, kind of broker, number of brokers, and
    the file of feeds if there is one."""
    data, workers, kind, brokers, *feeds = sys.argv[1:]
    try:
        run(Path(data), int(workers), cast("BrokerKind", kind), int(brokers), *map(Path, feeds))
    except RuntimeError as failure:
        sys.exit(str(failure))
