"""``make acceptance-k8s``: the chart against Helm's linter, the schemas of three Kubernetes versions and those of CRDs.
With ``--server`` (``make acceptance-k8s SERVER=1``) against a real API server as well (``api_server_checks``).

It prints what it proved and what not, and exits 1 on a fault. Each check is first seen to fail on a broken object.
"""

from __future__ import annotations

import argparse
import copy
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.deploy import api_server_checks
from tests.support import api_server
from tests.support.helm import CHART, ROOT, VALUES, Manifest, helm, of_kind, rendered, tool
from tests.support.kubernetes_schemas import CRDS, KUBERNETES, crds, make_schemas, read_crds

SCHEMAS = ROOT / "build/k8s"
PODS = "that pods start: there is no node"
SERVER = "that an API server takes the objects and upgrades of them: make acceptance-k8s SERVER=1"
OPERATORS = (
    "Strimzi's and Altinity's resources: their CRDs are in no Go module, so they are rendered, and tests/deploy/"
    "test_chart.py compares topics and rights with what finsent needs; with SERVER=1 and CRDS=FOLDER the API server "
    "is given the CRDs of your operators, and takes the resources"
)
UNKNOWN = "KafkaTopic,KafkaUser,ClickHouseInstallation"


def kubeconform(manifests: list[Manifest], version: str) -> subprocess.CompletedProcess[str]:
    """What it says about objects, at one Kubernetes version."""
    program = tool("kubeconform")
    assert program, "there is no kubeconform: make k8s-tools"
    places = [str(SCHEMAS / "{{.NormalizedKubernetesVersion}}-standalone-strict/{{.ResourceKind}}{{.KindSuffix}}.json")]
    places += [
        str(SCHEMAS / name.replace("/", "_") / "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json")
        for name in CRDS
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump_all(manifests, file)
        file.flush()
        command = [program, "-strict", "-summary", "-kubernetes-version", version, "-skip", UNKNOWN]
        for place in places:
            command += ["-schema-location", place]
        return subprocess.run([*command, file.name], capture_output=True, text=True, timeout=300)


def broken(manifests: list[Manifest], kind: str, spoil: Callable[[Manifest], None]) -> list[Manifest]:
    """The first object of ``kind``, spoilt."""
    one = copy.deepcopy(of_kind(manifests, kind)[0])
    spoil(one)
    return [one]


def spoilt(manifests: list[Manifest]) -> dict[str, list[Manifest]]:
    """Objects that must be refused, by what is wrong with them."""

    def pod(one: Manifest) -> Manifest:
        found: Manifest = one["spec"]["template"]["spec"]
        return found

    return {
        "an unknown field of a container": broken(
            manifests, "StatefulSet", lambda one: pod(one)["containers"][0].update(probe={})
        ),
        "text where a number must be": broken(manifests, "StatefulSet", lambda one: one["spec"].update(replicas="two")),
        "a missing selector": broken(manifests, "Deployment", lambda one: one["spec"].pop("selector")),
        "an unknown field of a ScaledObject": broken(
            manifests, "ScaledObject", lambda one: one["spec"].update(maxReplica=3)
        ),
        "a rule without an expression": broken(
            manifests, "PrometheusRule", lambda one: one["spec"]["groups"][0]["rules"][0].pop("expr")
        ),
        "endpoints of a ServiceMonitor that are no list": broken(
            manifests, "ServiceMonitor", lambda one: one["spec"].update(endpoints={})
        ),
    }


def check_schemas() -> list[str]:
    """The faults."""
    faults: list[str] = []
    print(f"schemas of Kubernetes {', '.join(KUBERNETES)}, and the CRDs of {', '.join(CRDS)} ...", flush=True)
    make_schemas(SCHEMAS)
    for version in KUBERNETES:
        for what, manifests in spoilt(rendered("everything")).items():
            if kubeconform(manifests, version).returncode == 0:
                faults.append(f"{version}: {what} is not noticed, so the check proves nothing")
    for values in VALUES:
        done = helm("lint", "--strict", CHART, "--values", VALUES[values])
        if done.returncode:
            faults.append(f"helm lint, {values}: {done.stdout}{done.stderr}")
        for version in KUBERNETES:
            done = kubeconform(rendered(values, "--kube-version", version), version)
            print(f"values {values}, Kubernetes {version}: {done.stdout.strip().splitlines()[-1]}", flush=True)
            if done.returncode:
                faults.append(f"{values}, {version}: {done.stdout}{done.stderr}")
    return faults


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.deploy.acceptance_k8s", description=__doc__)
    parser.add_argument("--server", action="store_true", help="ask a real API server as well; it is compiled once")
    parser.add_argument("--crds", type=Path, metavar="FOLDER", help="CRDs for the server, of Strimzi and Altinity")
    arguments = parser.parse_args()
    faults = check_schemas()
    proven = [f"{len(VALUES)} files of values pass helm lint and the schemas; six broken objects do not"]
    missing = [PODS]
    if arguments.server:
        api_server.build()
        known = [crd for name in CRDS for crd in crds(SCHEMAS, name)]
        if arguments.crds:
            files = sorted(file for file in arguments.crds.iterdir() if file.suffix in (".yaml", ".yml"))
            known += read_crds(file.read_text() for file in files)
        checks = api_server_checks.check(known)
        faults += checks.faults
        proven += checks.lines
        missing += [OPERATORS] if checks.unknown else []
    else:
        missing += [SERVER, OPERATORS]
    for fault in faults:
        print(f"FAULT: {fault}")
    for one in proven if not faults else ():
        print(f"proven: {one}")
    for one in missing:
        print(f"not proven: {one}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
