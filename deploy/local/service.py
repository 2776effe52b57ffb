"""The whole service on one machine: the stack and the workers, in the foreground or detached."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from deploy.local.stack import Stack, free_port
from deploy.local.supervisor import Child, ChildFailed

STATE = "state.json"
WORKER_START_S = 180
STOP_S = 40


class NotRunning(RuntimeError):
    """No service runs on this data directory."""


class Service:
    """A context manager: everything is ready when it is entered and gone when it is left.

    Raises ``DataDirectoryInUse`` and ``ChildFailed`` on entering.
    """

    def __init__(self, data: Path, workers: int = 1, extra: Mapping[str, str] | None = None) -> None:
        self.data = data.resolve()
        self.stack = Stack(self.data)
        self.web_ports: list[int] = []
        self._workers = workers
        self._extra = dict(extra or {})

    def __enter__(self) -> Service:
        self.stack.__enter__()
        try:
            for number in range(self._workers):
                self.start_worker(number)
            self._write_state()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        (self.data / STATE).unlink(missing_ok=True)
        self.stack.__exit__(*error)

    def start_worker(self, number: int) -> None:
        """Start worker ``number`` and wait until it has its partitions. Raises ``ChildFailed``."""
        port = free_port()
        self.web_ports.append(port)
        env = {**self.environment(), "STREAM_WEB_PORT": str(port)}
        argv = [sys.executable, "-m", "finsent", "worker"]
        worker = Child(f"worker-{number}", argv, lambda: _answers(f"http://127.0.0.1:{port}/ready"), env)
        self.stack.supervisor.start(worker, WORKER_START_S)

    def environment(self) -> dict[str, str]:
        """The settings by which the workers and every command reach this service; holds a secret."""
        settings = self.stack.environment()
        settings["FINSENT_PSEUDONYM_KEY"] = pseudonym_key(self.data)
        settings["MODEL_REGISTRY"] = os.environ.get("MODEL_REGISTRY") or str(self.data / "models")
        settings["FINSENT_DATA"] = str(self.data)
        return settings | self._extra

    def _write_state(self) -> None:
        public = {k: v for k, v in self.environment().items() if k != "FINSENT_PSEUDONYM_KEY"}
        state = {
            "pid": os.getpid(),
            "environment": public,
            "web_ports": self.web_ports,
            "pids": self.stack.supervisor.pids(),
        }
        part = self.data / f"{STATE}.part"
        part.write_text(json.dumps(state, indent=1))
        part.replace(self.data / STATE)


def pseudonym_key(data: Path) -> str:
    """The secret of the authors' pseudonyms: the environment's, or one made for this data directory."""
    if given := os.environ.get("FINSENT_PSEUDONYM_KEY"):
        return given
    path = data / "pseudonym.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def environment_of(data: Path) -> dict[str, str]:
    """The settings of the service that runs on ``data``, without the secret. Raises ``NotRunning``."""
    state = _state(data)
    return {str(name): str(value) for name, value in state["environment"].items()}


def _state(data: Path) -> dict:
    try:
        state = json.loads((data / STATE).read_text())
        os.kill(state["pid"], 0)
        return dict(state)
    except (FileNotFoundError, ProcessLookupError):
        raise NotRunning(f"no service runs on {data}; start one with `finsent up --data {data}`") from None


def run(data: Path, workers: int = 1) -> None:
    """Serve until SIGINT or SIGTERM, or until a child cannot be kept alive (``ChildFailed``)."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Service(data, workers) as service:
        while not stop.wait(0.2):
            if service.stack.supervisor.failure:
                raise ChildFailed(service.stack.supervisor.failure)


def start_detached(data: Path, workers: int = 1) -> dict[str, str]:
    """Start the service in a session of its own and return its settings when it is ready.

    Raises ``ChildFailed`` with the end of its log.
    """
    data.mkdir(parents=True, exist_ok=True)
    log_path = data / "service.log"
    with open(log_path, "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.local.service", str(data.resolve()), str(workers)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    while process.poll() is None:
        if (data / STATE).exists():
            return environment_of(data)
        time.sleep(0.05)
    raise ChildFailed(f"the service ended at once; {log_path} says:\n{log_path.read_text()[-2000:]}")


def stop(data: Path) -> None:
    """Stop the service that runs on ``data`` and return when all of it is gone. Raises ``NotRunning``."""
    pid = int(_state(data)["pid"])
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):  # a child only of the process that started it
            os.waitpid(pid, os.WNOHANG)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    # Its children are tied to it, so they go with it.
    os.kill(pid, signal.SIGKILL)
    (data / STATE).unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        run(Path(sys.argv[1]), int(sys.argv[2]))
    except RuntimeError as failure:
        sys.exit(str(failure))
