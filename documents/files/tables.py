"""The rows of a file, whatever it is: JSON in any arrangement, CSV, Parquet, Excel, OpenDocument."""

from __future__ import annotations

import csv
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from documents.files.headers import (
    DEEPEST_HEADER,
    column_names,
    filled_places,
    has_second_row,
    header_place,
    is_total,
    known_names,
)
from documents.files.names import is_known, readings
from documents.files.recognising import BadFile, Recognised, recognise, unpacked
from documents.files.workbooks import BadWorkbook, read_sheets
from documents.showing import from_spreadsheet
from errors import many

LARGEST_JSON = 1_000_000_000
"""A single JSON document of more characters is not read into memory: as JSON lines it may have any length."""

WORKBOOKS = ("Excel", "old Excel", "binary Excel", "OpenDocument")
SHEETS = ("CSV", *WORKBOOKS)
ARROW = ("Parquet", "Arrow")
LARGEST_WORKBOOK = 1_000_000_000
"""The bytes of a workbook, unpacked from gzip and the like."""

LARGEST_CELL = 4 * 1024 * 1024
DEEPEST, LONGEST_SEARCH = 4, 1000
_TEXT_KEYS = {"title", "text", "id", "headline", "body", "content"}
"""An object with one of these is a row, whatever else it holds."""

_ERRORS = {"error", "errors", "error message", "fault", "detail"}
_TELLING = (
    "message",
    "detail",
    "error",
    "errors",
    "error message",
    "information",
    "note",
    "reason",
    "fault",
    "msg",
    "title",
)
_PROBLEM = {*_ERRORS, *_TELLING, "status", "code", "statuscode", "type", "instance", "documentation_url", "request_id"}
"""The keys of answers that only say what is wrong (RFC 9457, and older customs)."""

_HALF = re.compile(r"\\u[dD][89a-fA-F]")
HALVED = "it holds half of a character (a surrogate): whoever wrote the file cut a text in the middle of one"
TOTAL = "it is the total of the rows above: leave it out"
NEEDS = "pip install 'finsent[files]'"


class TableRow(NamedTuple):
    """One row. ``number`` is its line in JSON lines, its row in a spreadsheet or CSV as a spreadsheet counts, and else
    counts from 1. ``raw`` is the line itself.

    ``fault`` says why the row cannot be used. In ``values``, the names of nested fields are joined by points. A row of
    sums (``is_total``) is faulty, too.
    """

    number: int
    values: dict[str, Any]
    raw: bytes = b""
    fault: str = ""

    @property
    def is_total(self) -> bool:
        """Whether the row is a sum of others."""
        return self.fault == TOTAL


@dataclass(frozen=True, slots=True)
class Table:
    """A file with rows. ``columns`` are those of its first rows; ``within`` says where a JSON document has the rows, or
    in which of its sheets a workbook; ``first`` is the first row's number."""

    path: Path
    recognised: Recognised
    columns: list[str]
    within: str
    rows: Callable[[], Iterator[TableRow]]
    """Reads the file from its beginning. Raises ``BadFile`` where it breaks off."""
    first: int = 1
    lines: Callable[[], Iterable[Sequence[Any]]] | None = None
    """All rows of a spreadsheet or CSV as they are, its header and what is above it, too."""
    shape: str = ""
    """How the rows were made of a table of another shape."""

    def __str__(self) -> str:
        below = f", header in row {self.first - 1}" if self.first > 2 and self.recognised.form in SHEETS else ""
        within = f", rows in {self.within}" if self.within else ""
        return f"{self.recognised}{within}{below}{f', {self.shape}' if self.shape else ''}"


