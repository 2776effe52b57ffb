"""The rules for Prometheus: of metrics that exist, explained in the runbook, and tried with promtool if it is there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from stream.upkeep.metrics import Metrics

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/helm/finsent/files/prometheus-rules.yaml"
CASES = Path(__file__).parent / "prometheus_tests.yaml"
(GROUP,) = yaml.safe_load(FILE.read_text())["groups"]
RULES = {rule["alert"]: rule for rule in GROUP["rules"]}


def test_each_metric_of_a_rule_is_one_of_a_worker() -> None:
    known = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
    known |= {f"{family.name}{suffix}" for family in Metrics().registry.collect() for suffix in ("", "_total")}
    for name, rule in RULES.items():
        asked = set(re.findall(r"\b(?:finsent|process)_\w+", rule["expr"]))
        assert asked and asked <= known, f"{name}: {asked - known}"


def test_each_rule_has_a_runbook_entry_and_the_runbook_no_other() -> None:
    headings = set(re.findall(r"^## (\w+)$", (ROOT / "docs/runbook.md").read_text(), re.M))
    named = {rule["annotations"]["runbook"] for rule in RULES.values()}
    assert named == {f"docs/runbook.md#{heading.lower()}" for heading in headings}


def test_each_rule_is_seen_to_fire_and_to_be_quiet() -> None:
    tried: dict[str, set[bool]] = {name: set() for name in RULES}
    for case in yaml.safe_load(CASES.read_text())["tests"]:
        for one in case["alert_rule_test"]:
            tried[one["alertname"]].add(bool(one.get("exp_alerts")))
    # Of dead letters, another topic is quiet at the same time.
    assert {name for name, seen in tried.items() if seen != {True, False}} == {"FinsentDeadLetters"}


@pytest.mark.skipif(not shutil.which("promtool"), reason="PROMETHEUS RULES NOT TRIED: no promtool (Debian: prometheus)")
def test_promtool_agrees() -> None:
    for command in (["check", "rules", str(FILE)], ["test", "rules", str(CASES)]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
