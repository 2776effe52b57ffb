"""The images: what is installed in them is locked by its bytes, and small. ``make images`` builds and runs one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from deploy.images.lock import HEAD, WEIGHTS, wanted

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "deploy/images"
LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^ ]+) --hash=sha256:[0-9a-f]{64}")


def name_of(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[ \[;<>=]", requirement)[0]).lower()


def versions(image: str) -> dict[str, str]:
    text = (IMAGES / f"requirements-{image}.txt").read_text().removeprefix(HEAD)
    found = {}
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        assert match, f"{image}: {line}"
        found[name_of(match[1])] = match[2]
    return found


@pytest.mark.parametrize("image", wanted())
def test_everything_that_an_image_needs_is_locked_as_it_was_tested(image: str) -> None:
    locked = versions(image)
    needed = [*wanted()[image], *(WEIGHTS if image != "build" else ())]
    assert {name_of(one) for one in needed} <= locked.keys()
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    tested = {name_of(name): version for name, version in pinned.items()}
    assert {name: locked[name] for name in locked.keys() & tested.keys()} == {
        name: tested[name] for name in locked.keys() & tested.keys()
    }


def test_where_nothing_trains_there_is_no_torch_and_where_there_is_no_gpu_no_cuda() -> None:
    for image, without in (("worker", ("torch", "nvidia-", "transformers", "onnxruntime-gpu")), ("gpu", ("torch",))):
        assert not [name for name in versions(image) if name.startswith(without)], image
    assert "torch" in versions("scheduler") and "onnxruntime-gpu" in versions("gpu")


def test_the_last_stages_have_no_compiler_and_no_rights() -> None:
    text = (IMAGES / "Containerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stages = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM|\Z)", text, re.M | re.S))
    for name in ("worker", "scheduler", "worker-gpu"):
        assert "USER 10001:10001" in stages[name] and "apt-get" not in stages[name] and "pip" not in stages[name]
        assert f'image.version="{project["version"]}"' in stages[name]
    assert "gcc" not in stages["base"] and text.count("--require-hashes") == 4
