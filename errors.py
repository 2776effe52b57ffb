"""The failures that people see, how their sentences count, and the exit codes of all processes."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What a process of finsent ends with. Codes from 75 on are those of ``sysexits.h``, and of shells."""

    OK = 0
    FAILED = 1
    """The command failed, or what it checked has a fault. A line on stderr says which."""
    REFUSED = 2
    """The command line is wrong; or a retrained model did not pass its gate."""
    TEMPFAIL = 75
    """A worker ended for a reason that may pass: start it again."""
    CONFIG = 78
    """A worker, or what reads feeds, ended for a reason that only a person can remove: a supervisor must not start it
    again."""
    INTERRUPTED = 130
    """Ctrl-C."""


class FinsentError(Exception):
    """An expected failure. Its text is written for people: what was wrong, where, and what to do.

    The command line shows the text in one line, with ``remedy`` after it, and ends with ``exit_code``. Any other
    exception is a bug and keeps its traceback.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    remedy: ClassVar[str] = ""


def many(count: int, what: str, verb: str = "") -> str:
    """``1 row``, ``2,000 rows``, ``2 companies``; with the ``verb`` "is" ``1 row is``, ``2 rows are``."""
    said = f"{count:,} {what if count == 1 else plural(what)}"
    return f"{said} {verb if count == 1 else _VERBS[verb]}" if verb else said


def plural(what: str) -> str:
    """``rows``, ``companies``, ``indexes``."""
    if what.endswith("y") and what[-2:-1] not in "aeiou":
        return f"{what[:-1]}ies"
    return f"{what}es" if what.endswith(("s", "x", "ch", "sh")) else f"{what}s"


def with_article(what: str) -> str:
    """``a company``, ``an index``: by the first letter, as the words of finsent have it."""
    return f"{'an' if what[:1].lower() in tuple('aeio') else 'a'} {what}"


_VERBS = {"is": "are", "was": "were", "has": "have", "scores": "score"}
