"""Signed versions: what no holder of a trusted key promoted is not loaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import model
from model.registry import BadKey, new_key, promote, publish, put_in_shadow, rollback, sign, signers, verify
from model.registry.signatures import SIGNATURES, trusted_keys
from settings import ModelSettings
from tests.support import cooled

Keys = Callable[..., None]


@pytest.fixture(scope="module")
def built(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A registry with the default model as champion and one like it, unsigned; and their names."""
    registry = Path(shutil.copytree(shipped, tmp_path_factory.mktemp("built") / "registry"))
    cooled(adapter := tmp_path_factory.mktemp("adapter") / "a", 2.0)
    first = model.champion_name(registry)
    return registry, first, publish(registry, adapter, parent=first)


@pytest.fixture
def registry(built: tuple[Path, str, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(built[0], tmp_path / "registry"))


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Keys:
    """Sets the key to sign with and those to trust, each a pair of ``new_key``."""
    monkeypatch.setenv("MODEL_CACHE", str(tmp_path / "cache"))

    def use(own: tuple[bytes, bytes] | None, *trusted: tuple[bytes, bytes]) -> None:
        monkeypatch.delenv("MODEL_SIGNING_KEY", raising=False)
        if own:
            monkeypatch.setenv("MODEL_SIGNING_KEY", own[0].decode())
        (tmp_path / "trusted.pem").write_bytes(b"".join(pair[1] for pair in trusted))
        monkeypatch.setenv("MODEL_TRUSTED_KEYS_FILE", str(tmp_path / "trusted.pem"))

    return use


def test_names_of_versions_hold_128_bits(built: tuple[Path, str, str]):
    assert all(len(name.rpartition("-")[2]) == 32 for name in built[1:])


def test_a_worker_that_trusts_a_key_loads_what_its_holder_promoted_and_nothing_else(
    built: tuple[Path, str, str], registry: Path, keys: Keys
):
    _, first, second = built
    pair, other = new_key(), new_key()
    keys(None, pair)
    with pytest.raises(model.BadVersion, match="no trusted key has signed it"):
        model.champion_folder(registry)
    with pytest.raises(model.BadVersion, match=f"finsent model sign {second}"):
        promote(registry, second)
    with pytest.raises(model.BadVersion, match="no trusted key"):
        put_in_shadow(registry, second, 0.1)
    verify(registry, second)  # one may look at it
    assert model.champion_name(registry) == first and signers(registry, second) == []

    keys(other, pair)
    with pytest.raises(model.BadVersion, match="no trusted key"):
        promote(registry, second)
    keys(pair, pair)
    promote(registry, second)
    keys(None, pair)
    assert model.load(model.champion_folder(registry)).version == second
    with pytest.raises(model.BadVersion, match="no trusted key"):
        rollback(registry)
    assert model.champion_name(registry) == second

    place = registry / SIGNATURES
    (place / first).mkdir(exist_ok=True)
    for forged in (None, b"00" * 64, b"\xff", b""):  # the same key's of another version, and none at all
        for name in signers(registry, second):
            written = (place / second / name).read_bytes() if forged is None else forged
            (place / first / name).write_bytes(written)
        with pytest.raises(model.BadVersion, match="is wrong"):
            model.version_folder(registry, first)


def test_what_was_checked_cannot_be_changed_any_more(built: tuple[Path, str, str], registry: Path, keys: Keys):
    pair = new_key()
    keys(pair, pair)
    promote(registry, built[2])
    folder = model.champion_folder(registry)
    assert not folder.is_relative_to(registry)
    (registry / built[2] / "en.onnx").write_bytes(b"foreign")
    assert model.load(folder).version == built[2]


def test_one_key_takes_the_place_of_another(built: tuple[Path, str, str], registry: Path, keys: Keys):
    old, new = new_key(), new_key()
    keys(old, old)
    promote(registry, built[2])
    keys(None, old, new)
    model.champion_folder(registry)
    keys(new, new)
    with pytest.raises(model.BadVersion, match="no trusted key"):
        model.champion_folder(registry)
    sign(registry, built[2])
    assert len(signers(registry, built[2])) == 2
    model.champion_folder(registry)


@pytest.mark.parametrize("text", ["nonsense", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_keys_that_cannot_be_read_are_not_taken_for_none(text: str):
    with pytest.raises(BadKey, match="MODEL_TRUSTED_KEYS"):
        trusted_keys(ModelSettings(trusted_keys=text))
    with pytest.raises(BadKey, match="no private key"):
        sign("anywhere", "finsent-" + "0" * 32, ModelSettings(signing_key=text))


def test_an_empty_file_of_keys_does_not_switch_the_check_off(tmp_path: Path):
    (tmp_path / "none.pem").write_bytes(b"")
    with pytest.raises(BadKey, match="holds no public key"):
        trusted_keys(ModelSettings(trusted_keys_file=tmp_path / "none.pem"))
