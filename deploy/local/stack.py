"""A broker and a ClickHouse on this machine, as long as a ``with`` block lasts."""

from __future__ import annotations

import json
import os
import secrets
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

from filelock import FileLock, Timeout

from deploy.local import broker, clickhouse_server, kafka
from deploy.local.install import install
from deploy.local.supervisor import Child, ChildFailed, free_port
from documents import load_watchlist
from errors import FinsentError
from settings import ClickHouseSettings, given, without_password
from storage import access

READY_SECONDS = 60.0
KAFKA_READY_SECONDS = 180.0
"""A Java machine that starts beside others takes its time."""

SERVICE_PASSWORD = "clickhouse-service-password"
"""The file in the data directory with the password of the embedded ClickHouse's own user."""

BrokerKind = Literal["embedded", "kafka"]


class AlreadyRunning(FinsentError, RuntimeError):
    """Another process uses the data directory."""


class Stack:
    """A broker and ClickHouse over the data directory ``data``; ports are free ones on 127.0.0.1.

    ``broker`` is the embedded one, or Apache Kafka with ``brokers`` brokers (and ``kafka_settings`` over its own).
    ``timezone`` is that of the embedded ClickHouse, by its IANA name; '' is that of the machine. ``say`` is told in a
    line what is started, and where, before each step that takes time.

    A part that the environment names (``KAFKA_BOOTSTRAP_SERVERS``, ``CLICKHOUSE_URL``) is used instead of an embedded
    one. ``with`` starts and waits until both answer; raises ``AlreadyRunning``, ``ChildFailed`` or ``InstallError``.
    The embedded broker holds its topics in memory, and they go with its process; Apache Kafka keeps them in
    ``data/kafka``. ClickHouse's data stay in ``data/clickhouse``.
    """

    def __init__(
        self,
        data: Path,
        broker: BrokerKind = "embedded",
        brokers: int = 1,
        kafka_settings: Mapping[str, str] | None = None,
        timezone: str = "",
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.data = Path(data).absolute()
        self.broker, self.brokers = broker, brokers
        self._kafka_settings = dict(kafka_settings or {})
        self._timezone = timezone
        self.say = say
        self.logs = self.data / "logs"
        self.children: dict[str, Child] = {}
        self.ready = False
        self._lock = FileLock(self.data / "lock", timeout=0)
        self._writing = threading.Lock()
        self._running = False
        self.kafka_bootstrap = given("KAFKA_BOOTSTRAP_SERVERS")
        self.clickhouse_url = given("CLICKHOUSE_URL")
        self.clickhouse_http_url = given("CLICKHOUSE_HTTP_URL") if self.clickhouse_url else ""
        self.console_url = ""

    def __enter__(self) -> Self:
        self.data.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout:
            raise AlreadyRunning(
                f"{self.data} is in use by another finsent on this machine: stop that one ('finsent down'), or set "
                "FINSENT_DATA to another directory"
            ) from None
        try:
            self._running = True
            if not self.clickhouse_url:
                self._write_users()  # a mistake in the watch list is told before anything starts
            self.say(f"starting finsent in {self.data}, with its logs in {self.logs}")
            if self.kafka_bootstrap:
                self.say(f"using Kafka at {self.kafka_bootstrap} (KAFKA_BOOTSTRAP_SERVERS)")
            elif self.broker == "kafka":
                self._add_kafka()
            else:
                self._add_embedded_broker()
            if self.clickhouse_url:
                self.say(f"using ClickHouse at {without_password(self.clickhouse_url)} (CLICKHOUSE_URL)")
            else:
                self._add_clickhouse()
            self.wait_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running = False
        # Newest first: workers before what they need. Brokers at once: the last ones would wait for the others.
        brokers = [child for name, child in self.children.items() if name.startswith("broker")]
        for child in reversed(self.children.values()):
            if child not in brokers:
                child.stop()
        with ThreadPoolExecutor(max(1, len(brokers))) as pool:
            list(pool.map(Child.stop, brokers))
        (self.data / "state.json").unlink(missing_ok=True)
        self._lock.release()

    def _add_kafka(self) -> None:
        jars = kafka.install()
        kafka.speed_up(jars)
        folder = self.data / "kafka"
        cluster = [
            kafka.Node(number, free_port(), free_port(), folder / f"broker-{number}")
            for number in range(1, self.brokers + 1)
        ]
        kafka.prepare(jars, cluster, self._kafka_settings)
        self.kafka_bootstrap = ",".join(node.address for node in cluster)
        self.say(f"starting Apache Kafka at {self.kafka_bootstrap}")
        for node in cluster:
            name = "broker" if self.brokers == 1 else f"broker-{node.number}"
            self.add(
                Child(
                    name,
                    kafka.argv(jars, node, heap_mb=512 if self.brokers == 1 else 384),
                    os.environ,
                    partial(broker.listens, node.port),
                    self.logs / f"{name}.log",
                    ready_within=KAFKA_READY_SECONDS,
                    grace=5.0,  # what was acknowledged is written; a broker without a quorum would wait for it
                    changed=self.write_state,
                )
            )

    def _add_embedded_broker(self) -> None:
        port = free_port()
        self.kafka_bootstrap = f"127.0.0.1:{port}"
        self.say(f"starting the embedded broker at {self.kafka_bootstrap}")
        # SIGKILL: it takes 5 s to heed SIGTERM, and has nothing to save.
        self.add(
            Child(
                "broker",
                broker.argv(port),
                os.environ,
                lambda: broker.listens(port),
                self.logs / "broker.log",
                stop_signal=signal.SIGKILL,
                changed=self.write_state,
            )
        )

    def _add_clickhouse(self) -> None:
        native, http = free_port(), free_port()
        self.say(f"starting ClickHouse at 127.0.0.1:{native} (native) and {http} (HTTP)")
        library = "" if clickhouse_server.binary() else str(install())
        password = kept_secret(self.data / SERVICE_PASSWORD)
        self.clickhouse_url = f"clickhouse://{access.SERVICE}:{password}@127.0.0.1:{native}/default"
        self.clickhouse_http_url = f"http://127.0.0.1:{http}"
        self.add(
            Child(
                "clickhouse",
                clickhouse_server.argv(self.data / "clickhouse", native, http, library),
                os.environ | ({"TZ": self._timezone} if self._timezone else {}),
                lambda: clickhouse_server.answers(http),
                self.logs / "clickhouse.log",
                tied=bool(library),
                changed=self.write_state,
            )
        )

    def _write_users(self) -> None:
        """People's roles and passwords: the embedded ClickHouse reads them when it starts."""
        desks = {one.desk for one in load_watchlist().entities}
        everybody = access.people([desk for desk in desks if desk], ClickHouseSettings().account_prefix)
        known = access.passwords(self.data / access.PASSWORDS_FILE, everybody)
        (self.data / "clickhouse").mkdir(exist_ok=True)
        with _private(self.data / "clickhouse" / "users.xml") as file:
            own = kept_secret(self.data / SERVICE_PASSWORD)
            file.write(access.users_xml("default", everybody, known, own))

    def add(self, child: Child) -> None:
        """Start a child that ends with the stack."""
        self.children[child.name] = child
        child.start()

    def wait_ready(self, timeout: float = 0.0) -> None:
        """Until every child answers, for ``timeout`` seconds or what each of them may take. Raises ``ChildFailed``."""
        for child in list(self.children.values()):
            child.wait_ready(timeout or child.ready_within)

    def kill(self, name: str) -> None:
        """SIGKILL one part: ``clickhouse``, ``broker``, or of several brokers ``broker-1`` and so on.

        It comes back on the same port (see ``wait_ready``).
        """
        if name not in self.children:
            raise ChildFailed(f"{name} is not embedded here, so it cannot be killed: the environment names it")
        self.children[name].kill()

    @property
    def failure(self) -> str:
        """Why a child was given up; '' if none was."""
        return next((child.failure for child in self.children.values() if child.failure), "")

    def environment(self) -> dict[str, str]:
        """What a worker, or a command of a person, needs in its environment to use this stack."""
        found = {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap,
            "CLICKHOUSE_URL": self.clickhouse_url,
            "CLICKHOUSE_PASSWORD_FILE": str(self.data / SERVICE_PASSWORD) if "clickhouse" in self.children else "",
            "CLICKHOUSE_HTTP_URL": self.clickhouse_http_url,
            "CONSOLE_URL": self.console_url,
            "FINSENT_DATA": str(self.data),
            "MODEL_REGISTRY": given("MODEL_REGISTRY") or str(self.data / "models"),
            "FINSENT_PSEUDONYM_KEY": _given_key() or pseudonym_key(self.data),
        }
        return {name: value for name, value in found.items() if value}

    def write_state(self) -> None:
        """``data/state.json`` for other commands: ports and pids, and of all secrets only the password of the embedded
        ClickHouse. Only its owner may read it."""
        with self._writing:
            if not self._running:
                return
            environment = self.environment()
            del environment["FINSENT_PSEUDONYM_KEY"]
            own = "CLICKHOUSE_URL" if "clickhouse" in self.children else ""
            environment = {n: value if n == own else without_password(value) for n, value in environment.items()}
            state: dict[str, Any] = {
                "pid": os.getpid(),
                "ready": self.ready,
                "environment": environment,
                "children": {child.name: child.pid for child in list(self.children.values())},
            }
            scratch = self.data / "state.json.new"
            with _private(scratch) as file:
                json.dump(state, file, indent=1)
            scratch.replace(self.data / "state.json")


def _given_key() -> str:
    """The key that somebody gave, itself or as a file; '' if nobody did."""
    file = given("FINSENT_PSEUDONYM_KEY_FILE")
    return given("FINSENT_PSEUDONYM_KEY") or (Path(file).read_text().rstrip("\r\n") if file else "")


def pseudonym_key(data: Path) -> str:
    """The key in ``data/pseudonym.key``."""
    return kept_secret(data / "pseudonym.key")


def kept_secret(path: Path) -> str:
    """The secret in the file ``path``, made (32 random bytes, hexadecimal) at its first use. Only its owner may read
    it."""
    if not path.exists():
        with _private(path) as file:
            file.write(secrets.token_hex(32))
    return path.read_text().strip()


def _private(path: Path) -> IO[str]:
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")
