"""Versions as they are published, damaged, promoted and taken back."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import model
from model.encoder.weights import default_folders
from model.part import file_digest
from model.registry import (
    File,
    Manifest,
    Metric,
    champion_history,
    describe,
    promote,
    publish,
    rollback,
    verify,
    version_names,
)
from model.registry.manifest import MANIFEST, decode, encode, sealed
from model.registry.stores import FolderStore
from tests.support import cooled, eventually


@pytest.fixture(scope="module")
def built(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with the default model and three like it; the default is the champion."""
    registry = Path(shutil.copytree(shipped, tmp_path_factory.mktemp("built") / "registry"))
    for number in (2, 3, 4):
        adapter = tmp_path_factory.mktemp("adapter") / "a"
        cooled(adapter, float(number))
        publish(registry, adapter, parent=model.champion_name(registry))
    return registry


@pytest.fixture
def registry(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "registry"))


@pytest.fixture
def version(built: Path, tmp_path: Path) -> Path:
    """A copy of the champion; its registry holds nothing else."""
    champion = model.champion_folder(built)
    return Path(shutil.copytree(champion, tmp_path / "alone" / champion.name))


def reseal(folder: Path, change: Callable[[Manifest], Manifest] = lambda manifest: manifest) -> Path:
    """What somebody does who may write to the registry: a manifest that fits its files, under its own name."""
    manifest = decode((folder / MANIFEST).read_bytes(), folder.name)
    files = {
        name: File(bytes=(folder / name).stat().st_size, sha256=file_digest(folder / name)) for name in manifest.files
    }
    manifest = sealed("other", change(msgspec.structs.replace(manifest, files=files)))
    (folder / MANIFEST).write_bytes(encode(manifest))
    return folder.rename(folder.with_name(manifest.version))


