"""The training process: ``python -m retrain JOB PARENT`` trains the job in the folder JOB.

Its limits are set before PyTorch is loaded, and it ends with the process PARENT at the latest. On a machine with
several GPUs it becomes PyTorch's launcher of one process for each.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

from model import yield_processor
from retrain.job import Job
from settings import RetrainSettings

USAGE = "usage: python -m retrain JOB PARENT (the folder of a job, and the process id of the run that wrote it)"
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Train the job in the folder that the argument names (see ``retrain.job.Job``)."""
    if len(sys.argv) != 3 or not sys.argv[2].isdecimal():
        print(USAGE, file=sys.stderr)
        sys.exit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 2)
    job = Job(Path(sys.argv[1]))
    settings = job.settings()
    launched = "LOCAL_RANK" in os.environ  # by the launcher below, and with its limits
    if not launched:
        yield_processor(settings.nice)
        size = settings.memory_mb * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if not launched and os.getppid() != int(sys.argv[2]):
            sys.exit("the parent is gone")
    from retrain.fit import print_progress, search, searched, train_job

    if not launched:
        if settings.search and not searched(job):
            search(job, print_progress)
        if (processes := _processes(settings)) > 1:
            _launch(processes)
    train_job(job)


def _processes(settings: RetrainSettings) -> int:
    import torch

    return settings.processes or max(1, torch.cuda.device_count())


def _launch(processes: int) -> None:
    """Replace this process by the launcher. The process id stays, so signals to it, and waiting for it, still work."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    sys.stdout.flush()
    os.execv(sys.executable, [*command, "-m", "retrain", *sys.argv[1:]])


if __name__ == "__main__":
    main()