def read_table(path: Path, sample: int = 200) -> Table:
    """The table in ``path``; its columns are those of the first ``sample`` rows. Raises ``BadFile``."""
    found = recognise(path)
    within, lines = "", None
    if found.form == "JSON":
        documents = _json_documents(path, found)
        within, list_of_rows = _rows_within(path, documents)
        rows = _listed(list_of_rows)
    elif found.form == "JSON lines" and (pages := _pages(path, found)):
        within, list_of_rows = pages
        rows = _listed(list_of_rows)
    elif found.form in WORKBOOKS:
        within, lines = _excel_lines(path) if found.form == "Excel" else _workbook_lines(path, found)
        rows = _sheet_rows(lines)
    elif found.form == "CSV":
        lines = _csv_lines(path, found)
        rows = _csv_rows(lines, found)
    else:
        rows = {
            "JSON lines": _json_lines,
            "Parquet": _arrow_rows,
            "Arrow": _arrow_rows,
            "lines of text": _text_lines,
        }[found.form](path, found)
    within = repr(within) if within and found.form not in WORKBOOKS else within
    columns: dict[str, None] = {}
    first_fault, first = "", 0
    for row in islice(rows(), sample):
        first = first or row.number
        columns.update(dict.fromkeys(row.values))
        first_fault = first_fault or (f"row {row.number}: {row.fault}" if row.fault else "")
    if not first and found.form in ARROW:
        raise BadFile(f"{path} was read as {found}: it has no rows")
    if not first and found.form in SHEETS:
        raise BadFile(f"{path} was read as {found}: it has no rows below its header")
    if first_fault and not columns:
        raise BadFile(f"{path}, {first_fault}")
    return Table(path, found, list(columns), within, rows, first, lines)


def _text(path: Path, found: Recognised) -> Iterator[str]:
    """The lines of a text, each with its end as it is."""
    with unpacked(path) as (stream, _):
        text = io.TextIOWrapper(stream, encoding=found.encoding, newline="")  # type: ignore[arg-type]
        try:
            yield from text
        except UnicodeError as error:
            raise BadFile(f"{path} is not {found.encoding} throughout: {error}; save it as UTF-8") from error


def _text_lines(path: Path, found: Recognised) -> Callable[[], Iterator[TableRow]]:
    def rows() -> Iterator[TableRow]:
        for number, line in enumerate(_text(path, found), 1):
            if line.strip():
                yield TableRow(number, {"text": line.strip().lstrip("\ufeff")})

    return rows


def _json_lines(path: Path, found: Recognised) -> Callable[[], Iterator[TableRow]]:
    def rows() -> Iterator[TableRow]:
        for number, line in enumerate(_text(path, found), 1):
            line = line.strip("\ufeff\x1e\r\n")  # and the record separator of RFC 7464
            if line.rstrip().endswith("},"):
                line = line.rstrip()[:-1]
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield TableRow(number, {}, b"", f"no JSON: {error}")
                continue
            if isinstance(row, dict):
                fault = HALVED if _HALF.search(line) and _has_half_characters(row) else _refused(row)
                yield TableRow(number, {} if fault else flat(row), line.encode("utf-8", "surrogatepass"), fault)
            else:
                yield TableRow(number, {}, b"", f"no JSON object, but {_kind(row)}")

    return rows


def _json_documents(path: Path, found: Recognised) -> list[Any]:
    """The documents of a JSON file: one, or several one after the other."""
    parts, size = [], 0
    for line in _text(path, found):
        parts.append(line)
        size += len(line)
        if size > LARGEST_JSON:
            raise BadFile(
                f"{path} is one JSON document of more than {LARGEST_JSON:,} characters: save it as JSON lines"
            )
    text, decoder, at, documents = "".join(parts).lstrip("\ufeff"), json.JSONDecoder(), 0, []
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            document, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            broken = "breaks off" if error.pos >= len(text.rstrip()) - 1 else "is no JSON"
            raise BadFile(f"{path} {broken} at line {error.lineno}, column {error.colno}: {error.msg}") from error
        except RecursionError as error:
            raise BadFile(f"{path} is nested too deeply") from error
        documents.append(document)
    return documents


def _rows_within(path: Path, documents: list[Any]) -> tuple[str, list[Any]]:
    """The path to the rows in a JSON file, and the rows."""
    document = documents[0]
    if len(documents) > 1 or isinstance(document, list):
        rows = document if len(documents) == 1 else documents
        if rows and all(isinstance(row, list) for row in rows) and all(isinstance(name, str) for name in rows[0]):
            return "", _named(rows[0], rows[1:])
        return _rows_of_pages(rows) or ("", rows)
    if not isinstance(document, dict):
        raise BadFile(f"{path} holds {_kind(document)}, and no rows")
    if numbered := _by_number(document) or _with_header(document):
        return "", numbered
    if len(alike := _lists_alike(document)) > 1:
        raise BadFile(
            f"{path} holds several lists of rows alike, {alike[0]!r} and {alike[1]!r}: put them into one, with a field "
            "that says which row was in which"
        )
    if (found := _longest_list(document)) and (_has_texts(found[1][0]) or not _is_published(document)):
        return found
    if (told := _refusal(document)) is not None:
        raise BadFile(f"{path} is the error answer of an interface, and no data{f': {told}' if told else ''}")
    if by_column := _by_column(document):
        return "", by_column
    if any(isinstance(value, list) for value in document.values()) and not _TEXT_KEYS & document.keys():
        told = document.get("message")
        raise BadFile(f"{path} is an answer without rows{f': {told}' if isinstance(told, str) and told else ''}")
    return "", [document]


