"""A worker takes new champions under load, and refuses bad ones, on the real broker and ClickHouse."""

from __future__ import annotations

import json
import shutil
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from clickhouse_driver import Client
from safetensors.numpy import load_file, save_file

import model
from cli.shared import rollout
from deploy.demo import replay
from deploy.local import Service
from documents import Position
from documents.messages import ModelEvent
from errors import FinsentError
from model.encoder import default_folders
from model.registry import clear_shadow, current_shadow, publish, put_in_shadow
from model.registry import promote as move_champion
from retrain.judge import decide_shadow, shadow_report
from settings import ClickHouseSettings, ModelSettings, RetrainSettings
from storage import accounts, connect, select
from storage.reads import live_workers, refusals
from storage.writes import write_training_run
from stream.champion import announce, chosen
from stream.kafka import produce, topic_ids
from tests.support import cooled, data_folder, eventually, kafka_at
from tests.support.commands import finsent

SWAPS = 8
"""Each costs a check of the version here and another one in the worker, whose thread for that gives way to all others:
seconds on a busy machine."""

WAITING = 100
"""So many records of the load are under way at most, so that a slow worker is loaded, and not left behind."""

TOPICS = ("news", "comments")


@pytest.fixture(scope="module")
def service(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    # Small batches: a swap waits for the one that is being scored.
    with Service(
        data_folder(tmp_path_factory.mktemp("service"), shipped), 1, {"STREAM_BATCH_RECORDS": "32"}
    ) as started:
        yield started


@pytest.fixture(scope="module")
def client(service: Service) -> Client:
    return connect(ClickHouseSettings(url=service.stack.clickhouse_url))


@pytest.fixture(scope="module")
def registry(service: Service) -> Path:
    return Path(service.stack.environment()["MODEL_REGISTRY"])


@pytest.fixture(scope="module")
def variants(registry: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Versions that differ in their temperature alone, so that a row's probabilities tell who scored it."""
    folder = tmp_path_factory.mktemp("adapters")
    return [publish(registry, cooled(folder / str(number), 2.0 + number)) for number in range(4)]


def adapter(folder: Path, change: Callable[[dict], None], swap_head: bool = False) -> Path:
    """A copy of the default adapter with its config changed."""
    shutil.copytree(default_folders()[0], folder)
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))
    if swap_head:
        weights = load_file(folder / "adapter.safetensors")
        for name in weights:
            if name.startswith("head."):
                weights[name] = np.ascontiguousarray(weights[name][[2, 1, 0]])
        save_file(weights, folder / "adapter.safetensors")
    return folder


def promote(service: Service, registry: Path, version: str) -> None:
    move_champion(registry, version)
    event = ModelEvent("promoted", version, "", "", 0.0, "", datetime.now(UTC))
    announce(kafka_at(service.stack.kafka_bootstrap), event)


def page(service: Service, name: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{service.web_ports[0]}/{name}", timeout=10) as response:
        return response.read().decode()


def scoring(service: Service) -> str:
    return str(json.loads(page(service, "ready"))["model"])


def metric(service: Service, name: str) -> float:
    lines = page(service, "metrics").splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(name)), 0.0)


