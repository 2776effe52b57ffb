"""The Helm chart, rendered by Helm itself."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/finsent"
VALUES = {
    "smallest": ROOT / "tests/deploy/values/smallest.yaml",
    "everything": ROOT / "tests/deploy/values/everything.yaml",
    "dev": CHART / "values-dev.yaml",
    "gpu": CHART / "values-gpu.yaml",
}
"""Every way to install it that is tried."""

Manifest = dict[str, Any]


def tool(name: str) -> str | None:
    """The path of a program that ``make k8s-tools`` builds, or that is installed."""
    built = ROOT / "build/tools" / name
    return str(built) if built.exists() else shutil.which(name)


def helm(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """What Helm prints. It speaks to no cluster."""
    program = tool("helm")
    assert program, "there is no helm: make k8s-tools"
    # One that Go has built says that it speaks to Kubernetes 1.20.
    version = () if "--kube-version" in words else ("--kube-version", "1.36.3")
    return subprocess.run([program, *map(str, words), *version], capture_output=True, text=True, timeout=120)


@cache
def rendered(values: str, *words: str) -> list[Manifest]:
    """The objects of the chart, hooks among them, as the release ``risk`` in the namespace ``desk``."""
    command = ["template", "risk", CHART, "--namespace", "desk", "--values", VALUES[values], *words]
    done = helm(*command)
    assert done.returncode == 0, done.stderr
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def refusal(values: str, *words: str) -> str:
    """Why Helm does not render it."""
    done = helm("template", "risk", CHART, "--namespace", "desk", "--values", VALUES[values], *words)
    assert done.returncode != 0, "it is rendered all the same"
    return done.stderr


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """The pod templates, by component."""
    found = {}
    for one in manifests:
        if one["kind"] in ("StatefulSet", "Deployment", "Job"):
            template = one["spec"]["template"]
            found[template["metadata"]["labels"]["app.kubernetes.io/component"]] = template
    return found


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] == kind]
