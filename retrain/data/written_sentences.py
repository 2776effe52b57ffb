"""Sentences written for finsent, with what they say of a company: good, bad or neither, and which events they tell.

They are in ``written/en`` and ``written/zh``, a line each: label (``+``, ``-``, ``0``), company as the text names it
(``-``: the text is judged as a whole), events, text. Events are types of the taxonomy, with commas between them;
``:state`` follows where it has not happened, ``@role`` where the company is not its subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from zlib import crc32

from documents.events import EventRole, EventState
from retrain.data.examples import LABELS, Example

WRITTEN = "written sentences"
"""Name of the set of these sentences."""

_LABELS = {"-": "negative", "0": "neutral", "+": "positive"}
_NONE = "-"
_JUDGED_ONE_IN = 8


@dataclass(frozen=True, slots=True)
class Written:
    """One sentence about ``company`` (None: as a whole), its label (an index into ``LABELS``), and its events."""

    text: str
    company: str | None
    label: int
    events: tuple[tuple[str, EventRole, EventState], ...]

    @property
    def judges(self) -> bool:
        """Whether it is one of those that no training sees: one text in eight, for all of its companies."""
        return crc32(self.text.encode()) % _JUDGED_ONE_IN == 0

    def example(self) -> Example:
        """The sentence as a row to learn sentiment from."""
        return Example(WRITTEN, self.text, self.label, self.company, single=False)


def written_sentences(
    language: str, files: Sequence[str] | None = None, leave_out: Sequence[str] = ()
) -> list[Written]:
    """Those of a language in ``files``, named without ``.tsv`` (None: all but ``leave_out``). Raises ``ValueError``
    with file and line for a line that cannot be read, and ``FileNotFoundError`` for a file that is not there."""
    folder = resources.files("retrain.data") / "written" / language
    names = (
        sorted(one.name for one in folder.iterdir() if one.name.removesuffix(".tsv") not in leave_out)
        if files is None
        else [f"{name}.tsv" for name in files]
    )
    found = []
    for path in (folder / name for name in names):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                found.append(_read(line))
            except ValueError as error:
                raise ValueError(f"{path.name}, line {number}: {error}") from None
    return found


def _read(line: str) -> Written:
    label, company, events, text = line.split("\t")
    if company != _NONE and company not in text:
        raise ValueError(f"the text does not name {company!r}")
    if label not in _LABELS:
        raise ValueError(f"the label {label!r} is none of + - 0")
    told = () if events == _NONE else tuple(_event(one) for one in events.split(","))
    return Written(text, None if company == _NONE else company, LABELS.index(_LABELS[label]), told)


def _event(text: str) -> tuple[str, EventRole, EventState]:
    """``type``, ``type:state``, ``type@role`` or ``type:state@role``."""
    rest, _, role = text.partition("@")
    kind, _, state = rest.partition(":")
    return kind, EventRole(role or "subject"), EventState(state or "happened")
