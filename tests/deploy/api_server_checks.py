"""What a real API server says to the chart: whether it takes every object, and upgrades between all files of values.

See ``make acceptance-k8s SERVER=1``.
"""

from __future__ import annotations

import copy
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import yaml

from tests.support.api_server import VERSION, ApiServer
from tests.support.helm import CHART, VALUES, Manifest, of_kind, rendered, tool

KEEP = ("helm.sh/resource-policy", "keep")
HOOK, FRESH = "helm.sh/hook", "before-hook-creation"
NEWER = "99.0.0"
WITHOUT_OPERATORS = ("--set", "strimzi.enabled=false,altinity.enabled=false")

Spoil = Callable[[Manifest], None]


def must_be_refused(objects: Sequence[Manifest]) -> dict[str, Manifest]:
    """Objects with a fault that only a server sees, by what is wrong with them."""

    def spoilt(kind: str, spoil: Spoil) -> Manifest:
        one = copy.deepcopy(of_kind(list(objects), kind)[0])
        spoil(one)
        return one

    def twice(one: Manifest) -> None:
        one["spec"]["ports"] += one["spec"]["ports"]

    def no_such_volume(one: Manifest) -> None:
        one["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]["name"] = "elsewhere"

    return {
        "a name with a capital letter": spoilt("ConfigMap", lambda one: one["metadata"].update(name="Risk")),
        "a selector that does not fit its pods": spoilt(
            "Deployment", lambda one: one["spec"]["selector"]["matchLabels"].update(other="pods")
        ),
        "two ports of one name": spoilt("Service", twice),
        "a mount of a volume that is not there": spoilt("StatefulSet", no_such_volume),
        "an unknown field": spoilt("NetworkPolicy", lambda one: one["spec"].update(peers=[])),
        "an unknown field of a custom resource": spoilt("ScaledObject", lambda one: one["spec"].update(maxReplica=3)),
    }


def must_not_change(objects: Sequence[Manifest]) -> dict[str, Manifest]:
    """Upgrades of objects that are there, each by a field that is immutable."""
    workers = copy.deepcopy(of_kind(list(objects), "StatefulSet")[0])
    workers["spec"]["serviceName"] = "another"
    (job,) = copy.deepcopy(of_kind(list(objects), "Job"))
    job["spec"]["template"]["spec"]["containers"][0]["image"] = "another"
    return {"a StatefulSet's service": workers, "a Job's image": job}


class Checks:
    """All of them, on one server. ``faults`` grows; ``lines`` say what was proved."""

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self._server, self._folder = server, folder
        self.faults: list[str] = []
        self.lines: list[str] = []
        self.unknown: set[str] = set()

    def run(self) -> None:
        self._broken_objects_are_refused()
        for values in VALUES:
            self._all_are_taken(values)
        upgrades = list(itertools.permutations(VALUES, 2))
        other_volumes = sum(self._upgrade(before, after) for before, after in upgrades)
        self.lines.append(
            f"{len(upgrades)} upgrades between {len(VALUES)} files of values: no immutable field changes, but for "
            f"{other_volumes} claims that ask for another volume, which no claim can"
        )
        chart = newer_chart(self._folder)
        for values in VALUES:
            self._helm_upgrades(values, chart)
        self.lines.append(f"helm installs each file of values, and upgrades it to a chart and a release {NEWER}")

    def _objects(self, values: str) -> list[Manifest]:
        """Those whose kinds the server knows."""
        known = []
        for one in rendered(values, "--kube-version", VERSION):
            if self._server.knows(one):
                known.append(one)
            else:
                self.unknown.add(f"{one['kind']} ({one['apiVersion']})")
        return known

    def _broken_objects_are_refused(self) -> None:
        self._server.make_namespace("broken")
        objects = self._objects("everything")
        for what, one in must_be_refused(objects).items():
            if self._server.apply(one, "broken").taken:
                self.faults.append(f"{what} is taken, so the check proves nothing")
        self._install(objects, "broken")
        for what, one in must_not_change(objects).items():
            if self._server.apply(one, "broken").taken:
                self.faults.append(f"{what} may be changed, so the check proves nothing")
        loose = copy.deepcopy(of_kind(objects, "StatefulSet")[0])
        del loose["spec"]["template"]["spec"]["securityContext"]
        if "restricted" not in self._server.apply(loose, "broken").said:
            self.faults.append("no warning of pods that are not restricted, so the check proves nothing")

    def _install(self, objects: Iterable[Manifest], namespace: str) -> None:
        for one in objects:
            self._apply(one, namespace, "install")

    def _apply(self, one: Manifest, namespace: str, what: str) -> bool:
        answer = self._server.apply(one, namespace)
        if not answer.taken or answer.said:
            name = f"{one['kind']} {one['metadata']['name']}"
            self.faults.append(f"{what}, {namespace}: {name}: {answer.said}")
        return answer.taken

    def _all_are_taken(self, values: str) -> None:
        self._server.make_namespace(values)
        objects = self._objects(values)
        self._install(objects, values)
        self._install(objects, values)  # the same again changes nothing
        self.lines.append(f"values {values}: {len(objects)} objects are taken, without a warning")

    def _upgrade(self, before: str, after: str) -> int:
        """As Helm does it: what the new values do not have goes, unless it is kept; hooks are made anew.

        Returns how many claims ask for another volume.
        """
        namespace = f"{before}-to-{after}"
        self._server.make_namespace(namespace)
        old = {_name(one): one for one in self._objects(before)}
        new = {_name(one): one for one in self._objects(after)}
        self._install(old.values(), namespace)
        for name, one in old.items():
            notes = one["metadata"].get("annotations") or {}
            goes = name not in new and notes.get(KEEP[0]) != KEEP[1]
            if goes or (HOOK in notes and FRESH in notes["helm.sh/hook-delete-policy"]):
                self._server.delete(one, namespace)
        others = 0
        for name, one in new.items():
            there = old.get(name)
            if there and one["kind"] == "PersistentVolumeClaim" and one["spec"] != there["spec"]:
                others += 1
                if self._server.apply(one, namespace).taken:
                    self.faults.append(f"{namespace}: {name} may ask for another volume: say so in docs/deploy.md")
            else:
                self._apply(one, namespace, "upgrade")
        return others

    def _helm_upgrades(self, values: str, chart: Path) -> None:
        namespace = f"helm-{values}"
        self._server.make_namespace(namespace)
        words = ["risk", "--namespace", namespace, "--kubeconfig", str(self._server.kubeconfig), "--no-hooks"]
        words += ["--values", str(VALUES[values])]
        if self.unknown:
            words += WITHOUT_OPERATORS
        for command, of in (("install", CHART), ("upgrade", chart)):
            program = tool("helm")
            assert program, "there is no helm: make k8s-tools"
            done = subprocess.run([program, command, *words, str(of)], capture_output=True, text=True, timeout=300)
            if done.returncode or "warning" in done.stderr.lower():
                self.faults.append(f"helm {command}, {values}: {done.stdout}{done.stderr}")


def newer_chart(folder: Path) -> Path:
    """The same chart as a later release: its version and that of the application are in labels and in images' names."""
    made = folder / "newer"
    shutil.copytree(CHART, made)
    page = yaml.safe_load((made / "Chart.yaml").read_text())
    page.update(version=NEWER, appVersion=NEWER)
    (made / "Chart.yaml").write_text(yaml.safe_dump(page))
    return made


def check(crds: Iterable[Manifest]) -> Checks:
    """All, on a server that knows ``crds``."""
    with tempfile.TemporaryDirectory(prefix="finsent-k8s-") as made:
        folder = Path(made)
        (folder / "server").mkdir()
        with ApiServer(folder / "server") as server:
            print(f"kube-apiserver {server.version} runs ...", flush=True)
            for crd in crds:
                server.teach(crd)
            checks = Checks(server, folder)
            checks.run()
    return checks


def _name(one: Manifest) -> tuple[str, str]:
    return one["kind"], one["metadata"]["name"]
