"""``make grafana-check``: the dashboards, read strictly by Grafana's own definitions (its foundation SDK, in Go).

It prints what it proved and what not, and exits 1 on a fault. The check is first seen to refuse broken dashboards.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "build/tools/dashboards"
BOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
NOT_PROVEN = "that Grafana shows them, and the queries: tests/deploy/test_grafana.py asks them of a ClickHouse"

Board = dict[str, Any]


def broken(board: Board) -> dict[str, Board]:
    """What must be refused, by what is wrong with it."""
    found = {
        what: copy.deepcopy(board)
        for what in (
            "an unknown field",
            "a panel's unknown option",
            "a note without a name",
            "text for a number",
            "an unknown panel",
        )
    }
    found["an unknown field"]["refreshes"] = "1m"
    found["a panel's unknown option"]["panels"][0]["options"]["header"] = True
    del found["a note without a name"]["annotations"]["list"][0]["name"]
    found["text for a number"]["panels"][0]["gridPos"]["w"] = "wide"
    found["an unknown panel"]["panels"][0]["type"] = "tables"
    return found


def fault(path: Path) -> str:
    """What is wrong with a dashboard, '' if nothing."""
    done = subprocess.run([PROGRAM, path], capture_output=True, text=True, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def main() -> int:
    """The exit code."""
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        for what, board in broken(json.loads(BOARDS[0].read_text())).items():
            path = Path(folder) / "board.json"
            path.write_text(json.dumps(board))
            if not fault(path):
                faults.append(f"{what} is not noticed, so the check proves nothing")
    faults += [said for path in BOARDS if (said := fault(path))]
    for one in faults:
        print(f"FAULT: {one}")
    if not faults:
        print(f"proven: {len(BOARDS)} dashboards keep Grafana's definitions; five broken ones do not")
    print(f"not proven: {NOT_PROVEN}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