def _longest_list(document: dict[str, Any]) -> tuple[str, list[Any]] | None:
    """The path to the longest list of objects in ``document``, and the list. Of those with texts, an outer one counts
    more: interfaces put users and the like that belong to the rows into lists further in."""
    found = [one for one in _lists(document, "", 0) if one[0].split(".")[0] not in _ERRORS]

    def weight(one: tuple[str, list[Any]]) -> tuple[bool, int, int]:
        texts = _has_texts(one[1][0])
        return texts, -one[0].count(".") if texts else 0, len(one[1])

    return max(found, key=weight, default=None)


def _lists_alike(document: dict[str, Any]) -> list[str]:
    """The names of lists beside each other whose rows have the same fields: to take one would lose the others."""
    found = _longest_list(document)
    if not found:
        return []
    where, rows = found
    above = where.rpartition(".")[0]
    return [
        name for name, other in _lists(document, "", 0)
        if name.rpartition(".")[0] == above and other[0].keys() == rows[0].keys() and name.split(".")[0] not in _ERRORS
    ][:2] if rows[0] else []  # fmt: skip


def _has_texts(row: dict[str, Any]) -> bool:
    """Whether an object has a title or a text itself, and not only a message such as "ok" of an interface."""
    return is_known("texts", (name for name in flat(row) if name != "message"), "title", "text")


def _is_published(row: dict[str, Any]) -> bool:
    """Whether an object is an article itself: it has texts, and says when it was published."""
    dates = (one for name in flat(row) for one in readings(name))
    return _has_texts(row) and any(re.search("publi|pubdate|created|posted", one) for one in dates)


def _rows_of_pages(documents: list[Any]) -> tuple[str, list[Any]] | None:
    """The rows of answers that follow each other, each with its rows within: pages that somebody fetched one by one."""
    rows: list[Any] = []
    within = ""
    for document in documents:
        if not isinstance(document, dict) or "id" in document or _has_texts(document):
            return None
        place, more = _longest_list(document) or ("", [])
        if not place and any(isinstance(value, (str, int)) for value in document.values()) and not within:
            return None
        if more and known_names(document) > known_names(flat(more[0])):
            return None  # a row itself, with a list of its own
        within = within or place
        rows += more if _refusal(document, alone=False) is None else [document]
    return (within, rows) if within and rows else None


def _pages(path: Path, found: Recognised) -> tuple[str, list[Any]] | None:
    """The rows of a file whose lines are such answers: told by the first, so that other files are read line by line."""
    first = next(_json_lines(path, found)(), None)
    if first is None or first.fault or not _rows_of_pages([json.loads(first.raw)]):
        return None
    lines = list(_json_lines(path, found)())
    pages = _rows_of_pages([json.loads(row.raw) for row in lines if row.raw])
    if pages and (broken := next((row for row in lines if not row.raw), None)):
        raise BadFile(f"{path}, line {broken.number}: {broken.fault}")
    return pages


def _refusal(document: dict[str, Any], alone: bool = True) -> str | None:
    """What an interface's error answer says, '' where it says nothing; None for any other object. ``alone``: it is a
    whole file, where a message by itself is no row either."""
    inner = document.get("response")
    if isinstance(inner, dict) and len(document) == 1:
        return _refusal(inner, alone)
    keys = {key.lower() for key in document}
    if (_TEXT_KEYS & keys and not keys <= _PROBLEM) or known_names(keys - _PROBLEM) > 1:
        return None
    low = {key.lower(): value for key, value in document.items()}
    states = (low.get("status"), low.get("code"), low.get("statuscode"))
    failed = (
        any(low.get(name) for name in _ERRORS - {"detail"})
        or any(isinstance(one, str) and one.lower() in ("error", "fail", "failed", "failure") for one in states)
        or any(isinstance(one, int) and 400 <= one < 600 for one in states)
        or any(low.get(name) is False for name in ("success", "ok"))
    )
    if not failed and not (alone and keys <= _PROBLEM):
        return None
    return next(filter(None, (_told(low.get(name)) for name in _TELLING)), "")