def send(service: Service, path: Path, prefix: str, count: int) -> None:
    lines = [
        {"id": f"{prefix}-{n}", "source": "desk", "title": f"The order {n} of {prefix} was won, profit will rise"}
        | {"published_at": "2026-01-05T10:00:00Z"}
        for n in range(count)
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    assert produce(path, "news", kafka_at(service.stack.kafka_bootstrap)).acknowledged == count


def test_many_swaps_under_load_lose_and_repeat_nothing(
    service: Service, client: Client, registry: Path, variants: list[str], tmp_path: Path
):
    done = threading.Event()
    sent = 0
    count = "SELECT count() FROM documents WHERE document_id LIKE 'load%'"

    def load() -> None:
        nonlocal sent
        with connect(ClickHouseSettings(url=service.stack.clickhouse_url)) as asking:
            while not done.is_set():
                send(service, tmp_path / "load.jsonl", f"load{sent}", 20)
                sent += 20
                while not done.wait(0.4) and asking.execute(count)[0][0] < sent - WAITING:
                    pass

    producing = threading.Thread(target=load)
    producing.start()
    try:
        pauses = []
        for number in range(SWAPS):
            version = variants[number % len(variants)]
            by_it = f"{count} AND model_version = '{version}'"
            before = client.execute(by_it)[0][0]
            promote(service, registry, version)
            eventually(lambda v=version: scoring(service) == v, 60, f"swap {number} to {version}")
            eventually(lambda n=before, sql=by_it: client.execute(sql)[0][0] > n, 60, f"{version} scores the load")
            pauses.append(metric(service, "finsent_model_swap_pause_seconds"))
    finally:
        done.set()
        producing.join()
    eventually(lambda: client.execute(count)[0][0] == sent, 60, "all of the load is stored")

    held = accounts(client, topic_ids(kafka_at(service.stack.kafka_bootstrap), TOPICS))
    assert all(account.distinct == account.rows == account.last - account.first + 1 for account in held)
    assert client.execute("SELECT count() - uniqExact(topic, partition, offset) FROM record_log") == [(0,)]
    # scored_at is set once a batch: no batch was scored by two versions.
    mixed = "SELECT max(n) FROM (SELECT uniqExact(model_version) AS n FROM documents GROUP BY scored_at)"
    assert client.execute(mixed) == [(1,)]
    assert metric(service, "finsent_model_swaps_total") >= SWAPS and max(pauses) < 1
    assert client.execute("SELECT countIf(event = 'adopted') >= %(n)s FROM model_events", {"n": SWAPS}) == [(1,)]
    rows = select(client, "SELECT title, model_version, p_negative, p_neutral, p_positive FROM documents "
                          "ORDER BY cityHash64(document_id) "
                          "LIMIT 3 BY model_version")  # fmt: skip
    assert {row["model_version"] for row in rows} >= set(variants)
    # As the workers do: what their short run found best on this machine decides the last digits.
    scorers = {name: model.load(registry / name, ModelSettings()) for name in {r["model_version"] for r in rows}}
    for row in rows:
        again = scorers[row["model_version"]].score([row["title"]]).probabilities[0]
        assert np.allclose(again, [row["p_negative"], row["p_neutral"], row["p_positive"]], atol=1e-4)


@pytest.mark.parametrize("fault", ["corrupted", "truncated", "no manifest", "labels mixed up", "another's name"])
def test_a_bad_challenger_is_refused_and_the_old_one_goes_on(
    service: Service, client: Client, registry: Path, variants: list[str], tmp_path: Path, fault: str
):
    before = variants[0]
    promote(service, registry, before)
    eventually(lambda: scoring(service) == before, 60, "a good champion")
    number = sum(map(ord, fault)) / 100
    scales = {kind: {"temperature": number} for kind in ("alone", "pair")}
    folder = adapter(tmp_path / "bad", lambda config: config.update(calibration=scales), fault == "labels mixed up")
    bad = publish(registry, folder)
    graph, manifest = registry / bad / "en.onnx", registry / bad / "manifest.json"
    for path in (graph, manifest):
        path.chmod(0o644)
    match fault:
        case "corrupted":
            content = bytearray(graph.read_bytes())
            content[len(content) // 2] ^= 0x40
            graph.write_bytes(content)
        case "truncated":
            graph.write_bytes(graph.read_bytes()[:-1000])
        case "another's name":
            manifest.write_text(manifest.read_text().replace(bad, variants[1]))
        case "no manifest":
            manifest.write_text("{")
    (registry / "champion").write_text(bad)  # promote refuses what is damaged already
    announce(
        kafka_at(service.stack.kafka_bootstrap), ModelEvent("promoted", bad, before, "", 0.0, "", datetime.now(UTC))
    )
    refused = f'finsent_model_refused_total{{version="{bad}"}}'
    eventually(lambda: metric(service, refused) > 0, 60, "it is refused")
    send(service, tmp_path / "after.jsonl", f"after-{number}", 20)
    versions = "SELECT groupArray(DISTINCT model_version), count() FROM documents WHERE document_id LIKE %(p)s"
    found = {"p": f"after-{number}-%"}
    eventually(lambda: client.execute(versions, found)[0][1] == 20, 20, "records are stored all the same")
    assert client.execute(versions, found)[0][0] == [before]
    event = select(client, "SELECT * FROM model_events WHERE event = 'refused' AND version = %(v)s", {"v": bad})
    assert event and event[0]["detail"]
    assert list(live_workers(client).values()) == [before]


def test_who_waits_for_a_promoted_version_is_told_at_once_that_a_worker_refused_it(
    service: Service,
    client: Client,
    registry: Path,
    variants: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    before = variants[0]
    promote(service, registry, before)
    eventually(lambda: scoring(service) == before, 60, "a good champion")
    run = {"id": "run", "started_at": datetime.now(UTC), "cause": "a test", "state": "passed", "champion": before}
    bad = publish(registry, cooled(tmp_path / "bad", 9.0))
    run |= {"challenger": bad, "labels": 1, "labels_until": datetime.now(UTC), "detail": ""}
    write_training_run(client, run)
    (registry / bad / "en.onnx").chmod(0o644)
    (registry / bad / "en.onnx").write_bytes(b"nothing")
    (registry / "champion").write_text(bad)
    for name, value in service.stack.environment().items():
        monkeypatch.setenv(name, value)
    # Both would wait much longer than a test may take.
    for module, patience in ((rollout, "PATIENCE_S"), (replay, "JUDGED_S")):
        monkeypatch.setattr(module, patience, 3600.0)
    with pytest.raises(
        FinsentError, match=rf"{bad} is the champion, but .* refused it .*en\.onnx.*finsent model rollback"
    ):
        rollout.moved("promoted", bad, before)
    with pytest.raises(replay.VersionRefused, match=rf"refused {bad}, which the retraining promoted: .*en\.onnx"):
        replay._until_swapped(client, service, lambda: None)
    # What the worker takes in the end is no longer refused.
    promote(service, registry, before)
    assert refusals(client, bad, run["started_at"]) and not refusals(client, before, run["started_at"])


def test_a_challenger_scores_a_share_in_the_shadow_and_is_promoted_by_rule(
    service: Service, client: Client, registry: Path, variants: list[str], tmp_path: Path
):
    champion, challenger = variants[0], variants[1]
    # The two take the same time; on a busy machine one of them may be measured at twice the other's.
    rules = RetrainSettings(slower=10)
    promote(service, registry, champion)
    eventually(lambda: scoring(service) == champion, 60, "the champion")
    put_in_shadow(registry, challenger, 0.5, documents=50)
    share = f'finsent_shadow_share{{version="{challenger}"}}'
    eventually(lambda: metric(service, share) == 0.5, 60, "the worker has it in the shadow")
    before = metric(service, "finsent_model_swaps_total")
    send(service, tmp_path / "shadow.jsonl", "shadow", 160)
    counted = "SELECT count() FROM documents WHERE document_id LIKE 'shadow-%'"
    eventually(lambda: client.execute(counted)[0][0] == 160, 60, "all are stored")
    rows = "SELECT count(), uniqExact(topic, partition, offset) FROM shadow_log FINAL WHERE challenger = %(v)s"
    wanted = sum(chosen(position, 0.5) for position in positions(client))
    assert 50 < wanted < 110
    eventually(lambda: client.execute(rows, {"v": challenger})[0] == (wanted, wanted), 60, "the share is scored")

    # Nobody reads these scores, and the champion is the one it was.
    assert client.execute("SELECT uniqExact(model_version) FROM documents WHERE document_id LIKE 'shadow-%'") == [(1,)]
    assert scoring(service) == champion and metric(service, "finsent_model_swaps_total") == before
    found = current_shadow(registry)
    assert found is not None
    told = shadow_report(client, found, champion, rules)
    # They differ in the temperature alone: never in the label, but in how sure they are.
    assert told["documents"] == wanted and told["agreement"] == 1.0 and told["flips"] == {}
    assert told["agreement_interval"][0] > 0.92 and told["confidence_shift"]["interval"][1] < 0
    assert told["latency"]["documents"] > 0 and 0.1 < told["latency"]["ratio"] < 10
    assert list(told["sources"]) == ["news/desk"] and told["objections"] == []

    early = datetime.fromisoformat(found.at) - timedelta(hours=1)
    assert decide_shadow(client, registry, rules, early) is None
    strict = RetrainSettings(slower=10, shadow_shift=-told["confidence_shift"]["mean"] / 2)
    rejected = decide_shadow(client, registry, strict)
    assert rejected is not None and rejected[0] == "rejected" and "confidence shift" in rejected[3]
    assert current_shadow(registry) is None and model.champion_name(registry) == champion

    put_in_shadow(registry, challenger, 1.0, documents=40)
    eventually(lambda: metric(service, share) == 1.0, 60, "the worker has it in the shadow again")
    assert decide_shadow(client, registry, rules) is None, "too few documents"
    send(service, tmp_path / "more.jsonl", "more", 40)
    promoted = eventually(lambda: decide_shadow(client, registry, rules), 60, "it is promoted by rule")
    assert promoted[:3] == ("promoted", challenger, champion) and current_shadow(registry) is None
    eventually(lambda: scoring(service) == challenger, 60, "the worker takes it without being told")
    eventually(lambda: metric(service, share) == 0, 60, "and nothing is in the shadow any more")


def positions(client: Client) -> list[Position]:
    names = ("topic", "topic_id", "partition", "offset")
    sql = f"SELECT {', '.join(names)} FROM documents WHERE document_id LIKE %(p)s"
    return [Position(**row) for row in select(client, sql, {"p": "shadow-%"})]


def test_a_challenger_that_cannot_be_loaded_is_refused_in_the_shadow(
    service: Service, client: Client, registry: Path, tmp_path: Path
):
    before = scoring(service)
    bad = publish(registry, cooled(tmp_path / "bad", 7.0))
    (registry / bad / "en.onnx").chmod(0o644)
    (registry / bad / "en.onnx").write_bytes(b"nothing")
    with pytest.raises(model.BadVersion):
        put_in_shadow(registry, bad, 0.5)
    pointer = {"version": bad, "share": 0.5, "at": "2026-01-05T10:00:00Z"}
    (registry / "shadow").write_text(json.dumps(pointer))
    refused = "SELECT count() FROM model_events WHERE event = 'refused' AND version = %(v)s"
    eventually(lambda: client.execute(refused, {"v": bad})[0][0], 60, "it is refused")
    send(service, tmp_path / "go-on.jsonl", "go-on", 5)
    stored = "SELECT groupUniqArray(model_version), count() FROM documents WHERE document_id LIKE 'go-on-%'"
    eventually(lambda: client.execute(stored)[0] == ([before], 5), 60, "live documents are scored all the same")
    assert clear_shadow(registry) == bad


def test_rollback_returns_within_seconds_when_the_workers_have_the_version_before(
    service: Service, client: Client, registry: Path, variants: list[str]
):
    for version in (variants[2], variants[3]):
        promote(service, registry, version)
    eventually(lambda: scoring(service) == variants[3], 60, "the champion to leave")
    started = time.monotonic()
    done = finsent("model", "rollback", "--why", "a test", **service.stack.environment())
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    assert f"1 live worker scores with {variants[2]}" in done.stderr and scoring(service) == variants[2]
    assert seconds < 60
    pause = "SELECT dateDiff('millisecond', minIf(at, event = 'rolled_back'), maxIf(at, event = 'adopted')) "
    pause += "FROM model_events WHERE at > (SELECT max(at) FROM model_events WHERE event = 'rolled_back') - 1"
    assert client.execute(pause)[0][0] < 20_000
