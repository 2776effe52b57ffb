"""The training process: ``python -m retrain JOB``. It is confined before anything large is loaded, and its end is
its parent's at the latest."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path


def main() -> None:
    """Train the job in the folder that the argument names (see ``retrain.finetune``)."""
    job = Path(sys.argv[1])
    settings = json.loads((job / "job.json").read_text(encoding="utf-8"))["settings"]
    os.nice(settings["nice"])
    size = settings["memory_mb"] * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != int(sys.argv[2]):
            sys.exit("the parent is gone")
    from retrain.finetune import finetune

    finetune(job)


if __name__ == "__main__":
    main()
