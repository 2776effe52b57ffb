"""``finsent model`` on a registry of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import model
from tests.support import cooled
from tests.test_cli import assert_one_line_failure, within


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODEL_REGISTRY", str(tmp_path / "registry"))
    return tmp_path / "registry"


def test_from_build_to_rollback(registry: Path, tmp_path: Path):
    assert_one_line_failure(within("model", "show"), "no champion")
    first = within("model", "build", "--promote").stdout.strip()
    adapter = cooled(tmp_path / "adapter", 3.0)
    second = within("model", "build", str(adapter)).stdout.strip()
    assert within("model", "promote", second[:-4], "--why", "a trial").stdout == (
        f"{second} is the champion, after {first}\n"
    )
    listed = json.loads(within("model", "list", "--json", "-").stdout)
    assert [(row["version"], row["champion"]) for row in listed] == [(first, False), (second, True)]
    assert_one_line_failure(within("model", "promote", "finsent-"), first, second)
    assert_one_line_failure(within("model", "promote", "nothing"), "finsent model list")
    assert within("model", "rollback").stdout == f"{first} is the champion again, after {second}\n"
    assert within("model", "show", "--json", str(tmp_path / "out" / "show.json")).returncode == 0
    shown = json.loads((tmp_path / "out" / "show.json").read_text())
    assert shown["version"] == first and shown["champion"]
    assert [move["action"] for move in shown["history"]] == ["promote", "promote", "rollback"]
    assert "a trial" in within("model", "show", second).stdout

    graph = registry / second / "en.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    assert_one_line_failure(within("model", "promote", second), second, "were published")
    verified = within("model", "verify", "--all")
    assert_one_line_failure(verified, second)
    assert verified.stdout == f"{first}: ok\n" and model.champion_name(registry) == first
    (registry / second / "manifest.json").write_text("{}")
    assert [bool(row["error"]) for row in json.loads(within("model", "list", "--json", "-").stdout)].count(True) == 1


def test_what_is_no_adapter_is_told_in_one_line(registry: Path, tmp_path: Path):
    assert_one_line_failure(within("model", "build", str(tmp_path)), "is no adapter")
    assert not registry.exists() or model.versions(registry) == []
