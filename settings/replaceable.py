"""Files that ship with finsent and that people may replace by their own."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TypeVar

import msgspec

from errors import FinsentError

T = TypeVar("T")


def read_replaceable(
    path: Path | None, package: str, name: str, variable: str, make: Callable[[bytes], T], wrong: type[FinsentError]
) -> T:
    """What ``make`` makes of the file at ``path``, or else of the file ``name`` that ships in ``package``.

    ``variable`` is the setting that names the file. Raises ``wrong``, with the file in front of what is wrong, if it
    cannot be read, is no such file, or if ``make`` raises it.
    """
    where = str(path or f"the shipped {name}")
    try:
        return make(path.read_bytes() if path else (resources.files(package) / name).read_bytes())
    except OSError as error:
        raise wrong(f"{where}: {error.strerror}; {variable} names the file") from error
    except (msgspec.MsgspecError, UnicodeError, RecursionError, wrong) as error:
        raise wrong(f"{where}: {error}") from error
