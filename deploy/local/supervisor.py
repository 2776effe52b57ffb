"""Child processes that are restarted when they die, and that never outlive their parent."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from errors import FinsentError

DO_NOT_RESTART = 78
"""Exit code (EX_CONFIG of sysexits.h) of a child whose failure a restart would only repeat."""
LOG_BYTES = 20_000_000
GIVE_UP_AFTER = 5
"""A child is given up after this many deaths in a row before it was ready."""

# Runs in the child, then becomes the program. The kernel kills it with its parent even if that gets SIGKILL; the
# signal is armed for the death of the *thread* that forked, so one thread forks and outlives each child. Not a
# preexec_fn: that may deadlock in a process with threads.
_TETHER = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 9)\n"  # PR_SET_PDEATHSIG, SIGKILL
    "os.getppid() == int(sys.argv[1]) or os._exit(1)\n"
    "os.execvp(sys.argv[2], sys.argv[2:])\n"
)


class ChildFailed(FinsentError, RuntimeError):
    """A child will not be restarted; the sentence names it and carries the end of its log."""


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, '' if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            return "\n".join(file.read().decode("utf-8", "replace").strip().splitlines()[-lines:])
    except FileNotFoundError:
        return ""


_given: set[int] = set()


def free_port() -> int:
    """A loopback port below the ephemeral range, so that no outgoing connection takes it while a child restarts."""
    try:
        low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        low = 32768
    first, last = (low - 12_000, low - 1) if low > 22_000 else (40_000, 60_000)
    for _ in range(200):
        port = random.randint(first, last)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
    raise ChildFailed(f"no free port on 127.0.0.1 between {first} and {last}")


class Child:
    """One supervised process. ``failure`` says why it was given up, ``refused`` whether by itself, for a person to see.

    ``ready`` is asked every 50 ms until it answers True, after each start. ``tied`` gives the process a stdin that
    is closed to stop it; otherwise ``stop_signal`` is sent. SIGKILL follows after ``grace`` seconds. After
    ``ready_within`` seconds something is wrong if it does not answer. ``changed`` is
    called (from the supervising thread) whenever the pid changes.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        ready: Callable[[], bool],
        log: Path,
        *,
        tied: bool = False,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 15.0,
        ready_within: float = 60.0,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.name, self.log, self.failure = name, log, ""
        self.refused, self.ready_within = False, ready_within
        self._argv, self._env, self._probe = list(argv), dict(env), ready
        self._tied, self._stop_signal, self._grace, self._changed = tied, stop_signal, grace, changed
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name=f"supervise-{name}", daemon=True)

    @property
    def pid(self) -> int | None:
        """Of the running process; None between two."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    @property
    def ready(self) -> bool:
        """The running process (not one before it) has answered."""
        process = self._ready
        return process is not None and process is self._process and process.poll() is None

    def start(self) -> None:
        self._thread.start()

    def wait_ready(self, timeout: float) -> None:
        """Raises ``ChildFailed`` if it was given up, or is not ready in ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while not self.ready:
            if self.failure:
                raise ChildFailed(self.failure)
            if time.monotonic() > deadline:
                raise ChildFailed(f"{self.name} is not ready after {timeout:g} s; {self._told()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL, and wait until it is dead; it is then started again."""
        if (process := self._process) and process.poll() is None:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """End it for good; its thread ends too."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _told(self) -> str:
        return f"the end of {self.log}:\n{tail(self.log)}"

    def _supervise(self) -> None:
        unready = 0
        while not self._stopping.is_set():
            try:
                process = self._process = self._spawn()
            except OSError as error:
                self.failure = f"{self.name} cannot be started: {error}"
                return
            self._changed()
            while process.poll() is None and not self._stopping.wait(0.05):
                if self._ready is not process and self._probe():
                    self._ready = process
                self._rotate()
            if self._stopping.is_set():
                self._end(process)
                return
            if process.stdin:
                process.stdin.close()
            if process.returncode == DO_NOT_RESTART:
                self.refused = True
                self.failure = f"{self.name} must not be restarted (exit code {DO_NOT_RESTART}); {self._told()}"
                return
            unready = 0 if self._ready is process else unready + 1
            if unready >= GIVE_UP_AFTER:
                self.failure = (
                    f"{self.name} died {unready} times without getting ready (last exit code "
                    f"{process.returncode}); {self._told()}"
                )
                return
            with self.log.open("a") as log:
                log.write(f"-- supervisor: {self.name} ended with exit code {process.returncode}; restarted\n")
            self._stopping.wait(min(0.1 * 3**unready, 5.0))

    def _spawn(self) -> subprocess.Popen[bytes]:
        tether = [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid())]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*tether, *self._argv],
                env=self._env,
                stdin=subprocess.PIPE if self._tied else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the parent, which ends its children in order
            )

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin:
            process.stdin.close()
        else:
            process.send_signal(self._stop_signal)
        try:
            process.wait(self._grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _rotate(self) -> None:
        """Keep one older log; by copying, for the child holds the file open (for appending)."""
        if self.log.stat().st_size > LOG_BYTES:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)
