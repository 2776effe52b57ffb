"""Starts the training process of a job and waits for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import IO

from errors import FinsentError
from retrain.job import Job, Progress


class CannotTrain(FinsentError, RuntimeError):
    """There is nothing to train on or from, or the training process failed; the text says which."""


def run_training(job: Job, threads: int, lock: IO[str], progress: Callable[[Progress], None]) -> None:
    """Run ``python -m retrain`` on ``job``; its standard error goes into ``training.log``.

    The process inherits ``lock``, so as long as it lives there is no second run. Raises ``CannotTrain`` if it fails.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with open(job.folder / "training.log", "w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "retrain", str(job.folder), str(os.getpid())],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
            pass_fds=(lock.fileno(),),
            start_new_session=True,  # so that it can yield the processor to live scoring
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                progress(json.loads(line))
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        if code or not job.done:
            log.seek(0)
            last = [line for line in log.read().splitlines() if line.strip()][-1:]
            why = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise CannotTrain(f"the training process ended with {why}: {' '.join(last)} (see {log.name})")
