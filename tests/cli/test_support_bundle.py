"""``finsent support-bundle``: what is in it, and that no secret is."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from clickhouse_driver import Client

from deploy.local import Stack
from tests.support.commands import within

SECRETS = {
    "FINSENT_PSEUDONYM_KEY": "p" * 16 + "seudonymkey" + "x" * 16,
    "KAFKA_SASL_PASSWORD": "kafkapassword",
    "CONSOLE_SECRET": "c" * 16 + "onsolesecret" + "x" * 16,
    "CLICKHOUSE_PASSWORD": "",
}


def held(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {one.name: archive.extractfile(one).read().decode() for one in archive.getmembers()}  # type: ignore[union-attr]


def test_a_bundle_has_what_helps_and_no_secret(
    stack: Stack, client: Client, shipped: Path, tmp_path: Path, configured: None
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/worker-0.log").write_text("at clickhouse://finsent:urlpassword@db:9000/x\nthe last line\n")
    given = {**SECRETS, "FINSENT_DATA": str(tmp_path), "MODEL_REGISTRY": str(shipped), "KAFKA_TOPIC_PREFIX": "desk_",
             "KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap}  # fmt: skip
    done = within("support-bundle", str(tmp_path / "b.tar.gz"), **given)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "b.tar.gz").stat().st_mode & 0o077 == 0
    files = held(tmp_path / "b.tar.gz")
    for name, secret in {**SECRETS, "in a log": "urlpassword"}.items():
        assert not secret or not [one for one, text in files.items() if secret in text], name
    parts = {name: json.loads(text) for name, text in files.items() if name.endswith(".json")}
    assert parts["finsent/settings.json"]["KAFKA_TOPIC_PREFIX"] == "desk_"
    assert parts["finsent/settings.json"]["FINSENT_PSEUDONYM_KEY"] == "(given)"
    assert parts["finsent/settings.json"]["CLICKHOUSE_URL"].startswith("clickhouse://")
    assert parts["finsent/versions.json"]["packages"]["msgspec"]
    assert {"Kafka", "ClickHouse", "backlog"} <= {one["what"] for one in parts["finsent/doctor.json"]}
    assert parts["finsent/audit.json"]["clean"] is True
    assert parts["finsent/worker_ends.json"] == []
    assert "the last line" in files["finsent/logs/worker-0.log"] and "db:9000" in files["finsent/logs/worker-0.log"]


def test_a_bundle_says_what_it_could_not_have(tmp_path: Path) -> None:
    nowhere = {"CLICKHOUSE_URL": "clickhouse://127.0.0.1:1/x", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
               "FINSENT_DATA": str(tmp_path), "STREAM_BATCH_RECORDS": "many"}  # fmt: skip
    done = within("support-bundle", str(tmp_path / "b.tar.gz"), **nowhere)
    assert done.returncode == 0, done.stderr
    files = held(tmp_path / "b.tar.gz")
    assert "not to be had" in json.loads(files["finsent/audit.json"])
    assert "STREAM_BATCH_RECORDS" in str(json.loads(files["finsent/settings.json"])["Worker"])
    assert json.loads(files["finsent/doctor.json"])
