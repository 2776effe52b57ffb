"""Processes that live as the pods of the chart's StatefulSet do: its variables, its probes, its signals, its order.

What the kubelet does with a container, and the controller with a rolling update (Kubernetes' pages "Pod Lifecycle"
and "StatefulSets"), on one machine without either: SIGTERM, SIGKILL after ``terminationGracePeriodSeconds``, a new pod
under the same name with empty folders, and the next one when it has been ready for ``minReadySeconds``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from deploy.local import free_port
from errors import FinsentError

ROOT = Path(__file__).parent.parent
CHART = ROOT / "deploy/helm/finsent"
WORKER = (sys.executable, "-m", "finsent", "worker")
STEP_S = 0.05


class NoHelm(FinsentError, RuntimeError):
    """Helm is needed, and is not there."""


def rendered(*words: str) -> list[dict[str, Any]]:
    """The chart's objects. Raises ``NoHelm``."""
    built = ROOT / "build/tools/helm"
    program = str(built) if built.exists() else shutil.which("helm")
    if not program:
        raise NoHelm("there is no helm, which renders the chart: make k8s-tools")
    command = [program, "template", "risk", str(CHART), "--kube-version", "1.36.3", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise NoHelm(f"the chart cannot be rendered: {done.stderr.strip()}")
    return [one for one in yaml.safe_load_all(done.stdout) if one]


@dataclass(frozen=True, slots=True)
class Probe:
    """An ``httpGet`` probe, with Kubernetes' defaults for what it does not say."""

    path: str
    period: float
    timeout: float
    failures: int

    @classmethod
    def of(cls, one: Mapping[str, Any]) -> Probe:
        times = one.get("periodSeconds", 10), one.get("timeoutSeconds", 1), one.get("failureThreshold", 3)
        return cls(one["httpGet"]["path"], *times)

    def passes(self, port: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{self.path}", timeout=self.timeout) as answer:
                return 200 <= answer.status < 400
        except (urllib.error.URLError, OSError):
            return False


class Pod:
    """One pod: its process, and its probes in a thread. ``ready_since`` is None while it is not ready."""

    def __init__(
        self,
        name: str,
        workers: dict[str, Any],
        settings: Mapping[str, str],
        folder: Path,
        program: Sequence[str] = WORKER,
    ) -> None:
        spec = workers["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        self.name, self.log = name, folder / f"{name}.log"
        self.restarts, self.killed = 0, 0
        self.ready_since: float | None = None
        self._program = list(program)
        self._grace = float(spec["terminationGracePeriodSeconds"])
        self._probes = [Probe.of(container[f"{kind}Probe"]) for kind in ("startup", "liveness", "readiness")]
        self._port = free_port()
        self._data = folder / f"{name}-data"
        own = {one["name"]: _value(one, name) for one in container.get("env", ())}
        # What a pod has to itself, and a process of this machine has not.
        mine = {"FINSENT_DATA": str(self._data), "STREAM_WEB_PORT": str(self._port), "STREAM_WEB_HOST": "127.0.0.1"}
        self.environment = {**os.environ, **{k: v for k, v in own.items() if v is not None}, **settings, **mine}
        self._ended = threading.Event()
        shutil.rmtree(self._data, ignore_errors=True)  # an emptyDir ends with its pod
        self._data.mkdir()
        self._run()
        self._watch = threading.Thread(target=self._probe, daemon=True)
        self._watch.start()

    def _run(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._program,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _probe(self) -> None:
        """As the kubelet does: the two others begin when the start-up probe has passed once."""
        startup, liveness, readiness = self._probes
        while not self._ended.is_set():
            process, failed = self._process, 0
            while not self._gone(process) and not startup.passes(self._port):
                failed += 1
                if failed >= startup.failures:
                    self._stop(process)
                self._ended.wait(startup.period)
            due, failures = [time.monotonic()] * 2, [0, 0]
            while not self._gone(process):
                for number, probe in enumerate((liveness, readiness)):
                    if time.monotonic() < due[number]:
                        continue
                    due[number] = time.monotonic() + probe.period
                    failures[number] = 0 if probe.passes(self._port) else failures[number] + 1
                if failures[0] >= liveness.failures:
                    self._stop(process)
                if failures[1] >= readiness.failures:
                    self.ready_since = None
                elif failures[1] == 0 and self.ready_since is None:
                    self.ready_since = time.monotonic()
                self._ended.wait(STEP_S)
            self.ready_since = None
            if not self._ended.is_set():
                self.restarts += 1
                self._run()

    def _gone(self, process: subprocess.Popen[bytes]) -> bool:
        return self._ended.is_set() or process.poll() is not None

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(self._grace)
        except subprocess.TimeoutExpired:
            self.killed += 1
            process.kill()
            process.wait()

    def delete(self) -> None:
        """SIGTERM, and SIGKILL when its time is over; it does not come back."""
        self._ended.set()
        self._watch.join()
        self.ready_since = None
        with suppress(ProcessLookupError):
            self._stop(self._process)


class StatefulSet:
    """The workers of the chart, as long as a ``with`` block lasts."""

    def __init__(
        self,
        manifests: Sequence[dict[str, Any]],
        settings: Mapping[str, str],
        folder: Path,
        patience: float,
        program: Sequence[str] = WORKER,
    ) -> None:
        (self._object,) = [one for one in manifests if one["kind"] == "StatefulSet"]
        (given,) = [one["data"] for one in manifests if one["metadata"]["name"].endswith("-settings")]
        self._settings, self._folder, self._patience = {**given, **settings}, folder, patience
        self._program = program
        self.pods: list[Pod] = []
        self.restarts, self.killed = 0, 0
        self.session_s = float(given["KAFKA_SESSION_TIMEOUT_S"])

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        self.pods = [self._made(number) for number in range(self._object["spec"]["replicas"])]
        for pod in self.pods:
            self._wait(pod)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pod in self.pods:
            self._end(pod)

    def rolling_update(self) -> Iterator[float]:
        """From the last pod to the first: how long each was not there, or not yet ready."""
        for number in reversed(range(len(self.pods))):
            started, old = time.monotonic(), self.pods[number]
            self._end(old)
            self.pods[number] = new = self._made(number)
            yield self._wait(new) - started

    def _end(self, pod: Pod) -> None:
        pod.delete()
        self.restarts, self.killed = self.restarts + pod.restarts, self.killed + pod.killed

    def _made(self, number: int) -> Pod:
        name = f"{self._object['metadata']['name']}-{number}"
        return Pod(name, self._object, self._settings, self._folder, self._program)

    def _wait(self, pod: Pod) -> float:
        """When it became ready, after it has been so for ``minReadySeconds``."""
        deadline = time.monotonic() + self._patience
        while (since := pod.ready_since) is None or time.monotonic() - since < self._object["spec"]["minReadySeconds"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{pod.name} is not ready after {self._patience:g} s: {pod.log}")
            time.sleep(STEP_S)
        return since


def _value(one: Mapping[str, Any], name: str) -> str | None:
    """A variable's value; of what refers to something only the pod's own name is known."""
    if "value" in one:
        return str(one["value"])
    path = one.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
    return name if path == "metadata.name" else None
