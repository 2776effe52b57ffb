"""What continuous integration runs: it has what the tests need, and looks at every package that is locked."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def jobs() -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github/workflows/ci.yaml").read_text())["jobs"]


def running(command: str) -> list[dict[str, Any]]:
    """The jobs with a step that runs ``command``."""
    return [job for job in jobs().values() if any(step.get("run") == command for step in job["steps"])]


def locks() -> set[str]:
    """The files of this checkout that lock packages, but for Go's, whose builds are tools and ship nothing."""
    listed = subprocess.run(
        ["git", "ls-files", "*.txt", "*package-lock.json"], cwd=ROOT, capture_output=True, text=True
    )
    names = listed.stdout.split()
    return {name for name in names if name.endswith(".json") or _only_pins((ROOT / name).read_text())}


def _only_pins(text: str) -> bool:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return bool(lines) and all("==" in line for line in lines)


def test_the_tests_have_the_history_that_one_of_them_builds_a_wheel_of() -> None:
    """A shallow clone lacks the last release's commit, and tests/test_release.py would be skipped unseen."""
    (job,) = running("bash .ci/run")
    (checkout,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout.get("with", {}).get("fetch-depth") == 0


def test_every_lock_is_compared_with_the_advisories_and_silence_is_no_answer() -> None:
    assert running("make audit-packages")
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "audit-packages"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (python,) = [line for line in done.stdout.replace("\\\n", " ").splitlines() if "pip-audit --strict" in line]
    node = [line for line in done.stdout.splitlines() if line.startswith("npm audit ")]
    asked = set(python.partition(" in ")[2].partition(";")[0].split())
    asked |= {f"{line.split('--prefix ')[1].strip()}/package-lock.json" for line in node}
    assert asked == locks() and len(asked) > 5
    assert "|| exit 1" in python
