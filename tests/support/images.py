"""Images that buildah holds, run by crun as Kubernetes runs them: a read-only root, no rights; no daemon is needed."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.support.commands import ROOT

WRITABLE = {"/tmp": "mode=1777", "/var/lib/finsent": "mode=0700,uid=10001,gid=10001"}
"""Where a pod has a volume of its own, and how it is mounted here."""

WITHOUT_CGROUPS = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun --cgroup-manager=disabled "$@"'
"""Crun refuses a machine that has both versions of cgroups, even if it is to use neither: it is shown one."""


def buildah(*words: str) -> str:
    """What the command prints."""
    return subprocess.run(["buildah", *words], check=True, capture_output=True, text=True).stdout.strip()


@dataclass
class Image:
    """An image, with its file system mounted at ``root``."""

    name: str
    root: Path
    config: dict[str, Any]
    layers: list[tuple[str, int]]
    """What made each layer, and its bytes."""

    @property
    def bytes(self) -> int:
        """Those of all layers."""
        return sum(size for _, size in self.layers)


def build(target: str) -> str:
    """Build the stage ``target``; what it is called. Raises ``RuntimeError`` with the end of the log."""
    log = ROOT / f"build/images/{target}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        done = subprocess.run(["sh", "deploy/images/build.sh", target], cwd=ROOT, stdout=out, stderr=out)
    if done.returncode:
        raise RuntimeError(f"the stage {target} is not built: {log.read_text(errors='replace')[-1500:]}")
    return f"localhost/finsent-{target}:0.1.0"


@contextmanager
def mounted(name: str) -> Iterator[Image]:
    """The image ``name``, mounted as long as the block lasts."""
    held = json.loads(buildah("inspect", "--type", "image", name))
    sizes = [layer["size"] for layer in json.loads(held["Manifest"])["layers"]]
    made = [one.get("created_by", "") for one in held["OCIv1"]["history"] if not one.get("empty_layer")]
    layers = list(zip(made, sizes, strict=True))
    container = buildah("from", "--pull-never", name)
    try:
        yield Image(name, Path(buildah("mount", container)), held["Docker"]["config"], layers)
    finally:
        buildah("rm", container)


class Container:
    """A container of ``image`` as long as a ``with`` block lasts: in this machine's network, else alone.

    Its root is read-only, it has no capabilities and gets none, and it writes to ``WRITABLE`` alone, which is memory.
    ``shown`` are folders of this machine that it sees, by the place where. ``log`` has what it prints. It runs the
    image's own command, or ``command``.
    """

    def __init__(
        self,
        image: Image,
        log: Path,
        environment: Mapping[str, str],
        shown: Mapping[str, Path] | None = None,
        command: Sequence[str] = (),
    ) -> None:
        self.image, self.log = image, log
        self._command = command or [*image.config["Entrypoint"], *image.config["Cmd"]]
        self._environment, self._shown = environment, shown or {}
        self._folder = tempfile.TemporaryDirectory(prefix="finsent-container-")
        self._name = Path(self._folder.name).name

    def __enter__(self) -> Self:
        self._write_bundle()
        with self.log.open("wb") as out:
            command = [*self._crun("run"), "--bundle", self._folder.name, self._name]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            subprocess.run([*self._crun("kill"), self._name, "KILL"], capture_output=True)
            self._process.wait(30)
        self._folder.cleanup()

    def execute(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``command`` beside what runs in it, as the same user."""
        process = json.loads((Path(self._folder.name) / "config.json").read_text())["process"]
        process.update(args=command, env=[*process["env"], *(f"{name}={value}" for name, value in environment.items())])
        with tempfile.NamedTemporaryFile("w", dir=self._folder.name, suffix=".json") as file:
            json.dump(process, file)
            file.flush()
            return subprocess.run(
                [*self._crun("exec"), "--process", file.name, self._name], capture_output=True, text=True, timeout=600
            )

    def healthy(self, **environment: str) -> bool:
        """What the image's own HEALTHCHECK says."""
        words = self.image.config["Healthcheck"]["Test"]
        assert words[0] == "CMD", words
        return self.execute(*words[1:], **environment).returncode == 0

    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait(self, within: float) -> int:
        """The exit code. Raises ``subprocess.TimeoutExpired``."""
        return self._process.wait(within)

    def pids(self) -> list[int]:
        """Its first process, and those that came of it."""
        state = subprocess.run([*self._crun("state"), self._name], capture_output=True, text=True).stdout
        found, open_ = [], [int(json.loads(state)["pid"])]
        while open_:
            found.append(pid := open_.pop())
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                open_ += map(int, children.read_text().split())
        return found

    def statuses(self) -> list[dict[str, str]]:
        """What ``/proc/PID/status`` says of each process."""
        lines = [Path(f"/proc/{pid}/status").read_text().splitlines() for pid in self.pids()]
        return [{name: value.strip() for name, _, value in (line.partition(":") for line in one)} for one in lines]

    def processor_seconds(self) -> float:
        """What its processes have used so far."""
        times = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15] for pid in self.pids()]
        return sum(int(ticks) for one in times for ticks in one) / os.sysconf("SC_CLK_TCK")

    def stop(self, within: float) -> int:
        """Send the image's stop signal; the exit code. Raises ``subprocess.TimeoutExpired``."""
        name = self.image.config.get("StopSignal", "SIGTERM")
        subprocess.run([*self._crun("kill"), self._name, name], check=True)
        return self._process.wait(within)

    def _crun(self, command: str) -> list[str]:
        return ["unshare", "--mount", "sh", "-c", WITHOUT_CGROUPS, "sh", command]

    def _write_bundle(self) -> None:
        """The runtime's own ``config.json``, changed to what the image says and a pod is given."""
        bundle = Path(self._folder.name)
        subprocess.run(["crun", "spec"], cwd=bundle, check=True)
        spec = json.loads((bundle / "config.json").read_text())
        config, process = self.image.config, spec["process"]
        uid, gid = map(int, config["User"].split(":"))
        settings = [f"{name}={value}" for name, value in self._environment.items()]
        process.update(terminal=False, user={"uid": uid, "gid": gid}, args=[*self._command])
        process.update(env=[*config["Env"], *settings], capabilities={}, noNewPrivileges=True)
        process.pop("rlimits")
        spec["root"] = {"path": str(self.image.root), "readonly": True}
        spec["linux"]["namespaces"] = [one for one in spec["linux"]["namespaces"] if one["type"] != "network"]
        spec["linux"].pop("resources", None)
        mounts = [one for one in spec["mounts"] if not one["destination"].startswith("/sys")]
        for place, options in WRITABLE.items():
            own = ["nosuid", "nodev", "noexec", *options.split(",")]
            mounts.append({"destination": place, "type": "tmpfs", "source": "tmpfs", "options": own})
        for place, folder in self._shown.items():
            mounts.append({"destination": place, "type": "bind", "source": str(folder), "options": ["rbind", "ro"]})
        spec["mounts"] = mounts
        (bundle / "config.json").write_text(json.dumps(spec))
