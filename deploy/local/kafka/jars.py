"""Apache Kafka's jars: fetched once by Maven into the virtual environment, and checked by sha256."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from pathlib import Path

from filelock import FileLock

from deploy.local.install import InstallError

CACHE = Path(sys.prefix) / "share" / "finsent" / "kafka"
OLDEST_JAVA = 17
"""Brokers of Apache Kafka 4 need it."""

_HERE = resources.files(__package__)
_CHECKSUMS = _HERE / "checksums.sha256"
"""A line a jar, as ``sha256sum`` writes and checks them."""


def version() -> str:
    """The version of Apache Kafka that ``pom.xml`` names."""
    found = re.search(r"<artifactId>kafka_2\.13</artifactId>\s*<version>(.+?)</version>", _pom())
    assert found is not None
    return found.group(1)


def folder() -> Path:
    """Where the jars of this version lie, or will lie."""
    return CACHE.resolve() / version()


def archive() -> Path:
    """Where the archive of loaded classes lies, or will lie: one for each version of Kafka and of Java."""
    java = hashlib.sha256(java_version(shutil.which("java") or "").encode()).hexdigest()[:8]
    return folder().with_name(f"{version()}-java-{java}.jsa")


def problem() -> str:
    """Why Apache Kafka cannot be had on this machine; '' where it can."""
    if java := _java_problem():
        return java
    if not folder().exists() and not shutil.which("mvn"):
        return "Apache Kafka's jars are fetched by Maven, and there is no 'mvn': install Maven 3.8 or later"
    return ""


def install(progress: Callable[[str], None] = print) -> Path:
    """The folder of the jars, fetched first (44 MB) if absent. Raises ``InstallError``."""
    if reason := problem():
        raise InstallError(reason)
    target = folder()
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with FileLock(CACHE / ".lock"):
            if not target.exists():
                progress(f"Fetching Apache Kafka {version()} through Maven, once (44 MB) ...")
                _fetch(target)
    if wrong := differences(target):
        raise InstallError(
            f"{target} is not what Apache Kafka {version()} was when its checksums were taken ({wrong[0]}); remove "
            "that folder and run 'make kafka' again. If it comes again so, do not trust the source of the jars"
        )
    return target


def differences(jars: Path) -> list[str]:
    """What in ``jars`` is not as ``checksums.sha256`` says, a sentence each."""
    wanted = dict(line.split("  ")[::-1] for line in _CHECKSUMS.read_text(encoding="utf-8").splitlines())
    held = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in jars.glob("*.jar")}
    return [
        *(f"{name} is missing" for name in sorted(wanted.keys() - held.keys())),
        *(f"{name} does not belong there" for name in sorted(held.keys() - wanted.keys())),
        *(f"{name} has another sha256" for name in sorted(held.keys() & wanted.keys()) if held[name] != wanted[name]),
    ]


def _fetch(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=".fetch-") as scratch:
        # In a folder of its own first: half of the jars must not look like all of them.
        (Path(scratch) / "pom.xml").write_text(_pom(), encoding="utf-8")
        jars = Path(scratch) / "jars"
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        done = subprocess.run(command, cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode or not jars.exists():
            said = "\n".join(line for line in done.stdout.splitlines() if "ERROR" in line) or done.stderr
            raise InstallError(
                f"'{' '.join(command)}' failed (exit code {done.returncode}): {said.strip()[:800]}; check Maven's "
                "access to its repository and run 'make kafka' again"
            )
        jars.rename(target)


@lru_cache
def java_version(java: str) -> str:
    """What ``java -version`` says: several lines; '' where it cannot be run."""
    try:
        return subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    except OSError:
        return ""


def _java_problem() -> str:
    java = shutil.which("java")
    if java is None:
        return f"Apache Kafka needs Java {OLDEST_JAVA} or later, and there is no 'java': install it"
    said = java_version(java)
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found.group(1)) < OLDEST_JAVA:
        return f"Apache Kafka needs Java {OLDEST_JAVA} or later; {java} says {said.partition(chr(10))[0]!r}"
    return ""


def _pom() -> str:
    return (_HERE / "pom.xml").read_text(encoding="utf-8")
