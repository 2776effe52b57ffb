"""Which column of a file means which field of a message, told by the column's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from documents.files.money import Unit, unit_of_column
from documents.files.names import MEANINGS, SHORT_TEXTS, readings
from documents.files.recognising import BadFile
from documents.messages import RECEIVED


@dataclass(frozen=True, slots=True)
class Columns:
    """``of`` names the column of each field that has one. ``unused`` are the file's other columns."""

    topic: str
    of: dict[str, str]
    unused: list[str] = field(default_factory=list)

    @property
    def plain(self) -> bool:
        """Whether every field that is used has its own name already."""
        return all(name == column for name, column in self.of.items())


def find_columns(topic: str, names: Iterable[str], given: Mapping[str, str] | None = None) -> Columns:
    """The column for each field of the messages of ``topic``, or of another kind of ``MEANINGS``. ``given`` decides
    where it names a field; "" means that the field has no column.

    Raises ``BadFile`` for a field or a column that is not there.
    """
    names = list(names)
    given = given or {}
    fields = [*dict.fromkeys((*(RECEIVED[topic].__struct_fields__ if topic in RECEIVED else ()), *MEANINGS[topic]))]
    for name, column in given.items():
        if name not in fields:
            what = "a message of" if topic in RECEIVED else "a file of"
            raise BadFile(f"{what} {topic} has no field {name!r}; it has {', '.join(fields)}")
        if column and column not in names:
            raise BadFile(f"there is no column {column!r}; there are {', '.join(names)}")
    of = {name: column for name, column in given.items() if column}
    taken = set(of.values())
    for name in fields:
        if name in given:
            continue
        column = _best(MEANINGS[topic][name], free := [one for one in names if one not in taken])
        plain, unit = unit_of_column(column)
        for one in free if unit != Unit() else ():
            if unit_of_column(one)[0] == plain and unit_of_column(one)[1] not in (unit, Unit()):
                raise BadFile(f"{column!r} and {one!r} may both be the {name}: name one with --map {name}=COLUMN")
        if column:
            of[name] = column
            taken.add(column)
    if topic == "news" and "title" not in of and "title" not in given and "body" in of and "body" not in given:
        _title_from_texts(of, [one for one in names if one not in taken or one == of["body"]])
    taken = set(of.values())
    return Columns(topic, of, [one for one in names if one not in taken])


def _title_from_texts(of: dict[str, str], names: list[str]) -> None:
    """A file without titles: its short text is the title of its long one, or the only text is the title."""
    short = _best(SHORT_TEXTS, [one for one in names if one != of["body"]])
    if short:
        of["title"] = short
    else:
        of["title"] = of.pop("body")


def _best(meanings: tuple[str, ...], names: list[str]) -> str:
    ranked = {meaning: rank for rank, meaning in enumerate(meanings)}
    found = []
    for place, name in enumerate(names):
        ranks = [ranked[one] for one in readings(name) if one in ranked]
        if ranks:
            found.append((min(ranks), name.count("."), place, name))
    return min(found)[3] if found else ""
