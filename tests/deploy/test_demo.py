"""What the demo says where nobody sees its bars."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from rich.progress import Progress

from deploy.demo.replay import say


@pytest.mark.parametrize("terminal", [False, True])
def test_without_a_screen_each_phase_is_a_plain_line(terminal: bool) -> None:
    out = io.StringIO()
    progress = Progress(console=Console(file=out, force_terminal=terminal))
    for phase in ("starting the service", "sending the week"):
        say(progress, phase)
    lines = "" if terminal else r"(\d\d:\d\d:\d\d  [a-z ]+\n){2}"
    assert re.fullmatch(lines, out.getvalue())
