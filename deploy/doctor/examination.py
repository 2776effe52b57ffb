"""Examines everything that finsent needs: settings, broker, ClickHouse, model, disk."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from kafka.errors import KafkaError, UnknownTopicOrPartitionError
from pydantic import ValidationError

import model
from documents import load_watchlist
from errors import FinsentError, many
from model.engine import NAMES, choose_device, kernel_is_stale, kernel_problem, kernel_set
from settings import (
    ClickHouseSettings,
    KafkaSettings,
    ModelSettings,
    PrivacySettings,
    StreamSettings,
    faults,
    given,
    watchlist_files,
)
from storage import UNAVAILABLE, StorageUnavailable, connect, lost_lately, obstacles, setbacks_lately
from storage.reads import live_workers, trouble, worker_ends
from stream.kafka import backlog, count_brokers
from stream.registry import RegistryClient, decoding
from stream.upkeep import RUNS, left_behind, waiting_workers

PACKAGES = (
    "faust-streaming",
    "aiokafka",
    "kafka-python",
    "clickhouse-driver",
    "onnxruntime-gpu",
    "tokenizers",
    "torch",
)
LEAST_FREE_BYTES = 2_000_000_000


class Finding(NamedTuple):
    """One thing that was examined. ``ok`` is None for a plain fact; where it is False, ``todo`` says what to do."""

    what: str
    ok: bool | None
    state: str
    todo: str = ""


def examine(data: Path) -> list[Finding]:
    """All findings, in the order in which to fix them; raises nothing. ``data`` is the data directory."""
    looks: list[tuple[str, Callable[[], Finding]]] = [
        ("Kafka", _kafka),
        ("schema registry", _registry),
        ("ClickHouse", _clickhouse),
        ("model", _model),
        ("device", _device),
        ("native engine", _native_engine),
        ("watch list", _watchlist),
        ("pseudonym key", _key),
        ("stream settings", lambda: Finding("stream settings", True, str(StreamSettings()))),
        ("disk", lambda: _disk(data)),
        ("workers", lambda: _workers(data)),
        ("backlog", _backlog),
        ("lost records", _lost),
        ("ledger", _ledger),
    ]
    findings = [Finding("finsent", None, f"{_version('finsent')}, Python {sys.version.split()[0]}")]
    for what, look in looks:
        try:
            findings.append(look())
        except ValidationError as error:
            findings.append(Finding(what, False, "; ".join(faults(error)), "correct the environment variable"))
        except FinsentError as error:
            findings.append(Finding(what, False, str(error), error.remedy or _REMEDIES[what]))
        except Exception as error:
            findings.append(Finding(what, False, f"{type(error).__name__}: {error}".splitlines()[0], _REMEDIES[what]))
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return [*findings, Finding("packages", None, versions)]


_REMEDIES = {
    "Kafka": "set KAFKA_BOOTSTRAP_SERVERS, or start the service with 'finsent up'",
    "schema registry": "correct KAFKA_SCHEMA_REGISTRY_URL and the settings beside it, or start the registry",
    "ClickHouse": "set CLICKHOUSE_URL, or start the service with 'finsent up'",
    "model": "remove the broken version, or set MODEL_REGISTRY",
    "device": "mend what is missing, or set MODEL_DEVICE=auto",
    "native engine": "correct FINSENT_CPU",
    "watch list": "mend the file, or unset FINSENT_WATCHLIST",
    "pseudonym key": "set FINSENT_PSEUDONYM_KEY to at least 32 random characters",
    "stream settings": "correct the environment variable",
    "disk": "free some space",
    "workers": "see what the worker's log says about it",
    "backlog": "start a worker: 'finsent worker', or 'finsent up'",
    "ledger": "'finsent audit' shows whether all of it was read again; leave CLICKHOUSE_FSYNC on, and see whether the "
    "server's disk, its copies or its replicas lose data",
    "lost records": "'finsent audit' shows the ranges; keep records longer in Kafka, or start more workers",
}


def _kafka() -> Finding:
    settings = KafkaSettings()
    started = time.perf_counter()
    for server in settings.servers:
        host, _, port = server.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=3).close()
    milliseconds = (time.perf_counter() - started) * 1000
    count = count_brokers(settings)
    state = (
        f"{settings.bootstrap_servers} answers in {milliseconds:.1f} ms, {settings.security_protocol}, brokers: {count}"
    )
    return Finding("Kafka", True, state)


def _registry() -> Finding:
    settings = KafkaSettings()
    if not settings.schema_registries:
        return Finding("schema registry", None, "KAFKA_SCHEMA_REGISTRY_URL is not set: all values are plain JSON")
    decoding(settings)
    formats = RegistryClient.of(settings).formats()
    return Finding("schema registry", True, f"{settings.schema_registry_url} has {', '.join(formats)}")


def _clickhouse() -> Finding:
    settings = ClickHouseSettings()
    client = connect(settings)
    started = time.perf_counter()
    found = client.execute("SELECT version()")[0][0]
    milliseconds = (time.perf_counter() - started) * 1000
    if refused := obstacles(client):
        return Finding("ClickHouse", False, f"{settings.shown}: {'; '.join(refused)}", "until then, workers wait")
    return Finding("ClickHouse", True, f"{settings.shown}: {found}, answers in {milliseconds:.1f} ms")


def _model() -> Finding:
    registry = ModelSettings().registry
    try:
        folder = model.champion_folder(registry)
    except FileNotFoundError:
        return Finding("model", None, f"{registry}: no champion yet; the first worker builds the default")
    scorer = model.load(folder)
    read = f"reads {' '.join(sorted(scorer.languages - scorer.experimental))}"
    if scorer.experimental:
        read += f" (experimental: {' '.join(sorted(scorer.experimental))})"
    return Finding("model", True, f"{scorer.version}, from {registry}, {read}")


def _device() -> Finding:
    device, why = choose_device(ModelSettings().device)
    return Finding("device", None, f"scores on {device}: {why}")


def _native_engine() -> Finding:
    problem = kernel_problem()
    if kernel_is_stale():
        return Finding("native engine", False, f"not used: {problem}", "install finsent again, as it was installed")
    return Finding("native engine", None, f"not used: {problem}" if problem else f"runs with {NAMES[kernel_set()]}")


def _watchlist() -> Finding:
    watchlist = load_watchlist()
    told = many(len(watchlist.companies), "company")
    if others := len(watchlist.other_types):
        told += f" and {many(others, 'other entity')}"
    return Finding("watch list", True, f"{told} from {', '.join(watchlist_files()) or 'the shipped list'}")


def _key() -> Finding:
    if not (given("FINSENT_PSEUDONYM_KEY") or given("FINSENT_PSEUDONYM_KEY_FILE")):
        return Finding("pseudonym key", None, "not set; 'finsent up' makes one, a worker of your own needs it")
    PrivacySettings()
    return Finding("pseudonym key", True, "set")


def _disk(data: Path) -> Finding:
    place = next(folder for folder in (data, *data.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    state = f"{free / 1e9:.1f} GB free at {place}"
    return Finding("disk", free > LEAST_FREE_BYTES, state, "" if free > LEAST_FREE_BYTES else _REMEDIES["disk"])


def _workers(data: Path) -> Finding:
    """Whether workers live, or end again and again. What workers on this machine have left behind is read from files,
    without ClickHouse; another finding says whether that answers."""
    ends = [end for _, end in left_behind(data / RUNS)]
    alive: dict[str, str] | None = None
    with suppress(StorageUnavailable, *UNAVAILABLE), connect(ClickHouseSettings()) as client:
        alive = live_workers(client)
        ends += worker_ends(client)
    if waiting := waiting_workers(data / RUNS):
        state = "; ".join(f"{worker} waits: {why}" for worker, why in waiting.items())
        return Finding("workers", False, state, "make ClickHouse take rows again; the workers then go on by themselves")
    if found := trouble(ends, bool(alive)):
        return Finding("workers", False, str(found), _REMEDIES["workers"])
    if alive is None:
        return Finding("workers", None, _UNKNOWN)
    return Finding("workers", True if alive else None, f"{len(alive)} alive" if alive else "none is known to be alive")


def _backlog() -> Finding:
    """What waits in Kafka by the broker's own account. It is a fault only where nobody reads."""
    try:
        with connect(ClickHouseSettings()) as client:
            alive = bool(live_workers(client))
            waiting = {topic: count for topic, count in backlog(KafkaSettings(), client).items() if count}
    except (UnknownTopicOrPartitionError, *UNAVAILABLE):
        return Finding("backlog", None, _UNKNOWN)
    except KafkaError:
        return Finding("backlog", None, "Kafka does not answer")
    state = ", ".join(f"{topic} {count}" for topic, count in waiting.items())
    if waiting and not alive:
        return Finding("backlog", False, f"{state} wait, and no worker is alive", _REMEDIES["backlog"])
    return Finding("backlog", True, f"{state} wait" if waiting else "no record waits")


def _lost() -> Finding:
    """What Kafka lost of late."""
    try:
        with connect(ClickHouseSettings()) as client:
            found = [loss for loss, _ in lost_lately(client)]
    except (StorageUnavailable, *UNAVAILABLE):
        return Finding("lost records", None, _UNKNOWN)
    if found:
        return Finding("lost records", False, "; ".join(map(str, found[:5])), _REMEDIES["lost records"])
    return Finding("lost records", True, "none in the last 24 hours")


def _ledger() -> Finding:
    """Whether ClickHouse lost what it had acknowledged, of late."""
    try:
        with connect(ClickHouseSettings()) as client:
            found = setbacks_lately(client)
    except (StorageUnavailable, *UNAVAILABLE):
        return Finding("ledger", None, _UNKNOWN)
    if found:
        return Finding("ledger", False, "; ".join(map(str, found[-5:])), _REMEDIES["ledger"])
    return Finding("ledger", True, "no stored row was gone again in the last 24 hours")


_UNKNOWN = "unknown: ClickHouse does not answer, or no worker has made the tables and topics yet"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
