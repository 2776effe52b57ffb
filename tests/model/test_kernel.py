"""The native engine's kernel as a program of its own: under sanitizers, and as Arm's under an emulator."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from model.engine import native
from tests.support.wheels import ROOT

KERNEL = ROOT / "model" / "engine" / "kernel"
SOURCES = [Path(__file__).with_name("kernel_cases.c"), *sorted(KERNEL.glob("*.c"))]
NO_SET = 2
"""The program's status where the processor has not got the instruction set."""


def compiled(folder: Path, compiler: str, *options: str) -> Path:
    if not shutil.which(compiler):
        pytest.skip(f"there is no {compiler}")
    made = folder / "kernel_cases"
    command = [compiler, "-ffp-contract=off", f"-I{KERNEL}", *options, *map(str, SOURCES), "-o", str(made)]
    subprocess.run(command, check=True, timeout=800)
    return made


def lines(*command: str | Path) -> list[str]:
    """What a run of the program printed; nothing where the processor has not got the instruction set."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=800)
    assert done.returncode in (0, NO_SET) and not done.stderr, f"{done.returncode}: {done.stderr[-3000:]}"
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sanitized")
    options = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    trial = ["cc", *options, "empty.c", "-o", "empty"]
    if shutil.which("cc") and subprocess.run(trial, cwd=folder, capture_output=True).returncode:
        pytest.skip("this compiler has no sanitizers")
    return compiled(folder, "cc", *options)


@pytest.mark.parametrize("instruction_set", native.INSTRUCTION_SETS)
def test_it_stays_within_its_memory_and_the_language(sanitized: Path, instruction_set: str):
    if not lines(sanitized, instruction_set, "100"):
        pytest.skip(f"this processor has no {native.NAMES[instruction_set]}")
    assert not lines(sanitized, instruction_set, "100", "wild")


def test_arm_gives_the_same_bits(tmp_path: Path):
    """Under an emulator, which says nothing about speed."""
    emulator = shutil.which("qemu-aarch64")
    if not emulator:
        pytest.skip("there is no qemu-aarch64 (Debian: qemu-user, gcc-aarch64-linux-gnu)")
    (tmp_path / "arm").mkdir()
    arm = compiled(tmp_path / "arm", "aarch64-linux-gnu-gcc", "-O2", "-static")
    other = compiled(tmp_path, "cc", "-O2")
    found = lines(emulator, "-cpu", "max", arm, "neon", "40")
    assert len(found) == 40
    here = [printed for name in native.INSTRUCTION_SETS if (printed := lines(other, name, "40"))]
    if not here:
        pytest.skip("this processor has none of the other instruction sets")
    assert all(printed == found for printed in here)
    # A processor without the dot product is told apart.
    assert not lines(emulator, "-cpu", "cortex-a53", arm, "neon", "1")
