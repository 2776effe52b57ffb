"""The files of the command line: named as their commands, and quick to start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import typer

import cli
from finsent import app

ROOT = Path(__file__).parents[2]
SLOW = {"clickhouse_driver", "faust", "kafka", "msgspec", "numpy", "onnxruntime", "pydantic_settings", "torch", "yaml"}
HELP = """
import json, resource, sys
from finsent import app
try:
    app(sys.argv[1:])
except SystemExit:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print("\\n" + json.dumps([used.ru_utime + used.ru_stime, sorted({name.split(".")[0] for name in sys.modules})]))
"""


def names(group: Any) -> set[str]:
    return {name.replace("-", "_") for name in group.commands}


def test_a_file_is_named_as_its_command() -> None:
    whole: Any = typer.main.get_command(app)
    folder = Path(cli.__file__).parent
    files = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert files - {"__init__", "shared"} == names(whole)
    of_model = {path.stem.rstrip("_") for path in (folder / "model").glob("[!_]*.py")}
    assert of_model - {"options"} == names(whole.commands["model"])


def test_help_answers_at_once() -> None:
    """Help needs no library but the command line's own; on an idle machine it takes 0.35 s, most of it Typer's."""
    seconds = []
    for arguments in (["--help"], ["--help"], ["alerts", "--help"]):
        done = subprocess.run([sys.executable, "-c", HELP, *arguments], cwd=ROOT, capture_output=True, text=True)
        took, loaded = json.loads(done.stdout.splitlines()[-1])
        assert not SLOW & set(loaded)
        seconds.append(took)
    assert min(seconds) < 1
