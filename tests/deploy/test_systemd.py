"""The units for bare machines: hardened, valid, and of settings that there are."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
MOST_EXPOSURE = 20
"""Tenths of systemd-analyze's scale, from 0 to 10 (none to all)."""

with_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="UNITS NOT CHECKED: no systemd-analyze")


@pytest.fixture(params=UNITS, ids=lambda path: path.stem)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit whose program is there, as an instance if it is a template."""
    text = request.param.read_text()
    assert "ExecStart=/opt/finsent/bin/finsent " in text
    made = tmp_path / request.param.name.replace("@.", "@6066.")
    made.write_text(text.replace("/opt/finsent/bin/finsent", "/bin/true"))
    return made


@with_systemd
def test_a_unit_is_valid(unit: Path) -> None:
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=30)
    said = [line for line in (done.stdout + done.stderr).splitlines() if unit.name in line]
    assert not said and done.returncode == 0, done.stdout + done.stderr


@with_systemd
def test_a_unit_is_hardened(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert "Overall exposure level" in done.stdout, done.stderr
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_names_settings_that_there_are(path: Path) -> None:
    known = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/settings.md").read_text(), re.M))
    assert set(re.findall(r"^Environment=(\w+)=", path.read_text(), re.M)) <= known


def test_logs_are_kept_apart_and_rotated() -> None:
    for path in UNITS:
        assert "LogNamespace=finsent" in path.read_text(), path.name
    journal = configparser.ConfigParser()
    journal.optionxform = str  # type: ignore[assignment,method-assign]
    journal.read(ROOT / "deploy/systemd/journald@finsent.conf")
    given = dict(journal["Journal"])
    assert {"SystemMaxUse", "MaxRetentionSec"} <= given.keys()
    manual = Path("/etc/systemd/journald.conf")
    if manual.exists():  # it names every key, commented out
        assert given.keys() <= set(re.findall(r"^#?(\w+)=", manual.read_text(), re.M))


def test_training_yields_to_live_scoring() -> None:
    weights = {path.stem: re.findall(r"^CPUWeight=(\d+)$", path.read_text(), re.M) for path in UNITS}
    assert weights == {"finsent-console": [], "finsent-scheduler": ["10"], "finsent-worker@": []}


def test_all_units_end_in_time_and_stay_down_when_only_a_person_can_help() -> None:
    assert len(UNITS) == 3
    for path in UNITS:
        text = path.read_text()
        assert "RestartPreventExitStatus=78" in text and "Restart=always" in text
        (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", text, re.M)
        assert int(seconds) > 12
