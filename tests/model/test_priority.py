"""Training and explaining yield the processor to live scoring."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from model.priority import AUTOGROUP

SHOW = f"""
import os
from pathlib import Path
from model import yield_processor
yield_processor(7)
group = Path({str(AUTOGROUP)!r})
print(os.getpriority(os.PRIO_PROCESS, 0), group.read_text() if group.exists() else "")
"""


def shown(own_session: bool) -> tuple[int, str]:
    """The niceness of a process that yields, and the line about its session."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW], capture_output=True, text=True, check=True, start_new_session=own_session
    )
    nice, _, group = done.stdout.strip().partition(" ")
    return int(nice), group


def test_a_session_of_its_own_yields_as_a_whole():
    nice, group = shown(own_session=True)
    assert nice == max(7, os.getpriority(os.PRIO_PROCESS, 0))
    if not group:
        pytest.skip("this system has no autogroups")
    assert re.fullmatch(r"/autogroup-\d+ nice 7", group)


def test_a_session_that_others_share_keeps_its_niceness():
    before = AUTOGROUP.read_text() if AUTOGROUP.exists() else ""
    nice, group = shown(own_session=False)
    assert nice == max(7, os.getpriority(os.PRIO_PROCESS, 0))
    assert group == before.strip()
