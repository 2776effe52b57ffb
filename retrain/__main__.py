"""The training process: ``python -m retrain JOB PARENT``. It is confined before anything large is loaded, and its end
is its parent's at the latest. On a machine with several GPUs it becomes PyTorch's launcher of one process each."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Train the job in the folder that the argument names (see ``retrain.fit.finetune``)."""
    job = Path(sys.argv[1])
    settings = json.loads((job / "job.json").read_text(encoding="utf-8"))["settings"]
    launched = "LOCAL_RANK" in os.environ  # by the process below, whose limits it has
    if not launched:
        os.nice(settings["nice"])
        size = settings["memory_mb"] * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if not launched and os.getppid() != int(sys.argv[2]):
            sys.exit("the parent is gone")
    if not launched:
        from retrain.fit.search import RESULT, search

        if settings["search"] and not (job / RESULT).exists():
            from retrain.fit.finetune import tell

            search(job, tell)
        if (processes := _processes(settings)) > 1:
            _launch(processes)
    from retrain.fit.finetune import finetune

    finetune(job)


def _processes(settings: dict[str, Any]) -> int:
    import torch

    return int(settings["processes"]) or max(1, torch.cuda.device_count())


def _launch(processes: int) -> None:
    """Become the launcher. It keeps the process id, so whoever kills or waits for this process does it to that."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    sys.stdout.flush()
    os.execv(sys.executable, [*command, "-m", "retrain", *sys.argv[1:]])


if __name__ == "__main__":
    main()
