"""Writes a bill of materials (SBOM, CycloneDX 1.6) for each image: ``python -m deploy.images.bill [DIR]``.

It lists what the requirements of the image lock, with the sha256 of every wheel, and finsent itself. The same
requirements make the same bytes, but for licences: they are known of what is installed here in the very same version.
The packages of the base image are not in it; what builds an image for release adds them (``sbom: true``).
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OUT = ROOT / "build/sbom"

IMAGES = {"worker": "worker", "console": "worker", "scheduler": "scheduler", "worker-gpu": "gpu"}
"""Each image, and whose requirements it has."""

LINE = re.compile(r"(?P<name>\S+)==(?P<version>\S+) --hash=sha256:(?P<digest>[0-9a-f]{64})")


def licences(name: str, version: str) -> list[dict[str, str]]:
    """What the package says of itself as an SPDX expression, if it is installed here in that version."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return []
    if found.version != version or "License-Expression" not in found.metadata:
        return []
    return [{"expression": found.metadata["License-Expression"]}]


def component(name: str, version: str, digest: str) -> dict[str, Any]:
    """A wheel."""
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    made: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    made["hashes"] = [{"alg": "SHA-256", "content": digest}]
    if known := licences(name, version):
        made["licenses"] = known
    return made


def bill(image: str) -> dict[str, Any]:
    """The bill of materials of ``image``."""
    requirements = (HERE / f"requirements-{IMAGES[image]}.txt").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [LINE.fullmatch(line) for line in requirements.splitlines() if not line.startswith("#")]
    wheels = [component(**line.groupdict()) for line in lines if line]
    whole = {"type": "container", "bom-ref": f"finsent-{image}", "name": f"finsent-{image}"}
    whole["version"] = project["version"]
    own = {"type": "application", "bom-ref": "finsent", "name": "finsent", "version": project["version"]}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, image + project['version'] + requirements)}",
        "version": 1,
        "metadata": {"component": whole},
        "components": [own, *wheels],
        "dependencies": [
            {"ref": whole["bom-ref"], "dependsOn": ["finsent"]},
            {"ref": "finsent", "dependsOn": [one["bom-ref"] for one in wheels]},
        ],
    }


def main() -> None:
    """Write all of them."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else OUT
    folder.mkdir(parents=True, exist_ok=True)
    for image in IMAGES:
        path = folder / f"finsent-{image}.cdx.json"
        made = bill(image)
        path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        print(f"{path}: {len(made['components'])} components")


if __name__ == "__main__":
    main()
