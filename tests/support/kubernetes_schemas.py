"""JSON schemas of Kubernetes' kinds for kubeconform, made from the OpenAPI pages and CRDs inside Go modules.

Everything comes through the Go module proxy, which is what a build machine reaches; nothing of it is kept in this
repository. Strict: a field that a kind does not have is a fault.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import yaml

KUBERNETES = ("1.35.4", "1.36.3", "1.37.2")
CRDS = {
    "github.com/kedacore/keda/v2@v2.21.0": ("config/crd/bases/keda.sh_",),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors",
    ),
}
"""Of each module, how the names of its files with CRDs begin."""

KINDS = {
    "v1": ("ConfigMap", "PersistentVolumeClaim", "Service", "ServiceAccount"),
    "apps/v1": ("Deployment", "StatefulSet"),
    "batch/v1": ("Job",),
    "networking.k8s.io/v1": ("Ingress", "NetworkPolicy"),
    "policy/v1": ("PodDisruptionBudget",),
}
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def module(name: str, folder: Path) -> ZipFile:
    """A Go module as the proxy gives it. Its unpacked copy is removed: it is large."""
    environment = {**os.environ, "GOMODCACHE": str(folder / "modules"), "GOFLAGS": "-modcacherw"}
    done = subprocess.run(
        ["go", "mod", "download", "-json", name], capture_output=True, text=True, env=environment, cwd=folder
    )
    answer = json.loads(done.stdout)
    if done.returncode:
        raise RuntimeError(f"{name}: {answer.get('Error', done.stderr)}")
    shutil.rmtree(answer["Dir"], ignore_errors=True)
    return ZipFile(answer["Zip"])


def closed(schema: Any) -> Any:
    """``schema`` as strict JSON schema: no field but those that it names; an integer or a string is either."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {key: closed(value) for key, value in schema.items() if key != "description"}
    if found.pop("x-kubernetes-int-or-string", False) or found.get("format") == "int-or-string":
        found.pop("anyOf", None)
        found.update(type=["integer", "string"], format=None)
    free = found.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in found
    if "properties" in found and isinstance(found["properties"], Mapping) and not free:
        found["additionalProperties"] = False
    return {key: value for key, value in found.items() if not key.startswith("x-") and key != "format"}


def of_kubernetes(page: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name of a file, and schema, of each kind, from the page ``swagger.json``."""
    definitions = {name: closed(schema) for name, schema in page["definitions"].items()}
    definitions[QUANTITY] = {"type": ["string", "number"]}
    for name, schema in page["definitions"].items():
        for of in schema.get("x-kubernetes-group-version-kind", ()):
            version = f"{of['group']}/{of['version']}".lstrip("/")
            if of["kind"] in KINDS.get(version, ()):
                yield (
                    file_of(version, of["kind"]),
                    {
                        "$ref": f"#/definitions/{name}",
                        "definitions": {one: definitions[one] for one in needed(name, definitions)},
                    },
                )


def needed(name: str, definitions: Mapping[str, Any]) -> set[str]:
    """``name`` and all definitions that it refers to."""
    found, open_ = set(), [name]
    while open_:
        one = open_.pop()
        if one not in found:
            found.add(one)
            text = json.dumps(definitions[one])
            open_ += [part.split('"', 1)[0] for part in text.split('"#/definitions/')[1:]]
    return found


def file_of(version: str, kind: str) -> str:
    """As kubeconform asks for it: the first word of the group, and the version."""
    group, _, number = version.rpartition("/")
    return "-".join(part for part in (kind.lower(), group.split(".")[0], number) if part) + ".json"


def of_crd(crd: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same of a CustomResourceDefinition; the name is ``group/kind_version.json``."""
    spec = crd["spec"]
    for version in spec["versions"]:
        schema = closed(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        yield f"{spec['group']}/{spec['names']['kind'].lower()}_{version['name']}.json", schema


def make_schemas(folder: Path) -> None:
    """Write those that are missing to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for version in KUBERNETES:
        place = folder / f"v{version}-standalone-strict"
        if not place.exists():
            with module(f"k8s.io/kubernetes@v{version}", folder) as held:
                page = json.loads(held.read(f"k8s.io/kubernetes@v{version}/api/openapi-spec/swagger.json"))
            _write(place, dict(of_kubernetes(page)))
    for name in CRDS:
        place = folder / name.replace("/", "_")
        if not place.exists():
            _write(place, {file: schema for crd in crds(folder, name) for file, schema in of_crd(crd)})
    shutil.rmtree(folder / "modules", ignore_errors=True)


def crds(folder: Path, name: str) -> list[dict[str, Any]]:
    """The CustomResourceDefinitions of a module of ``CRDS``; they are kept in ``folder``."""
    kept = folder / f"{name.replace('/', '_')}.crds.json"
    if not kept.exists():
        with module(name, folder) as held:
            wanted = tuple(f"{name}/{beginning}" for beginning in CRDS[name])
            found = list(read_crds(held.read(file) for file in held.namelist() if file.startswith(wanted)))
        if not found:
            raise RuntimeError(f"{name} holds no CRD at {wanted}")
        kept.write_text(json.dumps(found))
    return list(json.loads(kept.read_text()))


def read_crds(pages: Iterable[str | bytes]) -> Iterator[dict[str, Any]]:
    """Of pages of YAML; what else they hold is left out."""
    for page in pages:
        for one in yaml.load_all(page, _Loader):
            if one and one.get("kind") == "CustomResourceDefinition":
                yield one


class _Loader(yaml.SafeLoader):
    """Takes a lone = as text, which YAML 1.1 has a type of its own for."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: str(node.value))


def _write(place: Path, schemas: Mapping[str, Any]) -> None:
    half = place.with_suffix(".half")
    for name, schema in schemas.items():
        (half / name).parent.mkdir(parents=True, exist_ok=True)
        (half / name).write_text(json.dumps(schema))
    half.rename(place)
