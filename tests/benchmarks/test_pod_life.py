"""Processes that live as pods do: probes, signals, and the order of a rolling update, with a program that is quick."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pod_life import Pod, Probe, StatefulSet, rendered
from tests.support import eventually
from tests.support.helm import tool

PROGRAM = """
import http.server, os, pathlib, signal, sys, threading
folder = pathlib.Path(os.environ["TOLD"])
name = os.environ["NAME"]

def told(what):
    return (folder / f"{name}-{what}").exists()

def note(text):
    with open(folder / "notes", "a") as file:
        print(name, text, file=file)

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        bad = told("sick") if self.path == "/health" else told("unready")
        self.send_response(503 if bad else 200)
        self.end_headers()

    def log_message(self, *words):
        pass

def stop(*_):
    note("was told to stop")
    if not told("deaf"):
        os._exit(0)

signal.signal(signal.SIGTERM, stop)
note("started")
assert not (pathlib.Path(os.environ["FINSENT_DATA"]) / "left").exists(), "the folder of another pod"
(pathlib.Path(os.environ["FINSENT_DATA"]) / "left").touch()
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["STREAM_WEB_PORT"])), Page).serve_forever()
"""


def probe(path: str, failures: int) -> dict[str, Any]:
    return {"httpGet": {"path": path}, "periodSeconds": 0.1, "timeoutSeconds": 5, "failureThreshold": failures}


def chart(replicas: int, grace: float) -> list[dict[str, Any]]:
    """Objects as the chart renders them, with times for a test."""
    container = {
        "env": [{"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "startupProbe": probe("/health", 600),
        "livenessProbe": probe("/health", 3),
        "readinessProbe": probe("/ready", 2),
    }
    pod = {"spec": {"terminationGracePeriodSeconds": grace, "containers": [container]}}
    spec = {"replicas": replicas, "minReadySeconds": 0.3, "template": pod}
    settings = {"kind": "ConfigMap", "metadata": {"name": "risk-settings"}, "data": {"KAFKA_SESSION_TIMEOUT_S": "45"}}
    return [settings, {"kind": "StatefulSet", "metadata": {"name": "worker"}, "spec": spec}]


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """Where the programs are told how to behave, and say what happens to them."""
    (tmp_path / "told").mkdir()
    return tmp_path / "told"


def pods(told: Path, replicas: int = 1, grace: float = 60) -> StatefulSet:
    folder = told.parent / "pods"
    return StatefulSet(chart(replicas, grace), {"TOLD": str(told)}, folder, 60, [sys.executable, "-c", PROGRAM])


def notes(told: Path) -> list[str]:
    return (told / "notes").read_text().splitlines()


def test_a_rolling_update_goes_from_the_last_to_the_first_and_waits_until_each_is_ready(told: Path) -> None:
    with pods(told, replicas=3) as workers:
        (told / "notes").write_text("")
        took = list(workers.rolling_update())
        lived = [f"worker-{number} {what}" for number in (2, 1, 0) for what in ("was told to stop", "started")]
        assert notes(told) == lived
        assert len(took) == 3 and all(pod.ready_since for pod in workers.pods)
    assert (workers.restarts, workers.killed) == (0, 0)


def test_one_that_does_not_stop_in_time_is_killed_and_counted(told: Path) -> None:
    with pods(told, grace=0.5) as workers:
        (told / "worker-0-deaf").touch()
        started = time.monotonic()
        list(workers.rolling_update())
        assert time.monotonic() - started >= 0.5
        assert workers.killed == 1
        (told / "worker-0-deaf").unlink()


def test_one_that_is_not_healthy_is_restarted_and_one_that_is_not_ready_is_not(told: Path) -> None:
    with pods(told) as workers:
        (pod,) = workers.pods
        (told / "worker-0-unready").touch()
        eventually(lambda: pod.ready_since is None, 60, "not ready")
        assert notes(told) == ["worker-0 started"]
        (told / "worker-0-unready").unlink()
        eventually(lambda: pod.ready_since is not None, 60, "ready")
        # Its folder is still there after a restart of the container, as an emptyDir is.
        (told.parent / "pods" / "worker-0-data" / "left").unlink()
        (told / "worker-0-sick").touch()
        eventually(lambda: "worker-0 was told to stop" in notes(told), 60, "told to stop")
        (told / "worker-0-sick").unlink()
        eventually(lambda: pod.restarts == 1 and pod.ready_since is not None, 60, "restarted")
        assert pod.killed == 0


@pytest.mark.skipif(not tool("helm"), reason="THE CHART IS NOT RENDERED: there is no helm (make k8s-tools)")
def test_the_chart_is_understood(told: Path) -> None:
    words = ["--set", "kafka.bootstrapServers=k:9092", "--set", "clickhouse.url=clickhouse://f@c:9000/d"]
    (workers,) = [one for one in rendered(*words) if one["kind"] == "StatefulSet"]
    pod = Pod("worker-0", workers, {"TOLD": str(told), "NAME": "worker-0"}, told, [sys.executable, "-c", PROGRAM])
    try:
        eventually(lambda: pod.ready_since is not None, 60, "ready")
    finally:
        pod.delete()
    (container,) = workers["spec"]["template"]["spec"]["containers"]
    assert Probe.of(container["livenessProbe"]).path == "/health" and Probe.of(container["readinessProbe"]).period == 5
    assert notes(told) == ["worker-0 started", "worker-0 was told to stop"]
    assert pod.environment["KAFKA_GROUP_INSTANCE_ID"] == "worker-0"