def edit(folder: Path, change: Callable[[dict], object]) -> None:
    found = json.loads((folder / MANIFEST).read_text())
    change(found)
    (folder / MANIFEST).write_text(json.dumps(found))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def link(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a byte changed": (lambda v: flip(v / "en.onnx"), "sha256 differs"),
    "cut short": (lambda v: os.truncate(v / "en.onnx", 1000), "1000 bytes"),
    "a file gone": (lambda v: (v / "en.json").unlink(), "not a file in it"),
    "a file more": (lambda v: (v / "extra.bin").write_text("x"), "does not name"),
    "a file is a link": (lambda v: link(v / "en.onnx"), "not a file in it"),
    "the manifest is a link": (lambda v: link(v / MANIFEST), "is a link"),
    "the folder is a link": (link, "not a directory"),
    "the manifest is gone": (lambda v: (v / MANIFEST).unlink(), "manifest"),
    "the manifest is empty": (lambda v: (v / MANIFEST).write_text(""), "cannot be read"),
    "the manifest is a list": (lambda v: (v / MANIFEST).write_text("[]"), "no JSON object"),
    "the manifest is deep": (lambda v: (v / MANIFEST).write_text("[" * 100_000), "cannot be read"),
    "the manifest is no text": (lambda v: (v / MANIFEST).write_bytes(b"\xff\x00"), "cannot be read"),
    "a key is missing": (lambda v: edit(v, lambda m: m.pop("golden")), "missing required field `golden`"),
    "a key of another type": (
        lambda v: edit(v, lambda m: m["parts"][0]["pair"].update(temperature="1")),
        "temperature",
    ),
    "a key more": (lambda v: edit(v, lambda m: m.update(loader="pickle")), "unknown field `loader`"),
    "an older format": (lambda v: edit(v, lambda m: m.pop("format")), "finsent model build"),
    "labels in another order": (lambda v: edit(v, lambda m: m["labels"].reverse()), "labels"),
    "a temperature of 0": (lambda v: edit(v, lambda m: m["parts"][0]["pair"].update(temperature=0.0)), "temperature"),
    "a path out of it": (lambda v: edit(v, lambda m: m["files"].update({"../x": m["files"]["en.onnx"]})), "files"),
    "edited": (lambda v: edit(v, lambda m: m["parts"][0]["pair"].update(temperature=1.5)), "was changed"),
    "edited, and its golden outputs with it": (
        lambda v: edit(
            v,
            lambda m: (m["parts"][0]["alone"].update(temperature=9.0), m["golden"][0].update(probabilities=[0, 0, 1])),
        ),
        "was changed",
    ),
    "edited facts": (lambda v: edit(v, lambda m: m["facts"].update(gate="passed")), "was changed"),
    "renamed inside": (lambda v: edit(v, lambda m: m.update(version="finsent-" + "0" * 16)), "was changed"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_version_is_refused_with_the_reason(version: Path, kind: str):
    damage, reason = DAMAGE[kind]
    damage(version)
    with pytest.raises(model.BadVersion, match=reason) as caught:
        model.load(version)
    assert version.name in str(caught.value)


def test_one_version_under_the_name_of_another_is_refused(built: Path, version: Path):
    other = next(name for name in version_names(built) if name != version.name)
    shutil.rmtree(version)
    shutil.copytree(built / other, version)
    with pytest.raises(model.BadVersion, match=f"the manifest is that of {other}"):
        model.load(version)


@pytest.mark.parametrize("shape", [{}, {"golden": []}, {"golden": [{"text": "x", "entity": None}]}, {"files": {}}])
def test_no_manifest_raises_anything_but_bad_version(version: Path, shape: dict):
    found = json.loads((version / MANIFEST).read_text())
    for content in (shape | {"format": 2}, found | shape | {"parent": 1}):
        (version / MANIFEST).write_text(json.dumps(content))
        with pytest.raises(model.BadVersion):
            model.load(version)


def change_graph(folder: Path, change: Callable[[onnx.ModelProto], object]) -> Path:
    graph = onnx.load(folder / "en.onnx")
    change(graph)
    (folder / "en.onnx").write_bytes(graph.SerializeToString())
    return reseal(folder)


def outside(tensor: onnx.TensorProto, location: str) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)


def test_weights_outside_of_the_checked_files_are_refused(version: Path):
    def change(graph: onnx.ModelProto) -> None:
        tensor = graph.graph.initializer[0]
        (version.parent / "weights.bin").write_bytes(tensor.raw_data)
        outside(tensor, "../weights.bin")

    with pytest.raises(model.BadVersion, match="outside"):
        model.load(change_graph(version, change))


def test_weights_outside_of_an_attribute_are_refused(version: Path):
    def change(graph: onnx.ModelProto) -> None:
        tensor = numpy_helper.from_array(np.zeros(1, np.float32), "x")
        outside(tensor, "/etc/passwd")
        graph.graph.node.append(helper.make_node("Constant", [], ["unused"], value=tensor))

    with pytest.raises(model.BadVersion, match="outside"):
        model.load(change_graph(version, change))


def test_operators_that_the_runtime_does_not_bring_are_refused(version: Path):
    with pytest.raises(model.BadVersion, match="outside"):
        model.load(change_graph(version, lambda g: g.graph.node.add(op_type="Shell", domain="evil", output=["x"])))


def test_a_truncated_graph_is_refused_though_its_manifest_fits(version: Path):
    size = (version / "en.onnx").stat().st_size
    os.truncate(version / "en.onnx", size // 3)
    with pytest.raises(model.BadVersion, match="not an ONNX graph"):
        model.load(reseal(version))


def test_another_network_is_refused_though_its_manifest_fits(version: Path):
    value = helper.make_tensor_value_info("ids", TensorProto.INT64, ["T"])
    out = helper.make_tensor_value_info("logits", TensorProto.INT64, ["T"])
    graph = helper.make_graph([helper.make_node("Identity", ["ids"], ["logits"])], "x", [value], [out])
    onnx.save(helper.make_model(graph), version / "en.onnx")
    with pytest.raises(model.BadVersion, match="another network"):
        model.load(reseal(version))


def test_a_tokenizer_that_cannot_be_read_is_refused(version: Path):
    (version / "en.json").write_text("{}")
    with pytest.raises(model.BadVersion, match="cannot be run"):
        model.load(reseal(version))


def test_outputs_that_are_not_the_published_ones_are_refused(version: Path):
    def change(manifest: Manifest) -> Manifest:
        golden = [msgspec.structs.replace(case, probabilities=(1.0, 0.0, 0.0)) for case in manifest.golden]
        return msgspec.structs.replace(manifest, golden=golden)

    def rounded(manifest: Manifest) -> Manifest:
        """One doubtful text is as another engine has it."""
        first, *others = manifest.golden
        p = first.probabilities[0] + 0.1, first.probabilities[1], first.probabilities[2] - 0.1
        return msgspec.structs.replace(manifest, golden=[msgspec.structs.replace(first, probabilities=p), *others])

    version = reseal(version, rounded)
    assert model.load(version).version == version.name
    with pytest.raises(model.BadVersion, match="golden"):
        model.load(reseal(version, change))


def test_a_graph_whose_outputs_are_not_numbers_is_refused(version: Path):
    def change(graph: onnx.ModelProto) -> None:
        head = next(node for node in graph.graph.node if "logits" in node.output).input[1]
        bias = next(tensor for tensor in graph.graph.initializer if tensor.name == head)
        bias.CopyFrom(numpy_helper.from_array(np.full(3, np.nan, np.float32), head))

    with pytest.raises(model.BadVersion, match="golden"):
        model.load(change_graph(version, change))


def test_publishing_again_changes_nothing_and_repairs_what_is_damaged(registry: Path, tmp_path: Path):
    adapter, parent = cooled(tmp_path / "adapter", 2.0), model.champion_name(registry)

    def written() -> dict[str, int]:
        return {name: (registry / name / MANIFEST).stat().st_mtime_ns for name in version_names(registry)}

    before = written()
    version = publish(registry, adapter, parent=parent)
    assert version in before and written() == before
    flip(registry / version / "en.onnx")
    assert publish(registry, adapter, parent=parent) == version
    assert verify(registry, version).version == version


def test_the_manifest_tells_where_a_version_comes_from(registry: Path):
    metric = Metric(value=0.8, low=0.78, high=0.82, n=900)
    digest = "ab" * 32
    made = publish(registry, default_folders()[:1], "parent", {"cause": "cron"}, {"tfns.macro_f1": metric}, digest)
    found = describe(registry, made)
    assert (found.parent, found.data_sha256, found.metrics) == ("parent", digest, {"tfns.macro_f1": metric})
    assert found.facts["cause"] == "cron" and found.libraries["onnxruntime"]
    assert version_names(registry)[-1] == made


def test_a_damaged_or_unknown_version_is_not_promoted(registry: Path):
    version = model.champion_folder(registry)
    other = next(name for name in version_names(registry) if name != version.name)
    flip(registry / other / "en.onnx")
    with pytest.raises(model.BadVersion, match="sha256"):
        promote(registry, other)
    for name in ("unknown", "../outside", "", ".", f"x/../{version.name}"):
        with pytest.raises(FileNotFoundError, match="no version"):
            promote(registry, name)
    assert model.champion_folder(registry) == version and len(champion_history(registry)) == 1


def test_a_pointer_out_of_the_registry_is_refused(registry: Path):
    for pointer in ("../outside", "/etc", "", "\udcff"):
        (registry / "champion").write_bytes(pointer.encode("utf-8", "surrogateescape"))
        with pytest.raises(FileNotFoundError):
            model.champion_folder(registry)


def test_rollbacks_go_back_one_promotion_each(registry: Path):
    a, b, c, d = version_names(registry)
    for name in (b, c, c):
        promote(registry, name, f"why {name}")
    assert rollback(registry, "worse on tweets") == (c, b)
    promote(registry, d)
    assert [rollback(registry) for _ in range(2)] == [(d, b), (b, a)]
    with pytest.raises(FileNotFoundError, match="no other version"):
        rollback(registry)
    assert model.champion_name(registry) == a
    moves = [(change.action, change.source, change.target) for change in champion_history(registry)]
    assert moves[1:4] == [("promote", a, b), ("promote", b, c), ("rollback", c, b)]
    assert champion_history(registry)[3].why == "worse on tweets"


def test_a_rollback_to_a_damaged_version_changes_nothing(registry: Path):
    version = model.champion_folder(registry)
    other = next(name for name in version_names(registry) if name != version.name)
    promote(registry, other)
    flip(version / "en.json")
    with pytest.raises(model.BadVersion, match="sha256"):
        rollback(registry)
    assert model.champion_name(registry) == other


def test_a_promotion_that_was_recorded_but_never_happened_is_passed_over(registry: Path, monkeypatch):
    a, b, c, _ = version_names(registry)
    promote(registry, b)
    write = FolderStore.write

    def interrupted(self: FolderStore, name: str, data: bytes) -> None:
        if name == "champion":
            raise KeyboardInterrupt
        write(self, name, data)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(FolderStore, "write", interrupted)
        promote(registry, c)
    assert model.champion_name(registry) == b
    assert champion_history(registry)[-1].target == c
    assert rollback(registry) == (b, a)


def test_a_promoter_that_is_killed_leaves_a_champion(registry: Path):
    code = (
        "import itertools, sys\nfrom model.registry import promote, version_names\n"
        "for name in itertools.cycle(version_names(sys.argv[1])): promote(sys.argv[1], name)"
    )
    promoting = subprocess.Popen([sys.executable, "-c", code, str(registry)])
    eventually(lambda: len(champion_history(registry)) > 3, 60, "it promotes")
    promoting.kill()
    promoting.wait()
    moves = {(change.source, change.target) for change in champion_history(registry)}
    left, name = rollback(registry)
    assert (name, left) in moves and model.champion_name(registry) == name


def _promote_all(registry: Path) -> None:
    for name in version_names(registry):
        promote(registry, name)


def test_promotions_at_once_leave_one_chain(registry: Path):
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(_promote_all, [registry, registry]))
    changes = champion_history(registry)
    assert all(before.target == after.source for before, after in pairwise(changes))
    assert changes[-1].target == model.champion_name(registry)


def test_building_at_once_in_two_processes_gives_one_version(tmp_path: Path):
    with ProcessPoolExecutor(2) as pool:
        names = list(pool.map(model.ensure_default, [tmp_path, tmp_path]))
    assert names[0] == names[1] and version_names(tmp_path) == [names[0]]
    assert len(champion_history(tmp_path)) == 1


def test_a_publish_that_was_killed_leaves_nothing_that_is_taken_for_a_version(registry: Path, tmp_path: Path):
    known = version_names(registry)
    adapter = cooled(tmp_path / "adapter", 9.0)
    code = "import sys, pathlib; from model.registry import publish; publish(sys.argv[1], pathlib.Path(sys.argv[2]))"
    publishing = subprocess.Popen([sys.executable, "-c", code, str(registry), str(adapter)])
    eventually(lambda: list(registry.glob(".building-*/version/en.onnx")), 60, "the graph is being written")
    publishing.send_signal(signal.SIGKILL)
    publishing.wait()
    assert list(registry.glob(".building-*")) and version_names(registry) == known
    made = publish(registry, adapter)
    assert not list(registry.glob(".building-*")) and version_names(registry) == [*known, made]


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import fsspec

    monkeypatch.setenv("MODEL_CACHE", str(tmp_path / "cache"))
    url = f"memory://{uuid.uuid4().hex}"
    yield url
    fsspec.filesystem("memory").rm(url, recursive=True)


@pytest.mark.parametrize("kind", ["folder", "url"])
def test_an_empty_registry_is_given_the_model_that_is_built_in(
    kind: str, shipped: Path, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def no_weights() -> list[Path]:
        raise AssertionError("it is built anew: an image has no weights for that")

    monkeypatch.setattr("model.registry.champion_pointer.default_folders", no_weights)
    monkeypatch.setenv("MODEL_BUILT_IN", str(shipped))
    registry = request.getfixturevalue("remote") if kind == "url" else tmp_path / "registry"
    assert model.ensure_default(registry) == model.champion_name(shipped)
    assert model.load(model.champion_folder(registry)).version == model.champion_name(shipped)
    assert model.champion_name(shipped) in version_names(shipped), "it was moved, not copied"
    assert model.ensure_default(shipped) == model.champion_name(shipped)


def test_a_registry_behind_a_url(remote: str, built: Path, tmp_path: Path):
    import fsspec

    files = fsspec.filesystem("memory")
    with pytest.raises(FileNotFoundError, match="no champion"):
        model.champion_folder(remote)
    first = model.ensure_default(remote)
    for name in (name for name in version_names(built) if name != first):
        files.put(f"{built / name}/", f"{remote}/{name}/", recursive=True)
        last = name
    promote(remote, last)
    assert set(version_names(remote)) == set(version_names(built)) and version_names(remote)[0] == first
    assert rollback(remote) == (last, first)
    shutil.rmtree(tmp_path / "cache")
    found = model.champion_folder(remote)
    assert found == tmp_path / "cache" / first and model.load(found).version == first

    flip(found / "en.onnx")  # a damaged copy is fetched again
    assert model.load(model.champion_folder(remote)).version == first
    shutil.rmtree(found)
    files.pipe_file(f"{remote}/{first}/en.onnx", b"foreign")
    with pytest.raises(model.BadVersion, match="7 bytes"):
        model.champion_folder(remote)
    assert not found.exists()
    files.rm(f"{remote}/{first}/en.onnx")
    with pytest.raises(model.BadVersion, match=r"has no en\.onnx"):
        promote(remote, first)
    with pytest.raises(FileNotFoundError, match="no version"):
        promote(remote, "finsent-" + "0" * 16)


def test_a_file_url_is_a_folder(registry: Path):
    assert model.champion_folder(f"file://{registry}") == model.champion_folder(registry)


def test_an_unknown_kind_of_url_says_so():
    with pytest.raises(OSError, match="MODEL_REGISTRY nowhere://x"):
        version_names("nowhere://x")


def test_a_version_of_an_earlier_finsent_keeps_its_name(version: Path):
    """A field that came later, with a default, is not in its manifest; the name is of what the file says."""
    written = json.loads((version / MANIFEST).read_text())
    for part in written["parts"]:
        for scale in ("alone", "pair"):
            del part[scale]["power"]
    text = json.dumps({**written, "version": ""}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    name = f"finsent-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    found = decode(json.dumps({**written, "version": name}).encode(), name)
    assert found.version == name and {part.alone.power for part in found.parts} == {1.0}
