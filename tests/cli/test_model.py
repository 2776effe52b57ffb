"""``finsent model`` on a registry of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import model
from model.registry import version_names
from tests.support import cooled
from tests.support.commands import assert_one_line_failure, within


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

    compare(first, second, tmp_path)
    assert_one_line_failure(within("model", "shadow", first), "is the champion")
    assert within("model", "shadow", second, "--share", "0.25", "--documents", "500").returncode == 0
    assert within("model", "promote", second).returncode == 0
    assert within("model", "shadow").stdout == "no version is in the shadow\n", "what is promoted leaves the shadow"
    assert within("model", "rollback").returncode == 0
    assert within("model", "shadow", second).returncode == 0
    assert within("model", "shadow", "--stop").stdout == f"{second} is in the shadow no more\n"
    assert json.loads(within("model", "shadow", "--json", "-").stdout) == {"version": None}

    graph = registry / second / "en.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    assert_one_line_failure(within("model", "promote", second), second, "were published")
    verified = within("model", "verify", "--all")
    assert_one_line_failure(verified, second)
    assert verified.stdout == f"{first}: ok\n" and model.champion_name(registry) == first
    (registry / second / "manifest.json").write_text("{}")
    assert [bool(row["error"]) for row in json.loads(within("model", "list", "--json", "-").stdout)].count(True) == 1


def compare(first: str, second: str, folder: Path) -> None:
    """The two differ in their temperatures alone: never in a label, but in how sure they are."""
    texts = [("Orders doubled and profit rose", "positive"), ("The plant burned down", "negative")]
    texts += [
        ("The meeting is in June", "neutral"),
        ("Τα κέρδη της εταιρείας αυξήθηκαν κατά 40 τοις εκατό", "positive"),
    ]
    rows = [f"{text} {number},{label}\n" for number in range(10) for text, label in texts]
    (folder / "own.csv").write_text("text,label\n" + "".join(rows))
    out = folder / "compared" / "out.json"
    done = within("model", "compare", first, second, "--file", str(folder / "own.csv"), "--documents", "3",
                  "--json", str(out))  # fmt: skip
    assert done.returncode == 0 and "The same label on 100.0%" in done.stdout
    found = json.loads(out.read_text())
    rules = {rule["rule"]: rule for rule in found["rules"]}
    assert (found["a"], found["b"]) == (first, second) and not found["would_pass"]
    assert rules["fixed test"]["difference"] == 0 == rules["new labels"]["difference"]
    assert not rules["new labels"]["passed"] and "p = 1.000" in rules["new labels"]["why"]
    assert rules["speed"]["rows"] == 200 and rules["speed"]["low"] > 0
    assert found["documents"] == rules["new labels"]["rows"] == 30 and found["unread"] == 20, "ten rows are German"
    assert found["agreement"] == 1.0 and found["agreement_interval"][1] == 1.0 and found["flips"] == {}
    moved = [abs(row["a"]["sentiment"] - row["b"]["sentiment"]) for row in found["differ_most"]]
    assert len(moved) == 3 and moved == sorted(moved, reverse=True) and moved[0] > 0.01
    assert found["differ_most"][0]["text"] in done.stdout and found["differ_most"][0]["label"]
    assert_one_line_failure(within("model", "compare", first, "nothing"), "finsent model list")


def test_what_is_no_adapter_is_told_in_one_line(registry: Path, tmp_path: Path):
    assert_one_line_failure(within("model", "build", str(tmp_path)), "is no adapter")
    assert not registry.exists() or version_names(registry) == []