def _told(value: Any) -> str:
    """The sentence in ``value``: itself, or what is said within it."""
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, dict):
        return next(filter(None, (_told(value.get(name)) for name in (*_TELLING, "faultstring"))), "")
    return " ".join(value.split())[:200] if isinstance(value, str) else ""


def _lists(value: dict[str, Any], where: str, depth: int) -> Iterator[tuple[str, list[Any]]]:
    """The lists of objects in ``value``; those further out come first."""
    inner = []
    for name, item in value.items():
        place = f"{where}.{name}" if where else name
        if isinstance(item, list) and item and all(isinstance(one, dict) for one in item[:LONGEST_SEARCH]):
            yield place, item
        elif isinstance(item, dict) and depth < DEEPEST:
            inner.append((item, place))
    for item, place in inner:
        yield from _lists(item, place, depth + 1)


def _by_number(document: dict[str, Any]) -> list[Any]:
    """The rows of an object of rows, whose keys are their numbers, as the SEC writes its list of companies."""
    rows = list(document.values())
    named = all(isinstance(one, dict) and one and not all(key.isdigit() for key in one) for one in rows)
    return rows if len(rows) > 1 and all(map(str.isdigit, document)) and named else []


def _with_header(document: dict[str, Any]) -> list[Any]:
    """The rows of ``{"fields": ["id", ...], "data": [[1, ...], ...]}``."""
    for names in ("fields", "columns"):
        header, rows = document.get(names), document.get("data")
        if isinstance(header, list) and isinstance(rows, list) and all(isinstance(one, str) for one in header):
            return _named(header, rows)
    return []


def _named(header: list[str], rows: list[Any]) -> list[Any]:
    """Rows that are lists, with names; one that has more cells than there are names stays a list."""
    return [
        dict(zip(header, row, strict=False)) if isinstance(row, list) and len(row) <= len(header) else row
        for row in rows
    ]


def _by_column(document: dict[str, Any]) -> list[Any]:
    """The rows of an object of columns, each with the same keys or of the same length, as pandas writes them."""
    columns = list(document.values())
    if len(columns) > 1 and all(isinstance(one, list) and len(one) == len(columns[0]) > 0 for one in columns):
        return [dict(zip(document, row, strict=True)) for row in zip(*columns, strict=True)]
    if len(columns) < 2 or not all(
        isinstance(one, dict) and one and one.keys() == columns[0].keys() for one in columns
    ):
        return []
    return [{name: document[name][key] for name in document} for key in columns[0]]


def _listed(values: list[Any]) -> Callable[[], Iterator[TableRow]]:
    def rows() -> Iterator[TableRow]:
        for number, row in enumerate(values, 1):
            if isinstance(row, dict):
                fault = HALVED if _has_half_characters(row) else _refused(row)
                yield TableRow(number, {} if fault else flat(row), b"", fault)
            else:
                yield TableRow(number, {}, b"", f"no JSON object, but {_kind(row)}")

    return rows


def _refused(row: dict[str, Any]) -> str:
    told = _refusal(row, alone=False)
    return "" if told is None else f"the error answer of an interface, and no data: {told}".rstrip(": ")


def _has_half_characters(row: Any) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def text_of(value: Any) -> str | None:
    """A cell as a text: a whole number without decimals, a list of texts as its lines, and "" for an empty cell. None
    for what is no text: an object, or a list with others in it."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return "\n".join(value).strip()
    return None if isinstance(value, list | tuple | dict | bytes) else str(value).strip()


_NOTHING = frozenset(("null", "none", "n/a", "#n/a", "<na>", "-", "--", "\u2013", "\u2014"))


def says_nothing(text: str) -> bool:
    """Whether a cell says that it is empty, as programs write it. NA, NAN and NAT are tickers."""
    return text.strip() in ("nan", "NaN", "NaT") or text.strip().lower() in _NOTHING


def flat(row: dict[str, Any], before: str = "", depth: int = 0) -> dict[str, Any]:
    """``row`` with the fields of nested objects as ``outer.inner``."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and value and depth < DEEPEST:
            found |= flat(value, f"{before}{name}.", depth + 1)
        else:
            found[f"{before}{name}"] = value
    return found


