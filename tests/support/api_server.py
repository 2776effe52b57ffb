"""A Kubernetes API server: etcd and kube-apiserver, built by Go from the modules of one release, on loopback ports.

There is no node, no scheduler and no controller behind it: it stores objects, and refuses those that it does not take.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx
import yaml

from deploy.local import free_port
from tests.support.certificates import Authority
from tests.support.helm import ROOT, Manifest

VERSION = "1.37.2"
TOOLS = ROOT / "build/tools"
PROGRAMS = {"etcd": "go.etcd.io/etcd/server/v3", "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver"}
START_S = 180.0
MANAGER = "helm"


def build() -> None:
    """Compile the programs that are not in ``build/tools``. One package at a time: more take many GB of memory."""
    missing = [name for name in PROGRAMS if not (TOOLS / f"{name}-{VERSION}").exists()]
    if not missing:
        return
    folder = TOOLS / "kubernetes"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "go.mod").write_text(_module(folder))
    environment = {**os.environ, "GOFLAGS": "-mod=mod -p=1 -buildvcs=false"}
    # Not optimised: what is compiled longest is asked the least.
    words = ["-trimpath", "-gcflags", "k8s.io/...=-N -l", "-ldflags"]
    words += [f"-s -w -X k8s.io/component-base/version.gitVersion=v{VERSION}"]
    for name in missing:
        print(f"compiling {name} ...", flush=True)
        half = TOOLS / f"{name}.half"
        command = ["go", "build", *words, "-o", half, PROGRAMS[name]]
        subprocess.run(command, cwd=folder, env=environment, check=True)
        half.rename(TOOLS / f"{name}-{VERSION}")


def _module(folder: Path) -> str:
    """A module that has Kubernetes' own dependencies. Kubernetes replaces some by folders of its repository, which its
    module does not hold: they are modules of their own, of the same release."""
    words = ["go", "mod", "download", "-json", f"k8s.io/kubernetes@v{VERSION}"]
    found = json.loads(subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout)
    words = ["go", "mod", "edit", "-json", found["GoMod"]]
    page = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    lines = ["module finsent/kubernetes", f"go {page['Go']}", f"require k8s.io/kubernetes v{VERSION}"]
    lines += [f"godebug {one['Key']}={one['Value']}" for one in page.get("Godebug") or ()]
    lines += [f"require {one['Path']} {one['Version']}" for one in page["Require"] if one["Path"] == PROGRAMS["etcd"]]
    staging = f"v0.{VERSION.removeprefix('1.')}"
    lines += [f"replace {one['Old']['Path']} => {one['Old']['Path']} {staging}" for one in page["Replace"]]
    return "\n".join(lines) + "\n"


class Answer(NamedTuple):
    """What the server said to an object."""

    taken: bool
    said: str
    """Why not, or its warnings; empty if it has nothing to say."""


class ApiServer:
    """As long as a ``with`` block lasts; its files are in ``folder``, which must be empty."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._token = folder, secrets.token_hex(16)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._resources: dict[str, dict[str, Any]] = {}
        self.kubeconfig = folder / "kubeconfig"

    def __enter__(self) -> Self:
        authority = Authority(self._folder, "authority")
        own = authority.certify("kube-apiserver", ("127.0.0.1", "localhost"))
        tokens = self._folder / "tokens.csv"
        tokens.write_text(f"{self._token},admin,admin,system:masters\n")
        tokens.chmod(0o600)
        clients, peers, port = free_port(), free_port(), free_port()
        self._start(
            "etcd",
            *("--data-dir", self._folder / "etcd", "--log-level", "error"),
            *(f"--{one}-client-urls=http://127.0.0.1:{clients}" for one in ("listen", "advertise")),
            *(f"--{one}-peer-urls=http://127.0.0.1:{peers}" for one in ("listen", "initial-advertise")),
            f"--initial-cluster=default=http://127.0.0.1:{peers}",
        )
        with httpx.Client() as etcd:
            self._until("etcd answers", lambda: etcd.get(f"http://127.0.0.1:{clients}/health").is_success)
        self._start(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{clients}",
            *("--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--secure-port={port}"),
            *(f"--tls-cert-file={own.certificate}", f"--tls-private-key-file={own.key}"),
            *(f"--token-auth-file={tokens}", "--authorization-mode=RBAC"),
            "--service-account-issuer=https://kubernetes.default.svc",
            *(f"--service-account-key-file={own.certificate}", f"--service-account-signing-key-file={own.key}"),
            "--service-cluster-ip-range=10.96.0.0/16",
            # Nobody would answer for it: an address that is not of this machine.
            "--endpoint-reconciler-type=none",
        )
        address = f"https://127.0.0.1:{port}"
        self.client = httpx.Client(
            base_url=address, verify=str(authority.file), headers={"Authorization": f"Bearer {self._token}"}, timeout=60
        )
        self._until("the API server is ready", lambda: self.client.get("/readyz").is_success)
        self.kubeconfig.write_text(_kubeconfig(address, authority.file, self._token))
        self.kubeconfig.chmod(0o600)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if hasattr(self, "client"):
            self.client.close()
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def version(self) -> str:
        """What it says itself."""
        return str(self.client.get("/version").raise_for_status().json()["gitVersion"])

    def make_namespace(self, name: str) -> None:
        """One whose pods must keep the profile ``restricted`` of Pod Security, or the server warns of them."""
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self.client.post("/api/v1/namespaces", json=body).raise_for_status()

    def teach(self, crd: Manifest) -> None:
        """Make a CustomResourceDefinition; returns when objects of it are served."""
        answer = self.client.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json=crd)
        if not answer.is_success:
            raise RuntimeError(f"the CRD {crd['metadata']['name']} is not taken: {answer.json()['message']}")
        spec = crd["spec"]
        for version in (one["name"] for one in spec["versions"] if one["served"]):
            path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
            self._until(f"{path} is served", lambda path=path: self.client.get(path).is_success)  # type: ignore[misc]
        self._resources.clear()

    def knows(self, manifest: Manifest) -> bool:
        """Whether it serves objects of this kind and version."""
        return self._resource(manifest) is not None

    def apply(self, manifest: Manifest, namespace: str) -> Answer:
        """Server-side apply. A field that the kind does not have is a fault."""
        asked = {"fieldManager": MANAGER, "fieldValidation": "Strict", "force": "true"}
        content = {"Content-Type": "application/apply-patch+yaml"}
        answer = self.client.patch(
            self._path(manifest, namespace), params=asked, content=json.dumps(manifest), headers=content
        )
        warnings = [re.sub(r'^299 \S+ "(.*)"$', r"\1", one) for one in answer.headers.get_list("warning")]
        if answer.is_success:
            return Answer(True, "; ".join(warnings))
        return Answer(False, answer.json()["message"])

    def delete(self, manifest: Manifest, namespace: str) -> None:
        body = {"propagationPolicy": "Background"}
        self.client.request("DELETE", self._path(manifest, namespace), json=body).raise_for_status()

    def _path(self, manifest: Manifest, namespace: str) -> str:
        resource = self._resource(manifest)
        assert resource, f"no {manifest['kind']} of {manifest['apiVersion']} is served"
        where = f"/namespaces/{namespace}" if resource["namespaced"] else ""
        return f"{_group(manifest)}{where}/{resource['name']}/{manifest['metadata']['name']}"

    def _resource(self, manifest: Manifest) -> Mapping[str, Any] | None:
        group = _group(manifest)
        if group not in self._resources:
            answer = self.client.get(group)
            listed = answer.json()["resources"] if answer.is_success else ()
            self._resources[group] = {one["kind"]: one for one in listed if "/" not in one["name"]}
        return self._resources[group].get(manifest["kind"])

    def _start(self, name: str, *words: str | Path) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            command = [str(TOOLS / f"{name}-{VERSION}"), *map(str, words)]
            self._processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder))

    def _until(self, what: str, met: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                if met():
                    return
            except httpx.TransportError:
                pass
            ended = [one for one in self._processes if one.poll() is not None]
            if ended or time.monotonic() > deadline:
                logs = "\n".join(one.read_text(errors="replace")[-2000:] for one in self._folder.glob("*.log"))
                raise RuntimeError(f"waited in vain for: {what}\n{logs}")
            time.sleep(0.1)


def _group(manifest: Manifest) -> str:
    version: str = manifest["apiVersion"]
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _kubeconfig(address: str, authority: Path, token: str) -> str:
    """For programs that speak to it, such as Helm."""
    page = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "admin"}}],
        "clusters": [{"name": "it", "cluster": {"server": address, "certificate-authority": str(authority)}}],
        "users": [{"name": "admin", "user": {"token": token}}],
    }
    return yaml.safe_dump(page)
