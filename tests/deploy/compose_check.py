"""``make compose-check``: the compose file, with its anchors resolved, against the schema of the compose specification.

It prints what it proved and what not, and exits 1 on a fault. The schema comes with the Go module of the
specification's reference implementation; it is first seen to refuse a broken file.
"""

from __future__ import annotations

import copy
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.support.kubernetes_schemas import module

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/compose.yaml"
SPECIFICATION = "github.com/compose-spec/compose-go/v2@v2.16.2"


def schema() -> dict[str, Any]:
    """That of the specification."""
    kept = ROOT / "build/compose-spec.json"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        with module(SPECIFICATION, kept.parent) as held:
            kept.write_bytes(held.read(f"{SPECIFICATION}/schema/compose-spec.json"))
        shutil.rmtree(kept.parent / "modules")
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


def faults(compose: dict[str, Any]) -> list[str]:
    """What the schema says against it."""
    checker = jsonschema.validators.validator_for(schema())(schema())
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in checker.iter_errors(compose)
    ]


def main() -> int:
    """The exit code."""
    compose = yaml.safe_load(FILE.read_text())
    found = faults(compose)
    broken = copy.deepcopy(compose)
    broken["services"]["worker"]["replicas"] = 2
    broken["services"]["kafka"]["healthcheck"]["test"] = 5
    broken["secrets"]["clickhouse"] = ["a file"]
    if len(faults(broken)) < len(found) + 3:
        found.append("a broken file is not refused, so the check proves nothing")
    for fault in found:
        print(f"FAULT: {fault}")
    if not found:
        name = FILE.relative_to(ROOT)
        print(f"proven: {name} keeps the compose specification ({SPECIFICATION}); three broken parts do not")
    print("not proven: that the containers start and are healthy: deploy/compose/smoke.sh says so where Docker runs")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