def _csv_lines(path: Path, found: Recognised) -> Callable[[], Iterator[list[str]]]:
    def lines() -> Iterator[list[str]]:
        csv.field_size_limit(LARGEST_CELL)
        read: list[str] = []

        def noted() -> Iterator[str]:
            for line in _without_hint(_text(path, found)):
                read.append(line)
                yield line

        reader = csv.reader(noted(), delimiter=found.delimiter)
        last, first = [""], 0
        while True:
            begins = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise BadFile(f"{path}, line {reader.line_num}: {error}") from error
            if cells is None:
                if len(last) > 1 and _is_open("".join(last), found.delimiter):
                    raise BadFile(f"{path}, line {first}: a quotation mark begins a cell there that no other one ends")
                return
            last, first = read.copy(), begins
            read.clear()
            yield cells

    return lines


def _is_open(record: str, delimiter: str) -> bool:
    """Whether the last cell of a record of several lines is still in quotation marks: it holds the rest of the file."""
    try:
        list(csv.reader(record.splitlines(keepends=True), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False


def _csv_rows(lines: Callable[[], Iterable[list[str]]], found: Recognised) -> Callable[[], Iterator[TableRow]]:
    def rows() -> Iterator[TableRow]:
        for row, names, cells in _under_header(lines()):
            values = {name: from_spreadsheet(value) for name, value in row.values.items()}
            more = [cell for cell in cells[len(names) :] if cell.strip()]
            fault = (
                f"{many(len(names) + len(more), 'cell')}, and the header has {len(names)}: put texts with "
                f"{found.delimiter!r} in them into quotes"
            )
            yield row._replace(values=values, fault=fault if more else row.fault)

    return rows


def _sheet_rows(lines: Callable[[], Iterable[Sequence[Any]]]) -> Callable[[], Iterator[TableRow]]:
    return lambda: (row for row, _, _ in _under_header(lines()))


def _under_header(lines: Iterable[Sequence[Any]]) -> Iterator[tuple[TableRow, list[str], Sequence[Any]]]:
    """The rows below the header of a spreadsheet, with the names of the columns and all cells of the row."""
    numbered = ((number, cells, filled) for number, cells in enumerate(lines, 1) if (filled := filled_places(cells)))
    head = list(islice(numbered, DEEPEST_HEADER))
    place = header_place([cells for _, cells, _ in head])
    upper, *below = [cells for _, cells, _ in head[place : place + 2]] or [()]
    two = bool(below) and has_second_row(upper, below[0])
    names = column_names(upper, below[0] if two else ())
    always: set[int] | None = None
    for number, cells, filled in chain(head[place + 1 + two :], numbered):
        fault = TOTAL if always is not None and is_total(cells, filled, always) else ""
        if not fault:
            always = filled if always is None else always & filled
        values = {name: cell for name, cell in zip(names, cells, strict=False) if name}
        yield TableRow(number, values, b"", fault), names, cells


def _without_hint(lines: Iterator[str]) -> Iterator[str]:
    """Without the line ``sep=;`` that Excel writes in front."""
    first = next(lines, None)
    if first is not None and not first.lstrip("\ufeff").lower().startswith("sep="):
        yield first.lstrip("\ufeff")
    yield from lines


def _arrow_rows(path: Path, found: Recognised) -> Callable[[], Iterator[TableRow]]:
    if find_spec("pyarrow") is None:
        raise BadFile(f"{path} is a file of {found.form}, which needs pyarrow: {NEEDS}")
    if found.packed:
        raise BadFile(f"{path} is a file of {found.form} that was packed with {found.packed}: unpack it")

    def rows() -> Iterator[TableRow]:
        import pyarrow

        number = 0
        try:
            for batch in _parquet_batches(path) if found.form == "Parquet" else _arrow_batches(path):
                for row in batch.cast(_to_microseconds(batch.schema), safe=False).to_pylist():
                    number += 1
                    yield TableRow(number, {name: _decoded(one) for name, one in flat(row).items()})
        except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
            raise BadFile(f"{path} is a damaged {found.form} file: {error}") from error

    return rows


def _parquet_batches(path: Path) -> Iterator[Any]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        yield from file.iter_batches(1024)


def _arrow_batches(path: Path) -> Iterator[Any]:
    """Of a file of Arrow (Feather), or of a stream."""
    import pyarrow

    with pyarrow.memory_map(str(path)) as source:
        if source.read(6) == b"ARROW1":
            with pyarrow.ipc.open_file(source) as file:
                for number in range(file.num_record_batches):
                    yield file.get_batch(number)
            return
        source.seek(0)
        with pyarrow.ipc.open_stream(source) as stream:
            yield from stream


def _to_microseconds(schema: Any) -> Any:
    """The finest time that Python has."""
    import pyarrow

    fields = [
        one.with_type(pyarrow.timestamp("us", one.type.tz))
        if pyarrow.types.is_timestamp(one.type) and one.type.unit == "ns"
        else one
        for one in schema
    ]
    return pyarrow.schema(fields)


def _decoded(value: Any) -> Any:
    """Some programs write texts as bytes, without saying that they are texts."""
    if isinstance(value, bytes):
        with suppress(UnicodeDecodeError):
            return value.decode()
    return value


def _whole(path: Path) -> bytes:
    """A workbook, which is held in memory."""
    with unpacked(path) as (stream, _):
        data = stream.read(LARGEST_WORKBOOK + 1)
    if len(data) > LARGEST_WORKBOOK:
        raise BadFile(f"{path} is a workbook of more than {LARGEST_WORKBOOK:,} bytes: save its table as CSV")
    return data


@contextmanager
def _book(path: Path) -> Iterator[Any]:
    if find_spec("openpyxl") is None:
        raise BadFile(f"{path} is an Excel file, which needs openpyxl: {NEEDS}")
    from zipfile import BadZipFile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        yield load_workbook(io.BytesIO(_whole(path)), read_only=True, data_only=True)
    except (
        BadZipFile,
        InvalidFileException,
        KeyError,
        ValueError,
        TypeError,
        SyntaxError,
        EOFError,
        zlib.error,
    ) as error:
        if isinstance(error, BadFile):
            raise
        raise BadFile(f"{path} is a damaged Excel file: {error}") from error


def _best_sheet(path: Path, heads: Mapping[str, Sequence[Sequence[Any]]]) -> tuple[str, str]:
    """The sheet that is read, and how that is said where there are several: the first with known columns. ``heads``
    are the first rows of each sheet."""
    filled = {name: [row for row in rows if filled_places(row)] for name, rows in heads.items()}
    known = {name: known_names(rows[header_place(rows)]) for name, rows in filled.items() if rows}
    if not known:
        raise BadFile(f"{path} is a workbook whose sheets are empty")
    best = next((name for name in known if known[name] > 1), "") or max(known, key=lambda name: known[name])
    others = ", ".join(repr(name) for name in known if name != best)
    return best, f"the sheet {best!r}, and not {others}" if others else ""


def _excel_lines(path: Path) -> tuple[str, Callable[[], Iterator[Sequence[Any]]]]:
    with _book(path) as book:
        heads = {one.title: list(islice(one.iter_rows(values_only=True), DEEPEST_HEADER)) for one in book.worksheets}
        sheet, within = _best_sheet(path, heads)

    def lines() -> Iterator[Sequence[Any]]:
        with _book(path) as book:
            yield from book[sheet].iter_rows(values_only=True)

    return within, lines


def _workbook_lines(path: Path, found: Recognised) -> tuple[str, Callable[[], Iterable[Sequence[Any]]]]:
    """Of the other workbooks, which are held in memory."""
    if find_spec("python_calamine") is None:
        raise BadFile(f"{path} is a file of {found.form}, which needs python-calamine: {NEEDS}")
    try:
        sheets = read_sheets(_whole(path))
    except BadWorkbook as error:
        raise BadFile(f"{path} was taken for {found}, and cannot be read: {error}; save it as .xlsx or CSV") from error
    sheet, within = _best_sheet(path, {name: rows[:DEEPEST_HEADER] for name, rows in sheets.items()})
    return within, lambda: sheets[sheet]


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "a text", bool: "true or false", type(None): "null", dict: "an object"}
    return kinds.get(type(value), "a number")
