"""The variables that every command reads. They are read without pydantic, which is slow to import."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Variable(NamedTuple):
    """An environment variable, as docs/settings.md shows it."""

    name: str
    default: str
    meaning: str


HOME = Path.home() / ".local" / "share" / "finsent"
"""Where finsent keeps its files unless a variable names another folder."""

VARIABLES = (
    Variable(
        "FINSENT_DATA",
        "`~/.local/share/finsent`",
        "The data directory of `finsent up`: ClickHouse's data, logs, passwords, and the files of retraining runs.",
    ),
    Variable(
        "FINSENT_WATCHLIST",
        "`companies`",
        "The files of the watch list (YAML, or a JSON list), separated by commas, for the worker and all commands; "
        "`companies` and `markets` are the lists that come with finsent, of companies and of currencies, commodities, "
        "indices, countries, central banks and people.",
    ),
    Variable(
        "FINSENT_EVENT_TYPES", "the shipped types", "The YAML file of event types, for the worker and all commands."
    ),
    Variable(
        "FINSENT_CPU",
        "`auto`",
        "What the scorer counts on: auto, what the processor has; avx2, nothing above AVX2; avxvnni, AVX-VNNI; avx512, "
        "AVX-512 VNNI; neon, Arm's dot product. All but avx2 fail where the processor has not got it.",
    ),
    Variable("FINSENT_TRACEBACK", "", "Any text: commands show the traceback of a failure in place of one line."),
)


def given(variable: str) -> str:
    """The value of an environment variable, "" where it is not set.

    For code that must tell a value that somebody gave from a default. All other code asks the settings classes.
    """
    return os.environ.get(variable, "")


def data_directory() -> Path:
    """``FINSENT_DATA``, or finsent's place in the home directory."""
    return Path(given("FINSENT_DATA") or HOME)


def watchlist_files() -> list[str]:
    """``FINSENT_WATCHLIST``: files, and names of lists that come with finsent; none where it is not set."""
    return [name for one in given("FINSENT_WATCHLIST").split(",") if (name := one.strip())]


def event_types_file() -> Path | None:
    """``FINSENT_EVENT_TYPES``; None for the types that come with finsent."""
    return Path(name) if (name := given("FINSENT_EVENT_TYPES")) else None


def tracebacks_wanted() -> bool:
    """Whether ``FINSENT_TRACEBACK`` asks for the traceback of expected failures."""
    return bool(given("FINSENT_TRACEBACK"))
