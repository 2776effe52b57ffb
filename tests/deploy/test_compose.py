"""The compose file: what it names is there. ``make compose-check`` holds it against the specification."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import ROOT

FOLDER = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]


def test_what_a_service_names_is_there() -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", (FOLDER / "images/Containerfile").read_text(), re.M))
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", ())) <= SERVICES.keys(), name
        assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys(), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (FOLDER / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], volume
        for other, need in service.get("depends_on", {}).items():
            if need["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for the health of {other}"
        if "build" in service:
            assert service["build"]["target"] in targets
    assert {"worker", "scheduler", "console", "migrate", "worker-gpu"} <= set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_has_settings_that_there_are_and_no_rights(name: str) -> None:
    known = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/settings.md").read_text(), re.M))
    service = SERVICES[name]
    assert set(service["environment"]) <= known
    for variable, value in service["environment"].items():
        secret = str(value).removeprefix("/run/secrets/")
        if secret != value:
            assert secret in service["secrets"], variable
    assert service["read_only"] and service["cap_drop"] == ["ALL"]


def test_nothing_is_open_to_other_hosts() -> None:
    for name, service in SERVICES.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name


def test_training_yields_to_live_scoring() -> None:
    usual = 1024
    assert SERVICES["scheduler"]["cpu_shares"] <= SERVICES["worker"].get("cpu_shares", usual) / 10


def test_the_secrets_are_made_once_and_kept_from_others(tmp_path: Path) -> None:
    script = tmp_path / "compose/secrets.sh"
    script.parent.mkdir()
    shutil.copy(FOLDER / "compose/secrets.sh", script)
    # `finsent` of the environment that runs the tests.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def run() -> str:
        return subprocess.run([script], env=environment, capture_output=True, text=True, check=True, timeout=60).stdout

    assert "user admin, password " in run()
    folder = tmp_path / "compose/secrets"
    made = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {Path(one["file"]).name for one in COMPOSE["secrets"].values()} == made.keys()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(made["pseudonym_key"]) >= 32 and len(made["console_session"]) >= 32
    assert run() == "" and {path.name: path.read_bytes() for path in folder.iterdir()} == made


@pytest.mark.parametrize("name", ["secrets.sh", "smoke.sh"])
def test_a_script_is_valid_shell(name: str) -> None:
    subprocess.run(["sh", "-n", FOLDER / "compose" / name], check=True)


def test_the_smoke_test_fails_where_nothing_is_stored_and_passes_where_all_is(tmp_path: Path) -> None:
    """With a stand-in for compose, as there is no Docker here: it swallows records, and says how many are stored."""
    stand_in = tmp_path / "compose"
    stand_in.write_text(
        """#!/bin/sh
case "$*" in
  *produce*) cat > "$(dirname "$0")/sent" ;;
  *sql*) printf 'count()\\n%s\\n' "$STORED" ;;
  *logs*) echo "the workers' last lines" ;;
esac
"""
    )
    stand_in.chmod(0o755)

    def run(stored: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "COMPOSE": str(stand_in), "STORED": stored, "SMOKE_SECONDS": "2"}
        return subprocess.run(
            [FOLDER / "compose/smoke.sh"], env=environment, capture_output=True, text=True, timeout=60
        )

    passed = run("20")
    assert passed.returncode == 0 and "PASSED" in passed.stdout
    assert len((tmp_path / "sent").read_text().splitlines()) == 20
    failed = run("19")
    assert failed.returncode == 1 and "19 stored" in failed.stdout and "last lines" in failed.stdout
